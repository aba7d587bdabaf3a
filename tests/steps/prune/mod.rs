//! Goal: prune removes exactly the chosen snapshots and the records that only they name, under any
//! interruption.
//!
//! Method: export a pool several times, remove snapshots by hand, and restore the remaining ones.

mod interrupted;
mod other_runs;

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use serde_dynamo::AttributeValue;
use serde_json::json;
use shared::ErrorKind;
use shared::catalog::Catalog;
use shared::model::{
    DigestBuilder, KeptFor, MfaSetting, PruneCheckpoint, RunId, SCHEMA_VERSION, Snapshot, SnapshotSelector,
    SnapshotState, Sub,
};
use shared::operations::HeldLease;
use shared::operations::prune::{Advance, Decision, RemovalReason, Watch, plan, prune};
use shared::pacing::Budget;
use shared::ports::Backend;
use shared::ports::pool::Operation;
use shared::ports::vault::Key;
use shared::report::in_members;
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool, PageShape};

use crate::support::copied::{copy_to, export, other_account};
use crate::support::machine::{End, Machine};
use crate::support::people;
use crate::support::pruned::{
    assert_all_whole, assert_tidy, by_policy, headers, named_snapshots, orphans, prune_by_hand, prune_or_die,
    records, sealed,
};
use crate::support::restored::{compare, items};
use crate::support::{backend, in_paused_time, snapshot, source_id, target_id};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn subs(pool: &MemoryPool) -> Vec<Sub> {
    let mut subs: Vec<_> = pool.users().into_iter().map(|user| user.sub).collect();
    subs.sort();
    subs
}

fn rename(pool: &MemoryPool, sub: &Sub, name: &str) {
    pool.change_user(sub, |record| drop(record.attributes.insert("name".to_owned(), name.to_owned())));
}

/// Five snapshots, a day apart, and a failed one. In between, one user changes and is later listed as
/// before, one changes for good, one is deleted, and one is added. A group and the pool's settings change,
/// too.
async fn history() -> (MemoryBackend, MemoryPool, Vec<RunId>) {
    let (backend, source, _) = backend();
    people::plain(9, 2).fill(&source);
    source.set_shape(PageShape {
        sizes: vec![3, 0, 2],
        repeat: true,
        dangling: true,
        echo: false,
        ..PageShape::default()
    });
    let subs = subs(&source);
    let once = source.user(&subs[0]).unwrap().record;
    let mut ids = vec![export(&backend, "first").await];
    tokio::time::sleep(DAY).await;
    rename(&source, &subs[0], "other");
    rename(&source, &subs[1], "for a day");
    source.configure(|pool| pool.mfa = MfaSetting::Optional);
    ids.push(export(&backend, "second").await);
    tokio::time::sleep(DAY).await;
    source.put_group(shared::model::GroupRecord {
        description: Some("for a day".to_owned()),
        ..people::group(0)
    });
    rename(&source, &subs[1], "for good");
    source.show_stale(&subs[0], once);
    source.configure(|pool| pool.mfa = MfaSetting::Off);
    ids.push(export(&backend, "third").await);
    tokio::time::sleep(DAY).await;
    rename(&source, &subs[3], "never sealed");
    backend.script().always(Operation::ListUsers, Some(Fault::RejectToken));
    let failed = Machine { retries: 1, ..Machine::new(&backend) }
        .export(json!({"userPoolId": source_id()}), "failed")
        .await;
    assert_eq!(failed.error().0, "ListingFailed");
    backend.script().clear();
    source.delete_user(&subs[2]);
    source.put_group(people::group(0));
    rename(&source, &subs[3], "after all");
    tokio::time::sleep(DAY).await;
    ids.push(export(&backend, "fourth").await);
    tokio::time::sleep(DAY).await;
    source.put_user(people::plain(11, 0).people[10].record(10));
    ids.push(export(&backend, "fifth").await);
    tokio::time::sleep(DAY).await;
    (backend, source, ids)
}

