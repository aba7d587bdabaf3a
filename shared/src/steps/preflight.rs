//! The preflight of an import: everything that can be known to go wrong is found before anything is touched.

use super::export::LISTING_ATTEMPTS;
use super::refusals::refused;
use crate::catalog::Catalog;
use crate::model::{
    Counts, ImportInput, PoolDescription, Progress, Restore, RestoreState, RestoreUnit, RunId, SCHEMA_VERSION, SealBuilder,
    Snapshot, SnapshotSelector, SnapshotState, Unit,
};
use crate::pacing::PacedPool;
use crate::pool::{Pool, PoolErrorKind};
use crate::vault::Vault;
use crate::{Error, ErrorKind, Result};

/// What an import is checked against.
pub struct Preflight<'a, P, V> {
    pub pool: &'a PacedPool<P>,
    pub target: &'a PoolDescription,
    pub catalog: &'a Catalog<V>,
    pub input: &'a ImportInput,
    pub progress: &'a Progress,
}

/// What an import is going to do.
pub enum Plan {
    /// Restore the snapshot from its beginning.
    New { restore: Box<Restore>, units: Vec<RestoreUnit> },
    /// Go on with an earlier restore.
    Continued { restore: Box<Restore>, execution: crate::model::Execution },
}

impl<P: Pool, V: Vault> Preflight<'_, P, V> {
    /// The plan, or the reason why there can be none.
    pub async fn check(&self) -> Result<Plan> {
        let resumable = self.resumable().await?;
        let snapshot = match (&resumable, &self.input.snapshot) {
            (Some(restore), _) => self.catalog.snapshot(&self.input.source, &restore.snapshot).await?,
            (None, SnapshotSelector::Latest) => self.catalog.newest_sealed(&self.input.source, None).await?,
            (None, SnapshotSelector::Id(id)) => self.catalog.snapshot(&self.input.source, id).await?,
        };
        let snapshot = match snapshot {
            Some(snapshot) => snapshot,
            None => return Err(self.no_snapshot().await?),
        };
        let units = self.check_snapshot(&snapshot).await?;
        self.check_target(&snapshot).await?;

        if let Some(restore) = resumable {
            return Ok(Plan::Continued { restore: Box::new(restore), execution: self.progress.execution.clone() });
        }
        let begin = |unit: &Unit| RestoreUnit {
            listing: unit.listing.clone(),
            attempt: unit.attempt,
            pages: unit.pages,
            pass: 1,
            next_page: 1,
        };
        let restore = Restore {
            id: self.progress.run_id.clone(),
            source: self.input.source.clone(),
            target: self.input.target.clone(),
            selector: self.input.snapshot.clone(),
            snapshot: snapshot.id.clone(),
            state: RestoreState::Running,
            execution: self.progress.execution.clone(),
            pass: 1,
            password_length: self.target.password_policy.minimum_length,
            expected: snapshot.counts,
            handled: Counts::default(),
            totals: None,
            calls: None,
            failure: None,
        };
        Ok(Plan::New { restore: Box::new(restore), units: units.iter().map(begin).collect() })
    }

    /// The restore that the same input began and that has not brought everything back, if the target holds something of it. Refuses a
    /// target that holds users of other origin.
    async fn resumable(&self) -> Result<Option<Restore>> {
        if self.target_is_empty().await? {
            return Ok(None);
        }
        let earlier = self.catalog.restores(&self.input.target, 1).await?;
        let same_input = |restore: &&Restore| {
            restore.source == self.input.source
                && match &self.input.snapshot {
                    SnapshotSelector::Latest => restore.selector == SnapshotSelector::Latest,
                    SnapshotSelector::Id(id) => restore.snapshot == *id,
                }
        };
        match earlier.first().filter(same_input) {
            Some(restore) if restore.can_be_continued() => Ok(Some(restore.clone())),
            _ => Err(self.target_not_empty(earlier.first())),
        }
    }

    fn target_not_empty(&self, last: Option<&Restore>) -> Error {
        let guidance = match last {
            Some(last) if last.state == RestoreState::Succeeded => format!(
                "Restore {} has already brought snapshot {} of user pool {} back into it; for another one, create an empty user pool.",
                last.id, last.snapshot, last.source
            ),
            Some(last) => format!(
                "Restore {} of snapshot {} was begun with sourceUserPoolId {} and snapshot {}: start it with the same input to continue it, or create an empty user pool.",
                last.id, last.snapshot, last.source, last.selector
            ),
            None => "Create an empty user pool with the same settings and restore into that.".to_owned(),
        };
        Error::new(ErrorKind::TargetNotEmpty, format!("User pool {} already holds users.", self.input.target), guidance)
    }

    async fn target_is_empty(&self) -> Result<bool> {
        let (mut token, mut attempt) = (None::<String>, 1);
        loop {
            let listed = match self.pool.list_users(token.as_deref()).await {
                Ok(listed) => listed,
                // An empty page comes with a token, too, and a token may be refused.
                Err(error) if error.kind == PoolErrorKind::InvalidParameter && token.is_some() && attempt < LISTING_ATTEMPTS => {
                    (token, attempt) = (None, attempt + 1);
                    continue;
                }
                Err(error) => return Err(refused(self.pool.id(), error)),
            };
            if !listed.entries.is_empty() {
                return Ok(false);
            }
            match listed.next_token {
                None => return Ok(true),
                next => token = next,
            }
        }
    }

    /// Why the snapshot is not among those of the source.
    async fn no_snapshot(&self) -> Result<Error> {
        let source = &self.input.source;
        let list = format!("List them with `cognito-backup snapshots --pool {source}`.");
        Ok(match &self.input.snapshot {
            SnapshotSelector::Latest => match self.catalog.snapshots(source, None, 1).await?.is_empty() {
                true => Error::new(
                    ErrorKind::SnapshotNotFound,
                    format!("The backup table holds no snapshot of user pool {source}."),
                    "Check the pool id, and that the table is the one that the exports write to.",
                ),
                false => Error::new(
                    ErrorKind::SnapshotNotSealed,
                    format!("No snapshot of user pool {source} was ever completed."),
                    list,
                ),
            },
            SnapshotSelector::Id(id) => match self.catalog.pool_of_snapshot(id).await? {
                Some(other) if other != *source => Error::new(
                    ErrorKind::SnapshotOfAnotherPool,
                    format!("Snapshot {id} was taken of user pool {other}, not of {source}."),
                    format!("Give sourceUserPoolId {other}, or another snapshot. {list}"),
                ),
                _ => Error::new(ErrorKind::SnapshotNotFound, format!("User pool {source} has no snapshot {id}."), list),
            },
        })
    }

    async fn check_snapshot(&self, snapshot: &Snapshot) -> Result<Vec<Unit>> {
        let id = &snapshot.id;
        if snapshot.schema_version > SCHEMA_VERSION {
            return Err(Error::new(
                ErrorKind::UnsupportedSchema,
                format!(
                    "Snapshot {id} has schema version {}; this version reads up to {SCHEMA_VERSION}.",
                    snapshot.schema_version
                ),
                "Restore it with the version of cognito-backup that wrote it, or a newer one.",
            ));
        }
        let Some(seal) = snapshot.seal.as_ref().filter(|_| snapshot.state == SnapshotState::Sealed) else {
            return Err(Error::new(
                ErrorKind::SnapshotNotSealed,
                format!("Snapshot {id} is not sealed: its export is still running, failed or was aborted."),
                "Use a sealed snapshot; `latest` picks the newest one.",
            ));
        };
        let units = self.catalog.units(id).await?;
        let mut sum = SealBuilder::new(snapshot);
        units.iter().for_each(|unit| sum.add(unit));
        let (counts, digest) = sum.finish();
        if digest != seal.digest || counts != snapshot.counts || units.iter().any(|unit| !unit.done) {
            return Err(Error::new(
                ErrorKind::SnapshotDamaged,
                format!("The plan of snapshot {id} (items SNAP#{id} UNIT#…) does not match its seal."),
                "Items were lost or altered: restore them from point-in-time recovery or the replica, or use another snapshot.",
            ));
        }
        Ok(units)
    }

    /// Whether the target can take what the snapshot holds, as far as settings tell.
    async fn check_target(&self, snapshot: &Snapshot) -> Result<()> {
        let target = self.target;
        let wanted = [("", snapshot.configuration)];
        let source: PoolDescription = match self.catalog.records(&snapshot.pool, &wanted).await?.pop() {
            Some(Ok(source)) => source,
            _ => {
                return Err(Error::new(
                    ErrorKind::SnapshotDamaged,
                    format!(
                        "The pool's configuration (item CONF#{} REC#pool#{}) is missing or altered.",
                        snapshot.pool, snapshot.configuration
                    ),
                    "Restore the item from point-in-time recovery or the replica, or use another snapshot.",
                ));
            }
        };
        for (pool, id, what) in [(&source, &self.input.source, "Source"), (target, &self.input.target, "Target")] {
            if !pool.username_attributes.is_empty() {
                return Err(Error::new(
                    ErrorKind::TargetNotSupported,
                    format!(
                        "{what} user pool {id} signs in by {} instead of a username.",
                        pool.username_attributes.join(" and ")
                    ),
                    "This version restores pools with usernames only; the snapshot stays complete for a later version.",
                ));
            }
            if pool.mfa != "OFF" {
                return Err(Error::new(
                    ErrorKind::TargetNotSupported,
                    format!("{what} user pool {id} has MFA set to {}.", pool.mfa),
                    "This version does not restore MFA settings; turn MFA off in the target for the time of the restore, or use a later version for such a source.",
                ));
            }
        }
        if source.case_sensitive && !target.case_sensitive {
            return Err(Error::new(
                ErrorKind::TargetNotSupported,
                format!(
                    "Source user pool {} tells usernames apart by case, target user pool {} does not: two people could become one.",
                    self.input.source, self.input.target
                ),
                "Create the target with case-sensitive usernames (UsernameConfiguration CaseSensitive=true).",
            ));
        }
        let missing: Vec<_> = source
            .custom_attributes()
            .filter(|(name, schema)| target.attributes.get(*name).is_none_or(|there| there.data_type != schema.data_type))
            .map(|(name, schema)| format!("{name} ({})", schema.data_type))
            .collect();
        if !missing.is_empty() {
            return Err(Error::new(
                ErrorKind::MissingCustomAttributes,
                format!("Target user pool {} does not declare {}.", self.input.target, missing.join(", ")),
                "Add them with `aws cognito-idp add-custom-attributes`; an attribute of another type needs a new pool.",
            ));
        }
        Ok(())
    }
}

impl Plan {
    /// Writes the plan; returns the id of the restore.
    pub async fn begin<V: Vault>(self, catalog: &Catalog<V>) -> Result<RunId> {
        match self {
            Self::New { restore, units } => {
                catalog.begin_restore(&restore, &units).await?;
                Ok(restore.id)
            }
            Self::Continued { restore, execution } => {
                catalog
                    .change_restore(&restore.target, &restore.id, |now| {
                        // Only the first invocation of this execution begins a new pass over what could not be restored.
                        if now.execution == execution {
                            return;
                        }
                        now.pass += u32::from(now.state == RestoreState::Partial);
                        now.handled = Counts::default();
                        now.totals = None;
                        now.execution = execution.clone();
                        now.state = RestoreState::Running;
                        now.failure = None;
                    })
                    .await?;
                Ok(restore.id)
            }
        }
    }
}
