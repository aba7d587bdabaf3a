//! Removals that are interrupted, suspended or concurrent.

use super::*;

/// The calls of an undisturbed removal, from the first to the last, and the remaining items.
fn undisturbed() -> (std::ops::RangeInclusive<u64>, BTreeSet<Key>) {
    in_paused_time(async {
        let (backend, _, _) = history().await;
        let before = backend.script().calls();
        prune_by_hand(&backend, &by_policy("last=1,monthly=1")).await.unwrap();
        (before + 1..=backend.script().calls(), items(&backend).into_keys().collect())
    })
}

#[test]
fn a_prune_interrupted_at_any_call_does_no_harm_and_is_continued() {
    let (calls, remaining) = undisturbed();
    assert!(calls.clone().count() > 40, "{calls:?}");
    for call in calls {
        // A death before a call equals a death after the call before.
        let died = [Applied::Half, Applied::All].map(Fault::Die);
        for fault in died.into_iter().chain([Fault::LostReply]) {
            in_paused_time(async {
                let (backend, _, ids) = history().await;
                backend.script().fault(call, fault);
                if let Some(ended) = prune_or_die(&backend, &by_policy("last=1,monthly=1")).await {
                    assert!(ended.is_ok(), "{ended:?}");
                }
                backend.script().clear();
                assert_all_whole(&backend).await;
                assert!(sealed(&backend).await.contains(&ids[4]));

                // The next removal keeps more: decided snapshots go, the others stay, and no mark remains.
                tokio::time::sleep(Duration::from_secs(301)).await;
                prune_by_hand(&backend, &by_policy("last=9")).await.unwrap();
                assert_all_whole(&backend).await;
                assert_tidy(&backend).await;
                assert!(orphans(&backend).await.is_empty(), "{call} {fault:?}");
                prune_by_hand(&backend, &by_policy("last=1,monthly=1")).await.unwrap();
                assert_eq!(
                    items(&backend).into_keys().collect::<BTreeSet<_>>(),
                    remaining,
                    "{call} {fault:?}"
                );
                assert_all_whole(&backend).await;
            });
        }
    }
}

/// A removal stops at a call. Just afterwards an export lists the pool in the state of the removed
/// snapshots.
#[test]
fn an_export_after_an_interrupted_prune_misses_no_record() {
    let (calls, _) = undisturbed();
    for dies_at in 1..=calls.count() as u64 {
        in_paused_time(async {
            let (backend, source, ids) = history().await;
            let catalog = Catalog::new(backend.vault());
            let first = snapshot::read(&backend, &source_id(), &ids[0]).await;
            backend.script().fault(backend.script().calls() + dies_at, Fault::Die(Applied::Half));
            let _ = prune_or_die(&backend, &by_policy("last=1")).await;
            backend.script().clear();
            tokio::time::sleep(Duration::from_secs(301)).await;
            for (sub, records) in &first.users {
                source.show_stale(sub, records[0].clone());
            }
            export(&backend, "right after").await;
            assert_all_whole(&backend).await;
            prune_by_hand(&backend, &by_policy("last=1")).await.unwrap();
            assert_all_whole(&backend).await;
            assert_tidy(&backend).await;
            assert!(orphans(&backend).await.is_empty());
            assert_eq!(catalog.all_snapshots(&source_id()).await.unwrap().len(), 1);
        });
    }
}