#[test]
fn prune_deletes_exactly_the_records_that_only_removed_snapshots_name() {
    in_paused_time(async {
        let (backend, _, ids) = history().await;
        let before = items(&backend);
        assert_eq!((headers(&backend).await.len(), orphans(&backend).await.len()), (6, 0));
        let ended = prune_by_hand(&backend, &by_policy("last=2")).await.unwrap();
        assert_eq!(sealed(&backend).await, [ids[4].clone(), ids[3].clone()]);
        assert_all_whole(&backend).await;
        assert_tidy(&backend).await;
        // Every export has written its header. So no item of a snapshot is excused.
        let kept: Vec<_> =
            headers(&backend).await.into_iter().map(|header| format!("SNAP#{}", header.id)).collect();
        let strays = items(&backend).into_keys().filter(|key| key.pk.starts_with("SNAP#"));
        let strays: Vec<_> = strays.filter(|key| !kept.contains(&key.pk)).collect();
        assert!(strays.is_empty(), "{strays:?}");
        assert!(orphans(&backend).await.is_empty());
        let fates: Vec<_> = ended.plan.snapshots.iter().map(|planned| planned.fate.clone()).collect();
        let (by_rule, gone) =
            (KeptFor::Rule(shared::model::Rule::Last), Decision::Removed(RemovalReason::NoRule));
        let failed = Decision::Removed(RemovalReason::NeverCompleted);
        assert_eq!(
            fates,
            [
                Decision::Kept(vec![KeptFor::Newest, by_rule]),
                Decision::Kept(vec![by_rule]),
                failed,
                gone.clone(),
                gone.clone(),
                gone
            ]
        );

        // The remaining items are unchanged, and the counts match what is missing.
        let after = items(&backend);
        let settled = |key: &Key| !key.sk.starts_with("LEASE#");
        assert!(
            after.iter().filter(|(key, _)| settled(key)).all(|(key, item)| before.get(key) == Some(item))
        );
        let missing: Vec<_> = before.keys().filter(|key| !after.contains_key(*key)).collect();
        let count = |kind: &str| missing.iter().filter(|key| key.sk.starts_with(kind)).count() as u64;
        let removed = ended.removed;
        assert_eq!((removed.snapshots, removed.records, removed.pages), (4, count("REC#"), count("PAGES#")));
        assert_eq!(removed.items, missing.len() as u64);
        assert!(
            removed.records >= 6,
            "two of the renamed, the deleted, the group twice, the settings: {}",
            removed.records
        );

        let again = prune_by_hand(&backend, &by_policy("last=2")).await.unwrap();
        assert_eq!(again.removed, Default::default());
        assert_eq!(
            items(&backend).into_keys().filter(settled).count(),
            after.keys().filter(|key| settled(key)).count()
        );
    });
}

#[test]
fn prune_removes_any_subset_of_snapshots_and_the_others_restore_completely() {
    for subset in 1..16u32 {
        in_paused_time(async {
            let (backend, _, ids) = history().await;
            let named: Vec<_> =
                (0..4).filter(|at| subset & (1 << at) != 0).map(|at| ids[at].clone()).collect();
            prune_by_hand(&backend, &named_snapshots(&named)).await.unwrap();
            assert_all_whole(&backend).await;
            assert_tidy(&backend).await;
            assert!(orphans(&backend).await.is_empty());
            let remaining: Vec<_> = ids.iter().filter(|id| !named.contains(id)).cloned().collect();
            assert_eq!(sealed(&backend).await.into_iter().rev().collect::<Vec<_>>(), remaining);
            let contents = snapshot::read(&backend, &source_id(), &remaining[0]).await;
            let input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "snapshot": remaining[0], "tps": 200});
            let report = Machine::new(&backend).import(input, "restore").await.report();
            assert_eq!(report["status"], "SUCCEEDED");
            assert_eq!(compare(&contents, &backend.pool(&target_id())), Default::default());
        });
    }
}

#[test]
fn prune_refuses_unremovable_snapshots_before_it_touches_anything() {
    in_paused_time(async {
        let (backend, _, ids) = history().await;
        let before = items(&backend);
        let unknown = RunId::parse("20200101T000000000Z-00000000").unwrap();
        for (named, kind) in [
            (vec![&ids[0], &ids[4]], ErrorKind::SnapshotNotRemovable),
            (vec![&ids[0], &unknown], ErrorKind::SnapshotNotFound),
        ] {
            let refused = prune_by_hand(&backend, &named_snapshots(named)).await.unwrap_err();
            assert_eq!(refused.kind(), kind);
            assert!(in_members(refused.guidance()).starts_with("The removal deleted nothing."), "{refused}");
        }
        let after = items(&backend);
        assert!(
            before
                .iter()
                .filter(|(key, _)| !key.sk.starts_with("LEASE#"))
                .all(|(key, item)| after.get(key) == Some(item))
        );

        // If a pool has no sealed snapshot, no policy removes anything.
        let (backend, source, _) = backend_with_failures().await;
        prune_by_hand(&backend, &by_policy("last=1")).await.unwrap();
        assert_eq!(headers(&backend).await.len(), 2);
        drop(source);
    });
}

