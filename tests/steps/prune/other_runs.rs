//! Imports, exports and copies that need a snapshot during its removal.

use super::*;

#[test]
fn no_verb_can_use_a_snapshot_whose_removal_is_decided() {
    in_paused_time(async {
        let (backend, _, ids) = history().await;
        let catalog = Catalog::new(backend.vault());
        let marked = catalog.mark_for_removal(&source_id(), &ids[3]).await.unwrap().unwrap();
        assert!(catalog.decide_removal(marked).await.unwrap());
        assert_eq!(what_readers_say(&backend, &ids[3]).await, all_say("SnapshotBeingRemoved"));
        let now = backend.clock().now();
        assert_eq!(
            catalog.newest_sealed(&source_id(), Some(&ids[4]), now).await.unwrap().map(|sealed| sealed.id),
            Some(ids[2].clone())
        );
        let untouched = catalog
            .change_snapshot(&source_id(), &ids[3], |snapshot| snapshot.state = SnapshotState::Failed)
            .await;
        assert_eq!(untouched.unwrap().unwrap().state, SnapshotState::Pruning);
        assert_eq!(catalog.take_undecided_marks_away(&source_id()).await.unwrap(), 1);
        catalog.take_mark_away(&source_id(), &ids[3]).await.unwrap();
        assert!(catalog.mark_for_removal(&source_id(), &ids[3]).await.unwrap().is_none());
        let planned =
            plan(&catalog, &source_id(), &by_policy("last=9"), backend.clock().now()).await.unwrap();
        assert_eq!(planned.ids(|fate| *fate == Decision::Removed(RemovalReason::Begun)), [ids[3].clone()]);
    });
}

#[test]
fn an_undecided_mark_counts_only_while_a_removal_holds_the_lease() {
    in_paused_time(async {
        let (backend, _, ids) = history().await;
        let catalog = Catalog::new(backend.vault());
        let lease = HeldLease::take(&catalog, &source_id(), "a removal", backend.clock()).await.unwrap();
        let marked = catalog.mark_for_removal(&source_id(), &ids[3]).await.unwrap().unwrap();
        assert_eq!(what_readers_say(&backend, &ids[3]).await, all_say("RemovalUndecided"));
        let newest = async || {
            let now = backend.clock().now();
            let newest = catalog.newest_sealed(&source_id(), Some(&ids[4]), now).await;
            newest.unwrap().map(|sealed| sealed.id)
        };
        assert_eq!(newest().await, Some(ids[2].clone()));

        // The removal crashes: it neither takes the mark away nor releases the lease.
        drop(lease);
        tokio::time::sleep(Duration::from_secs(5 * 60)).await;
        assert_eq!(newest().await, Some(ids[3].clone()));
        let before = catalog.snapshot(&source_id(), &ids[3]).await.unwrap();
        assert_eq!(what_readers_say(&backend, &ids[3]).await, [const { Ok(()) }; 3]);
        let after = catalog.snapshot(&source_id(), &ids[3]).await.unwrap();
        assert_eq!(after, before, "no reader changes the header");
        export(&backend, "next").await;
        assert!(!catalog.decide_removal(marked).await.unwrap(), "the export took the mark away");
        assert_tidy(&backend).await;
    });
}

#[test]
fn an_export_and_a_copy_into_the_table_take_undecided_marks_away() {
    in_paused_time(async {
        let (backend, _, ids) = history().await;
        let catalog = Catalog::new(backend.vault());
        catalog.mark_for_removal(&source_id(), &ids[3]).await.unwrap().unwrap();
        export(&backend, "next").await;
        assert_tidy(&backend).await;

        let (destination, _) = other_account();
        copy_to(&backend, &destination, &ids[2]).await.unwrap();
        Catalog::new(destination.vault()).mark_for_removal(&source_id(), &ids[2]).await.unwrap().unwrap();
        // Another snapshot, and the marked one itself.
        copy_to(&backend, &destination, &ids[3]).await.unwrap();
        assert_tidy(&destination).await;
        assert_eq!(sealed(&destination).await, [ids[3].clone(), ids[2].clone()]);
        Catalog::new(destination.vault()).mark_for_removal(&source_id(), &ids[2]).await.unwrap().unwrap();
        assert_eq!(copy_to(&backend, &destination, &ids[2]).await.unwrap().items.all().copied, 0);
        assert_tidy(&destination).await;
    });
}

#[test]
fn a_copy_says_that_its_snapshot_is_being_removed_at_the_destination() {
    in_paused_time(async {
        let (backend, _, ids) = history().await;
        let (destination, _) = other_account();
        copy_to(&backend, &destination, &ids[2]).await.unwrap();
        let there = Catalog::new(destination.vault());
        let marked = there.mark_for_removal(&source_id(), &ids[2]).await.unwrap().unwrap();
        assert!(there.decide_removal(marked).await.unwrap());
        let error = copy_to(&backend, &destination, &ids[2]).await.unwrap_err();
        assert_eq!(error.kind().name(), "SnapshotBeingRemoved", "{error}");
        assert!(error.message().starts_with("At the destination, snapshot "), "{error}");
    });
}

