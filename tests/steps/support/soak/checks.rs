//! The invariants of a world, checked after each day.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::{GroupName, RestoreState, Retention, RunId, SnapshotState, Sub};
use shared::operations::prune::{Ended as PruneEnded, RemovalRequest};
use shared::ports::Backend;
use shared::{ErrorKind, Result};

use super::day::{Ended, LAST_ELSEWHERE};
use super::world::{Wanted, World};
use crate::disturbance::History;
use crate::machine::End;
use crate::pruned::{headers, sealed};
use crate::restored::{Comparison, assert_books_balance, compare};
use crate::{snapshot, source_id};

/// Errors of an execution that another run beside it explains.
const BY_RUNS: &[&str] = &[
    "Overtaken",
    "RemovalUndecided",
    "LeaseLost",
    "RunEnded",
    "ExportAlreadyRunning",
    "ImportAlreadyRunning",
    "SnapshotNotFound",
    "SnapshotBeingRemoved",
];
/// Errors of an execution that only a fault explains.
const BY_FAULTS: &[&str] = &[
    "Throttled",
    "OutOfTime",
    "ServiceUnavailable",
    "ListingFailed",
    "Sandbox.Timedout",
    "Runtime.ExitError",
    "States.Timeout",
];
/// The snapshot is gone, so that the operator gives up its restore.
const GONE: &[&str] = &["SnapshotNotFound", "SnapshotBeingRemoved"];

/// The sealed snapshots of both tables before a day, newest first.
pub struct Before {
    pub here: Vec<RunId>,
    other: Vec<RunId>,
}

impl Before {
    pub async fn of(world: &World) -> Self {
        Self { here: sealed(&world.backend).await, other: sealed(&world.other).await }
    }
}

/// Checks that each snapshot of before is there, unless a removal of the day may take it.
fn assert_survived(world: &World, before: &Before, now: &[RunId], other: &[RunId], ended: &[Ended]) {
    let (mut exports, mut elsewhere, mut copied) = (0, false, Vec::new());
    for ended in ended {
        match ended {
            Ended::Export(_) => exports += 1,
            Ended::Elsewhere => elsewhere = true,
            Ended::Copy(id, _) => copied.push(id),
            _ => {}
        }
    }
    // An export of the day can be sealed and removed on the same day.
    let gone_again = exports - now.iter().filter(|id| !before.here.contains(id)).count();
    for id in before.here.iter().filter(|id| !now.contains(id)) {
        let newer = before.here.iter().chain(now).filter(|other| *other > id).collect::<BTreeSet<_>>().len();
        let takes = |wanted: &RemovalRequest| match wanted {
            RemovalRequest::Named(ids) => ids.contains(id) && newer + gone_again > 0,
            RemovalRequest::ByPolicy { retention, .. } => newer + gone_again >= kept_by(retention),
        };
        assert!(
            world.removals.iter().any(takes),
            "no removal of the day may take {id}: {:?}",
            world.removals
        );
    }
    for id in before.other.iter().filter(|id| !other.contains(id)) {
        let all = before.other.iter().chain(other).chain(copied.iter().copied());
        let newer = all.filter(|other| *other > id).collect::<BTreeSet<_>>().len();
        assert!(elsewhere && newer >= LAST_ELSEWHERE, "the copy of {id} is gone");
    }
}

/// How many of the newest snapshots a policy of the form `last=N` keeps.
fn kept_by(retention: &Retention) -> usize {
    let text = retention.to_string();
    text.strip_prefix("last=").and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{text}"))
}