async fn backend_with_failures() -> (MemoryBackend, MemoryPool, ()) {
    let (backend, source, _) = backend();
    people::plain(5, 1).fill(&source);
    for name in ["one", "other"] {
        backend.script().fault(backend.script().calls() + 15, Fault::Die(Applied::All));
        let machine = Machine { stop_at_death: true, ..Machine::new(&backend) };
        assert_eq!(machine.export(json!({"userPoolId": source_id()}), name).await, End::Stopped);
        tokio::time::sleep(DAY).await;
    }
    (backend, source, ())
}

#[test]
fn prune_keeps_the_records_that_a_split_listing_names() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(1_100, 2).fill(&source);
        let machine = Machine::new(&backend);
        let input = json!({"userPoolId": source_id(), "splitListing": true});
        machine.export(input.clone(), "before").await.report();
        let mut ids = Vec::new();
        for (day, slow) in [true, true, false, true].into_iter().enumerate() {
            let latency = if slow { 60_000 } else { 1 };
            backend.script().set_latency(Duration::from_millis(latency), Duration::from_millis(1));
            let report = machine.export(input.clone(), &format!("day {day}")).await.report();
            ids.push(RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap());
            let units = Catalog::new(backend.vault()).units(&ids[day]).await.unwrap();
            assert_eq!(units.iter().any(|unit| unit.id().to_string() == "users-a"), slow, "day {day}");
            let users = source.users();
            users.iter().skip(day).step_by(9).for_each(|user| {
                source.change_user(&user.sub, |record| {
                    drop(record.attributes.insert("name".into(), format!("day {day}")))
                });
            });
            users.iter().skip(day).step_by(50).for_each(|user| source.delete_user(&user.sub));
            tokio::time::sleep(DAY).await;
        }
        for (goes, remaining) in [(1, 4), (0, 3), (2, 2)] {
            prune_by_hand(&backend, &named_snapshots([&ids[goes]])).await.unwrap();
            assert_eq!(sealed(&backend).await.len(), remaining);
            assert_all_whole(&backend).await;
            assert_tidy(&backend).await;
            assert!(orphans(&backend).await.is_empty());
        }
        // A page of a sealed listing is gone, so the removal cannot know which records the page
        // named.
        let report = machine.export(input.clone(), "last").await.report();
        backend
            .vault()
            .remove(&Key::new(format!("SNAP#{}", report["snapshotId"].as_str().unwrap()), "UNIT#users-7"))
            .unwrap();
        let refused = prune_by_hand(&backend, &named_snapshots([&ids[3]])).await.unwrap_err();
        assert!(
            refused.kind() == ErrorKind::SnapshotDamaged && refused.message().contains("UNIT#users-7"),
            "{refused}"
        );
        snapshot::read(&backend, &source_id(), &ids[3]).await;
    });
}

#[test]
fn a_damaged_page_of_a_kept_snapshot_keeps_every_record() {
    in_paused_time(async {
        let (backend, _, ids) = history().await;
        let vault = backend.vault();
        let pages: Vec<_> = items(&backend)
            .into_iter()
            .filter(|(key, _)| {
                key.pk.ends_with(ids[4].as_str())
                    && (key.sk.starts_with("PAGES#users") || key.sk.starts_with("PAGES#groups"))
            })
            .collect();
        assert!(pages.len() >= 2);
        for (key, item) in pages {
            let mut altered = item.clone();
            match altered.inner_mut().get_mut("e") {
                Some(AttributeValue::B(packed)) => packed.push(1),
                other => panic!("{other:?}"),
            }
            for damaged in [None, Some(altered)] {
                vault.remove(&key);
                if let Some(damaged) = damaged {
                    vault.put_by_hand(&key, damaged);
                }
                let before = records(&backend);
                let refused = prune_by_hand(&backend, &by_policy("last=1")).await.unwrap_err();
                assert_eq!(refused.kind(), ErrorKind::SnapshotDamaged);
                assert!(refused.message().contains(&format!("its item {key} ")), "{key}: {refused}");
                assert_eq!(records(&backend), before);
                assert!(
                    headers(&backend).await.iter().all(|header| header.removal.is_none()),
                    "nothing was decided"
                );
            }
            vault.put_by_hand(&key, item);
        }
        for unit in ["UNIT#users", "UNIT#groups"] {
            let key = Key::new(format!("SNAP#{}", ids[4]), unit);
            let item = vault.remove(&key).unwrap();
            let refused = prune_by_hand(&backend, &by_policy("last=1")).await.unwrap_err();
            assert!(refused.message().contains(unit), "{refused}");
            vault.put_by_hand(&key, item);
        }
        // After the repair, the removal continues. A damaged snapshot that is itself removed stops nothing.
        let lost = items(&backend)
            .into_keys()
            .find(|key| key.pk.ends_with(ids[0].as_str()) && key.sk.starts_with("PAGES#users"))
            .unwrap();
        vault.remove(&lost);
        prune_by_hand(&backend, &by_policy("last=1")).await.unwrap();
        assert_tidy(&backend).await;
        assert_all_whole(&backend).await;
    });
}

