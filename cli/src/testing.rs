//! Fixtures for the tests of several modules.

use std::io::Write;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use shared::model::configuration::CapturedConfiguration;
use shared::model::{
    CallStats, Counts, Digest, Execution, ExpiresAt, Failure, FindingKind, ForecastCheckpoint, GroupName,
    ImportInput, ImportOptions, Lease, LedgerPage, MfaSetting, Note, Origin, Outcome, Place, PoolId, Reason,
    ReasonCode, RecordKind, Recovery, Restore, RestoreState, RestoredUser, RunId, RunKind, Seal, Snapshot,
    SnapshotSelector, SnapshotState, StoredCapture, Sub, SubMapEntry, TargetSettings, Totals, Tps,
    UserListing, Username,
};
use shared::operations::verify::{Comparison, Finding, MatchedBy, MembershipTally, RestoreUsed, Tally};
use shared::report::{ExportReport, ImportReport, SkipReport};

use crate::aws::{ExecutionArn, ExecutionView, RunInput, RunStatus, TablePlace};
use crate::losses::{Loss, LossReason};
use crate::output::VerifyEnd;
use crate::sub_maps::NamedEntry;
use crate::watch::Meter;

/// Noon.
pub fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

pub fn pool(name: &str) -> PoolId {
    PoolId::parse(&format!("eu-west-1_{name}")).unwrap()
}

/// A table in an account.
pub fn place(account: &str) -> TablePlace {
    TablePlace {
        account: account.to_owned(),
        region: "eu-west-1".to_owned(),
        table: "cognito-backup".to_owned(),
    }
}

/// An execution that restores pool `a` into pool `b`.
pub fn arn() -> ExecutionArn {
    ExecutionArn::parse(
        "arn:aws:states:eu-west-1:123456789012:execution:cognito-backup-import:import-eu-west-1_b",
    )
    .unwrap()
}

/// The input of that execution.
pub fn import_input() -> ImportInput {
    ImportInput {
        source: pool("a"),
        target: pool("b"),
        snapshot: SnapshotSelector::Latest,
        tps: None,
        ceilings: shared::model::Ceilings::default(),
        dry_run: false,
        accept_shrunk: false,
        sub_map_lifetime: shared::model::SubMapLifetime::default(),
        selection: shared::model::Selection::default(),
        table: None,
        options: ImportOptions::default(),
    }
}

/// That execution, two hours old.
pub fn execution(status: RunStatus) -> ExecutionView {
    ExecutionView {
        arn: arn(),
        status,
        started_at: now() - SignedDuration::from_hours(2),
        stopped_at: (status != RunStatus::Running).then(|| now() - SignedDuration::from_mins(95)),
        input: RunInput::Import(Box::new(import_input().into())),
        output: None,
        error: None,
        cause: None,
    }
}

/// A scheduled export of pool `a` that found the pool at work.
pub fn skipped_export() -> ExecutionView {
    let arn =
        |name: &str| format!("arn:aws:states:eu-west-1:123456789012:execution:cognito-backup-export:{name}");
    let lease = Lease::new(&arn("nightly-1"), now());
    let report = SkipReport::of_export(&pool("a"), &lease, Some(snapshot(10, 0).id));
    let input = serde_json::json!({"userPoolId": pool("a"), "scheduled": true});
    ExecutionView {
        arn: ExecutionArn::parse(&arn("nightly-2")).unwrap(),
        status: RunStatus::Skipped,
        input: RunInput::parse(&input),
        output: Some(serde_json::json!(report)),
        ..execution(RunStatus::Skipped)
    }
}

pub fn calls() -> CallStats {
    CallStats {
        total: 1_234,
        throttled: 2,
        peak_per_second: 10,
        mean_per_second: 9.87,
        ..CallStats::none(Tps::DEFAULT)
    }
}

/// A complete forecast without objections.
pub fn forecast(restore: &Restore) -> ForecastCheckpoint {
    let (restore, users) = (restore.clone(), shared::model::Pages::default());
    ForecastCheckpoint {
        restore,
        users,
        next_page: 2,
        members: None,
        forecast: shared::model::Forecast::default(),
    }
}

/// A capture of pool `a`, stored at `hour` before a snapshot was applied.
pub fn capture(hour: u8) -> StoredCapture {
    let id = |hour: u8| RunId::parse(&format!("20261121T{hour:02}3000000Z-{hour:08x}")).unwrap();
    let configuration = CapturedConfiguration { list: Digest::default() };
    StoredCapture::new(id(hour), pool("a"), configuration, snapshot(1, 1).id)
}

