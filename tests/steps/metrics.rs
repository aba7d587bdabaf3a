//! Goal: runs record the metrics that dashboards and alarms need.
//!
//! Method: run exports and imports, and read the metrics that the backend collected.

use std::time::Duration;

use serde_json::{Value, json};
use shared::model::{Metric, Metrics};
use shared::pacing::Budget;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared::steps::finalize;
use shared_memory::{Fault, MemoryBackend};

use crate::support::machine::Machine;
use crate::support::people;
use crate::support::{backend, in_paused_time, source_id, target_id};

async fn export(backend: &MemoryBackend, name: &str) -> Vec<Metrics> {
    let before = backend.metrics().len();
    Machine::new(backend).export(json!({"userPoolId": source_id()}), name).await;
    backend.metrics().split_off(before)
}

fn import(options: Value) -> Value {
    let mut input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id()});
    input.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    input
}

#[test]
fn export_metrics_come_at_the_end_and_the_snapshot_age_with_every_watch() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(10, 2).fill(&source);
        let first = export(&backend, "first").await;
        let [sealed] = first.as_slice() else { panic!("{first:?}") };
        let of = |metrics: &Metrics, metric| metrics.get(metric);
        assert_eq!((of(sealed, Metric::SnapshotsSealed), of(sealed, Metric::Users)), (Some(1.0), Some(10.0)));
        assert_eq!((of(sealed, Metric::Groups), of(sealed, Metric::UsersLost)), (Some(2.0), Some(0.0)));
        assert!(
            of(sealed, Metric::RecordsWritten) > Some(10.0) && of(sealed, Metric::Calls) > Some(3.0),
            "{sealed:?}"
        );

        tokio::time::sleep(Duration::from_secs(24 * 3_600)).await;
        let before = backend.metrics().len();
        let event = json!({"operation": "watch", "userPoolIds": [source_id(), target_id()]});
        let report =
            finalize(&backend, event, Budget::for_invocation(Duration::from_secs(60))).await.unwrap();
        let watched = backend.metrics().split_off(before);
        let [watched] = watched.as_slice() else {
            panic!("a pool without a snapshot was measured: {watched:?}")
        };
        let age = of(watched, Metric::NewestSnapshotAge).unwrap();
        assert!(watched.pool == source_id() && (86_400.0..86_500.0).contains(&age), "{watched:?}");
        let report = serde_json::to_value(report).unwrap();
        assert_eq!(
            (&report["pools"][0]["ageSeconds"], &report["pools"][1]["ageSeconds"]),
            (&json!(age), &Value::Null)
        );

        let subs: Vec<_> = source.users().into_iter().map(|user| user.sub).take(3).collect();
        subs.iter().for_each(|sub| source.delete_user(sub));
        let second = export(&backend, "second").await;
        let [sealed] = second.as_slice() else { panic!("{second:?}") };
        assert_eq!((of(sealed, Metric::Users), of(sealed, Metric::UsersLost)), (Some(7.0), Some(30.0)));
        let duration = of(sealed, Metric::Duration).unwrap();
        assert!((0.0..60.0).contains(&duration), "{duration}");

        backend.script().always(Operation::ListUsers, Some(Fault::Refuse(PoolErrorKind::AccessDenied)));
        let failed = export(&backend, "failed").await;
        assert_eq!(
            failed.last().map(|metrics| metrics.values.clone()),
            Some(vec![(Metric::RunsFailed, 1.0)])
        );
    });
}

#[test]
fn import_metrics_come_at_the_end_and_dry_runs_have_none() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(10, 2).fill(&source);
        export(&backend, "export").await;
        let before = backend.metrics().len();
        let machine = Machine::new(&backend);
        machine.import(import(json!({"dryRun": true})), "plan").await.report();
        machine
            .import(
                import(json!({"dryRun": true, "snapshot": "20200101T000000000Z-00000000"})),
                "refused plan",
            )
            .await;
        assert_eq!(backend.metrics().len(), before);
        machine.import(import(json!({})), "import").await.report();
        let measured = backend.metrics().split_off(before);
        let [restored] = measured.as_slice() else { panic!("{measured:?}") };
        assert_eq!(restored.pool, target_id());
        assert_eq!(
            (restored.get(Metric::Users), restored.get(Metric::UsersNotRestored)),
            (Some(10.0), Some(0.0))
        );
        machine.import(import(json!({"snapshot": "20200101T000000000Z-00000000"})), "refused").await;
        assert_eq!(backend.metrics().last().unwrap().get(Metric::RunsFailed), Some(1.0));
    });
}
