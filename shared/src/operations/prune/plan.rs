//! Which snapshots go and which stay.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::comparison::{Comparisons, Upkeep, is_damaged};
use super::refusals::{in_use, newer_schema, newest, not_found};
use crate::Result;
use crate::catalog::Catalog;
use crate::model::{
    KeptFor, Past, PoolId, Retention, RunId, SCHEMA_VERSION, Snapshot, SnapshotState, StoredCapture, Verdict,
};
use crate::ports::vault::ReadVault;

/// Which snapshots to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemovalRequest {
    /// The snapshots that a policy does not keep. `automatic` holds back snapshots with users that
    /// the pool has lost since: see [`Judgement`](crate::model::Judgement).
    ByPolicy {
        retention: Retention,
        /// Whether no operator looks at the result.
        automatic: bool,
    },
    /// These snapshots and stored captures.
    Named(BTreeSet<RunId>),
}

/// Why a snapshot goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovalReason {
    NoRule,
    /// No rule keeps it. The pool has lost users that it holds, and the operator looks at the result.
    NoRuleAndLostUsers,
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
    InUse {
        /// When the lease of the import ends, unless the import renews it. None if another command has changed the
        /// mark of removal.
        held_until: Option<Timestamp>,
    },
    Removed(RemovalReason),
}

/// A snapshot and the decision about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    pub snapshot: Snapshot,
    pub fate: Decision,
}

/// The decisions about all snapshots of a pool.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// Newest first.
    pub snapshots: Vec<Planned>,
    /// Newest first.
    pub captures: Vec<PlannedCapture>,
}

/// A stored capture, and whether it goes. No rule removes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedCapture {
    pub capture: StoredCapture,
    /// None if it stays.
    pub removal: Option<RemovalReason>,
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

/// Decides which snapshots of a pool go. It changes nothing, and takes the time that it needs.
///
/// # Errors
/// For a named snapshot: `SnapshotNotFound` if neither it nor a stored capture has the id, `SnapshotNotRemovable` if it is the
/// newest sealed one, `SnapshotInUse` if an import needs it. `UnsupportedSchema` if a newer version wrote a
/// snapshot of the pool.
pub async fn plan<V: ReadVault>(
    catalog: &Catalog<V>,
    pool: &PoolId,
    wanted: &RemovalRequest,
    now: Timestamp,
) -> Result<Plan> {
    let plan = with_comparisons(catalog, pool, wanted, now, &mut Comparisons::default(), &mut ()).await?;
    Ok(plan.unwrap_or_default())
}

/// The same within a time. None if the time is spent. Then `comparisons` has what the next invocation need
/// not compare again.
pub(super) async fn with_comparisons<V: ReadVault>(
    catalog: &Catalog<V>,
    pool: &PoolId,
    wanted: &RemovalRequest,
    now: Timestamp,
    comparisons: &mut Comparisons,
    upkeep: &mut impl Upkeep,
) -> Result<Option<Plan>> {
    let snapshots = catalog.all_snapshots(pool).await?;
    if let Some(newer) = snapshots.iter().find(|snapshot| snapshot.schema_version > SCHEMA_VERSION) {
        return Err(newer_schema(&newer.id, newer.schema_version));
    }
    // An invocation that only compares needs no captures.
    let (fates, captures) = match wanted {
        RemovalRequest::ByPolicy { retention, automatic } => {
            let rules = Rules { retention, automatic: *automatic };
            match rules.decide(catalog, &snapshots, comparisons, upkeep).await? {
                Some(fates) => (fates, captures_of(catalog, pool).await?),
                None => return Ok(None),
            }
        }
        RemovalRequest::Named(ids) => {
            let captures = captures_of(catalog, pool).await?;
            (by_name(pool, &snapshots, &captures, ids)?, captures)
        }
    };
    let of_capture = |capture: StoredCapture| {
        let is_named = matches!(wanted, RemovalRequest::Named(ids) if ids.contains(&capture.id));
        let removal = match (capture.is_being_removed, is_named) {
            (true, _) => Some(RemovalReason::Begun),
            (false, true) => Some(RemovalReason::Named),
            (false, false) => None,
        };
        PlannedCapture { capture, removal }
    };
    let captures = captures.into_iter().map(of_capture).collect();
    let mut plan = Plan { snapshots: Vec::with_capacity(snapshots.len()), captures };
    for (snapshot, mut fate) in snapshots.into_iter().zip(fates) {
        let is_to_go = matches!(fate, Decision::Removed(why) if why != RemovalReason::Begun);
        let held_until = if is_to_go { catalog.held_until(&snapshot.id, now).await? } else { None };
        if let Some(held_until) = held_until {
            if let RemovalRequest::Named(_) = wanted {
                return Err(in_use(&snapshot.id, held_until));
            }
            fate = Decision::InUse { held_until: Some(held_until) };
        }
        plan.snapshots.push(Planned { snapshot, fate });
    }
    Ok(Some(plan))
}

