//! Goal: the end of an execution that was aborted or timed out is recorded, once, and frees its pool.
//!
//! Method: stop executions in memory, and send finalize the event of EventBridge: early, late, twice, without the
//! input, about other executions, and after a redrive.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::{Execution, Lease, Metric, PoolId, RestoreState, RunId, RunKind, SnapshotState};
use shared::pacing::Budget;
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared::{ErrorKind, steps};
use shared_memory::{Applied, Fault, MemoryBackend, MemoryVault};
use tokio::time::sleep;

use crate::support::machine::{End, Machine, execution_arn, stopped_event};
use crate::support::restored::items;
use crate::support::{backend, in_paused_time, people, source_id, target_id};

fn export_input() -> Value {
    json!({"userPoolId": source_id(), "tps": 10})
}

fn import_input() -> Value {
    json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 10})
}

/// An execution that was stopped.
#[derive(Debug, Clone)]
struct Stopped {
    operation: &'static str,
    name: &'static str,
    input: Value,
    status: &'static str,
    started: Timestamp,
    at: Timestamp,
}

impl Stopped {
    fn arn(&self) -> String {
        execution_arn(self.operation, self.name)
    }

    /// The event, as EventBridge delivers it.
    fn event(&self) -> Value {
        stopped_event((self.operation, self.name), self.status, (self.started, self.at), Some(&self.input))
    }

    /// The event of an execution that is encrypted with a customer's key.
    fn event_without_input(&self) -> Value {
        stopped_event((self.operation, self.name), self.status, (self.started, self.at), None)
    }
}

/// A machine whose executions finalize knows.
fn deployed(backend: &MemoryBackend) -> Machine {
    Machine { is_of_deployment: true, ..Machine::new(backend) }
}

/// An export with a snapshot that runs, whose execution stopped.
async fn stopped_export() -> (MemoryBackend, Stopped) {
    let (backend, source, _) = backend();
    people::plain(600, 2).fill(&source);
    let stopped = stop(&backend, "export", "stopped", export_input(), 30).await;
    (backend, stopped)
}

/// An import with a restore that runs, whose execution stopped.
async fn stopped_import() -> (MemoryBackend, Stopped) {
    let (backend, source, _) = backend();
    people::plain(600, 2).fill(&source);
    deployed(&backend).export(json!({"userPoolId": source_id(), "tps": 200}), "export").await.report();
    let stopped = stop(&backend, "import", "stopped", import_input(), 300).await;
    (backend, stopped)
}

/// Starts an execution and aborts it at call `call`.
async fn stop(
    backend: &MemoryBackend,
    operation: &'static str,
    name: &'static str,
    input: Value,
    call: u64,
) -> Stopped {
    let machine = Machine { stop_at_death: true, ..deployed(backend) };
    let started = backend.clock().now();
    backend.script().fault(backend.script().calls() + call, Fault::Die(Applied::All));
    let end = match operation {
        "export" => machine.export(input.clone(), name).await,
        _ => machine.import(input.clone(), name).await,
    };
    assert_eq!(end, End::Stopped);
    Stopped { operation, name, input, status: "ABORTED", started, at: backend.clock().now() }
}

fn catalog(backend: &MemoryBackend) -> Catalog<MemoryVault> {
    Catalog::new(backend.vault())
}

async fn lease(backend: &MemoryBackend, pool: &PoolId, operation: RunKind) -> Lease {
    catalog(backend).lease(pool, operation).await.unwrap().unwrap()
}

fn errors(backend: &MemoryBackend) -> Vec<String> {
    let announcements = backend.announcements().into_iter().filter(|announcement| announcement.is_error);
    announcements.map(|announcement| format!("{}\n{}", announcement.subject, announcement.body)).collect()
}

fn failures(backend: &MemoryBackend) -> usize {
    backend.metrics().iter().filter(|metrics| metrics.get(Metric::RunsFailed).is_some()).count()
}

#[test]
fn a_stopped_export_is_recorded_and_announced_and_the_next_one_starts_at_once() {
    for (status, error) in [("ABORTED", "Aborted"), ("TIMED_OUT", "TimedOut")] {
        in_paused_time(async {
            let (backend, stopped) = stopped_export().await;
            let machine = Machine { retries: 1, ..deployed(&backend) };
            let refused = machine.export(export_input(), "too early").await;
            assert_eq!(refused.error().0, "ExportAlreadyRunning", "the pool is held");
            let before = (errors(&backend).len(), failures(&backend));

            let stopped = Stopped { status, ..stopped };
            let report = machine.finalize_stopped(stopped.event()).await;
            assert_eq!((&report["status"], &report["outcome"]), (&json!(status), &json!("RECORDED")));
            let id = RunId::parse(report["runId"].as_str().unwrap()).unwrap();
            let snapshot = catalog(&backend).snapshot(&source_id(), &id).await.unwrap().unwrap();
            assert_eq!(snapshot.state, SnapshotState::Failed);
            let failure = snapshot.failure.unwrap();
            assert_eq!(failure.error, error);
            assert!(
                failure.cause.ends_with("stopped the execution.") || failure.cause.ends_with("stopped it.")
            );
            assert_eq!((errors(&backend).len(), failures(&backend)), (before.0 + 1, before.1 + 1));
            let message = errors(&backend).pop().unwrap();
            assert!(
                message.contains(&format!("FAILED ({error})")) && message.contains(&stopped.arn()),
                "{message}"
            );

            let report = machine.export(export_input(), "next").await.report();
            assert_eq!(report["status"], "SEALED", "the pool is free");
        });
    }
}

