//! Which snapshots go and which stay. Changes nothing.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::refusals::{in_use, newer_schema, newest, not_found};
use crate::Result;
use crate::catalog::Catalog;
use crate::model::{KeptFor, Past, PoolId, Retention, RunId, SCHEMA_VERSION, Snapshot, SnapshotState, Verdict};
use crate::ports::vault::Vault;

/// Which snapshots are to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemovalRequest {
    /// Those that a policy does not keep. `automatic` holds back what the pool has lost since: see [`Retention::judge`].
    ByPolicy {
        /// The policy.
        retention: Retention,
        /// Whether nobody looks at it.
        automatic: bool,
    },
    /// These.
    These(BTreeSet<RunId>),
}

/// Why a snapshot goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovalReason {
    /// No rule keeps it.
    NoRule,
    /// It was never completed, and a newer one was.
    NeverCompleted,
    /// Somebody named it.
    Named,
    /// Its removal was decided before, and has not ended.
    Begun,
}

/// What becomes of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It stays, for these reasons; for none where others were named.
    Kept(Vec<KeptFor>),
    /// No rule keeps it, but the pool has lost users since, and nobody has looked at that.
    HeldBack,
    /// It is to go, but an import is at work on it.
    InUse,
    /// It goes.
    Removed(RemovalReason),
}

/// A snapshot and what becomes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The snapshot, as it was found.
    pub snapshot: Snapshot,
    /// What becomes of it.
    pub fate: Decision,
}

/// What becomes of the snapshots of a pool.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// All of them, newest first.
    pub snapshots: Vec<Planned>,
}

impl Plan {
    /// The ids of those of which `is_it` is true, newest first.
    pub fn ids(&self, is_it: impl Fn(&Decision) -> bool) -> Vec<RunId> {
        self.snapshots.iter().filter(|planned| is_it(&planned.fate)).map(|planned| planned.snapshot.id.clone()).collect()
    }
}

/// Finds out which snapshots of a pool are to go.
///
/// # Errors
/// `SnapshotNotFound`, `SnapshotNotRemovable` or `SnapshotInUse` when one that is named is not there, is the newest sealed one, or is being
/// imported; `UnsupportedSchema` when a snapshot of the pool was written by a newer version.
pub async fn plan<V: Vault>(catalog: &Catalog<V>, pool: &PoolId, wanted: &RemovalRequest, now: Timestamp) -> Result<Plan> {
    let snapshots = catalog.all_snapshots(pool).await?;
    if let Some(newer) = snapshots.iter().find(|snapshot| snapshot.schema_version > SCHEMA_VERSION) {
        return Err(newer_schema(&newer.id, newer.schema_version));
    }
    let fates = match wanted {
        RemovalRequest::ByPolicy { retention, automatic } => by_policy(&snapshots, retention, *automatic),
        RemovalRequest::These(ids) => these(pool, &snapshots, ids)?,
    };
    let mut plan = Plan { snapshots: Vec::with_capacity(snapshots.len()) };
    for (snapshot, mut fate) in snapshots.into_iter().zip(fates) {
        let is_to_go = matches!(fate, Decision::Removed(why) if why != RemovalReason::Begun);
        if is_to_go && catalog.is_held(&snapshot.id, now).await? {
            if let RemovalRequest::These(_) = wanted {
                return Err(in_use(&snapshot.id));
            }
            fate = Decision::InUse;
        }
        plan.snapshots.push(Planned { snapshot, fate });
    }
    Ok(plan)
}

/// What is bound to go is out of the question; a mark that may be taken away counts for nothing.
fn by_policy(snapshots: &[Snapshot], retention: &Retention, automatic: bool) -> Vec<Decision> {
    let past = |snapshot: &Snapshot| {
        let sealed = snapshot.lasting_state()? == SnapshotState::Sealed;
        Some(Past { id: snapshot.id.clone(), sealed, users: snapshot.counts.users })
    };
    let lasting: Vec<_> = snapshots.iter().filter_map(past).collect();
    let mut verdicts = retention.judge(&lasting, automatic).into_iter().zip(&lasting);
    let fate = |snapshot: &Snapshot| match snapshot.lasting_state().and_then(|_| verdicts.next()) {
        None => Decision::Removed(RemovalReason::Begun),
        Some((Verdict::Kept(why), _)) => Decision::Kept(why),
        Some((Verdict::HeldBack, _)) => Decision::HeldBack,
        Some((Verdict::Removed, past)) if past.sealed => Decision::Removed(RemovalReason::NoRule),
        Some((Verdict::Removed, _)) => Decision::Removed(RemovalReason::NeverCompleted),
    };
    snapshots.iter().map(fate).collect()
}

fn these(pool: &PoolId, snapshots: &[Snapshot], ids: &BTreeSet<RunId>) -> Result<Vec<Decision>> {
    if let Some(unknown) = ids.iter().find(|id| !snapshots.iter().any(|snapshot| snapshot.id == **id)) {
        return Err(not_found(pool, unknown));
    }
    let sealed = |snapshot: &&Snapshot| snapshot.lasting_state() == Some(SnapshotState::Sealed);
    let newest_sealed = snapshots.iter().find(sealed).map(|snapshot| &snapshot.id);
    if let Some(id) = newest_sealed.filter(|id| ids.contains(id)) {
        return Err(newest(pool, id));
    }
    let fate = |snapshot: &Snapshot| match snapshot.lasting_state() {
        None => Decision::Removed(RemovalReason::Begun),
        Some(_) if ids.contains(&snapshot.id) => Decision::Removed(RemovalReason::Named),
        Some(_) if newest_sealed == Some(&snapshot.id) => Decision::Kept(vec![KeptFor::Newest]),
        Some(_) => Decision::Kept(Vec::new()),
    };
    Ok(snapshots.iter().map(fate).collect())
}
