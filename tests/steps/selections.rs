//! Goal: a selection restores the chosen users of a snapshot, and no others.
//!
//! Method: import with users, groups and exceptions, and compare the target with the chosen part of the
//! snapshot.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::{GroupRecord, Listing, RunId, SelectionId, Sub};
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared::ports::vault::Key;
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool, Mishap, PageShape};

use crate::support::machine::Machine;
use crate::support::people;
use crate::support::restored::items;
use crate::support::snapshot::{self, Contents};
use crate::support::stored_selections::store;
use crate::support::{backend, cases, disturbance, in_paused_time, source_id, target_id};

fn import(options: Value) -> Value {
    let mut input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 100});
    input.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    input
}

async fn exported(shape: PageShape) -> (MemoryBackend, MemoryPool, Contents) {
    let (backend, source, target) = backend();
    people::plain(130, 3).fill(&source);
    source.set_shape(shape);
    let report = Machine::new(&backend)
        .export(json!({"userPoolId": source_id(), "tps": 200}), "export")
        .await
        .report();
    let id = RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap();
    let contents = snapshot::read(&backend, &source_id(), &id).await;
    (backend, target, contents)
}

fn usernames(pool: &MemoryPool) -> BTreeSet<String> {
    pool.users().into_iter().map(|user| user.record.username.to_string()).collect()
}

/// The usernames of the members of a group in the snapshot.
fn members(contents: &Contents, group: usize) -> BTreeSet<String> {
    let name = people::group_name(group);
    let of_group = contents.memberships.iter().filter(|(group, _)| *group == name);
    of_group.map(|(_, sub)| contents.users[sub][0].username.to_string()).collect()
}

/// The memberships of a pool, by username.
fn memberships(pool: &MemoryPool) -> BTreeSet<(String, String)> {
    let name = |sub: &Sub| pool.user(sub).unwrap().record.username.to_string();
    let of = |(group, members): (GroupRecord, Vec<Sub>)| {
        members.iter().map(|sub| (group.name.to_string(), name(sub))).collect::<Vec<_>>()
    };
    pool.groups().into_iter().flat_map(of).collect()
}

fn memberships_of(contents: &Contents, usernames: &BTreeSet<String>) -> BTreeSet<(String, String)> {
    let all = contents
        .memberships
        .iter()
        .map(|(group, sub)| (group.to_string(), contents.users[sub][0].username.to_string()));
    all.filter(|(_, name)| usernames.contains(name)).collect()
}

#[test]
fn a_selected_user_is_restored_with_its_groups_and_no_other_user() {
    in_paused_time(async {
        let (backend, target, contents) = exported(PageShape::default()).await;
        let (sub, records) = contents
            .users
            .iter()
            .find(|(sub, _)| contents.memberships.iter().any(|(_, of)| of == *sub))
            .unwrap();
        let name = records[0].username.to_string();
        let by_email =
            contents.users.values().find(|records| records[0].attributes.contains_key("email")).unwrap();
        let selections = [
            (json!({"subs": [sub]}), name.clone()),
            (json!({"usernames": [name]}), name.clone()),
            (json!({"emails": [by_email[0].attributes["email"]]}), by_email[0].username.to_string()),
        ];
        for (select, username) in selections {
            let plan = import(json!({"select": select, "existing": "skip", "dryRun": true}));
            let plan = Machine::new(&backend).import(plan, &format!("plan-{select}")).await.report();
            assert_eq!((plan["users"].as_u64(), plan["creatable"].as_u64()), (Some(1), Some(1)), "{plan}");
            let input = import(json!({"select": select, "existing": "skip"}));
            let report = Machine::new(&backend).import(input, &select.to_string()).await.report();
            assert_eq!(report["status"], "SUCCEEDED", "{report}");
            let of_users = ["created", "skipped", "notSelected"].map(|count| report["users"][count].as_u64());
            assert_eq!(of_users, [Some(1), Some(0), Some(contents.users.len() as u64 - 1)], "{report}");
            assert!(!report.to_string().contains("reasons"), "no entry of the selection has one: {report}");
            assert_eq!(
                (usernames(&target), memberships(&target)),
                ([username.clone()].into(), memberships_of(&contents, &[username].into()))
            );
            let needed: BTreeSet<_> = memberships(&target).into_iter().map(|(group, _)| group).collect();
            let restored_groups: BTreeSet<_> =
                target.groups().into_iter().map(|(group, _)| group.name.to_string()).collect();
            assert_eq!(restored_groups, needed, "only the groups that are needed");
            let users = target.users();
            users.iter().for_each(|user| target.delete_user(&user.sub));
            target.groups().iter().for_each(|(group, _)| target.delete_group(&group.name));
        }
    });
}

