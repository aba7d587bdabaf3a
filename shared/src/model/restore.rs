//! Restores: what imports do with one snapshot in one target.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    AttributeSchema, CallStats, Digest, Execution, Existing, ExpiresAt, Failure, ImportInput, ImportOptions,
    JobsReport, Listing, Pages, PoolArn, PoolId, PoolTag, RecordKind, RunId, SnapshotSelector,
    SubMapLifetime, SubMapRetention, TargetPool, TargetSettings, Totals, UniqueName, Unit, UnitId,
    UnmatchedNames, UserRecord, ValueRules, VerificationResult,
};

/// The state of a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RestoreState {
    /// An execution works on it. After an abort it stays so until an import continues it.
    Running,
    /// The target has everything that the snapshot holds.
    Succeeded,
    /// It ended, and something could not be restored. The report says what.
    Partial,
    /// An error stopped it.
    Failed,
}

/// The header of a restore.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Restore {
    pub id: RunId,
    /// The pool that the snapshot was taken of.
    pub source: PoolId,
    pub target: PoolId,
    /// The snapshot, as the input names it.
    pub selector: SnapshotSelector,
    /// The snapshot that is restored.
    pub snapshot: RunId,
    pub state: RestoreState,
    /// The execution that works on it. A continued restore has another one.
    pub execution: Execution,
    /// When the restore is absent as a whole. See [`ExpiresAt::of_header`].
    pub expires_at: ExpiresAt,
    /// How long its sub map is kept. None if it is kept without end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_map_retention: Option<SubMapRetention>,
    /// What the input of the last import says about that.
    #[serde(default, skip_serializing_if = "SubMapLifetime::is_of_deployment")]
    pub sub_map_lifetime: SubMapLifetime,
    /// Whether entries of the sub map were written under another retention. The import renews all items.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retention_changed: bool,
    /// The pass, from 1. A partial restore that is continued begins the next pass, which tries only what
    /// failed.
    pub pass: u32,
    /// Whether an earlier pass succeeded. Since then, the target is in use.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_succeeded: bool,
    /// The names of the selection that match nothing in the snapshot. Known when the restore is closed.
    #[serde(default, skip_serializing_if = "UnmatchedNames::is_empty")]
    pub unmatched_names: UnmatchedNames,
    /// The tag of the target when the last import began. None if it had none that opens it to imports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<PoolTag>,
    /// What the restore must know of the target.
    pub settings: TargetSettings,
    #[serde(default)]
    pub options: ImportOptions,
    /// The digest of the selection. None if all users are restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<Digest>,
    /// The custom attributes that the restore declares in the target before it creates users.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub to_declare: BTreeMap<String, AttributeSchema>,
    /// By which rules the restore leaves out values that the target refuses. None unless the input accepts
    /// losses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_rules: Option<ValueRules>,
    /// The names of users that may be equal in the target, although they differ in the source.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collides_by: Vec<UniqueName>,
    /// The aliases of the target that the source does not have. Cognito has accepted all usernames beside the
    /// aliases of the source.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub new_aliases: Vec<String>,
    /// What the snapshot holds.
    pub expected: super::Counts,
    /// An earlier snapshot that holds over a fifth more users, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shrunk: Option<super::Shrunk>,
    /// In a plan: the restore on which an import works meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_work: Option<RunId>,
    /// Entries with an outcome in this pass, refreshed every few seconds.
    pub handled: super::Counts,
    /// What import jobs did so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<JobsReport>,
    /// Pages that the verification has done, refreshed every few seconds; see
    /// [`Verification::pages_of`](super::Verification::pages_of).
    #[serde(default)]
    pub verified_pages: u64,
    /// The outcomes, when the restore has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totals: Option<Totals>,
    /// What the verification found, when the restore has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<VerificationResult>,
    /// The calls of the last execution, when it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<CallStats>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

impl Restore {
    /// The start of the restore. The id begins with that time.
    pub fn began(&self) -> Timestamp {
        self.id.time()
    }

    /// Whether the restore has handled an entry. A restore that ended before has changed nothing.
    pub fn has_handled(&self) -> bool {
        match self.state {
            RestoreState::Succeeded | RestoreState::Partial => true,
            // The counts are those of the current pass.
            RestoreState::Running | RestoreState::Failed => {
                self.pass > 1 || self.handled != super::Counts::default()
            }
        }
    }

    /// The line that takes the tag away from the target. None if the target had no tag that opens it to imports.
    pub fn untag_line(&self) -> Option<String> {
        self.tag.map(|_| PoolArn::in_account_of(&self.execution, &self.target).untag_line())
    }