pub async fn after_the_day(world: &mut World, before: &Before, history: &History, ended: Vec<Ended>) {
    assert_rates(world);
    let lost: Vec<_> = world.lost.keys().cloned().collect();
    world.put_back_lost().await;
    let now = sealed(&world.backend).await;
    let other = sealed(&world.other).await;
    assert!(now.first() >= before.here.first(), "the newest sealed snapshot is gone");
    assert_survived(world, before, &now, &other, &ended);
    // Snapshots that lacked a record.
    let mut lacking = BTreeSet::new();
    for id in &now {
        let contents = snapshot::read(&world.backend, &source_id(), id).await;
        world.recognise(&contents);
        if lost.iter().any(|key| contents.user_records.contains(key)) {
            lacking.insert(id.clone());
        }
        if !before.here.contains(id) {
            contents.assert_agrees_with(history);
            world.report.users_checked += contents.users.len() as u64;
        }
    }
    for id in other {
        let copy = snapshot::read(&world.other, &source_id(), &id).await;
        world.recognise(&copy);
    }
    for ended in ended {
        match ended {
            Ended::Export(end) => exported(world, end).await,
            Ended::Import(end) => imported(world, end).await,
            Ended::Prune(pruned) => removed(world, pruned),
            Ended::Copy(id, copied) => match copied {
                Some(Ok(_)) => {
                    world.report.runs.copies_ended += 1;
                    assert!(has_header(world, &id).await, "a copy that ended is there");
                }
                Some(Err(error)) => {
                    world.report.runs.copies_failed += 1;
                    let kinds = ["CopyIncomplete"];
                    let name = error.kind().name();
                    let may_lack = lacking.contains(&id) || !lost.is_empty() && !now.contains(&id);
                    let is_damaged = may_lack && name == "SnapshotDamaged";
                    if !kinds.contains(&name) && !is_damaged {
                        assert_explained(world, name, &error.to_string());
                    }
                }
                None => world.report.runs.stopped += 1,
            },
            Ended::Elsewhere | Ended::Other => {}
        }
    }
    world.take_lost_away();
}

/// Whether the copy is there, or a removal in the other account has removed it since.
async fn has_header(world: &World, id: &RunId) -> bool {
    let there = headers(&world.other).await;
    there.iter().any(|header| header.id == *id) || there.iter().filter(|header| header.id > *id).count() >= 2
}

/// No second has more calls of a pool than its runs allow, also if the clocks of the invocations are wrong.
fn assert_rates(world: &World) {
    for (pool, mut calls) in world.faults.take_calls() {
        calls.sort();
        for window in calls.windows(world.tps as usize + 1) {
            let span = window[world.tps as usize] - window[0];
            assert!(
                span >= Duration::from_secs(1),
                "{} calls of {pool} within {span:?} at a limit of {}",
                world.tps + 1,
                world.tps
            );
        }
    }
}

fn assert_explained(world: &World, error: &str, cause: &str) {
    let by_fault = world.is_stormy && BY_FAULTS.contains(&error);
    assert!(by_fault || BY_RUNS.contains(&error), "storm: {}, {error}: {cause}", world.is_stormy);
}

async fn exported(world: &mut World, end: Option<End>) {
    match end {
        Some(End::Finished(report)) => {
            world.report.runs.exports_sealed += 1;
            let id = RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap();
            // A removal may have removed it since. Then a late enumerate can begin it again, in vain.
            let header = headers(&world.backend).await.into_iter().find(|header| header.id == id);
            if let Some(header) = header.filter(|header| header.state == SnapshotState::Sealed) {
                assert_eq!(json!(header.counts.users), report["users"], "the report of {id} is wrong");
            }
        }
        Some(End::Failed { error, cause, .. }) => {
            world.report.runs.exports_failed += 1;
            assert_explained(world, &error, &cause);
        }
        Some(End::Stopped | End::TimedOut) | None => world.report.runs.stopped += 1,
    }
}

fn removed(world: &mut World, pruned: Option<Result<PruneEnded>>) {
    match pruned {
        Some(Ok(_)) => world.report.runs.prunes_ended += 1,
        Some(Err(error)) => {
            world.report.runs.prunes_failed += 1;
            let kinds = [ErrorKind::SnapshotInUse, ErrorKind::SnapshotNotRemovable];
            if !kinds.contains(&error.kind()) {
                assert_explained(world, error.kind().name(), &error.to_string());
            }
        }
        None => world.report.runs.stopped += 1,
    }
}