#[test]
fn names_that_match_nothing_are_counted_in_plan_and_report() {
    in_paused_time(async {
        let (backend, _, contents) = exported(PageShape::default()).await;
        let known = contents.users.values().next().unwrap()[0].username.to_string();
        let select = json!({"usernames": [known, "nobody-here", "nobody"], "groups": ["no-group"]});
        for dry_run in [true, false] {
            let input = import(json!({"select": select, "dryRun": dry_run}));
            let report = Machine::new(&backend).import(input, &format!("import {dry_run}")).await.report();
            assert_eq!(report["unmatchedNames"], json!({"usernames": 2, "groups": 1}), "{report}");
            let summary = report["summary"].as_str().unwrap();
            let warning = "ATTENTION: names of the selection match nothing in the snapshot: 2 of usernames, 1 of groups.";
            assert!(summary.contains(warning) && !summary.contains("nobody"), "{summary}");
        }
    });
}

#[test]
fn a_selection_of_no_user_is_refused_before_anything_is_touched() {
    in_paused_time(async {
        let (backend, target, _) = exported(PageShape::default()).await;
        for (number, select) in
            [json!({"usernames": ["nobody"]}), json!({"groups": ["no such group"]})].into_iter().enumerate()
        {
            let end = Machine::new(&backend)
                .import(import(json!({"select": select})), &format!("nobody-{number}"))
                .await;
            assert_eq!(end.error().0, "SelectionEmpty", "{end:?}");
        }
        let everybody = json!({"except": {"groups": [people::group_name(0)]}, "select": {"groups": [people::group_name(0)]}});
        assert_eq!(
            Machine::new(&backend).import(import(everybody), "except").await.error().0,
            "SelectionEmpty"
        );
        assert_eq!((target.user_count(), target.groups().len()), (0, 0));
        for wrong in [
            json!({"select": {}}),
            json!({"select": {"names": ["anna"]}}),
            json!({"except": ["anna"]}),
            json!({"except": {"usernames": ["anna", " "]}}),
            json!({"select": {"subs": ["anna"]}}),
        ] {
            assert_eq!(Machine::new(&backend).import(import(wrong), "wrong").await.error().0, "InvalidInput");
        }
        assert!(items(&backend).keys().all(|key| !key.sk.starts_with("LEDGER#")));
    });
}

fn by_id(id: &SelectionId, options: Value) -> Value {
    let mut input = import(options);
    input["selectionId"] = id.as_str().into();
    input
}

/// The username and the e-mail address of a user who has both.
fn names(contents: &Contents) -> [String; 2] {
    let mut users = contents.users.values().map(|records| &records[0]);
    let user = users.find(|user| user.attributes.contains_key("email")).unwrap();
    [user.username.to_string(), user.attributes["email"].clone()]
}

