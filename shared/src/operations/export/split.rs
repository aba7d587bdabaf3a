//! How an export lists the users: with one listing, or with a split listing.
//!
//! One listing gives one answer at a time, so its latency limits its rate. If the operator allows it, the export of a
//! large pool makes 16 listings at once, one for each first digit of the `sub`. Cognito does not document that it finds
//! users in this way, nor that it finds all of them. So the export checks a split listing against the previous snapshot
//! and the memberships. If anything is in doubt, it lists all users again with one listing.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::super::refusals::refused;
use super::context::{Export, not_written};
use super::units::Adapted;
use crate::model::{
    Category, Doubt, Listing, ListingCheck, ListingQuestion, OneListing, PageLimit, Snapshot, SnapshotState,
    Sub, Unit, UnitState, UserListing,
};
use crate::ports::pool::Pool;
use crate::ports::vault::Vault;
use crate::{Error, ErrorKind, Guidance, Result};

/// One listing that takes no longer is never split.
const MAX_TIME_OF_ONE: Duration = Duration::from_secs(5 * 60);
/// The share of the limit that one listing must reach. Below it, the listing falls behind the limit.
const MIN_SHARE_OF_ONE: f64 = 0.75;

fn is_of_split(unit: &&Unit) -> bool {
    matches!(unit.listing, Listing::UsersBySub { .. })
}