/// A sealed snapshot of pool `a`, begun at `hour`.
pub fn snapshot(hour: u8, users: u64) -> Snapshot {
    let id = RunId::parse(&format!("20261121T{hour:02}0000000Z-{hour:08x}")).unwrap();
    let started_at = id.time();
    let execution = Execution {
        id: format!("arn:aws:states:eu-west-1:123456789012:execution:cognito-backup-export:e{hour}"),
        started_at,
    };
    Snapshot {
        state: SnapshotState::Sealed,
        estimated_users: users,
        listing: Some(UserListing::One),
        counts: Counts {
            users,
            groups: 3,
            memberships: 7,
            pages: users / 60 + 4,
            records_written: users / 10,
        },
        seal: Some(Seal {
            sealed_at: started_at + SignedDuration::from_mins(10),
            digest: Digest::default(),
            tool_version: "0.1.0".into(),
            calls: calls(),
            before: None,
            configuration_changes: None,
        }),
        ..Snapshot::begun(id, pool("a"), execution)
    }
}

/// A restore of pool `a` into pool `b`, by [`arn`].
pub fn restore(state: RestoreState) -> Restore {
    let id = RunId::parse("20261121T100000000Z-0000000a").unwrap();
    let expected = Counts { users: 400_000, groups: 3, memberships: 7, ..Counts::default() };
    Restore {
        source: pool("a"),
        target: pool("b"),
        selector: SnapshotSelector::Latest,
        snapshot: snapshot(1, 0).id,
        state,
        execution: Execution { id: arn().to_string(), started_at: id.time() },
        expires_at: ExpiresAt::of_header(id.time()),
        sub_map_retention: None,
        sub_map_lifetime: shared::model::SubMapLifetime::default(),
        retention_changed: false,
        pass: 1,
        has_succeeded: false,
        unmatched_names: shared::model::UnmatchedNames::default(),
        tag: None,
        settings: TargetSettings {
            alias_attributes: Vec::new(),
            recovery: Recovery::default(),
            username_attributes: Vec::new(),
            auto_verified_attributes: Vec::new(),
            case_sensitive: false,
            mfa: MfaSetting::Off,
            password_length: 8,
        },
        options: ImportOptions::default(),
        selection: None,
        to_declare: Default::default(),
        value_rules: None,
        collides_by: Vec::new(),
        new_aliases: Vec::new(),
        expected,
        shrunk: None,
        at_work: None,
        handled: Counts { users: 1_200, groups: 3, ..Counts::default() },
        jobs: None,
        verified_pages: 0,
        totals: None,
        verification: None,
        calls: Some(calls()),
        failure: None,
        id,
    }
}

/// A ledger page of five users. Two of them are lost.
pub fn lossy_page() -> LedgerPage {
    let mut page = LedgerPage::untouched((0..5).map(|n| format!("sub-{n}")), 1);
    page.record(0, Outcome::Created, &[Note::StatusNotKept]);
    page.record(1, Outcome::AlreadyThere, &[]);
    page.record(2, Outcome::Skipped { reason: Reason::ListedTwice }, &[]);
    page.record(3, Outcome::Failed { reason: Reason::UsernameTaken }, &[]);
    page.record(
        4,
        Outcome::Failed { reason: Reason::RecordMissing { key: "USER#eu-west-1_a#sub-4 REC#00".into() } },
        &[],
    );
    page
}

/// The sum of [`lossy_page`].
pub fn partial_totals() -> Totals {
    let mut totals = Totals::default();
    totals.add(RecordKind::User, &lossy_page());
    totals
}

/// The losses on [`lossy_page`].
pub fn losses() -> Vec<Loss> {
    let loss = |key: &str, code: ReasonCode, detail: Option<&str>| Loss {
        kind: RecordKind::User,
        key: key.to_owned(),
        reason: LossReason::Ledger(code),
        detail: detail.map(str::to_owned),
    };
    vec![
        loss("sub-3", ReasonCode::UsernameTaken, None),
        loss("sub-4", ReasonCode::RecordMissing, Some("USER#eu-west-1_a#sub-4 REC#00")),
    ]
}

/// A sub map with each result, and with names that a file must quote.
pub fn sub_map() -> Vec<SubMapEntry> {
    let entry = |number: u32, name: &str, became: Option<(&str, Origin)>| SubMapEntry {
        old_sub: Sub::new(format!("00000000-0000-4000-8000-{number:012}")),
        old_username: Username::new(name),
        digest: Digest::default(),
        place: Place { page: 1, place: number as u8 },
        restored: became.map(|(name, origin)| RestoredUser {
            sub: Some(Sub::new(format!("ffffffff-0000-4000-8000-{number:012}"))),
            username: Username::new(name),
            origin,
        }),
        left_out: None,
        not_invited: false,
        by_job: false,
    };
    vec![
        entry(0, "anna", Some(("anna", Origin::Created))),
        entry(1, "o\"hara,b", Some(("o\"hara,b", Origin::Found))),
        entry(2, "芳子", Some(("芳子", Origin::Kept))),
        entry(3, "Google_7", None),
    ]
}

/// The same entries with the names that their users sign in with.
pub fn named_sub_map() -> Vec<NamedEntry> {
    let named = |entry: SubMapEntry| NamedEntry {
        in_target: entry.restored.clone(),
        sign_in_name: Some(entry.old_username.clone()),
        entry,
    };
    sub_map().into_iter().map(named).collect()
}