#[test]
fn a_stored_selection_restores_its_users_and_the_history_has_no_name() {
    in_paused_time(async {
        let (backend, target, contents) = exported(PageShape::default()).await;
        let [username, email] = names(&contents);
        let other = contents.users.values().map(|records| records[0].username.to_string());
        let other = other.into_iter().find(|other| *other != username).unwrap();
        let selection = json!({
            "select": {"emails": [email], "usernames": [username, other], "groups": ["no-such-group"]},
            "except": {"usernames": [other]},
        });
        let id = store(&backend, &source_id(), 1, selection).await;
        let machine = Machine::new(&backend).with_budget(Duration::from_millis(300));
        backend.script().set_latency(Duration::from_millis(50), Duration::from_millis(5));
        let plan = machine.import(by_id(&id, json!({"dryRun": true})), "plan").await.report();
        assert_eq!((&plan["creatable"], &plan["unmatchedNames"]["groups"]), (&json!(1), &json!(1)), "{plan}");
        let report = machine.import(by_id(&id, json!({})), "import").await.report();
        assert_eq!(
            (&report["status"], &report["users"]["created"]),
            (&json!("SUCCEEDED"), &json!(1)),
            "{report}"
        );
        assert_eq!(usernames(&target), [username.clone()].into());

        // A failed execution and a stopped pool have a history, too.
        let refused = machine.import(by_id(&id, json!({})), "again").await;
        assert_eq!(refused.error().0, "TargetNotEmpty");
        let (payloads, answers) = (machine.payloads.lock().unwrap(), machine.history.lock().unwrap());
        assert!(payloads.len() > 6 && payloads.iter().any(|payload| payload.contains(id.as_str())));
        for text in payloads.iter().chain(answers.iter()) {
            for name in [username.as_str(), email.as_str(), other.as_str(), "no-such-group"] {
                assert!(!text.contains(name), "{name}: {text}");
            }
        }
    });
}

/// The command line stores a selection again for each import, and others give it in the input.
#[test]
fn an_import_continues_a_restore_of_an_equal_selection_wherever_it_stands() {
    let chosen = || json!({"select": {"groups": [people::group_name(0)]}});
    let others = || json!({"select": {"groups": [people::group_name(1)]}});
    let stored = |number: u128| json!({"selectionId": SelectionId::of_random(number).as_str()});
    for (first, second, is_continued) in [
        (stored(1), stored(1), true),
        (stored(1), stored(2), true),
        (stored(1), chosen(), true),
        (chosen(), stored(1), true),
        (stored(1), stored(3), false),
        (stored(1), json!({}), false),
        (json!({}), stored(1), false),
    ] {
        in_paused_time(async {
            let (backend, target, contents) = exported(PageShape::default()).await;
            for (number, selection) in [(1, chosen()), (2, chosen()), (3, others())] {
                store(&backend, &source_id(), number, selection).await;
            }
            let mut creations = 0;
            backend.script().set_weather(Some(Box::new(move |site| {
                let is_creation = site.to_string() == Operation::AdminCreateUser.name();
                creations += u32::from(is_creation);
                let fault = (is_creation && creations == 1).then_some(Fault::Refuse(PoolErrorKind::Refused));
                Mishap { fault, ..Mishap::default() }
            })));
            let begun = Machine::new(&backend).import(import(first.clone()), "first").await.report();
            assert_eq!(begun["status"], "PARTIAL", "{begun}");
            backend.script().set_weather(None);
            let end = Machine::new(&backend).import(import(second.clone()), "second").await;
            if is_continued {
                let ended = end.report();
                let same = (&ended["status"], &ended["restoreId"]);
                assert_eq!(same, (&json!("SUCCEEDED"), &begun["restoreId"]), "{first}, {second}: {ended}");
                assert_eq!(usernames(&target), members(&contents, 0), "{first}, {second}");
            } else {
                assert_eq!(end.error().0, "TargetNotEmpty", "{first}, {second}: {end:?}");
            }
        });
    }
}

