//! Events of our own for the default bus of EventBridge. `docs/reference/events/` has a JSON schema for each.
//!
//! Every detail is made from the header of a snapshot or a restore that has ended. So finalize puts the same details
//! if it is invoked again. A detail holds ids, counts, times and states only.

use jiff::Timestamp;
use serde::Serialize;

use super::{Counts, ErrorCode, PoolId, Restore, RestoreState, RunId, Snapshot, Tally, lost_users};

/// The event bus that every account has in every Region.
pub const DEFAULT_BUS: &str = "default";

/// The source of our events. A role may put no others.
pub const EVENT_SOURCE: &str = "cognito-backup";

/// The version of the schemas. A version adds members only. A change of a member gets the next version.
const EVENT_SCHEMA_VERSION: u32 = 1;

/// An event for the default bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum BusEvent {
    /// An export has sealed its snapshot.
    SnapshotSealed(SnapshotSealed),
    /// A sealed snapshot was copied from the table of another account into this one.
    SnapshotCopied(SnapshotSealed),
    /// The pool has over 20 % fewer users than in the sealed snapshot before. See [`lost_users`].
    PoolLostUsers(PoolLostUsers),
    /// The configuration of the pool has changed since an earlier snapshot.
    ConfigurationChanged(ConfigurationChanged),
    /// A restore has ended: whole, in part, or with an error.
    RestoreEnded(RestoreEnded),
}

/// The deployment that an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    schema_version: u32,
    /// The name of the backup table.
    table: String,
    /// The Region of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
}

impl Deployment {
    pub fn new(table: &str, region: Option<&str>) -> Self {
        Self {
            schema_version: EVENT_SCHEMA_VERSION,
            table: table.to_owned(),
            region: region.map(str::to_owned),
        }
    }
}

/// The sealed snapshot that an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SealedSnapshot {
    #[serde(flatten)]
    deployment: Deployment,
    user_pool_id: PoolId,
    snapshot_id: RunId,
    started_at: Timestamp,
    sealed_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotSealed {
    #[serde(flatten)]
    snapshot: SealedSnapshot,
    #[serde(flatten)]
    counts: Counts,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolLostUsers {
    #[serde(flatten)]
    snapshot: SealedSnapshot,
    users: u64,
    /// The users of the sealed snapshot before.
    users_before: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationChanged {
    #[serde(flatten)]
    snapshot: SealedSnapshot,
    /// The snapshot with which the export compared the configuration.
    since: RunId,
    /// The objects that were added, removed or changed.
    objects_changed: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreEnded {
    #[serde(flatten)]
    deployment: Deployment,
    restore_id: RunId,
    snapshot_id: RunId,
    source_user_pool_id: PoolId,
    target_user_pool_id: PoolId,
    started_at: Timestamp,
    /// `SUCCEEDED`, `PARTIAL` or `FAILED`.
    status: RestoreState,
    /// None if the restore failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    users: Option<RestoredEntries>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<RestoredEntries>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memberships: Option<RestoredEntries>,
    /// The name of the error, if the restore failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorCode>,
}

/// What a restore made of the entries of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoredEntries {
    /// The entries that the restore was to bring back.
    wanted: u64,
    /// Those that the target has now.
    restored: u64,
    /// Those that count as losses.
    lost: u64,
}

impl From<&Tally> for RestoredEntries {
    fn from(tally: &Tally) -> Self {
        Self { wanted: tally.wanted(), restored: tally.present(), lost: tally.lost }
    }
}

impl BusEvent {
    /// The events about a snapshot. None if it is not sealed.
    pub fn of_snapshot(deployment: &Deployment, snapshot: &Snapshot) -> Vec<Self> {
        let Some(seal) = &snapshot.seal else { return Vec::new() };
        let sealed = SealedSnapshot {
            deployment: deployment.clone(),
            user_pool_id: snapshot.pool.clone(),
            snapshot_id: snapshot.id.clone(),
            started_at: snapshot.id.time(),
            sealed_at: seal.sealed_at,
        };
        let counts = snapshot.counts;
        let mut events = vec![Self::SnapshotSealed(SnapshotSealed { snapshot: sealed.clone(), counts })];
        let (users, before) = (counts.users, seal.before.map_or(0, |before| before.users));
        if lost_users(before, users) {
            let snapshot = sealed.clone();
            events.push(Self::PoolLostUsers(PoolLostUsers { snapshot, users, users_before: before }));
        }
        if let Some(changes) = &seal.configuration_changes
            && let Some(since) = &changes.since
            && changes.count > 0
        {
            events.push(Self::ConfigurationChanged(ConfigurationChanged {
                snapshot: sealed,
                since: since.clone(),
                objects_changed: changes.count,
            }));
        }
        events
    }

    /// The event about a snapshot that was copied. None if it is not sealed.
    pub fn of_copied(deployment: &Deployment, snapshot: &Snapshot) -> Option<Self> {
        let events = Self::of_snapshot(deployment, snapshot);
        events.into_iter().find_map(|event| match event {
            Self::SnapshotSealed(sealed) => Some(Self::SnapshotCopied(sealed)),
            _ => None,
        })
    }

    /// The event about a restore. None if it has not ended.
    pub fn of_restore(deployment: &Deployment, restore: &Restore) -> Option<Self> {
        let totals = restore.totals.as_ref().filter(|_| restore.state != RestoreState::Failed);
        let failure = restore.failure.as_ref().filter(|_| restore.state == RestoreState::Failed);
        let ended = RestoreEnded {
            deployment: deployment.clone(),
            restore_id: restore.id.clone(),
            snapshot_id: restore.snapshot.clone(),
            source_user_pool_id: restore.source.clone(),
            target_user_pool_id: restore.target.clone(),
            started_at: restore.began(),
            status: restore.state,
            users: totals.map(|totals| (&totals.users).into()),
            groups: totals.map(|totals| (&totals.groups).into()),
            memberships: totals.map(|totals| (&totals.memberships).into()),
            error: failure.map(|failure| ErrorCode::of(&failure.error)),
        };
        (restore.state != RestoreState::Running).then_some(Self::RestoreEnded(ended))
    }

    /// The `detail-type` of the event. A rule matches it.
    pub fn detail_type(&self) -> &'static str {
        match self {
            Self::SnapshotSealed(_) => "Snapshot Sealed",
            Self::SnapshotCopied(_) => "Snapshot Copied",
            Self::PoolLostUsers(_) => "Pool Lost Users",
            Self::ConfigurationChanged(_) => "Configuration Changed",
            Self::RestoreEnded(_) => "Restore Ended",
        }
    }
}
