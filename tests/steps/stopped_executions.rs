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

/// Whether no run holds the lease on the pool.
async fn is_free(backend: &MemoryBackend, pool: &PoolId, operation: RunKind) -> bool {
    let lease = catalog(backend).lease(pool, operation).await.unwrap();
    lease.is_none_or(|lease| lease.expires <= backend.clock().now())
}

fn budget() -> Budget {
    Budget::for_invocation(Duration::from_secs(900))
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
    let (mut deaths, mut twice) = (0, 0);
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
                // The death may be in the last write, which says that the message was sent.
                let messages = errors(&backend).len();
                assert!((1..=2).contains(&messages), "{call}: {messages}");
                twice += messages - 1;
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
    // A read and a write, of an export and of an import. A read may die in two ways, and a write before it is done.
    assert!(twice <= 2 * 3, "{twice}");
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
        sleep(Duration::from_secs(17 * 60)).await;
        let id = catalog(&backend).snapshots(&source_id(), None, 1).await.unwrap().remove(0).id;
        let execution = Execution { id: stopped.arn(), started_at: stopped.started };
        let event = json!({"operation": "export", "execution": execution, "input": export_input()});
        let redriven = steps::enumerate(&backend, event.clone(), budget()).await.unwrap().run().unwrap();
        assert_eq!(redriven.run_id, id);
        let of_run = || {
            let mut items = items(&backend);
            items.retain(|key, _| key.sk != "EXECUTION");
            items
        };
        let before = of_run();
        let report = deployed(&backend).finalize_stopped(stopped.event()).await;
        assert_eq!((&report["outcome"], &report["notified"]), (&json!("AT_WORK_AGAIN"), &json!(false)));
        assert_eq!(of_run(), before);
        // A retry of the redriven step works on.
        let again = steps::enumerate(&backend, event, budget()).await.unwrap().run().unwrap();
        assert_eq!(again.run_id, id);
        assert_eq!(redriven.run_id, again.run_id);
        let listed = steps::export_pages(&backend, json!(again), budget()).await.unwrap();
        let report = json!(steps::finalize(&backend, json!(listed), budget()).await.unwrap());
        assert_eq!(report["status"], "SEALED", "{report}");
    });
}

#[test]
fn an_execution_that_is_redriven_after_the_event_finds_its_run_ended() {
    in_paused_time(async {
        let (backend, stopped) = stopped_export().await;
        let execution = Execution { id: stopped.arn(), started_at: stopped.started };
        let event = json!({"operation": "export", "execution": execution, "input": export_input()});
        let before = steps::enumerate(&backend, event.clone(), budget()).await.unwrap().run().unwrap();
        let stopped = Stopped { at: backend.clock().now(), ..stopped };
        deployed(&backend).finalize_stopped(stopped.event()).await;
        // Both as soon as possible, and when the lease has forgotten who released it.
        for minutes in [0, 40] {
            sleep(Duration::from_secs(minutes * 60)).await;
            let end = deployed(&backend).export(export_input(), &format!("after {minutes} minutes")).await;
            assert_eq!(end.report()["status"], "SEALED");
            let again = steps::enumerate(&backend, event.clone(), budget()).await.unwrap().run().unwrap();
            for progress in [&before, &again] {
                let error = steps::export_pages(&backend, json!(progress), budget()).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::RunEnded, "{error}");
            }
            assert!(is_free(&backend, &source_id(), RunKind::Export).await);
        }
        let states = catalog(&backend).snapshots(&source_id(), None, 10).await.unwrap();
        let failed: Vec<_> =
            states.iter().filter(|snapshot| snapshot.state != SnapshotState::Sealed).collect();
        assert_eq!(failed.len(), 1);
        assert_eq!((&failed[0].execution.id, failed[0].state), (&stopped.arn(), SnapshotState::Failed));
    });
}

/// Step Functions does not end the invocation that runs at the stop, or that starts just then.
#[test]
fn an_invocation_that_takes_the_lease_after_the_stop_is_no_redrive() {
    in_paused_time(async {
        for seconds in [1, 14 * 60] {
            let (backend, stopped) = stopped_export().await;
            sleep(Duration::from_secs(seconds)).await;
            let execution = Execution { id: stopped.arn(), started_at: stopped.started };
            let event = json!({"operation": "export", "execution": execution, "input": export_input()});
            let late = steps::enumerate(&backend, event, budget()).await.unwrap().run().unwrap();
            let report = deployed(&backend).finalize_stopped(stopped.event()).await;
            assert_eq!((&report["outcome"], &report["notified"]), (&json!("RECORDED"), &json!(true)));
            let error = steps::export_pages(&backend, json!(late), budget()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::RunEnded, "{error}");
            assert_eq!(deployed(&backend).export(export_input(), "next").await.report()["status"], "SEALED");
        }
    });
}