#[test]
fn a_repair_and_an_import_into_a_pool_in_use_take_a_stored_selection() {
    in_paused_time(async {
        let (backend, target, contents) = exported(PageShape::default()).await;
        let source = backend.pool(&source_id());
        let [username, email] = names(&contents);
        let id = store(&backend, &source_id(), 1, json!({"select": {"emails": [email]}})).await;
        source.users().iter().for_each(|user| source.delete_user(&user.sub));
        let own = json!({"targetUserPoolId": source_id(), "existing": "skip"});
        let repair = Machine::new(&backend).import(by_id(&id, own), "repair").await.report();
        assert_eq!(
            (&repair["status"], usernames(&source)),
            (&json!("SUCCEEDED"), [username.clone()].into()),
            "{repair}"
        );
        let rest = store(&backend, &source_id(), 2, json!({"except": {"usernames": [username]}})).await;
        let report = Machine::new(&backend).import(by_id(&rest, json!({})), "all but one").await.report();
        assert_eq!(
            (&report["status"], target.user_count()),
            (&json!("SUCCEEDED"), contents.users.len() - 1),
            "{report}"
        );
        let update = by_id(&id, json!({"existing": "update"}));
        let report = Machine::new(&backend).import(update, "the one").await.report();
        assert_eq!(
            (&report["users"]["created"], target.user_count()),
            (&json!(1), contents.users.len()),
            "{report}"
        );
    });
}

#[test]
fn an_import_whose_selection_is_not_in_the_table_restores_nobody() {
    in_paused_time(async {
        let (backend, target, contents) = exported(PageShape::default()).await;
        let [username, _] = names(&contents);
        let selection = || json!({"select": {"usernames": [username]}});
        let days = |days: u64| Duration::from_secs(days * 24 * 3_600);
        let [old, of_other] = [
            store(&backend, &source_id(), 1, selection()).await,
            store(&backend, &target_id(), 2, selection()).await,
        ];
        let missing = SelectionId::of_random(3);
        let before = items(&backend).len();
        let refused = async |id: &SelectionId, name: &str, expected: &str, says: &str| {
            for dry_run in [true, false] {
                let input = by_id(id, json!({"dryRun": dry_run}));
                let end = Machine::new(&backend).import(input, &format!("{name}-{dry_run}")).await;
                let (error, cause) = end.error();
                assert_eq!(error, expected, "{name}: {cause}");
                assert!(cause.contains(says) && cause.contains("Store the selection again"), "{cause}");
                assert!(!cause.contains(&username), "{cause}");
            }
        };
        refused(&missing, "missing", "SelectionNotFound", "does not have the selection").await;
        refused(&of_other, "other", "InvalidInput", "is for snapshots of user pool").await;
        tokio::time::sleep(days(89)).await;
        Machine::new(&backend).import(by_id(&old, json!({"dryRun": true})), "in time").await.report();
        tokio::time::sleep(days(2)).await;
        refused(&old, "expired", "SelectionNotFound", "or it has expired").await;
        assert_eq!((target.user_count(), target.groups().len()), (0, 0));
        let restores = items(&backend).keys().filter(|key| key.pk.starts_with("TARGET#")).count();
        assert_eq!((restores, before > 0), (0, true), "no import has begun");
    });
}

/// Other programs may store selections, too. A mistake there must not select all users.
#[test]
fn a_stored_selection_with_a_mistake_restores_nobody() {
    in_paused_time(async {
        let (backend, target, _) = exported(PageShape::default()).await;
        let key = Key::new(format!("SELECTION#{}", SelectionId::of_random(1)), "SELECTION");
        let (source, later) = (source_id().to_string(), 4_000_000_000_u64);
        let filter = || json!({"usernames": ["anna"]});
        for (number, wrong) in [
            json!({"source": source, "selection": {}, "expiresAt": later}),
            json!({"source": source, "selection": {"Select": filter()}, "expiresAt": later}),
            json!({"source": source, "selection": {"select": {}}, "expiresAt": later}),
            json!({"source": source, "selection": {"select": {"subs": ["anna"]}}, "expiresAt": later}),
            json!({"source": source, "selection": {"except": {"names": ["anna"]}}, "expiresAt": later}),
            json!({"source": source, "selection": {"select": "anna"}, "expiresAt": later}),
            json!({"source": source, "expiresAt": later}),
            json!({"source": source, "selection": {"select": filter()}}),
        ]
        .into_iter()
        .enumerate()
        {
            backend.vault().put_by_hand(&key, serde_dynamo::to_item(&wrong).unwrap());
            let input = by_id(&SelectionId::of_random(1), json!({}));
            let end = Machine::new(&backend).import(input, &number.to_string()).await;
            let (error, cause) = end.error();
            assert_eq!(error, "InvalidInput", "{wrong}: {cause}");
            assert!(cause.contains("Store the selection again") && !cause.contains("anna"), "{cause}");
        }
        assert_eq!((target.user_count(), target.groups().len()), (0, 0));
    });
}

