//! Goal: for any pool and any faults, a copy that ends is the snapshot, and a copy that does not end shows
//! none. A copy in slices gives what a copy in one go gives.
//!
//! Method: generated populations, faults at both tables, and a new start until the copy ends. Each table has one
//! Region, or two. A copy reads in either Region of its source, and writes in the first Region of its destination.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;
use shared::ports::Backend;

use crate::support::copied::{copy_to, export, exported, is_visible, other_account, snapshot_items};
use crate::support::disturbance;
use crate::support::machine::Machine;
use crate::support::pruned::{by_policy, prune_or_die};
use crate::support::regions::place;
use crate::support::{cases, in_paused_time, people, snapshot, source_id};

proptest! {
    #![proptest_config(cases(90))]

    /// Any pool and any shape of its listings. Part of the snapshot is in the other table already. Calls of
    /// both tables have faults. The copy starts again until it ends.
    #[test]
    fn a_complete_copy_equals_the_snapshot_and_an_incomplete_copy_shows_none(
        (place, other_place, in_second) in (place(), place(), any::<bool>()),
        population in people::any_kind(40),
        shape in disturbance::shape(),
        origin_faults in disturbance::faults(),
        destination_faults in disturbance::faults(),
        there_already in prop::collection::vec(any::<Index>(), 0..30),
        latency in prop::sample::select(&[0u64, 5, 40][..]),
    ) {
        in_paused_time(async {
            let (first, _) = exported(&population).await;
            let regions = place.deploy(&first);
            first.pool(&source_id()).set_shape(shape);
            tokio::time::sleep(Duration::from_secs(60)).await;
            let id = export(&first, "second").await;
            let origin = regions.as_ref().map_or(&first, |regions| regions.region(in_second));
            let (destination, _) = other_account();
            let other_regions = other_place.deploy(&destination);
            let original = snapshot::read(&first, &source_id(), &id).await;
            let all: Vec<_> = snapshot_items(&first).into_iter().filter(|(key, _)| key.pk.starts_with("USER#") || key.pk.contains(id.as_str())).collect();
            for index in there_already {
                let (key, item) = &all[index.index(all.len())];
                destination.vault().put_by_hand(key, item.clone());
            }
            for backend in [origin, &destination] {
                backend.script().set_latency(Duration::ZERO, Duration::from_millis(latency));
            }
            disturbance::order_faults(origin, &origin_faults);
            disturbance::order_faults(&destination, &destination_faults);
            let mut ended = false;
            // A copy also ends if the snapshot has not arrived in the Region of the source.
            let late = usize::from(in_second && regions.is_some());
            for _ in 0..=origin_faults.len() + destination_faults.len() + late {
                let (from, to) = (origin.invocation(), destination.invocation());
                ended = tokio::select! {
                    biased;
                    ended = copy_to(&from, &to, &id) => ended.is_ok(),
                    () = from.death() => false,
                    () = to.death() => false,
                };
                if ended {
                    break;
                }
                // A copy that died did not release its lease.
                tokio::time::sleep(Duration::from_secs(5 * 60)).await;
            }
            prop_assert!(ended, "each fault ends a copy at most once");
            for backend in [origin, &destination] {
                backend.script().clear();
            }
            for regions in [&regions, &other_regions].into_iter().flatten() {
                regions.settle();
            }
            let places = match &other_regions {
                Some(regions) => vec![&regions.first, &regions.second],
                None => vec![&destination],
            };
            let origin_items = snapshot_items(&first);
            for destination in places {
                prop_assert!(is_visible(destination, &id).await);
                original.assert_is_still(&snapshot::read(destination, &source_id(), &id).await);
                let copied = snapshot_items(destination);
                prop_assert!(copied.iter().all(|(key, item)| origin_items.get(key) == Some(item)), "no item that the source lacks");
            }
            prop_assert_eq!(copy_to(origin, &destination, &id).await.unwrap().items.all().copied, 0);
            Ok(())
        })?;
    }

    /// The state machine copies in slices of any length, under faults of both tables, and with a removal that takes the
    /// lease at any time. The destination is byte for byte that of a copy in one go.
    #[test]
    fn a_copy_in_slices_of_any_length_gives_the_same_table_as_one_in_one_go(
        population in people::any_kind(60),
        shape in disturbance::shape(),
        budget in prop::sample::select(&[1u64, 40, 200, 1_000, 900_000][..]),
        latency in prop::sample::select(&[5u64, 40][..]),
        origin_faults in disturbance::faults(),
        destination_faults in disturbance::faults(),
        prunes_after in prop::option::of(prop::sample::select(&[50u64, 400, 3_000][..])),
    ) {
        in_paused_time(async {
            let (origin, _) = exported(&population).await;
            origin.pool(&source_id()).set_shape(shape);
            tokio::time::sleep(Duration::from_secs(60)).await;
            let id = export(&origin, "second").await;
            let (at_once, _) = other_account();
            copy_to(&origin, &at_once, &id).await.unwrap();
            let (sliced, _) = other_account();
            for backend in [&origin, &sliced] {
                backend.script().set_latency(Duration::ZERO, Duration::from_millis(latency));
            }
            disturbance::order_faults(&origin, &origin_faults);
            disturbance::order_faults(&sliced, &destination_faults);
            let machine = Machine::new(&sliced.clone().copying_from(&origin))
                .with_budget(Duration::from_millis(budget));
            let prunes = async {
                let Some(after) = prunes_after else { return };
                tokio::time::sleep(Duration::from_millis(after)).await;
                // The removal finds nothing to remove, or the pool in use. Faults may end it.
                let _ = prune_or_die(&sliced, &by_policy("last=1")).await;
            };
            let copies = async {
                // A start that finds the removal at work leaves the pool to it. A removal that died keeps its lease.
                for start in ["one", "two", "three"] {
                    let report = machine.copy(source_id(), start).await.report();
                    if report["status"] != "SKIPPED" {
                        return report;
                    }
                    tokio::time::sleep(Duration::from_secs(400)).await;
                }
                panic!("the removal has ended");
            };
            let (report, ()) = tokio::join!(copies, prunes);
            prop_assert_eq!(&report["status"], "COPIED", "{}", report);
            prop_assert_eq!(&report["newest"], id.as_str());
            prop_assert_eq!(snapshot_items(&sliced), snapshot_items(&at_once));
            Ok(())
        })?;
    }
}