/// The invocation of enumerate runs on after the stop. Finalize begins before it, beside it or after it.
#[test]
fn a_run_that_begins_while_its_stop_is_recorded_is_closed_and_frees_its_pool() {
    let (mut refused, mut closed_by_enumerate, mut begun_before) = (0, 0, 0);
    for (operation, step) in (0..60).flat_map(|step| [("export", step), ("import", step)]) {
        in_paused_time(async {
            let (backend, source, _) = backend();
            people::plain(20, 2).fill(&source);
            let (kind, pool, input) = match operation {
                "export" => (RunKind::Export, source_id(), export_input()),
                _ => (RunKind::Import, target_id(), import_input()),
            };
            if kind == RunKind::Import {
                deployed(&backend).export(export_input(), "export").await.report();
            }
            backend.script().set_latency(Duration::from_millis(20), Duration::from_millis(20));
            let started = backend.clock().now();
            let execution = Execution { id: execution_arn(operation, "stopped"), started_at: started };
            let event = json!({"operation": operation, "execution": execution, "input": input});
            let stopped = Stopped {
                operation,
                name: "stopped",
                input: input.clone(),
                status: "ABORTED",
                started,
                at: started,
            };
            let (begun, report) = tokio::join!(steps::enumerate(&backend, event, budget()), async {
                sleep(Duration::from_millis(step * 10)).await;
                deployed(&backend).finalize_stopped(stopped.event_without_input()).await
            });
            backend.script().set_latency(Duration::ZERO, Duration::ZERO);
            assert_eq!((&report["outcome"], &report["notified"]), (&json!("RECORDED"), &json!(true)));
            assert!(is_free(&backend, &pool, kind).await, "{operation} {step}");
            assert_eq!(errors(&backend).len(), 1);
            let is_closed = match kind {
                RunKind::Export => {
                    let of_run = |id: &String| *id == stopped.arn();
                    let snapshots = catalog(&backend).snapshots(&pool, None, 10).await.unwrap();
                    let snapshot = snapshots.into_iter().find(|snapshot| of_run(&snapshot.execution.id));
                    snapshot.map(|snapshot| snapshot.state == SnapshotState::Failed)
                }
                RunKind::Import => {
                    let restore = catalog(&backend).restores(&pool, 10).await.unwrap().pop();
                    restore.map(|restore| restore.state == RestoreState::Failed)
                }
            };
            assert_ne!(is_closed, Some(false), "{operation} {step}: the run stays open");
            match (begun, is_closed) {
                (Err(error), None) => {
                    refused += 1;
                    let is_ended = matches!(error.kind(), ErrorKind::RunEnded | ErrorKind::Overtaken);
                    assert!(is_ended, "{operation} {step}: {error}");
                }
                (Err(error), Some(_)) => {
                    closed_by_enumerate += 1;
                    assert_eq!(error.kind(), ErrorKind::RunEnded, "{operation} {step}");
                }
                (Ok(begun), _) => {
                    begun_before += 1;
                    let progress = json!(begun.run().unwrap());
                    let ended = match kind {
                        RunKind::Export => steps::export_pages(&backend, progress, budget()).await,
                        RunKind::Import => steps::import_pages(&backend, progress, budget()).await,
                    };
                    assert_eq!(ended.unwrap_err().kind(), ErrorKind::RunEnded, "{operation} {step}");
                }
            }
            let machine = deployed(&backend);
            let next = match kind {
                RunKind::Export => machine.export(input, "next").await,
                RunKind::Import => machine.import(input, "next").await,
            };
            assert!(["SEALED", "SUCCEEDED"].contains(&next.report()["status"].as_str().unwrap()));
        });
    }
    assert!(
        refused > 0 && closed_by_enumerate > 0 && begun_before > 0,
        "{refused} {closed_by_enumerate} {begun_before}"
    );
}

/// The event has no input, and the execution was stopped before enumerate wrote anything.
#[test]
fn the_stop_of_an_execution_of_an_unknown_pool_is_announced_once_and_its_late_invocation_ends() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(20, 2).fill(&source);
        let now = backend.clock().now();
        let stopped = Stopped {
            operation: "export",
            name: "stopped",
            input: export_input(),
            status: "ABORTED",
            started: now,
            at: now,
        };
        let outcomes = [("RECORDED", true), ("RECORDED_BEFORE", false)];
        for (outcome, notified) in outcomes {
            let report = deployed(&backend).finalize_stopped(stopped.event_without_input()).await;
            assert_eq!((&report["outcome"], &report["notified"]), (&json!(outcome), &json!(notified)));
        }
        assert_eq!(errors(&backend).len(), 1);
        let execution = Execution { id: stopped.arn(), started_at: now };
        let event = json!({"operation": "export", "execution": execution, "input": export_input()});
        // The item outlasts the time in which Step Functions redrives an execution.
        for days in [0, 14] {
            sleep(Duration::from_secs(days * 24 * 3_600)).await;
            let error = steps::enumerate(&backend, event.clone(), budget()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::RunEnded, "{error}");
            assert!(is_free(&backend, &source_id(), RunKind::Export).await);
        }
        assert!(catalog(&backend).snapshots(&source_id(), None, 10).await.unwrap().is_empty());
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