proptest! {
    #![proptest_config(cases(50))]

    /// A group with its members, all users except those of a group, and both at once, under any faults.
    #[test]
    fn a_selection_of_groups_and_exceptions_restores_exactly_their_users(
        shape in disturbance::shape(),
        pace in disturbance::pace(),
        faults in disturbance::faults(),
        twins in prop::collection::vec(0u64..3_000, 0..6),
        kind in 0..3,
    ) {
        in_paused_time(async {
            let (backend, target, contents) = exported(shape).await;
            let everybody: BTreeSet<_> = contents.users.values().map(|records| records[0].username.to_string()).collect();
            let (first, second) = (members(&contents, 0), members(&contents, 1));
            let (one, other) = (json!({"groups": [people::group_name(0)]}), json!({"groups": [people::group_name(1)]}));
            let (selection, expected) = match kind {
                0 => (json!({"select": one}), first.clone()),
                1 => (json!({"except": other}), &everybody - &second),
                _ => (json!({"select": one, "except": other}), &first - &second),
            };
            prop_assume!(!expected.is_empty());
            disturbance::order_faults(&backend, &faults);
            backend.script().set_latency(pace.latency, pace.latency / 10);
            let mut machine = Machine::new(&backend).with_budget(pace.budget);
            machine.twins = twins.into_iter().map(Duration::from_millis).collect();
            let report = machine.import(import(selection), "import").await.report();
            backend.script().clear();
            machine.join_twins().await;
            prop_assert_eq!(&report["status"], "SUCCEEDED", "{}", report);
            prop_assert_eq!(usernames(&target), expected.clone());
            prop_assert_eq!(memberships(&target), memberships_of(&contents, &expected));
            prop_assert_eq!(&report["users"]["created"], &json!(expected.len()));
            prop_assert_eq!(&report["verification"]["same"], &json!(expected.len()));
            Ok(())
        })?;
    }
}

/// A user is on two pages, and the first page cannot be read. Neither of two concurrent invocations
/// may restore the user for the second page.
#[test]
fn a_selected_user_on_an_unreadable_page_is_not_counted_twice() {
    let refused = |call| (call, Fault::Refuse(PoolErrorKind::Transient));
    let deaths = [(2, Applied::Nothing), (6, Applied::All), (19, Applied::Half)]
        .map(|(call, applied)| (call, Fault::Die(applied)));
    let faults: Vec<_> =
        [13, 17, 21, 23, 33].map(refused).into_iter().chain(deaths).chain([(24, Fault::LostReply)]).collect();
    // The waits after a refusal are random.
    for _ in 0..30 {
        in_paused_time(async {
            let shape = PageShape { sizes: vec![4, 60, 7], repeat: true, ..PageShape::default() };
            let (backend, target, contents) = exported(shape).await;
            disturbance::order_faults(&backend, &faults);
            backend.script().set_latency(Duration::from_millis(400), Duration::from_millis(40));
            let mut machine = Machine::new(&backend).with_budget(Duration::from_secs(2));
            machine.twins = [2_761, 2_603, 1_111].map(Duration::from_millis).into();
            let select = json!({"select": {"groups": [people::group_name(0)]}});
            let report = machine.import(import(select), "import").await.report();
            backend.script().clear();
            machine.join_twins().await;
            let members = members(&contents, 0);
            assert_eq!(
                (&report["users"]["created"], usernames(&target)),
                (&json!(members.len()), members),
                "{report}"
            );
        });
    }
}