#[test]
fn a_stopped_import_is_recorded_and_the_next_one_continues_at_once() {
    in_paused_time(async {
        let (backend, stopped) = stopped_import().await;
        let machine = Machine { retries: 1, ..deployed(&backend) };
        let report = machine.finalize_stopped(stopped.event()).await;
        let id = RunId::parse(report["runId"].as_str().unwrap()).unwrap();
        let restore = catalog(&backend).restore(&target_id(), &id).await.unwrap().unwrap();
        assert_eq!(restore.state, RestoreState::Failed);
        assert_eq!(restore.failure.unwrap().error, "Aborted");
        assert!(
            errors(&backend)
                .pop()
                .unwrap()
                .contains("import of user pool eu-west-1_Target001 FAILED (Aborted)")
        );
        let report = machine.import(import_input(), "next").await.report();
        assert_eq!((&report["status"], &report["restoreId"]), (&json!("SUCCEEDED"), &json!(id)));
    });
}

/// An execution that is encrypted with a customer's key has an event without its input.
#[test]
fn a_run_is_found_without_the_input_of_its_execution() {
    in_paused_time(async {
        for (backend, stopped, pool, operation) in [
            {
                let (backend, stopped) = stopped_export().await;
                (backend, stopped, source_id(), RunKind::Export)
            },
            {
                let (backend, stopped) = stopped_import().await;
                (backend, stopped, target_id(), RunKind::Import)
            },
        ] {
            let report = deployed(&backend).finalize_stopped(stopped.event_without_input()).await;
            assert!(report["runId"].is_string() && report["notified"] == true, "{report}");
            assert!(lease(&backend, &pool, operation).await.is_released_by(&stopped.arn()));
            assert!(errors(&backend).pop().unwrap().contains(pool.as_str()));
        }
    });
}

#[test]
fn an_event_that_is_delivered_again_changes_and_announces_nothing() {
    in_paused_time(async {
        for (backend, stopped) in [stopped_export().await, stopped_import().await] {
            let machine = deployed(&backend);
            machine.finalize_stopped(stopped.event()).await;
            let before = (items(&backend), errors(&backend).len(), failures(&backend));
            for event in [stopped.event(), stopped.event_without_input()] {
                let report = machine.finalize_stopped(event).await;
                assert_eq!(
                    (&report["outcome"], &report["notified"]),
                    (&json!("RECORDED_BEFORE"), &json!(false))
                );
            }
            sleep(Duration::from_secs(24 * 3_600)).await;
            machine.finalize_stopped(stopped.event()).await;
            assert_eq!((items(&backend), errors(&backend).len(), failures(&backend)), before);
        }
    });
}

/// Lambda invokes a function again whose invocation ended without an answer.
#[test]
fn an_invocation_that_dies_anywhere_leaves_the_rest_to_the_next_one() {
    let mut deaths = 0;
    for (call, applied) in (0..14).flat_map(|call| [(call, Applied::Nothing), (call, Applied::All)]) {
        in_paused_time(async {
            for (backend, stopped, pool, operation) in [
                {
                    let (backend, stopped) = stopped_export().await;
                    (backend, stopped, source_id(), RunKind::Export)
                },
                {
                    let (backend, stopped) = stopped_import().await;
                    (backend, stopped, target_id(), RunKind::Import)
                },
            ] {
                let machine = deployed(&backend);
                backend.script().fault(backend.script().calls() + call, Fault::Die(applied));
                deaths += usize::from(machine.try_to_finalize_stopped(stopped.event()).await.is_none());
                backend.script().clear();
                machine.finalize_stopped(stopped.event()).await;
                assert!(lease(&backend, &pool, operation).await.is_released_by(&stopped.arn()), "{call}");
                assert!(!errors(&backend).is_empty(), "{call}");
                match operation {
                    RunKind::Export => {
                        let newest = catalog(&backend).snapshots(&pool, None, 1).await.unwrap().remove(0);
                        assert_eq!(newest.state, SnapshotState::Failed, "{call}");
                    }
                    RunKind::Import => {
                        let newest = catalog(&backend).restores(&pool, 1).await.unwrap().remove(0);
                        assert_eq!(newest.state, RestoreState::Failed, "{call}");
                    }
                }
            }
        });
    }
    assert!(deaths >= 10, "{deaths}");
}

