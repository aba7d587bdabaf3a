//! Goal: for any pool and any faults, a copy that ends is the snapshot, and a copy that does not end shows
//! none.
//!
//! Method: generated populations, faults at both tables, and a new start until the copy ends.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;
use shared::ports::Backend;

use crate::support::copied::{copy_to, elsewhere, export, exported, is_visible, snapshot_items};
use crate::support::disturbance;
use crate::support::restored::items;
use crate::support::{cases, in_paused_time, people, snapshot, source_id};

proptest! {
    #![proptest_config(cases(60))]

    /// Any pool and any shape of its listings. Part of the snapshot is in the other table already. Calls of
    /// both tables have faults. The copy starts again until it ends.
    #[test]
    fn a_copy_that_ends_is_the_snapshot_and_one_that_does_not_shows_none(
        population in people::any_kind(40),
        shape in disturbance::shape(),
        here_faults in disturbance::faults(),
        there_faults in disturbance::faults(),
        there_already in prop::collection::vec(any::<Index>(), 0..30),
        latency in prop::sample::select(&[0u64, 5, 40][..]),
    ) {
        in_paused_time(async {
            let (here, _) = exported(&population).await;
            here.pool(&source_id()).set_shape(shape);
            tokio::time::sleep(Duration::from_secs(60)).await;
            let id = export(&here, "second").await;
            let (there, _) = elsewhere();
            let all: Vec<_> = snapshot_items(&here).into_iter().filter(|(key, _)| key.pk.starts_with("USER#") || key.pk.contains(id.as_str())).collect();
            for index in there_already {
                let (key, item) = &all[index.index(all.len())];
                there.vault().put_by_hand(key, item.clone());
            }
            for backend in [&here, &there] {
                backend.script().set_latency(Duration::ZERO, Duration::from_millis(latency));
            }
            disturbance::order_faults(&here, &here_faults);
            disturbance::order_faults(&there, &there_faults);
            let mut ended = false;
            for _ in 0..=here_faults.len() + there_faults.len() {
                let (from, to) = (here.invocation(), there.invocation());
                ended = tokio::select! {
                    biased;
                    ended = copy_to(&from, &to, &id) => ended.is_ok(),
                    () = from.death() => false,
                    () = to.death() => false,
                };
                if ended {
                    break;
                }
            }
            prop_assert!(ended, "each fault ends a copy at most once");
            for backend in [&here, &there] {
                backend.script().clear();
            }
            prop_assert!(is_visible(&there, &id).await);
            let (copied, original) = (snapshot::read(&there, &source_id(), &id).await, snapshot::read(&here, &source_id(), &id).await);
            prop_assert_eq!((copied.users, copied.groups, copied.memberships), (original.users, original.groups, original.memberships));
            let of_here = snapshot_items(&here);
            prop_assert!(items(&there).iter().all(|(key, item)| of_here.get(key) == Some(item)), "nothing but what is here");
            prop_assert_eq!(copy_to(&here, &there, &id).await.unwrap().items.all().copied, 0);
            Ok(())
        })?;
    }
}
