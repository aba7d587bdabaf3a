//! Restores: runs of the import.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    AttributeSchema, CallStats, Digest, Execution, Existing, Failure, ImportOptions, JobsReport, Listing, Pages, PoolId,
    RecordKind, RunId, SnapshotSelector, TargetSettings, Totals, Unit, UnitId, VerificationResult,
};

/// Where a restore stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RestoreState {
    /// Being carried out. A run that was aborted stays so until it is continued.
    Running,
    /// Everything in the snapshot is in the target.
    Succeeded,
    /// Finished, but something could not be restored; the report says what.
    Partial,
    /// Stopped by an error before its end.
    Failed,
}

/// The header of a restore.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Restore {
    /// Its id.
    pub id: RunId,
    /// The pool that the snapshot was taken of.
    pub source: PoolId,
    /// The pool that is restored into.
    pub target: PoolId,
    /// The snapshot as the input named it.
    pub selector: SnapshotSelector,
    /// The snapshot that is restored.
    pub snapshot: RunId,
    /// Where it stands.
    pub state: RestoreState,
    /// The execution that carries it out; another one after it was continued.
    pub execution: Execution,
    /// Which pass over the snapshot this is, from 1. Continuing a partial restore starts the next pass, which does only what failed.
    pub pass: u32,
    /// What it has to know of the target.
    pub settings: TargetSettings,
    /// How it goes about it.
    #[serde(default)]
    pub options: ImportOptions,
    /// The digest of the selection; none where everybody is restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<Digest>,
    /// The custom attributes that are to be declared in the target before anybody is created.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub to_declare: BTreeMap<String, AttributeSchema>,
    /// How much the snapshot holds.
    pub expected: super::Counts,
    /// Entries dealt with so far, refreshed every few seconds.
    pub handled: super::Counts,
    /// What came of import jobs so far, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<JobsReport>,
    /// Pages of the verification that are done, refreshed every few seconds; see [`Verification::pages_of`](super::Verification::pages_of).
    #[serde(default)]
    pub verified_pages: u64,
    /// The outcomes, once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totals: Option<Totals>,
    /// What the target was found to hold afterwards, once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<VerificationResult>,
    /// The calls that the last execution took, once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<CallStats>,
    /// Why it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

impl Restore {
    /// When the restore began: its id starts with that time.
    pub fn began(&self) -> Timestamp {
        self.id.time()
    }

    /// Whether it restores into the very pool that the snapshot was taken of. There a user is the same as long as its `sub` is.
    pub fn is_repair(&self) -> bool {
        self.source == self.target
    }

    /// Whether starting the import again continues this restore. Where others may be in the target, one with nothing left to try is not
    /// gone on with: its pool is in use, so users may have been lost or changed since, or come back by a federated sign-in.
    pub fn can_be_continued(&self) -> bool {
        match self.state {
            RestoreState::Succeeded => false,
            RestoreState::Partial => {
                self.options.existing == Existing::Fail || self.totals.as_ref().is_none_or(Totals::has_failures)
            }
            RestoreState::Running | RestoreState::Failed => true,
        }
    }
}

/// The plan and state of one unit of a restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreUnit {
    /// What the unit of the snapshot lists.
    pub listing: Listing,
    /// Where its pages are.
    pub source: Pages,
    /// The pass that `next_page` belongs to.
    pub pass: u32,
    /// The first page, from 1, whose ledger page may be missing or incomplete in this pass; beyond the last when the unit is done.
    pub next_page: u64,
    /// Of members, how far they were added ahead of their turn.
    #[serde(default, skip_serializing_if = "Ahead::is_none")]
    pub ahead: Ahead,
}

/// How far members were added while users were still being restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ahead {
    /// How often they were gone through, this time included; 0 where they were not.
    pub sweep: u64,
    /// The first page that was not gone through this time.
    pub next_page: u64,
}

impl Ahead {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl RestoreUnit {
    /// The plan of a restore from the units of a snapshot, of which those that list users become one.
    pub fn plan(units: &[Unit]) -> Vec<Self> {
        let open = |listing, source| Self { listing, source, pass: 1, next_page: 1, ahead: Ahead::default() };
        let others = units.iter().filter(|unit| unit.listing.kind() != RecordKind::User);
        let others = others.map(|unit| open(unit.listing.clone(), Pages::of(unit)));
        others.chain([open(Listing::Users, Pages::of_users(units))]).collect()
    }

    /// The unit's name.
    pub fn id(&self) -> UnitId {
        self.listing.unit_id()
    }

    /// How many pages there are.
    pub fn pages(&self) -> u64 {
        self.source.count()
    }

    /// The page to go on with in pass `pass`, if any is left.
    pub fn resume_at(&self, pass: u32) -> Option<u64> {
        let next = if self.pass == pass { self.next_page } else { 1 };
        (next <= self.pages()).then_some(next)
    }
}