#[test]
fn a_restore_that_another_execution_continues_is_left_alone() {
    in_paused_time(async {
        let (backend, stopped) = stopped_import().await;
        sleep(Duration::from_secs(21 * 60)).await;
        let second = stop(&backend, "import", "second", import_input(), 60).await;
        let before = catalog(&backend).restores(&target_id(), 10).await.unwrap();
        assert_eq!((before.len(), before[0].state), (1, RestoreState::Running));
        assert_eq!(before[0].execution.id, second.arn(), "the second execution continues the restore");
        let held = lease(&backend, &target_id(), RunKind::Import).await;
        for event in [stopped.event(), stopped.event_without_input()] {
            let report = deployed(&backend).finalize_stopped(event).await;
            assert_eq!(report.get("runId"), None, "{report}");
        }
        assert_eq!(catalog(&backend).restores(&target_id(), 10).await.unwrap(), before);
        assert_eq!(lease(&backend, &target_id(), RunKind::Import).await, held);
    });
}

#[test]
fn the_lease_of_another_export_is_left_alone_and_the_stopped_one_is_recorded() {
    in_paused_time(async {
        let (backend, stopped) = stopped_export().await;
        sleep(Duration::from_secs(21 * 60)).await;
        let second = stop(&backend, "export", "second", export_input(), 30).await;
        let held = lease(&backend, &source_id(), RunKind::Export).await;
        assert_eq!(held.holder, second.arn());
        deployed(&backend).finalize_stopped(stopped.event()).await;
        assert_eq!(lease(&backend, &source_id(), RunKind::Export).await, held);
        let snapshots = catalog(&backend).snapshots(&source_id(), None, 10).await.unwrap();
        let states: Vec<_> =
            snapshots.iter().map(|snapshot| (snapshot.execution.id.clone(), snapshot.state)).collect();
        assert_eq!(states, [(second.arn(), SnapshotState::Running), (stopped.arn(), SnapshotState::Failed)]);
    });
}

/// A redrive repeats the last step of the same execution, with the same ARN and start.
#[test]
fn an_execution_that_was_redriven_before_the_event_came_is_left_alone() {
    in_paused_time(async {
        let (backend, stopped) = stopped_export().await;
        sleep(Duration::from_secs(1)).await;
        let id = catalog(&backend).snapshots(&source_id(), None, 1).await.unwrap().remove(0).id;
        let execution = Execution { id: stopped.arn(), started_at: stopped.started };
        let event = json!({"operation": "export", "execution": execution, "input": export_input()});
        let budget = || Budget::for_invocation(Duration::from_secs(900));
        let redriven = steps::enumerate(&backend, event, budget()).await.unwrap().run().unwrap();
        assert_eq!(redriven.run_id, id);
        let before = items(&backend);
        let report = deployed(&backend).finalize_stopped(stopped.event()).await;
        assert_eq!((&report["outcome"], &report["notified"]), (&json!("AT_WORK_AGAIN"), &json!(false)));
        assert_eq!(items(&backend), before);
        let listed = steps::export_pages(&backend, json!(redriven), budget()).await.unwrap();
        let report = json!(steps::finalize(&backend, json!(listed), budget()).await.unwrap());
        assert_eq!(report["status"], "SEALED", "{report}");
    });
}

#[test]
fn an_execution_that_is_redriven_after_the_event_finds_its_run_ended() {
    in_paused_time(async {
        let (backend, stopped) = stopped_export().await;
        let budget = || Budget::for_invocation(Duration::from_secs(900));
        let execution = Execution { id: stopped.arn(), started_at: stopped.started };
        let event = json!({"operation": "export", "execution": execution, "input": export_input()});
        let before = steps::enumerate(&backend, event, budget()).await.unwrap().run().unwrap();
        let stopped = Stopped { at: backend.clock().now(), ..stopped };
        deployed(&backend).finalize_stopped(stopped.event()).await;
        let error = steps::export_pages(&backend, json!(before), budget()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RunEnded, "{error}");
    });
}