#[test]
fn a_selection_whose_users_are_all_excepted_says_so() {
    in_paused_time(async {
        let (backend, _, contents) = exported(PageShape::default()).await;
        let username = contents.users.values().next().unwrap()[0].username.clone();
        let both = json!({"select": {"usernames": [username]}, "except": {"usernames": [username]}});
        let end = Machine::new(&backend).import(import(both), "both").await;
        let (error, cause) = end.error();
        assert_eq!(error, "SelectionEmpty");
        assert!(cause.contains("each user that it names is also an exception"), "{cause}");
        assert!(!cause.contains("letter by letter"), "{cause}");
    });
}

#[test]
fn a_target_that_holds_selected_users_of_an_earlier_restore_is_named_so() {
    in_paused_time(async {
        let (backend, _, contents) = exported(PageShape::default()).await;
        let username = contents.users.values().next().unwrap()[0].username.clone();
        let selected = import(json!({"select": {"usernames": [username]}}));
        Machine::new(&backend).import(selected, "selected").await.report();
        let end = Machine::new(&backend).import(import(json!({})), "all").await;
        let (error, cause) = end.error();
        assert_eq!(error, "TargetNotEmpty");
        assert!(cause.contains("has already restored selected users of snapshot"), "{cause}");
    });
}

fn remove_record(backend: &MemoryBackend, sub: &Sub) {
    let keys = items(backend).into_keys();
    for key in keys.filter(|key| key.pk.starts_with("USER#") && key.to_string().contains(sub.as_str())) {
        backend.vault().remove(&key).expect("the record exists");
    }
}

#[test]
fn lost_records_of_users_that_the_selection_does_not_name_are_no_loss() {
    in_paused_time(async {
        let (backend, target, contents) = exported(PageShape::default()).await;
        let subs: Vec<_> = contents.users.keys().cloned().collect();
        subs[1..5].iter().for_each(|sub| remove_record(&backend, sub));
        let select = json!({"select": {"subs": [subs[0].as_str(), subs[1].as_str()]}});
        let report = Machine::new(&backend).import(import(select.clone()), "import").await.report();
        assert_eq!(
            (&report["status"], &report["users"]["created"]),
            (&json!("PARTIAL"), &json!(1)),
            "{report}"
        );
        assert_eq!(report["users"]["failed"], 1, "{report}");
        assert_eq!(target.user_count(), 1);

        let (backend, _, contents) = exported(PageShape::default()).await;
        let subs: Vec<_> = contents.users.keys().cloned().collect();
        subs[1..5].iter().for_each(|sub| remove_record(&backend, sub));
        let select = json!({"select": {"subs": [subs[0].as_str()]}});
        let report = Machine::new(&backend).import(import(select), "import").await.report();
        assert_eq!(
            (&report["status"], &report["users"]["created"]),
            (&json!("SUCCEEDED"), &json!(1)),
            "{report}"
        );
    });
}

#[test]
fn a_selection_of_users_whose_records_are_lost_names_the_damage() {
    in_paused_time(async {
        let (backend, target, contents) = exported(PageShape::default()).await;
        let sub = contents.users.keys().next().unwrap();
        remove_record(&backend, sub);
        let input = |dry_run| import(json!({"select": {"subs": [sub.as_str()]}, "dryRun": dry_run}));
        let plan = Machine::new(&backend).import(input(true), "plan").await.report();
        assert_eq!((&plan["damaged"], &plan["creatable"]), (&json!(1), &json!(0)), "{plan}");
        assert_eq!(plan["objections"]["recordMissing"]["first"], json!([sub]), "the plan names it");
        let end = Machine::new(&backend).import(input(false), "import").await;
        assert_eq!(end.error().0, "SnapshotDamaged", "{end:?}");
        assert_eq!(target.user_count(), 0);
    });
}

#[test]
fn members_of_an_excepted_group_that_cannot_be_read_are_never_restored() {
    in_paused_time(async {
        let (backend, target, contents) = exported(PageShape::default()).await;
        let listing = Listing::Members { group: people::group_name(0) };
        let (key, _) = Catalog::new(backend.vault())
            .page(&contents.snapshot.id, &listing.unit_id(), 1, 1)
            .await
            .unwrap();
        backend.vault().remove(&key).expect("the page exists");
        let input = import(json!({"except": {"groups": [people::group_name(0)]}}));
        let end = Machine::new(&backend).import(input, "import").await;
        assert_eq!(end.error().0, "SnapshotDamaged", "{end:?}");
        assert_eq!((target.user_count(), target.groups().len()), (0, 0));
    });
}