pub async fn imported(world: &mut World, end: Option<End>) {
    let wanted = world.restore.take().expect("the import restores what the operator wants");
    let had_lost = !wanted.met_lost.is_empty();
    assert_nothing_extra(&wanted);
    let keeps = match end {
        Some(End::Finished(report)) => {
            world.report.runs.imports_ended += 1;
            if report["status"] == "SUCCEEDED" {
                assert_eq!(compare(&wanted.contents, &wanted.target), complete(&wanted), "{report}");
                assert_books_balance(&world.backend, &wanted.contents, &wanted.target, &report).await;
                world.report.users_checked += wanted.contents.users.len() as u64;
            } else {
                assert_lacks_only_lost(&wanted, &report);
                world.report.users_checked += wanted.contents.users.len() as u64;
            }
            false
        }
        Some(End::Failed { error, .. }) if error == "TargetNotEmpty" => {
            // An import before it succeeded, and its execution was stopped.
            world.report.runs.imports_failed += 1;
            let restores = Catalog::new(world.backend.vault()).restores(&wanted.target_id, 1).await.unwrap();
            assert_eq!(restores[0].state, RestoreState::Succeeded);
            assert_eq!(compare(&wanted.contents, &wanted.target), complete(&wanted));
            false
        }
        Some(End::Failed { error, .. }) if error == "SnapshotDamaged" && had_lost => {
            world.report.runs.imports_failed += 1;
            false
        }
        Some(End::Failed { error, cause, .. }) => {
            world.report.runs.imports_failed += 1;
            assert_explained(world, &error, &cause);
            !GONE.contains(&error.as_str())
        }
        Some(End::Stopped | End::TimedOut) | None => {
            world.report.runs.stopped += 1;
            true
        }
    };
    if keeps {
        world.restore = Some(wanted);
    }
}

/// What a complete restore lacks: memberships of users that were deleted during the export.
fn complete(wanted: &Wanted) -> Comparison {
    let contents = &wanted.contents;
    let is_gone = |(_, sub): &&(GroupName, Sub)| !contents.users.contains_key(sub);
    let missing_memberships = contents.memberships.iter().filter(is_gone).cloned().collect();
    Comparison { missing_memberships, ..Comparison::default() }
}

/// A partial restore lacks users whose records were lost, and nothing else. If an invocation created such a user and
/// died, and its record was lost then, the user stays as the invocation left it. The report counts each of them.
fn assert_lacks_only_lost(wanted: &Wanted, report: &Value) {
    let lacks = compare(&wanted.contents, &wanted.target);
    let lost = &wanted.met_lost;
    assert!(!lost.is_empty(), "without a lost record, the restore is complete: {report}");
    for users in [&lacks.missing_users, &lacks.different_users] {
        assert!(users.is_subset(lost), "{users:?} are missing or differ, and {lost:?} were lost: {report}");
    }
    let lacking = lacks.missing_users.len() + lacks.different_users.len();
    let counted = report["users"]["reasons"]["recordMissing"].as_u64().unwrap_or(0);
    assert!(lacking as u64 <= counted, "{lacking} users are missing or differ: {report}");
    let is_of_others =
        |(_, sub): &&(GroupName, Sub)| wanted.contents.users.contains_key(sub) && !lost.contains(sub);
    assert_eq!(lacks.missing_memberships.iter().find(is_of_others), None, "{report}");
    assert!(lacks.missing_groups.is_empty(), "{lacks:?}: {report}");
}

/// A restore creates no user twice, none that the snapshot lacks, and sends no message.
fn assert_nothing_extra(wanted: &Wanted) {
    let comparison = compare(&wanted.contents, &wanted.target);
    assert_eq!((comparison.extra_users, comparison.extra_memberships), (0, 0));
    assert_eq!(wanted.target.messages(), 0, "Cognito sent a message");
}
