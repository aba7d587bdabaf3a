//! The split listing: users listed by 16 listings at once, one for each first digit of the `sub`.
//!
//! One listing gives one answer at a time, so its latency limits its rate. If that rate is well
//! below the limit of the run, the export splits the listing. Cognito does not document that it
//! finds users by the first digit of their `sub`, nor that it finds all of them. The export
//! therefore counts the users of the split listing. If users seem to be missing, it lists all users
//! again with one listing.

use jiff::{SignedDuration, Timestamp};

use super::super::refusals::refused;
use super::context::{Export, not_written};
use crate::Result;
use crate::model::{Category, Listing, PAGE_SIZE, RecordKind, Snapshot, SnapshotState, Unit, UnitState};
use crate::ports::pool::Pool;
use crate::ports::vault::Vault;

/// The least users of a pool for which a split pays. In a smaller pool, 16 listings would hardly
/// fill a page each.
const MIN_USERS: u64 = 1_000;
/// The share of the limit that one listing must reach without a split.
const MIN_SHARE_OF_ONE: f64 = 0.75;
/// The most users in 1,000 expected ones that a split listing may miss, because Cognito counts at
/// another time than it lists. A false alarm costs one listing. A miss costs users.
const MAX_PER_MILLE_MISSING: u64 = 1;
/// This number of users may be missing in any case.
const MAX_MISSING: u64 = PAGE_SIZE as u64;
/// After a split listing has failed, how long the exports of the pool use one listing.
const SPLIT_RETRY_AFTER: SignedDuration = SignedDuration::from_hours(30 * 24);

fn is_of_split(unit: &&Unit) -> bool {
    matches!(unit.listing, Listing::UsersBySub { .. })
}

impl<P: Pool, V: Vault> Export<'_, P, V> {
    /// Splits the listing of users if a split pays. Returns whether it did.
    pub(super) async fn split_if_it_pays(&self, users: &Unit, units: &[Unit]) -> Result<bool> {
        // If the listing was split before, the split has failed.
        let was_split = units.iter().any(|unit| is_of_split(&unit));
        if was_split || !users.is_open() || !self.pays_to_split(users).await? {
            return Ok(false);
        }
        // If another invocation has listed the users meanwhile, the unit stays unchanged.
        self.catalog
            .change_unit(&self.progress.run_id, users, |users| users.state = UnitState::Superseded)
            .await?;
        tracing::info!(run = %self.progress.run_id, "users are listed by a split listing");
        Ok(true)
    }

    /// Undoes the split if it has failed. Returns whether it did.
    pub(super) async fn check_split(&self, units: &[Unit]) -> Result<bool> {
        let mut split = units.iter().filter(is_of_split);
        // An invocation supersedes its units one by one, and may have died before the last one.
        let is_being_undone = self.snapshot.split_has_failed() || split.clone().any(Unit::is_superseded);
        let has_failed = is_being_undone || (split.all(Unit::is_done) && !self.is_complete(units));
        if has_failed {
            self.undo_split().await?;
        }
        Ok(has_failed)
    }

    /// Whether one listing would be well below the limit, and the pool is worth a split.
    async fn pays_to_split(&self, users: &Unit) -> Result<bool> {
        let snapshot = &self.snapshot;
        if snapshot.estimated_users < MIN_USERS || snapshot.captures_mfa {
            return Ok(false);
        }
        let failed_at =
            snapshot.split_listing_failed_at.or_else(|| self.previous.as_ref()?.split_listing_failed_at());
        let is_recent = |failed_at: &Timestamp| {
            snapshot.execution.started_at.duration_since(*failed_at) < SPLIT_RETRY_AFTER
        };
        if let Some(failed_at) = failed_at.filter(is_recent) {
            self.note_split_failed(failed_at).await?;
            return Ok(false);
        }
        let has_begun = users.attempt > 1
            || self.catalog.last_batch(&snapshot.id, &users.id(), users.attempt).await?.is_some();
        if has_begun {
            return Ok(false);
        }
        let latency = match self.pool.latency() {
            Some(latency) => latency,
            None => {
                self.pool.describe().await.map_err(|error| refused(self.pool.id(), error))?;
                self.pool.latency().unwrap_or_default()
            }
        };
        Ok(f64::from(self.progress.rate(Category::UserList)) * latency.as_secs_f64() > MIN_SHARE_OF_ONE)
    }

    /// Whether the split listing has named about as many users as Cognito estimated, or as the
    /// previous snapshot holds.
    fn is_complete(&self, units: &[Unit]) -> bool {
        let users =
            units.iter().filter(|unit| unit.listing.kind() == RecordKind::User && !unit.is_superseded());
        let listed: u64 = users.map(|unit| unit.entries).sum();
        let estimated = self.snapshot.estimated_users;
        let before = self.previous.as_ref().map_or(estimated, |previous| previous.users());
        let expected = estimated.min(before);
        let is_complete = listed + MAX_MISSING + expected * MAX_PER_MILLE_MISSING / 1_000 >= expected;
        if !is_complete {
            tracing::warn!(run = %self.progress.run_id, listed, estimated, before, "the split listing names too few users");
        }
        is_complete
    }

    /// Lists all users again with one listing.
    ///
    /// # Errors
    /// `RunEnded` if the snapshot is no longer being written. Another invocation has then found it
    /// complete, and sealed it.
    pub(super) async fn undo_split(&self) -> Result<()> {
        let run = &self.progress.run_id;
        // Write the header first. Finalize seals the units only if the header has not changed since
        // it read them.
        if !self.note_split_failed(self.snapshot.execution.started_at).await? {
            return Err(not_written(self.progress));
        }
        tracing::warn!(%run, "the split listing has failed, users are listed again by one listing");
        let units = self.catalog.units(run).await?;
        for unit in units.iter().filter(is_of_split) {
            self.catalog.supersede(run, unit).await?;
        }
        match units.iter().find(|unit| unit.listing == Listing::Users) {
            Some(users) => self.catalog.reopen(run, users).await,
            None => Ok(()),
        }
    }

    /// Tells later exports that a split listing has failed. Returns whether the snapshot is still
    /// being written.
    async fn note_split_failed(&self, at: Timestamp) -> Result<bool> {
        let note = |snapshot: &mut Snapshot| snapshot.split_listing_failed_at = Some(at);
        let snapshot =
            self.catalog.change_snapshot(&self.progress.user_pool_id, &self.progress.run_id, note).await?;
        Ok(snapshot.is_some_and(|snapshot| snapshot.state == SnapshotState::Running))
    }
}