    /// What the target is to the snapshot.
    pub fn target_pool(&self) -> TargetPool {
        TargetPool::of(&self.source, &self.target)
    }

    /// Removes the values of a user that the restore leaves out. Returns the names of their attributes. The
    /// target's users are compared without such values, too.
    pub fn leave_out_values(&self, record: &mut UserRecord) -> Vec<String> {
        self.value_rules.as_ref().map(|rules| rules.leave_out(record)).unwrap_or_default()
    }

    /// Whether an import with this input begins the same restore. The limits of the run, `dryRun`, `acceptShrunk` and
    /// `subMapRetention` make no difference.
    pub fn has_input(&self, input: &ImportInput) -> bool {
        let has_snapshot = match &input.snapshot {
            SnapshotSelector::Latest => self.selector == SnapshotSelector::Latest,
            SnapshotSelector::Id(id) => self.snapshot == *id,
        };
        has_snapshot
            && (&self.source, &self.target) == (&input.source, &input.target)
            && self.options == input.options
            && self.selection == input.selection.digest()
    }

    /// Whether an import with this input continues this restore. It must be the last one that has written to the target: see
    /// [`Catalog::last_restore_that_wrote`](crate::catalog::Catalog::last_restore_that_wrote).
    pub fn is_continued_by(&self, input: &ImportInput) -> bool {
        self.has_input(input) && self.can_be_continued()
    }

    /// Whether the target may live a life of its own since the restore began: it may hold other users, or the restore
    /// has succeeded, so that applications use it.
    pub fn is_target_in_use(&self) -> bool {
        self.options.existing != Existing::Fail || self.has_succeeded || self.state == RestoreState::Succeeded
    }

    /// Whether starting the import again continues this restore: something is left to do, or users were
    /// left to their federated sign-in.
    ///
    /// If the target may hold other users, a `PARTIAL` restore without failures does not continue.
    /// Its pool is in use. Since then, users may have been lost or changed, or have signed in
    /// through a provider again.
    pub fn can_be_continued(&self) -> bool {
        match self.state {
            // The users that were left to their sign-in may have signed in since.
            RestoreState::Succeeded => {
                self.options.existing == Existing::Fail
                    && self.totals.as_ref().is_some_and(Totals::has_left_to_sign_in)
            }
            RestoreState::Partial => {
                self.options.existing == Existing::Fail
                    || self.totals.as_ref().is_none_or(Totals::has_failures)
            }
            RestoreState::Running | RestoreState::Failed => true,
        }
    }
}

/// One unit of a restore, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreUnit {
    pub listing: Listing,
    /// The pages of the snapshot.
    pub source: Pages,
    /// The pass that `next_page` belongs to.
    pub pass: u32,
    /// The first page, from 1, whose ledger page may be missing or incomplete in this pass. It is beyond
    /// the last page if the unit is done.
    pub next_page: u64,
    /// For memberships: how far they were added early.
    #[serde(default, skip_serializing_if = "Ahead::is_none")]
    pub ahead: Ahead,
}

/// How far members were added while users were still being restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ahead {
    /// The number of the current sweep through the members, from 1.
    pub sweep: u64,
    /// The first page that this sweep has not reached.
    pub next_page: u64,
}

impl Ahead {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl RestoreUnit {
    /// The units of a restore. Units that list users become one.
    pub fn plan(units: &[Unit]) -> Vec<Self> {
        let open = |listing, source| Self { listing, source, pass: 1, next_page: 1, ahead: Ahead::default() };
        let others = units.iter().filter(|unit| unit.listing.kind() != RecordKind::User);
        let others = others.map(|unit| open(unit.listing.clone(), Pages::of(unit)));
        others.chain([open(Listing::Users, Pages::of_users(units))]).collect()
    }

    pub fn id(&self) -> UnitId {
        self.listing.unit_id()
    }

    pub fn pages(&self) -> u64 {
        self.source.count()
    }

