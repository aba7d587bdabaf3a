//! Goal: no invocation outlives its deadline, at the lowest limit and with any concurrency.
//!
//! Method: a slow export and a slow restore run in paused time, and the machine kills invocations that take
//! too long.

use std::time::Duration;

use serde_json::json;

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