#[test]
fn exceptions_that_match_nothing_are_refused_before_anything_is_touched() {
    in_paused_time(async {
        let (backend, target, contents) = exported(PageShape::default()).await;
        let (sub, records) = contents.users.iter().next().unwrap();
        let username = records[0].username.as_str();
        let unknown = "00000000-0000-4000-8000-000000000000";
        for (number, (except, named)) in [
            (json!({"usernames": ["ana"]}), "1 of usernames"),
            (json!({"usernames": ["ana", username]}), "1 of usernames"),
            (json!({"emails": ["PERSON1@example.com"], "subs": [unknown]}), "1 of emails, 1 of subs"),
            (json!({"groups": ["no such group", people::group_name(0)]}), "1 of groups"),
        ]
        .into_iter()
        .enumerate()
        {
            for dry_run in [true, false] {
                let input = import(json!({"except": except, "dryRun": dry_run}));
                let end = Machine::new(&backend).import(input, &format!("{number}-{dry_run}")).await;
                let (error, cause) = end.error();
                assert_eq!(error, "SelectionEmpty", "{cause}");
                assert!(cause.contains(named) && !cause.contains("ana\""), "{cause}");
            }
        }
        assert_eq!((target.user_count(), target.groups().len()), (0, 0));

        let except = json!({"usernames": [username], "groups": [people::group_name(0)]});
        let report = Machine::new(&backend).import(import(json!({"except": except})), "good").await.report();
        assert_eq!(report["status"], "SUCCEEDED", "{report}");
        assert!(!usernames(&target).contains(username), "{sub}");
    });
}

#[test]
fn an_empty_selection_speaks_of_the_lists_that_matched_nothing() {
    in_paused_time(async {
        let (backend, ..) = exported(PageShape::default()).await;
        let unknown = "00000000-0000-4000-8000-000000000000";
        for (number, (filter, says)) in [
            (json!({"usernames": ["ana"]}), &["compares usernames"][..]),
            (json!({"emails": ["ana@example.com"]}), &["compares e-mail addresses"]),
            (json!({"subs": [unknown]}), &["looks for the sub"]),
            (json!({"groups": ["nobody"]}), &["compares names of groups"]),
            (
                json!({"subs": [unknown], "groups": ["nobody"]}),
                &["looks for the sub", "compares names of groups"],
            ),
        ]
        .into_iter()
        .enumerate()
        {
            for side in ["select", "except"] {
                let input = import(json!({side: filter.clone()}));
                let end = Machine::new(&backend).import(input, &format!("{number}-{side}")).await;
                let (error, cause) = end.error();
                assert_eq!(error, "SelectionEmpty", "{cause}");
                let all = [
                    "compares usernames",
                    "compares e-mail addresses",
                    "looks for the sub",
                    "compares names of groups",
                ];
                let said: Vec<_> = all.into_iter().filter(|words| cause.contains(words)).collect();
                assert_eq!(said, says, "{side}: {cause}");
            }
        }
    });
}

#[test]
fn a_damaged_page_does_not_make_a_wrong_name_a_damaged_snapshot() {
    in_paused_time(async {
        let (backend, target, contents) = exported(PageShape::default()).await;
        let (key, _) = Catalog::new(backend.vault())
            .page(&contents.snapshot.id, &Listing::Users.unit_id(), 1, 1)
            .await
            .unwrap();
        backend.vault().remove(&key).expect("the page exists");
        for selection in ["select", "except"] {
            let input = import(json!({selection: {"usernames": ["typo"]}}));
            let end = Machine::new(&backend).import(input, selection).await;
            let (error, cause) = end.error();
            assert_eq!(error, "SelectionEmpty", "{cause}");
            assert!(cause.contains("missing or altered, and may have the names"), "{cause}");
        }
        assert_eq!(target.user_count(), 0);
    });
}
