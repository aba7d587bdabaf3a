//! Goal: an export believes a split listing only if it names every user that the export can know of. A check
//! that was stopped at any call still ends.
//!
//! Method: users are overlooked, deleted and missing from the previous snapshot. The check dies at each of its calls.

use std::time::Duration;

use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::{GroupName, GroupRecord, Listing, Metric, RecordKind, Sub};
use shared::ports::Backend;
use shared::ports::pool::Operation;
use shared::ports::vault::Key;
use shared_memory::{Applied, Fault, SplitListingBehaviour};

use super::{
    DAY, SLOW, USERS, add_users, calls_of, export, listings, read, report_of, restore, set_latency, slow,
};
use crate::support::machine::Machine;
use crate::support::{assert_rate, backend, in_paused_time, people, source_id};

#[test]
fn an_export_without_deletions_makes_no_look_up() {
    in_paused_time(async {
        let (backend, source) = slow(USERS).await;
        let (before, users_before) = (backend.script().log().len(), calls_of(&backend, Operation::ListUsers));
        let (_, units) = export(&backend, "unchanged").await;
        let counting = || units.iter().filter(|unit| !unit.is_superseded());
        let users = counting().filter(|unit| unit.listing.kind() == RecordKind::User);
        let pages: u64 = users.map(|unit| unit.pages).sum();
        assert_eq!((calls_of(&backend, Operation::ListUsers) - users_before) as u64, pages);
        // The calls that list nothing are the same for every pool: settings, quotas and estimates.
        let (all, of_pages) = (backend.script().log().len() - before, counting().map(|unit| unit.pages));
        let others = all as u64 - of_pages.sum::<u64>();
        assert!(others <= 6, "{others} calls that list nothing");

        // Each deleted user takes one call, and deleted users discard nothing.
        source.users().into_iter().take(7).for_each(|user| source.delete_user(&user.sub));
        let before = calls_of(&backend, Operation::ListUsers);
        let (sealed, units) = export(&backend, "after").await;
        assert_eq!((listings(&units), sealed.counts.users), ((16, false), 1_193));
        let pages_of_users = units.iter().filter(|unit| matches!(unit.listing, Listing::UsersBySub { .. }));
        let pages: u64 = pages_of_users.map(|unit| unit.pages).sum();
        assert_eq!((calls_of(&backend, Operation::ListUsers) - before) as u64, pages + 7);
    });
}

#[test]
fn more_deleted_users_than_the_export_looks_up_make_it_list_everybody_again() {
    in_paused_time(async {
        let (backend, source) = slow(USERS).await;
        source.users().into_iter().take(61).for_each(|user| source.delete_user(&user.sub));
        // Look-ups are fast, so only the limiter holds them back.
        let (script, from) = (backend.script().clone(), backend.script().log().len());
        backend.script().change_before(Operation::ListUsers, 30, move || {
            script.set_latency(Duration::from_millis(1), Duration::from_millis(1));
        });
        let (sealed, units) = export(&backend, "after").await;
        assert_eq!((listings(&units), sealed.counts.users), ((1, true), 1_139));
        assert_rate(&backend, from, 10);
    });
}

#[test]
fn a_user_of_the_previous_snapshot_that_a_split_listing_overlooks_is_found() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(USERS, 3).fill(&source);
        tokio::time::sleep(DAY).await;
        let since = backend.clock().now();
        add_users(&source, USERS, 3);
        export(&backend, "before").await;
        set_latency(&backend, SLOW);
        source.set_split_listing(SplitListingBehaviour::OverlookingNew(since));
        // The estimate alone shows nothing.
        source.set_estimate(1_000);
        let (_, units) = export(&backend, "after").await;
        assert_eq!(listings(&units), (1, true));
    });
}

#[test]
fn a_new_user_that_a_split_listing_overlooks_is_found_by_its_membership_or_by_the_estimate() {
    for (is_member, estimate) in [(true, 1_000), (false, USERS as u64 + 1)] {
        in_paused_time(async {
            let (backend, source) = slow(USERS).await;
            tokio::time::sleep(DAY).await;
            let since = backend.clock().now();
            let new = add_users(&source, USERS, 1);
            if is_member {
                assert!(source.join(&new[0], &people::group_name(0)));
            }
            source.set_estimate(estimate);
            source.set_split_listing(SplitListingBehaviour::OverlookingNew(since));
            let (_, units) = export(&backend, "after").await;
            assert_eq!(listings(&units), (1, true), "{is_member}");
        });
    }
}

#[test]
fn members_without_a_user_are_counted_in_report_and_metrics() {
    for is_split in [false, true] {
        in_paused_time(async {
            let (backend, source) = slow(USERS).await;
            if !is_split {
                set_latency(&backend, Duration::ZERO);
            }
            // The memberships are listed before the users.
            let members: Vec<Sub> = source.groups()[1].1.iter().take(3).cloned().collect();
            let (pool, gone) = (source.clone(), members.clone());
            // The estimate of the begin counts them.
            source.set_estimate(USERS as u64 - 3);
            backend.script().change_before(Operation::ListUsers, 1, move || {
                gone.iter().for_each(|sub| pool.delete_user(sub));
            });
            let report = report_of(&backend, "export").await;
            assert_eq!(report["listing"], if is_split { "split" } else { "one" }, "{report}");
            assert_eq!(report["membersWithoutUser"], 3, "{report}");
            assert_eq!(report["membersWithoutUserSubs"].as_array().unwrap().len(), 3, "{report}");
            assert!(
                report["summary"].as_str().unwrap().contains("3 `sub`s, which are probably deleted"),
                "{report}"
            );
            let measured = backend.metrics().pop().unwrap();
            assert_eq!(measured.get(Metric::MembersWithoutUser), Some(3.0));

            set_latency(&backend, Duration::ZERO);
            let report = Machine::new(&backend).import(restore(), "restore").await.report();
            assert_eq!(report["status"], "SUCCEEDED", "{report}");
            assert!(report["memberships"]["reasons"]["memberWithoutUser"].as_u64() >= Some(3), "{report}");
            assert!(report["summary"].as_str().unwrap().contains("Warning: "), "{report}");
        });
    }
}

