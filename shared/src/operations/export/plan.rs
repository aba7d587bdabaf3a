//! What is listed, and by how many listings.
//!
//! One listing of users gives an answer at a time, so that its latency bounds the rate. Where that would fall behind the limit, the users
//! are listed by the first digit of their `sub`, sixteen listings at once. That Cognito finds users by the beginning of their `sub`, and all
//! of them, is not documented; so it is not assumed either: the listings together have to name as many users as there should be, or
//! everybody is listed once more, by one listing.

use jiff::{SignedDuration, Timestamp};

use super::super::refusals::refused;
use super::{Export, not_written};
use crate::model::{Category, GroupName, Listing, Pages, RecordKind, Snapshot, SnapshotState, Unit};
use crate::ports::pool::Pool;
use crate::ports::vault::Vault;
use crate::{Error, ErrorKind, Result};

/// Pools smaller than that are listed by one listing: sixteen would hardly fill a page each.
const USERS_WORTH_SPLITTING: u64 = 1_000;
/// The share of the limit that one listing has to reach by itself.
const RATE_OF_ONE: f64 = 0.75;
/// How many of a thousand users may be missing before several listings are doubted: they are counted at different times. A doubt costs
/// another listing, and no doubt where there should be one costs users.
const PER_MILLE_MISSING: u64 = 1;
/// As many may be missing anyhow: a page.
const USERS_MISSING: u64 = 60;
/// How long several listings are not tried again after they were found to be in the wrong.
const DOUBT: SignedDuration = SignedDuration::from_hours(30 * 24);

impl<P: Pool, V: Vault> Export<'_, P, V> {
    /// Changes the plan where that is due; returns whether it did.
    ///
    /// Several invocations may be here at once, or one may have died half-way: each step leads on to the next from whatever is there.
    pub(super) async fn plan(&self, units: &[Unit]) -> Result<bool> {
        if let Some(groups) = units.iter().find(|unit| unit.awaits_planning()) {
            self.plan_members(groups).await?;
            return Ok(true);
        }
        let Some(users) = units.iter().find(|unit| unit.listing == Listing::Users) else { return Ok(false) };
        let by_sub = || units.iter().filter(|unit| matches!(unit.listing, Listing::UsersBySub { .. }));
        if units.iter().any(|unit| unit.is_open() && unit.listing.kind() != RecordKind::User) {
            return Ok(false);
        }
        if users.superseded {
            let listed = by_sub().all(|unit| unit.done);
            // Whoever doubts them supersedes them one after the other, and may have been cut short.
            let is_doubted = self.snapshot.is_doubted() || by_sub().any(|unit| unit.superseded);
            let in_doubt = is_doubted || (listed && !self.is_complete(units));
            if in_doubt {
                self.list_users_by_one().await?;
            }
            return Ok(in_doubt);
        }
        // Where it was split before, it is listed by one because that was in doubt.
        let splits = users.is_open() && by_sub().next().is_none() && self.pays_to_split(users).await?;
        if splits {
            // Not where somebody else has listed them by one meanwhile.
            self.catalog.change_unit(&self.progress.run_id, users, |users| users.superseded = true).await?;
            tracing::info!(run = %self.progress.run_id, "users are listed by several listings at once");
        }
        Ok(splits)
    }

    /// Plans a unit for the members of each group, from the pages of the listing of groups once that is done and cannot change any
    /// more: whoever does it, and however late, plans the same units.
    async fn plan_members(&self, groups: &Unit) -> Result<()> {
        let (snapshot, id) = (&self.progress.run_id, groups.id());
        let pages = Pages::of(groups);
        for number in 1..=pages.count() {
            let (key, content) = self.catalog.page_of(snapshot, &pages, number).await?;
            let content = content.ok_or_else(|| {
                Error::new(ErrorKind::SnapshotDamaged, format!("Item {key} is missing or altered."), "Start a new export.")
            })?;
            let members = content.0.into_iter().map(|entry| Listing::Members { group: GroupName::new(entry.key) });
            let units = members.map(|listing| Unit::open(self.progress.user_pool_id.clone(), listing)).collect();
            self.catalog.add_units(snapshot, units).await?;
        }
        self.catalog.note_planned(snapshot, &id).await
    }

    /// Whether one listing would fall behind the limit, and several are worth it.
    async fn pays_to_split(&self, users: &Unit) -> Result<bool> {
        let snapshot = &self.snapshot;
        if snapshot.estimated_users < USERS_WORTH_SPLITTING || snapshot.captures_mfa {
            return Ok(false);
        }
        let doubted_at = snapshot.doubted_at.or_else(|| self.previous.as_ref()?.doubted_at());
        if let Some(since) = doubted_at.filter(|since| snapshot.execution.started_at.duration_since(*since) < DOUBT) {
            self.doubt_since(since).await?;
            return Ok(false);
        }
        let begun = users.attempt > 1 || self.catalog.last_sheet(&snapshot.id, &users.id(), users.attempt).await?.is_some();
        if begun {
            return Ok(false);
        }
        let latency = match self.pool.latency() {
            Some(latency) => latency,
            None => {
                self.pool.describe().await.map_err(|error| refused(self.pool.id(), error))?;
                self.pool.latency().unwrap_or_default()
            }
        };
        Ok(f64::from(self.progress.rate(Category::UserList)) * latency.as_secs_f64() > RATE_OF_ONE)
    }

    /// Whether several listings have named as many users as there should be: as Cognito estimated when the export began, or as there were
    /// in the snapshot before.
    fn is_complete(&self, units: &[Unit]) -> bool {
        let users = units.iter().filter(|unit| unit.listing.kind() == RecordKind::User && !unit.superseded);
        let listed: u64 = users.map(|unit| unit.entries).sum();
        let estimated = self.snapshot.estimated_users;
        let before = self.previous.as_ref().map_or(estimated, |previous| previous.users());
        let expected = estimated.min(before);
        let is_complete = listed + USERS_MISSING + expected * PER_MILLE_MISSING / 1_000 >= expected;
        if !is_complete {
            tracing::warn!(run = %self.progress.run_id, listed, estimated, before, "several listings name too few users");
        }
        is_complete
    }

    /// Lists everybody once more, by one listing, because several ones cannot be relied upon.
    ///
    /// # Errors
    /// `RunEnded` where the snapshot is not being written any more: whoever sealed it had no doubt, and it never changes again.
    pub(super) async fn list_users_by_one(&self) -> Result<()> {
        let run = &self.progress.run_id;
        // In the header first: it is what finalize seals, which goes by the doubts that it knows.
        if !self.doubt_since(self.snapshot.execution.started_at).await? {
            return Err(not_written(self.progress));
        }
        tracing::warn!(%run, "users are listed once more, by one listing");
        let units = self.catalog.units(run).await?;
        for unit in units.iter().filter(|unit| matches!(unit.listing, Listing::UsersBySub { .. })) {
            self.catalog.supersede(run, unit, true).await?;
        }
        match units.iter().find(|unit| unit.listing == Listing::Users) {
            Some(users) => self.catalog.supersede(run, users, false).await,
            None => Ok(()),
        }
    }

    /// Writes down that several listings at once are in doubt, for the exports that follow; returns whether the snapshot is still being
    /// written.
    async fn doubt_since(&self, since: Timestamp) -> Result<bool> {
        let doubt = |snapshot: &mut Snapshot| snapshot.doubted_at = Some(since);
        let snapshot = self.catalog.change_snapshot(&self.progress.user_pool_id, &self.progress.run_id, doubt).await?;
        Ok(snapshot.is_some_and(|snapshot| snapshot.state == SnapshotState::Running))
    }
}