/// What each reader says about a snapshot: a look-up by id, an import, and a copy.
async fn what_readers_say(backend: &MemoryBackend, id: &RunId) -> [Result<(), String>; 3] {
    let selector = SnapshotSelector::Id(id.clone());
    let now = backend.clock().now();
    let found = Catalog::new(backend.vault()).sealed_snapshot(&source_id(), &selector, now).await;
    let (destination, _) = other_account();
    let copied = copy_to(backend, &destination, id).await;
    let input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "snapshot": id, "existing": "skip", "tps": 200});
    let machine = Machine { retries: 1, ..Machine::new(backend) };
    let imported = match machine.import(input, &format!("import of {id} at {now}")).await {
        End::Finished(report) if report["status"] == "SUCCEEDED" => Ok(()),
        other => Err(other.error().0.to_owned()),
    };
    let name = |error: shared::Error| error.kind().name().to_owned();
    [found.map(drop).map_err(name), copied.map(drop).map_err(name), imported]
}

fn all_say(error: &str) -> [Result<(), String>; 3] {
    [(); 3].map(|()| Err(error.to_owned()))
}

#[test]
fn an_idle_export_fails_after_its_snapshot_is_removed() {
    in_paused_time(async {
        let (backend, _, ids) = history().await;
        let mut machine = Machine::new(&backend);
        machine.rests = vec![Duration::ZERO, Duration::from_secs(3 * 3600)];
        let exporting = machine.export(json!({"userPoolId": source_id()}), "idle");
        let pruning = async {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            let idle = headers(&backend).await.remove(0);
            assert_eq!(idle.state, SnapshotState::Running);
            prune_by_hand(&backend, &by_policy("last=9")).await.unwrap();
            assert_eq!(headers(&backend).await[0].id, idle.id, "newer than the newest sealed one");
            export(&backend, "newer").await;
            prune_by_hand(&backend, &by_policy("last=9")).await.unwrap();
            assert!(headers(&backend).await.iter().all(|header| header.id != idle.id));
        };
        let (exported, ()) = tokio::join!(exporting, pruning);
        assert_eq!(exported.error().0, "RunEnded");
        assert_tidy(&backend).await;
        assert_all_whole(&backend).await;
        assert_eq!(sealed(&backend).await.len(), ids.len() + 1);
    });
}

#[test]
fn a_snapshot_of_a_newer_version_keeps_every_record() {
    in_paused_time(async {
        let (backend, _, ids) = history().await;
        let vault = backend.vault();
        let key = Key::new(format!("POOL#{}", source_id()), format!("SNAP#{}", ids[2]));
        let mut item = vault.remove(&key).unwrap();
        let newer = serde_dynamo::AttributeValue::N((SCHEMA_VERSION + 1).to_string());
        item.inner_mut().insert("schemaVersion".to_owned(), newer);
        vault.put_by_hand(&key, item);
        let refused = prune_by_hand(&backend, &by_policy("last=1")).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::UnsupportedSchema);
        assert_eq!(headers(&backend).await.len(), 6);
    });
}

/// The kept snapshot names all records of the removed one on its sound pages, so none could be deleted. The damaged page
/// is of the other kind.
#[test]
fn every_page_of_a_kept_snapshot_is_read_before_a_removal_is_decided() {
    for (kind, is_missing) in [("users", false), ("users", true), ("groups", false), ("groups", true)] {
        in_paused_time(async {
            let (backend, source, _) = backend();
            let fill = |is_users: bool| match is_users {
                true => people::plain(9, 0).fill(&source),
                false => (0..3).for_each(|number| source.put_group(people::group(number))),
            };
            fill(kind != "users");
            let removed = export(&backend, "one").await;
            tokio::time::sleep(DAY).await;
            fill(kind == "users");
            let kept = export(&backend, "two").await;
            let partition = format!("SNAP#{kept}");
            let key = items(&backend)
                .into_keys()
                .find(|key| key.pk == partition && key.sk.starts_with(&format!("PAGES#{kind}")))
                .unwrap();
            let mut item = backend.vault().remove(&key).unwrap();
            if !is_missing {
                item.inner_mut().remove("c").unwrap();
                backend.vault().put_by_hand(&key, item);
            }
            let refused = prune_by_hand(&backend, &named_snapshots([&removed])).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::SnapshotDamaged, "{key} {is_missing}");
            assert_eq!(sealed(&backend).await.len(), 2);
        });
    }
}