/// The check of a split listing, and the comparison of both listings, may die at each of their calls, and run twice.
#[test]
fn an_interrupted_check_has_the_same_result() {
    in_paused_time(async {
        let (backend, source) = slow(USERS).await;
        for number in 1..=6 {
            export(&backend, &format!("export {number}")).await;
        }
        let gone: Vec<Sub> = source.users().into_iter().take(40).map(|user| user.sub).collect();
        gone.iter().for_each(|sub| source.delete_user(sub));
        let begin = backend.script().calls();
        for call in (1..).step_by(9).take(60) {
            backend.script().fault(begin + call * 3, Fault::Die(Applied::Half));
        }
        let machine = Machine { twins: vec![Duration::from_secs(400); 40], ..Machine::new(&backend) };
        let input = json!({"userPoolId": source_id(), "splitListing": true});
        let report = machine.export(input, "compared").await.report();
        backend.script().clear();
        machine.join_twins().await;
        assert_eq!((&report["listing"], &report["splitListing"]), (&json!("one"), &Value::Null), "{report}");
        assert_eq!(read(&backend, &report).await.users.len(), USERS - 40);
    });
}

#[test]
fn a_member_that_one_listing_overlooks_is_never_missing_from_a_seal() {
    in_paused_time(async {
        let begin = || {
            let (backend, source, _) = backend();
            people::plain(USERS, 3).fill(&source);
            let hidden = source.groups()[1].1[0].clone();
            (backend, source, hidden)
        };
        let (backend, source, hidden) = begin();
        source.overlook_in_one_listing(hidden, 1);
        let (sealed, _) = export(&backend, "overlooked once").await;
        assert_eq!(sealed.members_without_user, 0);

        let (backend, source, hidden) = begin();
        source.overlook_in_one_listing(hidden.clone(), u32::MAX);
        let end = Machine::new(&backend).export(json!({"userPoolId": source_id()}), "always").await;
        assert_eq!(end.error().0, "ListingFailed", "{end:?}");
        assert!(end.error().1.contains(hidden.as_str()), "{end:?}");
    });
}

/// With many groups and slow queries, the check of the members takes longer than an invocation has left.
#[test]
fn a_check_of_many_groups_is_not_cut_off() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(900, 3).fill(&source);
        let users = source.users();
        for (number, user) in users.iter().take(297).enumerate() {
            let name = GroupName::new(format!("team-{number}"));
            source.put_group(GroupRecord { name: name.clone(), ..people::group(0) });
            assert!(source.join(&user.sub, &name));
        }
        backend.script().set_latency(Duration::from_millis(10), Duration::from_millis(200));
        let minute = Duration::from_secs(60);
        let machine = Machine { budget: minute, timeout: minute, retries: 2, ..Machine::new(&backend) };
        let report = machine.export(json!({"userPoolId": source_id(), "tps": 200}), "minute").await.report();
        assert_eq!(report["users"], 900, "{report}");
        let ended = machine.invocations();
        assert!(!ended.contains(&crate::support::machine::Invocation::TimedOut), "{ended:?}");
    });
}

/// A page batch or a unit of the previous snapshot was lost, so there is nothing to check against.
#[test]
fn a_split_listing_is_not_believed_if_the_previous_snapshot_cannot_be_read() {
    for prefix in ["PAGES#users", "UNIT#users"] {
        in_paused_time(async {
            let (backend, source) = slow(USERS).await;
            let catalog = Catalog::new(backend.vault());
            let before =
                catalog.newest_sealed(&source_id(), None, backend.clock().now()).await.unwrap().unwrap();
            let items = backend.vault().items();
            let is_lost = |key: &&Key| key.pk == format!("SNAP#{}", before.id) && key.sk.starts_with(prefix);
            backend.vault().remove(items.keys().find(is_lost).unwrap()).unwrap();
            let report = report_of(&backend, "unreadable before").await;
            assert_eq!(
                (&report["listing"], &report["splitListing"]),
                (&json!("one"), &json!("doubted")),
                "{prefix}: {report}"
            );
            assert_eq!(read(&backend, &report).await.users.len(), source.user_count());
            // The doubt does not speak against the filter.
            let (_, units) = export(&backend, "next").await;
            assert_eq!(listings(&units), (16, false), "{prefix}");
        });
    }
}

/// If the time of an invocation is short, the next one continues the check.
#[test]
fn a_check_continues_in_the_next_invocation() {
    in_paused_time(async {
        let (backend, source) = slow(USERS).await;
        source.users().into_iter().take(50).for_each(|user| source.delete_user(&user.sub));
        let machine = Machine::new(&backend).with_budget(Duration::from_secs(30));
        let input = json!({"userPoolId": source_id(), "splitListing": true, "tps": 2});
        let report = machine.export(input, "short").await.report();
        assert_eq!((&report["listing"], &report["users"]), (&json!("split"), &json!(USERS - 50)), "{report}");
    });
}

#[test]
fn records_of_the_previous_snapshot_are_not_looked_up() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(USERS, 0).fill(&source);
        export(&backend, "first").await;
        let looked_up = backend.vault().looked_up();
        export(&backend, "second").await;
        let again = backend.vault().looked_up() - looked_up;
        assert!(again < USERS as u64 / 4, "{again} records of {USERS} unchanged users were looked up");
    });
}