impl<P: Pool, V: Vault> Export<'_, P, V> {
    /// Decides how the users are listed, and checks a listing that has ended. All groups and memberships are listed.
    pub(super) async fn adapt_listing(&self, users: &Unit, units: &[Unit]) -> Result<Adapted> {
        let split = || units.iter().filter(is_of_split);
        let header = self.header().await?;
        if header.look_ups.all && self.look_up_all(users, units).await? {
            return Ok(Adapted::Changed);
        }
        if users.is_superseded() {
            // An invocation supersedes its units one by one, and may have died before the last one.
            if header.split_has_failed() || split().any(Unit::is_superseded) {
                self.undo_split(false).await?;
                Ok(Adapted::Changed)
            } else if split().all(Unit::is_done) {
                self.check_split(users, units, &header).await
            } else {
                Ok(Adapted::Unchanged)
            }
        } else if users.is_open() {
            // If the listing was split before, the split has failed, or is compared with one listing.
            if split().next().is_none() { self.split_if_it_pays(users).await } else { Ok(Adapted::Unchanged) }
        } else if split().all(Unit::is_superseded) {
            self.check_members(users, units, &header).await
        } else if split().any(Unit::is_superseded) {
            // The comparison has ended, because only then are they superseded while the one listing is done.
            self.supersede_split(units).await?;
            Ok(Adapted::Changed)
        } else {
            self.compare_listings(users, units, &header).await
        }
    }

    /// Starts the listing of users again, unless it looks up all records. Returns whether it did.
    async fn look_up_all(&self, users: &Unit, units: &[Unit]) -> Result<bool> {
        let counts = |unit: &&Unit| if users.is_superseded() { is_of_split(unit) } else { *unit == users };
        let mut did = false;
        for unit in units.iter().filter(counts).filter(|unit| !unit.looks_up_all && !unit.is_superseded()) {
            self.catalog.look_up_all(&self.progress.run_id, unit).await?;
            did = true;
        }
        Ok(did)
    }

    /// Writes that records of the previous snapshot are missing. Then the listings of users start again, look up all
    /// records, and write and count the lost ones.
    pub(super) async fn look_up_all_from_now_on(&self) -> Result<()> {
        self.change_header(|snapshot| {
            if !snapshot.look_ups.all {
                snapshot.look_ups.all = true;
                snapshot.listing = None;
            }
        })
        .await?;
        tracing::warn!(run = %self.progress.run_id, "records of the previous snapshot are missing from the table");
        self.records_lost.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Splits the listing of users if it may and if that pays. Otherwise it writes why not.
    async fn split_if_it_pays(&self, users: &Unit) -> Result<Adapted> {
        if !self.snapshot.split.allowed || users.attempt > 1 {
            return Ok(Adapted::Unchanged);
        }
        if self.catalog.last_batch(&self.snapshot.id, &users.id(), users.attempt).await?.is_some() {
            return Ok(Adapted::Unchanged);
        }
        if let Some(reason) = self.one_listing(users).await? {
            self.change_header(|snapshot| snapshot.split.one_listing = Some(reason)).await?;
            return Ok(Adapted::Unchanged);
        }
        let (pool, run) = (&self.progress.user_pool_id, &self.progress.run_id);
        let now = self.clock.now();
        self.change_header(|snapshot| snapshot.split.begin(now)).await?;
        // If another invocation has listed the users meanwhile, the unit stays unchanged.
        self.catalog.change_unit(run, users, |users| users.state = UnitState::Superseded).await?;
        tracing::info!(%run, %pool, "users are listed by a split listing");
        Ok(Adapted::Changed)
    }

    /// Why the listing is not split. None if one listing takes long and would fall behind the limit.
    async fn one_listing(&self, users: &Unit) -> Result<Option<OneListing>> {
        let snapshot = &self.snapshot;
        if snapshot.captures_mfa {
            return Ok(Some(OneListing::CapturesMfa));
        }
        let Some(previous) = &self.previous else { return Ok(Some(OneListing::NoSnapshotBefore)) };
        if let Some(reason) = snapshot.split.prevented_by() {
            return Ok(Some(reason));
        }
        // The first call of an invocation opens a connection and counts for nothing, so two may be needed.
        for _ in 0..2 {
            if self.pool.latency().is_none() {
                self.pool.describe().await.map_err(|error| refused(self.pool.id(), error))?;
            }
        }
        let latency = self.pool.latency().unwrap_or_default();
        let expected = snapshot.estimated_users.max(previous.snapshot().counts.users);
        Ok(enough(expected, users.limit, latency, self.progress.rate(Category::UserList)))
    }

    /// Checks a split listing that has ended.
    async fn check_split(&self, users: &Unit, units: &[Unit], header: &Snapshot) -> Result<Adapted> {
        if header.listing == Some(UserListing::Split) {
            return Ok(Adapted::Unchanged);
        }
        let Some(check) = self.check(ListingQuestion::Split, units, header).await? else {
            return Ok(Adapted::OutOfTime);
        };
        let run = &self.progress.run_id;
        if let Some(doubt) = check.doubt {
            let ListingCheck { named, before, deleted, .. } = check;
            tracing::warn!(%run, ?doubt, unknown = check.all_unknown(), named, before, deleted, "the split listing is in doubt");
            self.undo_split(doubt.is_of_the_filter()).await?;
            return Ok(Adapted::Changed);
        }
        if header.split.is_compared {
            self.catalog.reopen(run, users).await?;
            return Ok(Adapted::Changed);
        }
        self.note_checked(UserListing::Split, check, header).await
    }

    /// Compares a split listing with one listing, both of which have ended. From then on, only the one listing counts.
    async fn compare_listings(&self, users: &Unit, units: &[Unit], header: &Snapshot) -> Result<Adapted> {
        let Some(check) = self.check(ListingQuestion::Agreement, units, header).await? else {
            return Ok(Adapted::OutOfTime);
        };
        let run = &self.progress.run_id;
        let now = self.snapshot.execution.started_at;
        if let Some(sub) = &check.overlooked {
            return self.list_again(users, sub).await;
        }
        if let Some(doubt) = check.doubt {
            tracing::warn!(%run, ?doubt, unknown = check.all_unknown(), "the split listing and one listing differ");
        }
        self.change_header(|snapshot| match check.doubt {
            None => snapshot.split.uncompared = 0,
            Some(Doubt::UserFound) => {
                snapshot.split.uncompared = 0;
                snapshot.split.turned_off_at = Some(now);
            }
            // The next split export compares again.
            Some(_) => snapshot.split.is_undecided = true,
        })
        .await?;
        self.supersede_split(units).await?;
        Ok(Adapted::Changed)
    }

    async fn supersede_split(&self, units: &[Unit]) -> Result<()> {
        for unit in units.iter().filter(is_of_split) {
            self.catalog.supersede(&self.progress.run_id, unit).await?;
        }
        Ok(())
    }

    /// Checks one listing that has ended against the memberships.
    async fn check_members(&self, users: &Unit, units: &[Unit], header: &Snapshot) -> Result<Adapted> {
        if header.listing == Some(UserListing::One) {
            return Ok(Adapted::Unchanged);
        }
        match self.check(ListingQuestion::Members, units, header).await? {
            Some(ListingCheck { overlooked: Some(sub), .. }) => self.list_again(users, &sub).await,
            Some(check) => self.note_checked(UserListing::One, check, header).await,
            None => Ok(Adapted::OutOfTime),
        }
    }

    /// Makes the one listing again, because it does not name a user that Cognito has.
    ///
    /// # Errors
    /// `ListingFailed` if that happens for the second time.
    async fn list_again(&self, users: &Unit, sub: &Sub) -> Result<Adapted> {
        let run = &self.progress.run_id;
        let mut first = users.attempt;
        self.change_header(|snapshot| first = *snapshot.overlooked_in.get_or_insert(users.attempt)).await?;
        if first != users.attempt {
            let what = format!(
                "Cognito has user {sub}, but two listings of all users did not name it. Snapshot {run} is not sealed."
            );
            return Err(Error::new(ErrorKind::ListingFailed, what, Guidance::NEW_EXPORT));
        }
        tracing::warn!(%run, %sub, "the listing overlooks a user, and is made again");
        self.catalog.list_again(run, users).await?;
        Ok(Adapted::Changed)
    }

    /// Writes that the listing of users is checked. The units are read again before the export ends, because another
    /// invocation may have changed them since `header` was read.
    async fn note_checked(
        &self,
        listing: UserListing,
        check: ListingCheck,
        header: &Snapshot,
    ) -> Result<Adapted> {
        self.change_header(|snapshot| {
            // Another invocation may have found the split listing refused, or records missing.
            let is_refused = listing == UserListing::Split && snapshot.split_has_failed();
            if !is_refused && snapshot.look_ups.all == header.look_ups.all {
                snapshot.listing = Some(listing);
                snapshot.members_without_user = check.members_without_user;
                snapshot.subs_without_user.clone_from(&check.subs_without_user);
            }
        })
        .await?;
        Ok(Adapted::Changed)
    }

    /// Lists all users again with one listing. If `is_failure`, later exports know of it.
    ///
    /// # Errors
    /// `RunEnded` if the snapshot is no longer being written. Another invocation has then found it
    /// complete, and sealed it.
    pub(super) async fn undo_split(&self, is_failure: bool) -> Result<()> {
        let run = &self.progress.run_id;
        let now = self.snapshot.execution.started_at;
        // Write the header first. Finalize seals the units only if the header has not changed since
        // it read them.
        self.change_header(|snapshot| {
            snapshot.split.is_discarded = true;
            if is_failure {
                snapshot.split.failed_at = Some(now);
            }
            snapshot.listing = snapshot.listing.filter(|listing| *listing == UserListing::One);
        })
        .await?;
        tracing::warn!(%run, "the split listing is discarded, users are listed again by one listing");
        let units = self.catalog.units(run).await?;
        for unit in units.iter().filter(is_of_split) {
            self.catalog.supersede(run, unit).await?;
        }
        match units.iter().find(|unit| unit.listing == Listing::Users) {
            Some(users) => self.catalog.reopen(run, users).await,
            None => Ok(()),
        }
    }

    /// The header as it is now. Another invocation may have changed it.
    async fn header(&self) -> Result<Snapshot> {
        let header = self.catalog.snapshot(&self.progress.user_pool_id, &self.progress.run_id).await?;
        header.ok_or_else(|| not_written(self.progress))
    }

    /// Changes the header of the snapshot.
    ///
    /// # Errors
    /// `RunEnded` if the snapshot is no longer being written.
    async fn change_header(&self, change: impl FnMut(&mut Snapshot) + Send) -> Result<Snapshot> {
        let (pool, run) = (&self.progress.user_pool_id, &self.progress.run_id);
        let changed = self.catalog.change_snapshot(pool, run, change).await?;
        changed
            .filter(|snapshot| snapshot.state == SnapshotState::Running)
            .ok_or_else(|| not_written(self.progress))
    }
}