/// What only a damaged page of the removed snapshot names stays in the table.
#[test]
fn a_damaged_snapshot_is_removed_with_the_records_that_its_other_pages_name() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(9, 2).fill(&source);
        let removed = export(&backend, "one").await;
        tokio::time::sleep(DAY).await;
        subs(&source).iter().for_each(|sub| rename(&source, sub, "again"));
        export(&backend, "two").await;
        let partition = format!("SNAP#{removed}");
        let key = items(&backend)
            .into_keys()
            .find(|key| key.pk == partition && key.sk.starts_with("PAGES#users"))
            .unwrap();
        let mut item = backend.vault().remove(&key).unwrap();
        item.inner_mut().remove("c").unwrap();
        backend.vault().put_by_hand(&key, item);
        let ended = prune_by_hand(&backend, &named_snapshots([&removed])).await.unwrap();
        assert_eq!(ended.removed.snapshots, 1);
        assert_eq!(sealed(&backend).await.len(), 1);
        assert_all_whole(&backend).await;
        assert_tidy(&backend).await;
        assert_eq!(orphans(&backend).await.len(), 9, "the users of the damaged page");
    });
}

/// A checkpoint says how far the removal of other snapshots was.
#[test]
fn a_checkpoint_of_other_snapshots_does_not_count() {
    in_paused_time(async {
        let (backend, source, ids) = history().await;
        let catalog = Catalog::new(backend.vault());
        let marked = catalog.mark_for_removal(&source_id(), &ids[0]).await.unwrap().unwrap();
        assert!(catalog.decide_removal(marked).await.unwrap());
        let other = PruneCheckpoint::at(DigestBuilder::new("others").finish(), None);
        catalog.put_prune_checkpoint(&source_id(), &other).await.unwrap();
        prune_by_hand(&backend, &by_policy("last=9,days=900")).await.unwrap();
        assert!(source.user_count() > 0 && !sealed(&backend).await.contains(&ids[0]));
        assert!(orphans(&backend).await.is_empty(), "the records of the removed snapshot are gone");
    });
}

#[test]
fn a_removal_says_how_far_it_is_and_why_the_newest_snapshot_stays() {
    #[derive(Default)]
    struct Last(Advance);
    impl Watch for Last {
        fn advanced(&mut self, so_far: &Advance) {
            self.0 = *so_far;
        }
    }
    in_paused_time(async {
        let (backend, _, ids) = history().await;
        let (catalog, pool) = (Catalog::new(backend.vault()), source_id());
        let counted: u64 = headers(&backend).await.iter().map(|snapshot| snapshot.counts.pages).sum();
        let mut lease = HeldLease::take(&catalog, &pool, "prune", backend.clock()).await.unwrap();
        let (budget, mut watch) = (Budget::for_invocation(DAY), Last::default());
        let wanted = named_snapshots([&ids[0], &ids[1]]);
        let ended = prune(&catalog, &pool, &wanted, &mut lease, budget, &mut watch).await.unwrap();
        assert_eq!((watch.0.pages, watch.0.removed), (counted, ended.removed));
        assert!(watch.0.pages_read > 10, "{watch:?}", watch = watch.0);
        let fate = |id: &RunId| {
            let planned = ended.plan.snapshots.iter().find(|planned| planned.snapshot.id == *id).unwrap();
            planned.fate.clone()
        };
        assert_eq!(fate(&ids[4]), Decision::Kept(vec![KeptFor::Newest]));
        assert_eq!(fate(&ids[3]), Decision::Kept(Vec::new()));
        assert_eq!(fate(&ids[0]), Decision::Removed(RemovalReason::Named));
    });
}

/// A late invocation of an earlier removal can leave one.
#[test]
fn a_removal_with_nothing_to_remove_forgets_any_checkpoint() {
    in_paused_time(async {
        let (backend, _, _) = history().await;
        let catalog = Catalog::new(backend.vault());
        let left = PruneCheckpoint::at(DigestBuilder::new("others").finish(), Some(7));
        catalog.put_prune_checkpoint(&source_id(), &left).await.unwrap();
        let ended = prune_by_hand(&backend, &by_policy("last=9,days=900")).await.unwrap();
        assert_eq!(ended.removed.snapshots, 0);
        assert_eq!(catalog.prune_checkpoint(&source_id()).await.unwrap(), None);
    });
}