#[test]
fn an_execution_that_was_stopped_after_its_run_had_ended_changes_no_snapshot() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(20, 2).fill(&source);
        let started = backend.clock().now();
        let report = deployed(&backend).export(export_input(), "stopped").await.report();
        let before = catalog(&backend).snapshots(&source_id(), None, 10).await.unwrap();
        let at = backend.clock().now();
        let stopped = Stopped {
            operation: "export",
            name: "stopped",
            input: export_input(),
            status: "ABORTED",
            started,
            at,
        };
        let stop = deployed(&backend).finalize_stopped(stopped.event()).await;
        assert_eq!(stop["runId"], report["snapshotId"]);
        assert_eq!(catalog(&backend).snapshots(&source_id(), None, 10).await.unwrap(), before);
        let message = errors(&backend).pop().unwrap();
        let id = report["snapshotId"].as_str().unwrap();
        assert!(message.contains(&format!("Its run {id} had ended before.")), "{message}");
    });
}

/// The pool is throttled, so enumerate is tried again for long, and holds the lease.
#[test]
fn an_export_that_was_stopped_before_it_began_a_snapshot_frees_its_pool() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(20, 2).fill(&source);
        backend.script().always(Operation::DescribeUserPool, Some(Fault::Refuse(PoolErrorKind::Throttled)));
        let started = backend.clock().now();
        let limit = Some(Duration::from_secs(600));
        let machine = Machine { retries_as_deployed: true, time_limit: limit, ..deployed(&backend) };
        assert_eq!(machine.export(export_input(), "stopped").await, End::TimedOut);
        backend.script().clear();
        let at = backend.clock().now();
        assert_eq!(at.duration_since(started).as_secs(), 600, "the time limit of the definition counts");
        let stopped = Stopped {
            operation: "export",
            name: "stopped",
            input: export_input(),
            status: "TIMED_OUT",
            started,
            at,
        };
        let report = machine.finalize_stopped(stopped.event_without_input()).await;
        assert_eq!((report.get("runId"), &report["notified"]), (None, &json!(true)));
        assert!(
            errors(&backend)
                .pop()
                .unwrap()
                .contains("export of user pool eu-west-1_Source001 FAILED (TimedOut)")
        );
        assert_eq!(deployed(&backend).export(export_input(), "next").await.report()["status"], "SEALED");
    });
}

#[test]
fn a_stopped_dry_run_sends_no_message() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(600, 2).fill(&source);
        deployed(&backend).export(json!({"userPoolId": source_id(), "tps": 200}), "export").await.report();
        let mut input = import_input();
        input["dryRun"] = true.into();
        let stopped = stop(&backend, "import", "plan", input, 20).await;
        let before = backend.announcements().len();
        for event in [stopped.event_without_input(), stopped.event()] {
            assert_eq!(deployed(&backend).finalize_stopped(event).await["notified"], false);
        }
        assert_eq!((backend.announcements().len(), failures(&backend)), (before, 0));
    });
}

#[test]
fn events_that_are_not_about_a_stopped_execution_of_this_deployment_are_refused() {
    in_paused_time(async {
        let (backend, stopped) = stopped_export().await;
        let before = (items(&backend), backend.announcements().len());
        let machine = |name: &str| format!("arn:aws:states:eu-west-1:123456789012:stateMachine:{name}");
        let arn = |name: &str| format!("arn:aws:states:eu-west-1:123456789012:execution:{name}:stopped");
        let of = |name: &str| json!({"stateMachineArn": machine(name), "executionArn": arn(name)});
        let elsewhere = "cognito-backup-export";
        let elsewhere = json!({
            "stateMachineArn": machine(elsewhere).replace("eu-west-1", "us-east-1"),
            "executionArn": arn(elsewhere).replace("eu-west-1", "us-east-1"),
        });
        for change in [
            json!({"status": "FAILED"}),
            json!({"status": "SUCCEEDED"}),
            json!({"status": "RUNNING", "stopDate": null}),
            of("other-export"),
            of("cognito-backup"),
            of("cognito-backup-copy"),
            elsewhere,
            json!({"executionArn": arn("cognito-backup-import")}),
            json!({"name": "anna"}),
            json!({"stateMachineArn": "anna@example.com"}),
            json!({"startDate": i64::MAX}),
            json!({"stopDate": i64::MAX}),
        ] {
            let mut event = stopped.event();
            for (name, value) in change.as_object().unwrap() {
                event["detail"][name] = value.clone();
            }
            refuse(&backend, event, &change).await;
        }
        for (name, value) in [("source", "anna"), ("detail-type", "Step Functions Map Run Status Change")] {
            let mut event = stopped.event();
            event[name] = value.into();
            refuse(&backend, event, &json!(name)).await;
        }
        assert_eq!((items(&backend), backend.announcements().len()), before);
    });
}

async fn refuse(backend: &MemoryBackend, event: Value, change: &Value) {
    let budget = Budget::for_invocation(Duration::from_secs(900));
    let error = steps::finalize(backend, event, budget).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{change}");
    assert!(!shared::report::cause(&error).contains("anna"), "{change}: {error}");
}