/// A snapshot of pool `a` whose export failed.
pub fn failed_snapshot(hour: u8, users: u64) -> Snapshot {
    let failure =
        Failure { error: "ListingFailed".into(), cause: "It was cut short. Start a new export.".into() };
    Snapshot { state: SnapshotState::Failed, seal: None, failure: Some(failure), ..snapshot(hour, users) }
}

/// The report of an export.
pub fn export_report() -> ExportReport {
    let snapshot = snapshot(1, 400_000);
    ExportReport {
        operation: RunKind::Export,
        status: SnapshotState::Sealed,
        more: false,
        summary: format!("Snapshot {} is sealed.", snapshot.id),
        snapshot_id: snapshot.id,
        user_pool_id: snapshot.pool,
        counts: snapshot.counts,
        listing: UserListing::One,
        members_without_user: 0,
        members_without_user_subs: Vec::new(),
        split_listing: None,
        records_written_again: 0,
        large_users: None,
        configuration: None,
        calls: calls(),
        notified: true,
    }
}

/// The report of an import that restored everything.
pub fn import_report() -> ImportReport {
    let restore = restore(RestoreState::Succeeded);
    let mut totals = Totals::default();
    totals.users.created = 400_000;
    totals.groups.already_there = 3;
    totals.memberships.created = 7;
    ImportReport {
        jobs: None,
        shrunk: None,
        unmatched_names: shared::model::UnmatchedNames::default(),
        operation: RunKind::Import,
        status: RestoreState::Succeeded,
        more: false,
        restore_id: restore.id,
        snapshot_id: restore.snapshot,
        source_user_pool_id: restore.source,
        target_user_pool_id: restore.target,
        untag_with: None,
        summary: totals.summary(),
        totals,
        verification: shared::model::VerificationResult { same: 400_000, ..Default::default() },
        calls: calls(),
        notified: true,
    }
}

/// A comparison of pool `b` with a snapshot of pool `a`, with each kind of finding.
pub fn verify_end() -> VerifyEnd {
    let sub = |number: u32| Sub::new(format!("00000000-0000-4000-8000-{number:012}"));
    let fields = |fields: &[&str]| fields.iter().map(|&field| field.to_owned()).collect();
    let count =
        |fields: &[(&str, u64)]| fields.iter().map(|&(field, count)| (field.to_owned(), count)).collect();
    let user = |finding, number, pool_sub, names: &[&str]| Finding::User {
        finding,
        sub: sub(number),
        pool_sub,
        fields: fields(names),
    };
    let group = |finding, name: &str, names: &[&str]| Finding::Group {
        finding,
        group: GroupName::new(name),
        fields: fields(names),
    };
    let used = |id: &str, status| RestoreUsed { restore_id: RunId::parse(id).unwrap(), status };
    let comparison = Comparison {
        matched_by: MatchedBy {
            sub_map: 399_996,
            name: 2,
            restores: vec![
                used("20261121T110000000Z-0000000b", RestoreState::Partial),
                used("20261121T100000000Z-0000000a", RestoreState::Succeeded),
            ],
            ..MatchedBy::default()
        },
        users: Tally {
            same: 399_996,
            different: 2,
            missing: 1,
            extra: 1,
            left_to_sign_in: 0,
            left_out_unconfirmed: 0,
            damaged: 1,
            fields: count(&[("custom:plan", 1), ("enabled", 2)]),
        },
        groups: Tally {
            same: 1,
            different: 1,
            missing: 1,
            fields: count(&[("role", 1)]),
            ..Tally::default()
        },
        memberships: MembershipTally {
            present: 5,
            missing: 1,
            extra: 1,
            member_without_user: 1,
            ..MembershipTally::default()
        },
        ..Comparison::default()
    };
    let findings = vec![
        user(FindingKind::Different, 1, Some(sub(101)), &["custom:plan", "enabled"]),
        user(FindingKind::Missing, 2, None, &[]),
        user(FindingKind::Damaged, 3, None, &[]),
        user(FindingKind::Extra, 104, None, &[]),
        group(FindingKind::Different, "admins", &["role"]),
        group(FindingKind::Missing, "редакторы", &[]),
        Finding::Membership { finding: FindingKind::Missing, group: GroupName::new("admins"), sub: sub(2) },
        Finding::Membership { finding: FindingKind::Extra, group: GroupName::new("admins"), sub: sub(104) },
    ];
    VerifyEnd::new(&snapshot(1, 400_000), &pool("b"), comparison, findings, 1_234, calls())
}

/// The text on a meter.
#[derive(Debug, Clone, Default)]
pub struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    /// The whole text.
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A meter and its text.
pub fn meter() -> (Meter, Written) {
    let written = Written::default();
    (Meter::Lines { out: Box::new(written.clone()), last: None }, written)
}