/// The stored captures of a pool, newest first.
async fn captures_of<V: ReadVault>(catalog: &Catalog<V>, pool: &PoolId) -> Result<Vec<StoredCapture>> {
    let captures = catalog.stored_captures(pool).await?;
    match captures.iter().find(|capture| capture.schema_version > SCHEMA_VERSION) {
        Some(newer) => Err(newer_schema(&newer.id, newer.schema_version)),
        None => Ok(captures),
    }
}

/// The rules of a removal.
struct Rules<'a> {
    retention: &'a Retention,
    automatic: bool,
}

impl Rules<'_> {
    /// Decides about snapshots, newest first. A snapshot whose removal is decided does not take part. A mark
    /// that is not decided does not count. None if the time is spent.
    async fn decide<V: ReadVault>(
        &self,
        catalog: &Catalog<V>,
        snapshots: &[Snapshot],
        comparisons: &mut Comparisons,
        upkeep: &mut impl Upkeep,
    ) -> Result<Option<Vec<Decision>>> {
        let lasting: Vec<&Snapshot> =
            snapshots.iter().filter(|snapshot| snapshot.lasting_state().is_some()).collect();
        let is_sealed = |snapshot: &Snapshot| snapshot.lasting_state() == Some(SnapshotState::Sealed);
        let past = |snapshot: &&Snapshot| Past { id: snapshot.id.clone(), sealed: is_sealed(snapshot) };
        let pasts: Vec<_> = lasting.iter().map(past).collect();
        let mut judgement = self.retention.judge(&pasts, self.automatic);
        while let Some((older, newer)) = judgement.next_comparison() {
            let compared = comparisons.has_lost_users(catalog, lasting[older], lasting[newer], upkeep).await;
            match compared {
                Ok(Some(has_lost_users)) => judgement.compared(older, has_lost_users),
                Ok(None) => return Ok(None),
                // The operator has decided which snapshots go. The removal itself finds the damage.
                Err(error) if !self.automatic && is_damaged(&error) => judgement.compared(older, false),
                Err(error) => return Err(error),
            }
        }
        let mut verdicts = judgement.into_verdicts().into_iter().zip(&pasts);
        let fate = |snapshot: &Snapshot| match snapshot.lasting_state().and_then(|_| verdicts.next()) {
            None => Decision::Removed(RemovalReason::Begun),
            Some((Verdict::Kept(why), _)) => Decision::Kept(why),
            Some((Verdict::HeldBack, _)) => Decision::HeldBack,
            Some((Verdict::RemovedWithLostUsers, _)) => Decision::Removed(RemovalReason::NoRuleAndLostUsers),
            Some((Verdict::Removed, past)) if past.sealed => Decision::Removed(RemovalReason::NoRule),
            Some((Verdict::Removed, _)) => Decision::Removed(RemovalReason::NeverCompleted),
        };
        Ok(Some(snapshots.iter().map(fate).collect()))
    }
}

fn by_name(
    pool: &PoolId,
    snapshots: &[Snapshot],
    captures: &[StoredCapture],
    ids: &BTreeSet<RunId>,
) -> Result<Vec<Decision>> {
    let is_known = |id: &RunId| {
        snapshots.iter().any(|snapshot| snapshot.id == *id)
            || captures.iter().any(|capture| capture.id == *id)
    };
    if let Some(unknown) = ids.iter().find(|id| !is_known(id)) {
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