/// Why one listing of `users` users is enough, with `limit` a page and at `latency` a page. None if it takes over five
/// minutes and falls behind `rate` calls a second.
fn enough(users: u64, limit: PageLimit, latency: Duration, rate: u32) -> Option<OneListing> {
    let time = users.div_ceil(limit.get().into()) as f64 * latency.as_secs_f64();
    if time <= MAX_TIME_OF_ONE.as_secs_f64() {
        Some(OneListing::Short)
    } else {
        (f64::from(rate) * latency.as_secs_f64() <= MIN_SHARE_OF_ONE).then_some(OneListing::KeepsUp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_pays_if_one_listing_takes_over_five_minutes_and_falls_behind_the_limit() {
        let pays = |users, latency, rate| {
            enough(users, PageLimit::MAX, Duration::from_millis(latency), rate).is_none()
        };
        assert!(!pays(90_000, 200, 10), "1,500 pages of 200 ms are five minutes");
        assert!(pays(90_001, 200, 10));
        assert!(!pays(10_000_000, 50, 10), "one listing makes 20 calls a second");
        assert!(pays(10_000_000, 50, 30));
        assert!(!pays(1_000_000, 50, 15));
        // Of large users, fewer fit on a page.
        let of_five = PageLimit::from(5);
        assert_eq!(enough(9_000, of_five, Duration::from_millis(200), 10), None);
    }
}