/// A removal is suspended in the middle, and resumes an hour later. Meanwhile an export has named records
/// that it was about to delete.
#[test]
fn a_prune_that_wakes_up_after_an_export_deletes_no_record_of_it() {
    let (calls, _) = undisturbed();
    for sleeps_at in 1..=calls.count() as u64 {
        in_paused_time(async {
            let (backend, source, ids) = history().await;
            let first = snapshot::read(&backend, &source_id(), &ids[0]).await;
            backend.script().set_latency(Duration::ZERO, Duration::from_millis(10));
            let until = backend.script().calls() + sleeps_at;
            let wanted = by_policy("last=1");
            let asleep = backend.clone();
            let mut pruning = pin!(async move { prune_by_hand(&asleep, &wanted).await });
            let lid_is_shut = async {
                while backend.script().calls() < until {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            tokio::select! {
                biased;
                _ = pruning.as_mut() => return,
                () = lid_is_shut => {}
            }
            tokio::time::sleep(Duration::from_secs(3600)).await;
            for (sub, records) in &first.users {
                source.show_stale(sub, records[0].clone());
            }
            let after = export(&backend, "while asleep").await;
            assert_all_whole(&backend).await;
            let woken = pruning.await;
            let refused = |error: &shared::Error| {
                matches!(error.kind(), ErrorKind::LeaseLost | ErrorKind::ExportAlreadyRunning)
            };
            assert!(woken.as_ref().err().is_none_or(refused), "{woken:?}");
            assert_all_whole(&backend).await;
            assert!(sealed(&backend).await.contains(&after));
            prune_by_hand(&backend, &by_policy("last=1")).await.unwrap();
            assert_eq!(sealed(&backend).await, [after]);
            assert_all_whole(&backend).await;
            assert_tidy(&backend).await;
            assert!(orphans(&backend).await.is_empty());
        });
    }
}

#[test]
fn a_concurrent_prune_is_refused_and_so_is_a_prune_during_an_export() {
    in_paused_time(async {
        let (backend, _, _) = history().await;
        backend.script().set_latency(Duration::from_millis(10), Duration::from_millis(10));
        let wanted = by_policy("last=1");
        let (one, other) = tokio::join!(prune_by_hand(&backend, &wanted), prune_by_hand(&backend, &wanted));
        let refused =
            [one, other].into_iter().filter_map(Result::err).map(|error| error.kind()).collect::<Vec<_>>();
        assert_eq!(refused, [ErrorKind::ExportAlreadyRunning]);
        assert_tidy(&backend).await;
        assert_all_whole(&backend).await;

        let exporting = export(&backend, "meanwhile");
        let pruning = async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            prune_by_hand(&backend, &wanted).await
        };
        let (_, refused) = tokio::join!(exporting, pruning);
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ExportAlreadyRunning);
        assert!(refused.message().contains("execution:export:meanwhile"), "{refused}");
    });
}

/// The removal reads the leases before it decides. Meanwhile its computer sleeps, and an import begins: it
/// writes its hold, and takes no mark away.
#[test]
fn a_removal_that_slept_sees_the_hold_of_an_import() {
    let mut kept = 0;
    for call in 1..60 {
        in_paused_time(async {
            let (backend, _, ids) = history().await;
            let (vault, id) = (backend.vault(), ids[0].clone());
            let expires = backend.clock().now() + jiff::SignedDuration::from_hours(1);
            backend.script().change(backend.script().calls() + call, move || {
                let hold = json!({"target": target_id(), "execution": "import"});
                let lease = json!({"holder": "import", "expires": expires, "revision": 1});
                vault.put_by_hand(
                    &Key::new(format!("RESTORE#HOLDS#{id}"), "HOLD#other"),
                    serde_dynamo::to_item(hold).unwrap(),
                );
                vault.put_by_hand(
                    &Key::new(format!("TARGET#{}", target_id()), "LEASE#IMPORT"),
                    serde_dynamo::to_item(lease).unwrap(),
                );
            });
            prune_by_hand(&backend, &by_policy("last=1")).await.unwrap();
            let header = headers(&backend).await.into_iter().find(|header| header.id == ids[0]);
            // Without a header, the hold came after the decision.
            if let Some(header) = header {
                assert_eq!((header.state, header.removal), (SnapshotState::Sealed, None), "{call}");
                kept += 1;
            }
            assert_all_whole(&backend).await;
        });
    }
    assert!(kept > 20, "{kept}");
}

/// A removal is killed at each of its calls. No snapshot is unusable for longer than its lease lasts.
#[test]
fn a_removal_killed_at_any_call_leaves_no_unusable_snapshot() {
    let calls = in_paused_time(async {
        let (backend, _, _) = history().await;
        let before = backend.script().calls();
        prune_by_hand(&backend, &by_policy("last=2")).await.unwrap();
        backend.script().calls() - before
    });
    for call in 1..=calls {
        in_paused_time(async {
            let (backend, _, ids) = history().await;
            backend.script().fault(backend.script().calls() + call, Fault::Die(Applied::All));
            assert!(prune_or_die(&backend, &by_policy("last=2")).await.is_none(), "{call} of {calls}");
            tokio::time::sleep(Duration::from_secs(5 * 60)).await;
            for id in &ids {
                let header = headers(&backend).await.into_iter().find(|header| header.id == *id);
                let is_decided = header.is_none_or(|header| header.lasting_state().is_none());
                let selector = SnapshotSelector::Id(id.clone());
                let now = backend.clock().now();
                let usable =
                    Catalog::new(backend.vault()).sealed_snapshot(&source_id(), &selector, now).await;
                assert_eq!(usable.is_err(), is_decided, "{call} of {calls}: {usable:?}");
            }
            export(&backend, "next").await;
            let undecided = |header: &Snapshot| header.removal.as_ref().is_some_and(|mark| !mark.decided);
            assert!(!headers(&backend).await.iter().any(undecided), "{call} of {calls}");
        });
    }
}