    /// The page from which `pass` continues. None if nothing is left.
    pub fn resume_at(&self, pass: u32) -> Option<u64> {
        let next = if self.pass == pass { self.next_page } else { 1 };
        (next <= self.pages()).then_some(next)
    }
}

/// A restore of a snapshot of pool `A` into pool `B`, for tests.
#[cfg(test)]
pub(super) fn fixture() -> Restore {
    let id = RunId::parse("20261122T020000123Z-1a2b3c4d").unwrap();
    Restore {
        source: PoolId::parse("eu-west-1_A").unwrap(),
        target: PoolId::parse("eu-west-1_B").unwrap(),
        selector: SnapshotSelector::Latest,
        snapshot: RunId::parse("20261121T020000123Z-1a2b3c4d").unwrap(),
        state: RestoreState::Running,
        execution: Execution { id: "first".to_owned(), started_at: id.time() },
        expires_at: ExpiresAt::of_header(id.time()),
        sub_map_retention: None,
        sub_map_lifetime: super::SubMapLifetime::default(),
        retention_changed: false,
        pass: 1,
        has_succeeded: false,
        unmatched_names: super::UnmatchedNames::default(),
        tag: None,
        settings: TargetSettings::of(&super::PoolDescription::with_defaults(&[])),
        options: ImportOptions::default(),
        selection: None,
        to_declare: BTreeMap::new(),
        value_rules: None,
        collides_by: Vec::new(),
        new_aliases: Vec::new(),
        expected: super::Counts::default(),
        shrunk: None,
        at_work: None,
        handled: super::Counts::default(),
        jobs: None,
        verified_pages: 0,
        totals: None,
        verification: None,
        calls: None,
        failure: None,
        id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Ceilings, Selection, Tally, Tps, UserFilter};

    const SNAPSHOT: &str = "20261121T020000123Z-1a2b3c4d";

    fn restore(state: RestoreState) -> Restore {
        Restore { state, ..fixture() }
    }

    fn input() -> ImportInput {
        ImportInput {
            source: PoolId::parse("eu-west-1_A").unwrap(),
            target: PoolId::parse("eu-west-1_B").unwrap(),
            snapshot: SnapshotSelector::Latest,
            tps: None,
            ceilings: Ceilings::default(),
            dry_run: false,
            accept_shrunk: false,
            sub_map_lifetime: SubMapLifetime::default(),
            selection: Selection::default(),
            table: None,
            options: ImportOptions::default(),
        }
    }

    #[test]
    fn the_same_input_continues_a_restore_and_another_one_does_not() {
        let restore = restore(RestoreState::Failed);
        assert!(restore.is_continued_by(&input()));
        let of_limits = ImportInput {
            tps: Tps::new(7).ok(),
            dry_run: true,
            accept_shrunk: true,
            sub_map_lifetime: SubMapLifetime::Forever,
            ..input()
        };
        assert!(restore.is_continued_by(&of_limits), "none of these makes a difference");
        let selected = UserFilter { usernames: ["anna".to_owned()].into(), ..UserFilter::default() };
        let other_pool = || PoolId::parse("eu-west-1_C").unwrap();
        for other in [
            ImportInput { source: other_pool(), ..input() },
            ImportInput { target: other_pool(), ..input() },
            ImportInput {
                options: ImportOptions { existing: Existing::Skip, ..ImportOptions::default() },
                ..input()
            },
            ImportInput { selection: Selection { select: Some(selected), except: None }, ..input() },
        ] {
            assert!(!restore.is_continued_by(&other), "{other:?}");
        }
    }

    #[test]
    fn latest_continues_latest_and_an_id_continues_the_restore_of_that_snapshot() {
        let by_id =
            |id: &str| ImportInput { snapshot: SnapshotSelector::Id(RunId::parse(id).unwrap()), ..input() };
        let latest = restore(RestoreState::Running);
        assert!(latest.has_input(&by_id(SNAPSHOT)));
        assert!(!latest.has_input(&by_id("20261120T020000123Z-1a2b3c4d")));
        let named = Restore { selector: SnapshotSelector::Id(latest.snapshot.clone()), ..latest };
        assert!(named.has_input(&by_id(SNAPSHOT)));
        assert!(!named.has_input(&input()), "the newest snapshot may be another one by now");
    }

    #[test]
    fn a_restore_is_continued_until_nothing_is_left_to_try() {
        use RestoreState::{Failed, Partial, Running, Succeeded};
        let can_be = |state| restore(state).can_be_continued();
        assert_eq!([Running, Failed, Partial, Succeeded].map(can_be), [true, true, true, false]);
        let failed = |failed| {
            let totals = Totals { users: Tally { failed, ..Tally::default() }, ..Totals::default() };
            let options = ImportOptions { existing: Existing::Skip, ..ImportOptions::default() };
            Restore { totals: Some(totals), options, ..restore(Partial) }.can_be_continued()
        };
        assert_eq!(
            (failed(1), failed(0)),
            (true, false),
            "into a pool in use, only what failed is tried again"
        );
        let left = |existing| {
            let totals =
                Totals { users: Tally { left_to_sign_in: 1, ..Tally::default() }, ..Totals::default() };
            let options = ImportOptions { existing, ..ImportOptions::default() };
            Restore { totals: Some(totals), options, ..restore(Succeeded) }.can_be_continued()
        };
        assert_eq!([Existing::Fail, Existing::Skip].map(left), [true, false], "users may have signed in");
    }
}
