//! Which snapshots go and which stay. This module changes nothing.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::refusals::{in_use, newer_schema, newest, not_found};
use crate::Result;
use crate::catalog::Catalog;
use crate::model::{
    KeptFor, Past, PoolId, Retention, RunId, SCHEMA_VERSION, Snapshot, SnapshotState, Verdict,
};
use crate::ports::vault::ReadVault;

/// Which snapshots to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemovalRequest {
    /// The snapshots that a policy does not keep. `automatic` holds back snapshots with users that
    /// the pool has lost since: see [`Retention::judge`].
    ByPolicy {
        retention: Retention,
        /// Whether no operator looks at the result.
        automatic: bool,
    },
    Named(BTreeSet<RunId>),
}

/// Why a snapshot goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovalReason {
    NoRule,
    /// It was never completed, and a newer one was.
    NeverCompleted,
    /// The operator named it.
    Named,
    /// An earlier removal decided it and has not finished.
    Begun,
}

/// What the plan decides about a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It stays, for these reasons. The list is empty if the operator named other snapshots.
    Kept(Vec<KeptFor>),
    /// No rule keeps it, but the pool has lost users since, and no operator has looked.
    HeldBack,
    /// It would go, but an import needs it.
    InUse,
    Removed(RemovalReason),
}

/// A snapshot and the decision about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    pub snapshot: Snapshot,
    pub fate: Decision,
}

/// The decisions about all snapshots of a pool.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Newest first.
    pub snapshots: Vec<Planned>,
}

impl Plan {
    /// The ids of the snapshots whose decision matches, newest first.
    pub fn ids(&self, is_it: impl Fn(&Decision) -> bool) -> Vec<RunId> {
        self.snapshots
            .iter()
            .filter(|planned| is_it(&planned.fate))
            .map(|planned| planned.snapshot.id.clone())
            .collect()
    }
}

/// Decides which snapshots of a pool go.
///
/// # Errors
/// For a named snapshot: `SnapshotNotFound` if it does not exist, `SnapshotNotRemovable` if it is the
/// newest sealed one, `SnapshotInUse` if an import needs it. `UnsupportedSchema` if a newer version wrote a
/// snapshot of the pool.
pub async fn plan<V: ReadVault>(
    catalog: &Catalog<V>,
    pool: &PoolId,
    wanted: &RemovalRequest,
    now: Timestamp,
) -> Result<Plan> {
    let snapshots = catalog.all_snapshots(pool).await?;
    if let Some(newer) = snapshots.iter().find(|snapshot| snapshot.schema_version > SCHEMA_VERSION) {
        return Err(newer_schema(&newer.id, newer.schema_version));
    }
    let fates = match wanted {
        RemovalRequest::ByPolicy { retention, automatic } => by_policy(&snapshots, retention, *automatic),
        RemovalRequest::Named(ids) => by_name(pool, &snapshots, ids)?,
    };
    let mut plan = Plan { snapshots: Vec::with_capacity(snapshots.len()) };
    for (snapshot, mut fate) in snapshots.into_iter().zip(fates) {
        let is_to_go = matches!(fate, Decision::Removed(why) if why != RemovalReason::Begun);
        if is_to_go && catalog.is_held(&snapshot.id, now).await? {
            if let RemovalRequest::Named(_) = wanted {
                return Err(in_use(&snapshot.id));
            }
            fate = Decision::InUse;
        }
        plan.snapshots.push(Planned { snapshot, fate });
    }
    Ok(plan)
}

/// A snapshot whose removal is decided does not take part. A mark that is not decided does not
/// count.
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

fn by_name(pool: &PoolId, snapshots: &[Snapshot], ids: &BTreeSet<RunId>) -> Result<Vec<Decision>> {
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