#[test]
fn a_copy_made_during_a_mark_equals_the_snapshot_after_the_mark() {
    in_paused_time(async {
        let (backend, _, ids) = history().await;
        let (destination, _) = other_account();
        copy_to(&backend, &destination, &ids[3]).await.unwrap();
        let catalog = Catalog::new(backend.vault());
        catalog.mark_for_removal(&source_id(), &ids[3]).await.unwrap().unwrap();
        catalog.take_mark_away(&source_id(), &ids[3]).await.unwrap();
        assert_eq!(copy_to(&backend, &destination, &ids[3]).await.unwrap().items.all().copied, 0);
    });
}

#[test]
fn a_running_import_holds_its_snapshot() {
    in_paused_time(async {
        let (backend, _, ids) = history().await;
        let input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "snapshot": ids[0], "tps": 200});
        let machine = Machine { stop_at_death: true, ..Machine::new(&backend) };
        backend.script().fault(backend.script().calls() + 60, Fault::Die(Applied::All));
        assert_eq!(machine.import(input.clone(), "stopped").await, End::Stopped);
        backend.script().clear();

        let ended = prune_by_hand(&backend, &by_policy("last=1")).await.unwrap();
        assert_eq!(ended.plan.ids(|fate| matches!(fate, Decision::InUse { .. })), [ids[0].clone()]);
        assert_eq!(sealed(&backend).await, [ids[4].clone(), ids[0].clone()]);
        assert_all_whole(&backend).await;
        let refused = prune_by_hand(&backend, &named_snapshots([&ids[0]])).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::SnapshotInUse);
        assert!(refused.message().contains("If it was aborted, its lease ends at 20"), "{refused:?}");
        let report = Machine::new(&backend).import(input, "again").await;
        // The execution stopped while its lease was in force. Another execution may only continue
        // after the lease ends.
        assert_eq!(report.error().0, "ImportAlreadyRunning");

        tokio::time::sleep(Duration::from_secs(20 * 60)).await;
        prune_by_hand(&backend, &by_policy("last=1")).await.unwrap();
        assert_eq!(sealed(&backend).await, [ids[4].clone()]);
        assert_tidy(&backend).await;
    });
}

/// In any order of their calls, the import restores all users or is refused. It never finds part of its
/// snapshot.
#[test]
fn a_concurrent_import_and_removal_do_no_harm() {
    let (mut done, mut refused) = (0, 0);
    for delay in 0..90u64 {
        in_paused_time(async {
            let (backend, _, ids) = history().await;
            let contents = snapshot::read(&backend, &source_id(), &ids[0]).await;
            backend.script().set_latency(Duration::from_millis(3), Duration::from_millis(10));
            let input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "snapshot": ids[0], "tps": 200});
            let importing = async {
                tokio::time::sleep(Duration::from_millis(delay * 7)).await;
                Machine::new(&backend).import(input, "import").await
            };
            let pruning = async {
                tokio::time::sleep(Duration::from_millis(150)).await;
                prune_by_hand(&backend, &by_policy("last=1")).await
            };
            let (imported, pruned) = tokio::join!(importing, pruning);
            pruned.unwrap();
            match imported {
                End::Finished(report) => {
                    assert_eq!(report["status"], "SUCCEEDED", "{delay}");
                    assert_eq!(compare(&contents, &backend.pool(&target_id())), Default::default());
                    done += 1;
                }
                other => {
                    assert!(
                        ["SnapshotBeingRemoved", "SnapshotNotFound"].contains(&other.error().0),
                        "{delay}: {other:?}"
                    );
                    assert_eq!(backend.pool(&target_id()).user_count(), 0);
                    refused += 1;
                }
            }
            assert_all_whole(&backend).await;
        });
    }
    assert!(done > 5 && refused > 5, "{done} {refused}");
}

#[test]
fn an_import_whose_snapshot_was_removed_while_it_was_idle_says_so() {
    in_paused_time(async {
        let (backend, _, ids) = history().await;
        let input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "snapshot": ids[0], "tps": 200});
        let mut machine = Machine::new(&backend);
        machine.rests = vec![Duration::ZERO, Duration::from_secs(3600)];
        let importing = machine.import(input, "idle");
        let pruning = async {
            tokio::time::sleep(Duration::from_secs(1800)).await;
            prune_by_hand(&backend, &by_policy("last=1")).await.unwrap();
        };
        let (imported, ()) = tokio::join!(importing, pruning);
        assert_eq!(imported.error().0, "SnapshotBeingRemoved");
        assert_eq!(backend.pool(&target_id()).user_count(), 0);
    });
}
