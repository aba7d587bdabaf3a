//! Goal: removals and copies keep the configuration of every snapshot that stays, and no other.

use std::time::Duration;

use serde_json::json;
use shared::catalog::Catalog;
use shared::model::SnapshotState;
use shared::ports::Backend;
use shared_memory::{Applied, Fault};

use super::fixture::{backend, captured, client, export, exported_rich, id, records};
use crate::support::machine::{End, Machine};
use crate::support::pruned::{named_snapshots, prune_by_hand};
use crate::support::restored::items;
use crate::support::{in_paused_time, source_id};

#[test]
fn a_removal_deletes_what_only_the_removed_snapshots_name() {
    in_paused_time(async {
        let (backend, source, first) = exported_rich().await;
        let machine = Machine::new(&backend);
        tokio::time::sleep(Duration::from_secs(3600)).await;
        let added = client(&source, json!({"ClientName": "added"}));
        let second = export(&machine, "second").await;
        tokio::time::sleep(Duration::from_secs(3600)).await;
        source.change_configuration("DeleteUserPoolClient", json!({"ClientId": added}));
        let third = export(&machine, "third").await;
        let before = items(&backend);
        let (expected, _) = captured(&backend, &first).await;
        // The second one alone has the added client.
        prune_by_hand(&backend, &named_snapshots([&id(&second)])).await.unwrap();
        for report in [&first, &third] {
            assert_eq!(captured(&backend, report).await.0, expected);
        }
        let gone =
            before.keys().filter(|key| key.pk.starts_with("CONF#") && !items(&backend).contains_key(key));
        // The client, its sessions, and the list.
        assert_eq!(gone.count(), 3);
        prune_by_hand(&backend, &named_snapshots([&id(&first)])).await.unwrap();
        assert_eq!(captured(&backend, &third).await.0, expected);
    });
}

#[test]
fn a_removal_keeps_what_a_running_export_has_captured() {
    in_paused_time(async {
        let (backend, source) = backend();
        for number in 0..60 {
            client(&source, json!({"ClientName": format!("client {number}")}));
        }
        let machine = Machine::new(&backend);
        let first = export(&machine, "first").await;
        let second = export(&machine, "second").await;
        tokio::time::sleep(Duration::from_secs(3600)).await;
        // An export stops after its first invocations, and its lease ends.
        let has_checkpoints = || items(&backend).into_keys().any(|key| key.sk.starts_with("CAPTURE#"));
        for more in (150..400).step_by(50) {
            let stopped =
                Machine { stop_at_death: true, ..Machine::new(&backend).with_budget(Duration::from_secs(8)) };
            let death = Fault::Die(Applied::Nothing);
            backend.script().fault(backend.script().calls() + more, death);
            let input = json!({"userPoolId": source_id(), "tps": 50});
            let ended = stopped.export(input, &format!("stopped {more}")).await;
            assert_eq!(ended, End::Stopped);
            tokio::time::sleep(Duration::from_secs(3600)).await;
            if has_checkpoints() {
                break;
            }
        }
        assert!(has_checkpoints());
        let before = records(&backend);
        prune_by_hand(&backend, &named_snapshots([&id(&first)])).await.unwrap();
        assert!(records(&backend).is_superset(&before));
        assert!(captured(&backend, &second).await.0.entries().len() > 100);
        let running = Catalog::new(backend.vault()).all_snapshots(&source_id()).await.unwrap();
        let running: Vec<_> =
            running.iter().filter(|snapshot| snapshot.state == SnapshotState::Running).collect();
        assert!(!running.is_empty());
        // The removal of the stopped exports removes their checkpoints.
        let ids: Vec<_> = running.iter().map(|snapshot| &snapshot.id).collect();
        prune_by_hand(&backend, &named_snapshots(ids)).await.unwrap();
        assert!(!has_checkpoints());
    });
}

#[test]
fn a_lost_list_of_a_kept_snapshot_stops_the_removal() {
    in_paused_time(async {
        let (backend, source, first) = exported_rich().await;
        let machine = Machine::new(&backend);
        client(&source, json!({"ClientName": "added"}));
        let second = export(&machine, "second").await;
        let list = captured(&backend, &second).await.0.digest();
        let key = shared::catalog::ConfigurationKind::List.key(&source_id(), list);
        backend.vault().remove(&key);
        let before = records(&backend);
        let refused = prune_by_hand(&backend, &named_snapshots([&id(&first)])).await.unwrap_err();
        assert_eq!(refused.kind(), shared::ErrorKind::SnapshotDamaged);
        assert!(refused.to_string().contains(&key.to_string()), "{refused}");
        assert_eq!(records(&backend), before);
    });
}
