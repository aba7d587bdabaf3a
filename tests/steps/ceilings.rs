//! Goal: a run whose limit is above Cognito's quotas stays within the quotas.
//!
//! Method: run an export and a restore in paused time, and count the calls of each category in every
//! second.

use std::time::Duration;

use serde_json::{Value, json};
use shared::model::{Category, Headroom};
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{Fault, MemoryBackend};
use tokio::time::Instant;

use crate::support::machine::Machine;
use crate::support::{backend, in_paused_time, people, source_id, target_id};

const TPS: usize = 200;

/// Exports a pool of `users` users and one group with all of them, and restores it. Returns the
/// calls with their times.
async fn export_and_restore(backend: &MemoryBackend, users: usize, more: Value) -> Vec<(Instant, Operation)> {
    backend.script().set_latency(Duration::from_millis(40), Duration::from_millis(5));
    let with = |mut input: Value| {
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let machine = Machine::new(backend);
    let export = with(json!({"userPoolId": source_id(), "tps": TPS}));
    assert_eq!(machine.export(export, "export").await.report()["users"], users);
    let import = with(json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": TPS}));
    assert_eq!(machine.import(import, "import").await.report()["status"], "SUCCEEDED");
    backend.script().log()
}

/// The most calls of a category in any window of one second.
fn peak(log: &[(Instant, Operation)], category: Category) -> usize {
    let at: Vec<_> =
        log.iter().filter(|(_, operation)| operation.category() == category).map(|(at, _)| *at).collect();
    let in_second =
        |from: &Instant| at.iter().filter(|&at| at >= from && *at < *from + Duration::from_secs(1)).count();
    at.iter().map(in_second).max().unwrap_or(0)
}

fn asked(log: &[(Instant, Operation)]) -> usize {
    log.iter().filter(|(_, operation)| *operation == Operation::GetProvisionedLimit).count()
}

fn pool(headroom: Option<&str>) -> MemoryBackend {
    let (backend, source, _) = backend();
    people::plain(300, 1).fill(&source);
    backend.with_headroom(headroom.map(|percent| Headroom::parse(percent).unwrap()))
}

#[test]
fn ceilings_equal_cognitos_quotas_less_the_headroom() {
    in_paused_time(async {
        let (backend, source, target) = backend();
        people::plain(300, 1).fill(&source);
        let backend = backend.with_headroom(Some(Headroom::parse("10").unwrap()));
        target.set_quota(Category::UserAccountRecovery, 60);
        let log = export_and_restore(&backend, 300, json!({})).await;
        assert!(asked(&log) > 0);
        for category in Category::ALL {
            let quota = if category == Category::UserAccountRecovery { 60 } else { category.default_quota() };
            assert!(
                peak(&log, category) <= quota as usize * 9 / 10,
                "{category:?}: {}",
                peak(&log, category)
            );
        }
        // The run also uses the calls that the ceilings allow.
        assert!(peak(&log, Category::UserCreation) >= 44 && peak(&log, Category::UserAccountRecovery) >= 44);
    });
}

#[test]
fn a_quota_without_an_answer_is_the_default() {
    in_paused_time(async {
        let backend = pool(Some("0"));
        backend
            .script()
            .always(Operation::GetProvisionedLimit, Some(Fault::Refuse(PoolErrorKind::AccessDenied)));
        let log = export_and_restore(&backend, 300, json!({})).await;
        for category in Category::ALL {
            assert!(peak(&log, category) <= category.default_quota() as usize, "{category:?}");
        }
    });
}

#[test]
fn a_quota_in_the_input_is_not_asked_for() {
    in_paused_time(async {
        let backend = pool(Some("50"));
        let log = export_and_restore(
            &backend,
            300,
            json!({"tpsByCategory": {"UserCreation": 12, "UserAccountRecovery": 100}}),
        )
        .await;
        assert_eq!(peak(&log, Category::UserCreation), 12);
        assert!(peak(&log, Category::UserUpdate) <= 12);
    });
}

#[test]
fn quotas_are_not_asked_for_below_all_quotas_without_headroom() {
    in_paused_time(async {
        let log = export_and_restore(&pool(None), 300, json!({})).await;
        assert_eq!(asked(&log), 0);
        assert!(peak(&log, Category::UserCreation) > 50);
        let log = export_and_restore(&pool(Some("10")), 300, json!({"tps": 10})).await;
        assert_eq!(asked(&log), 0);
        assert!(peak(&log, Category::UserPoolResourceUpdate) <= 5);
    });
}

#[test]
fn a_dry_run_reports_the_time_of_the_slowest_category() {
    in_paused_time(async {
        let backend = pool(Some("0"));
        let machine = Machine::new(&backend);
        machine.export(json!({"userPoolId": source_id(), "tps": TPS}), "export").await.report();
        let plan = |tps: usize| json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": tps, "dryRun": true});
        let fast = machine.import(plan(TPS), "fast").await.report();
        // 300 passwords at 30 a second, and some listings and a group.
        assert_eq!(fast["leastSeconds"], 11, "{fast}");
        assert!(
            fast["summary"].as_str().unwrap().contains("within the quotas of their categories"),
            "{fast}"
        );
        let slow = machine.import(plan(10), "slow").await.report();
        assert_eq!(slow["leastSeconds"], slow["totalCalls"].as_u64().unwrap().div_ceil(10), "{slow}");
    });
}

/// Cognito refuses a call that is too fast. Any other failed call says nothing of the rate.
#[test]
fn only_refused_calls_count_as_throttled() {
    for (kind, expected) in [(PoolErrorKind::Throttled, 1), (PoolErrorKind::Transient, 0)] {
        in_paused_time(async {
            let (backend, source, _) = backend();
            people::plain(9, 1).fill(&source);
            let script = backend.script().clone();
            script.always(Operation::ListUsers, Some(Fault::Refuse(kind)));
            backend.script().change_before(Operation::ListUsers, 1, move || {
                script.always(Operation::ListUsers, None);
            });
            let report =
                Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
            assert_eq!(report["calls"]["throttled"], json!(expected), "{kind:?}: {report}");
        });
    }
}
