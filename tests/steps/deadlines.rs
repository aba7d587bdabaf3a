//! Goal: no invocation outlives its deadline, at the lowest limit and with any concurrency.
//!
//! Method: a slow export and a slow restore run in paused time, and the machine kills invocations that take
//! too long.

use std::time::Duration;

use serde_json::json;
use shared_memory::Fault;

use crate::support::machine::{Invocation, Machine};
use crate::support::{assert_rate, backend, in_paused_time, people, source_id, target_id};

#[test]
fn a_slow_export_and_a_slow_restore_never_reach_their_deadline() {
    for tps in [1, 2, 5] {
        in_paused_time(async {
            let (backend, source, _) = backend();
            people::plain(400, 12).fill(&source);
            for user in source.users() {
                (8..12).for_each(|group| assert!(source.join(&user.sub, &people::group_name(group))));
            }
            backend.script().set_latency(Duration::from_millis(300), Duration::from_millis(10));
            let machine = Machine::new(&backend);
            machine.export(json!({"userPoolId": source_id(), "tps": tps}), "export").await.report();
            assert_rate(&backend, 0, tps);
            let exported = backend.script().log().len();
            let import =
                json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": tps});
            assert_eq!(machine.import(import, "import").await.report()["status"], "SUCCEEDED");
            let ended = machine.invocations();
            assert!(ended.len() > 5 && ended.iter().all(|ended| *ended == Invocation::Returned), "{ended:?}");
            assert_rate(&backend, exported, tps);
        });
    }
}

/// Cognito answers each call only after most of the reserve. Earlier calls under way would then end after the
/// deadline.
#[test]
fn a_call_that_cannot_end_in_time_is_left_to_the_next_invocation() {
    in_paused_time(async {
        let (backend, source, target) = backend();
        people::plain(130, 2).fill(&source);
        backend.script().set_latency(Duration::from_secs(50), Duration::from_millis(10));
        let machine = Machine::new(&backend);
        machine.export(json!({"userPoolId": source_id(), "tps": 10}), "export").await.report();
        let import = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 50});
        let report = machine.import(import, "import").await.report();
        assert_eq!((report["status"].as_str(), target.user_count()), (Some("SUCCEEDED"), 130));
        let ended = machine.invocations();
        assert!(ended.iter().all(|ended| *ended == Invocation::Returned), "{ended:?}");
    });
}

/// Each call takes longer than an invocation.
#[test]
fn a_pool_that_never_answers_in_time_fails_the_run_after_the_retries() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(10, 0).fill(&source);
        let machine = Machine { retries: 3, ..Machine::new(&backend) };
        let script = backend.script().clone();
        script.change_before(shared::ports::pool::Operation::ListGroups, 1, {
            let script = script.clone();
            move || script.set_latency(Duration::from_secs(4 * 3600), Duration::ZERO)
        });
        let end = machine.export(json!({"userPoolId": source_id(), "tps": 10}), "export").await;
        assert_eq!(end.error().0, "ServiceUnavailable");
        assert!(machine.invocations().iter().all(|ended| *ended != Invocation::TimedOut));
    });
}

/// Cognito answers each call late, and refuses it.
#[test]
fn a_throttled_call_is_not_tried_again_beyond_the_deadline() {
    for latency in (6_500..8_500).step_by(50) {
        in_paused_time(async {
            let (backend, source, _) = backend();
            people::plain(10, 0).fill(&source);
            backend.script().set_latency(Duration::from_millis(latency), Duration::from_millis(10));
            backend.script().always(
                shared::ports::pool::Operation::ListGroups,
                Some(Fault::Refuse(shared::ports::pool::PoolErrorKind::Throttled)),
            );
            let time = Duration::from_secs(60);
            let machine = Machine { retries: 2, budget: time, timeout: time, ..Machine::new(&backend) };
            let end = machine.export(json!({"userPoolId": source_id(), "tps": 10}), "export").await;
            let ended = machine.invocations();
            assert!(ended.iter().all(|ended| *ended != Invocation::TimedOut), "{latency}: {ended:?}");
            assert!(["ServiceUnavailable", "Throttled"].contains(&end.error().0), "{latency}: {end:?}");
        });
    }
}
