//! Repairs after repairs, and what they leave in the sub map.

use super::*;

#[test]
fn a_second_and_a_third_repair_create_no_user_twice() {
    for mode in MODES {
        in_paused_time(async {
            let harmed = harmed(mode).await;
            harmed.repair(json!({"existing": "skip"})).await;
            let [recreated] = &harmed.named(DELETED)[..] else { panic!("{mode:?}") };
            // The addresses of a restored user change. Then only the sub map of the first repair
            // identifies the user.
            harmed.pool.change_user(&recreated.sub, |record| readdressed(record, DELETED));
            let users = harmed.pool.user_count();
            let second = harmed.repair(json!({"existing": "update"})).await;
            assert_eq!(
                (harmed.pool.user_count(), &second["users"]["created"]),
                (users, &json!(0)),
                "{mode:?} {second}"
            );
            let mended = harmed.pool.user(&recreated.sub).unwrap();
            assert_eq!(
                mended.record.fields_unlike(&harmed.before[DELETED].record, None),
                Vec::<String>::new(),
                "{mode:?}"
            );

            // A later snapshot holds the restored users. The older snapshot also finds users that are
            // restored from it.
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            let later = DamagedPool { snapshot: export(&harmed.backend).await, ..clone(&harmed) };
            later.pool.delete_user(&recreated.sub);
            let third = later.repair(json!({"existing": "skip"})).await;
            assert_eq!(
                (counts(&third, "users")[0], third["status"].as_str()),
                (1, Some("SUCCEEDED")),
                "{mode:?} {third}"
            );
            let [again] = &harmed.named(DELETED)[..] else { panic!("{mode:?}") };
            harmed.pool.change_user(&again.sub, |record| readdressed(record, DELETED + 100));
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            let fourth = harmed.repair(json!({"existing": "update", "federated": "link"})).await;
            assert_eq!(
                fourth["users"]["created"], 1,
                "{mode:?}: the federated user that was to be linked: {fourth}"
            );
            let mended = harmed.pool.user(&again.sub).unwrap();
            assert_eq!(
                mended.record.fields_unlike(&harmed.before[DELETED].record, None),
                Vec::<String>::new(),
                "{mode:?}"
            );
            assert_eq!(harmed.pool.messages(), 0);
        });
    }
}

/// No look-up follows a plan, so the scan must find the user by the sub map.
#[test]
fn a_plan_counts_a_user_that_an_earlier_repair_brought_back_as_there() {
    in_paused_time(async {
        let harmed = exported(Mode::Email).await;
        harmed.pool.delete_user(&harmed.before[DELETED].sub);
        harmed.repair(json!({"existing": "skip"})).await;
        let [recreated] = &harmed.named(DELETED)[..] else { panic!("the lost user is back") };
        harmed.pool.change_user(&recreated.sub, |record| readdressed(record, DELETED));
        let plan = harmed.repair(json!({"existing": "update", "dryRun": true})).await;
        let there = &plan["there"];
        let same = PEOPLE - 1;
        assert_eq!((&there["same"], &there["updated"]), (&json!(same), &json!(1)), "{plan}");
        assert_eq!(plan["creatable"], 0, "{plan}");
    });
}

#[test]
fn a_repair_knows_all_users_that_earlier_repairs_created_the_newest_first() {
    in_paused_time(async {
        let harmed = exported(Mode::Email).await;
        let lost = harmed.before[DELETED].sub.clone();
        harmed.pool.delete_user(&lost);
        let catalog = Catalog::new(harmed.backend.vault());
        let successors = async || {
            let restore = catalog.restores(&source_id(), 1).await.unwrap().remove(0);
            let repairs = EarlierRepairs::before(&catalog, &restore).await.unwrap();
            let matcher = UserMatcher::new(&catalog, &restore, &repairs);
            let found = matcher.successors(std::slice::from_ref(&lost)).await.unwrap().remove(&lost);
            found.unwrap().into_iter().map(|user| user.sub.unwrap()).collect::<Vec<_>>()
        };
        let mut expected = Vec::new();
        for is_lost_again in [true, true, false] {
            harmed.repair(json!({"existing": "skip"})).await;
            let [back] = &harmed.named(DELETED)[..] else { panic!("the lost user is back") };
            if !expected.contains(&back.sub) {
                expected.insert(0, back.sub.clone());
            }
            assert_eq!(successors().await, expected);
            if is_lost_again && expected.len() == 1 {
                harmed.pool.delete_user(&back.sub);
            }
            tokio::time::sleep(Duration::from_secs(3_600)).await;
        }
        assert_eq!(expected.len(), 2, "the third repair has found the user of the second");
    });
}

/// The restore may meet the lost user first. It must not take the other for it, and then fail to find the other.
#[test]
fn a_lost_user_is_not_taken_for_a_user_of_another_page_that_has_its_address() {
    const LAST: usize = 69;
    for [lost, present] in [[0, LAST], [LAST, 0]] {
        in_paused_time(async {
            let (backend, pool, _) = backend();
            pool.configure(|description| Mode::Email.describe(description));
            pool.set_shape(PageShape { sizes: vec![1], ..PageShape::default() });
            let mut population = people::plain(LAST + 1, 0);
            population.people.iter_mut().for_each(|person| (person.attributes, person.enabled) = (7, true));
            let put = |number: usize| pool.user(&pool.put_user(population.people[number].record(number)));
            let before: Vec<User> = (0..=LAST).map(|number| put(number).unwrap()).collect();
            let snapshot = export(&backend).await;
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            let harmed = DamagedPool { backend, pool, snapshot, before, groups_before: BTreeMap::new() };
            let [gone, there] = [lost, present].map(|number| &harmed.before[number]);
            harmed.pool.delete_user(&gone.sub);
            let email = gone.record.attributes["email"].clone();
            harmed.pool.change_user(&there.sub, |record| {
                drop(record.attributes.insert("email".to_owned(), email));
            });
            let report = harmed.repair(json!({"existing": "skip"})).await;
            assert_eq!(counts(&report, "users"), [0, LAST as u64 - 1, 0, 1, 1], "{lost}: {report}");
            assert_eq!(report["users"]["reasons"]["usernameTaken"], 1, "{lost}: {report}");
            let catalog = Catalog::new(harmed.backend.vault());
            let restore = catalog.restores(&source_id(), 1).await.unwrap().remove(0);
            let subs = [gone, there].map(|user| user.sub.clone());
            let entries = catalog.sub_map(&restore, &subs).await.unwrap();
            assert_eq!(entries[&gone.sub].restored, None, "{lost}");
            let kept = entries[&there.sub].restored.as_ref().unwrap();
            assert_eq!(kept.sub.as_ref(), Some(&there.sub), "{lost}");
        });
    }
}

#[test]
fn a_snapshot_user_ends_a_chain_of_sub_maps() {
    in_paused_time(async {
        let harmed = exported(Mode::Email).await;
        let [lost, present] = [DELETED, DISABLED].map(|number| harmed.before[number].sub.clone());
        harmed.pool.delete_user(&lost);
        harmed.repair(json!({"existing": "skip"})).await;
        let [stranger] = &harmed.named(DELETED)[..] else { panic!("the lost user is back") };
        harmed.pool.change_user(&stranger.sub, |record| readdressed(record, DELETED));
        let stranger = harmed.pool.user(&stranger.sub).unwrap();
        let users = harmed.pool.user_count();

        // The sub map now leads from the lost user to one that the snapshot has, and from there to a third.
        let catalog = Catalog::new(harmed.backend.vault());
        let restore = catalog.restores(&source_id(), 1).await.unwrap().remove(0);
        let entry = catalog.sub_map(&restore, std::slice::from_ref(&lost)).await.unwrap().remove(&lost);
        let (mut first, mut second) = (entry.clone().unwrap(), entry.unwrap());
        first.restored.as_mut().unwrap().sub = Some(present.clone());
        second.old_sub = present.clone();
        catalog.put_sub_map(&restore, &[first, second]).await.unwrap();
        tokio::time::sleep(Duration::from_secs(3_600)).await;

        let report = harmed.repair(json!({"existing": "update"})).await;
        assert_eq!(counts(&report, "users")[0], 1, "{report}");
        assert_eq!((harmed.pool.user_count(), harmed.named(DELETED).len()), (users + 1, 1));
        assert_eq!(harmed.pool.user(&stranger.sub), Some(stranger), "it stays who it is");
    });
}

#[test]
fn a_repair_tries_failed_users_again_and_finds_them_by_sub() {
    for mode in MODES {
        in_paused_time(async {
            let harmed = harmed(mode).await;
            let refuse = Some(Fault::Refuse(PoolErrorKind::Refused));
            harmed.backend.script().always(Operation::AdminUpdateUserAttributes, refuse);
            let first = harmed.repair(json!({"existing": "update"})).await;
            harmed.backend.script().clear();
            assert_eq!(
                (counts(&first, "users")[4], first["status"].as_str()),
                (4, Some("PARTIAL")),
                "{mode:?} {first}"
            );
            let users = harmed.pool.user_count();
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            let second = harmed.repair(json!({"existing": "update"})).await;
            assert_eq!(second["restoreId"], first["restoreId"]);
            assert_eq!(counts(&second, "users"), [2, 4, 5, 0, 0], "{mode:?} {second}");
            assert_eq!((harmed.pool.user_count(), harmed.pool.messages()), (users, 0), "{mode:?}");
            assert_users_keep_their_identity(&harmed, &[]);
            let catalog = Catalog::new(harmed.backend.vault());
            let id = RunId::parse(second["restoreId"].as_str().unwrap()).unwrap();
            let (entries, _) = catalog.sub_map_page(&id, None).await.unwrap();
            let lost: Vec<_> =
                entries.iter().filter(|entry| entry.restored.is_none()).map(|entry| &entry.old_sub).collect();
            assert_eq!(lost, [&harmed.before[FEDERATED_DELETED].sub], "{mode:?}");
        });
    }
}

#[test]
fn a_complete_repair_is_not_continued_but_begins_again() {
    for mode in MODES {
        in_paused_time(async {
            let harmed = harmed(mode).await;
            let first = harmed.repair(json!({"existing": "skip"})).await;
            assert_eq!((first["status"].as_str(), counts(&first, "users")[4]), (Some("SUCCEEDED"), 0));
            // The federated user has signed in again, and another user was deleted.
            let mut federated = harmed.before[FEDERATED_DELETED].record.clone();
            (federated.created, federated.modified) = (None, None);
            let back = harmed.pool.put_user(federated);
            harmed.pool.delete_user(&harmed.before[0].sub);
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            let second = harmed.repair(json!({"existing": "skip"})).await;
            assert_ne!(second["restoreId"], first["restoreId"]);
            assert_eq!(
                (second["status"].as_str(), counts(&second, "users")[0]),
                (Some("SUCCEEDED"), 1),
                "{mode:?} {second}"
            );
            assert!(harmed.is_in(&back, 0), "{mode:?}: its memberships are back as well");
            assert_eq!(harmed.pool.user(&back).unwrap().record.status, UserStatus::ExternalProvider);
        });
    }
}

#[test]
fn the_sub_map_of_a_repair_lists_users_with_a_new_sub() {
    in_paused_time(async {
        let harmed = harmed(Mode::Email).await;
        let report = harmed.repair(json!({"existing": "skip"})).await;
        let id = RunId::parse(report["restoreId"].as_str().unwrap()).unwrap();
        let (entries, _) = Catalog::new(harmed.backend.vault()).sub_map_page(&id, None).await.unwrap();
        let named: BTreeSet<_> = entries.iter().map(|entry| entry.old_sub.clone()).collect();
        let expected = [DELETED, DELETED_LINKED, SIGNED_UP_AGAIN, FEDERATED_AGAIN, FEDERATED_DELETED];
        assert_eq!(named, expected.map(|number| harmed.before[number].sub.clone()).into());
        for entry in entries {
            let restored = entry.restored.and_then(|user| user.sub);
            assert!(restored.is_none_or(|sub| harmed.pool.user(&sub).is_some() && sub != entry.old_sub));
        }
    });
}

#[test]
fn a_snapshot_taken_after_a_repair_restores_into_another_pool() {
    in_paused_time(async {
        let harmed = harmed(Mode::Aliases).await;
        harmed.repair(json!({"existing": "update", "federated": "link"})).await;
        let snapshot = export(&harmed.backend).await;
        let target = crate::support::target_id();
        let into = harmed.backend.pool(&target);
        into.configure(|description| Mode::Aliases.describe(description));
        let input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target, "snapshot": snapshot, "tps": 200, "federated": "link"});
        let report = Machine::new(&harmed.backend).import(input, "elsewhere").await.report();
        assert_eq!(
            (report["status"].as_str(), into.user_count()),
            (Some("SUCCEEDED"), harmed.pool.user_count()),
            "{report}"
        );
    });
}

/// The import restores both. It must not take the one for the other, whichever comes first.
#[test]
fn a_user_of_the_snapshot_that_has_the_addresses_of_a_lost_one_stays_itself() {
    for mode in MODES {
        for [lost, present] in [[DELETED, DISABLED], [DISABLED, DELETED]] {
            in_paused_time(async {
                let harmed = exported(mode).await;
                let [gone, there] = [lost, present].map(|number| harmed.before[number].sub.clone());
                harmed.pool.delete_user(&gone);
                harmed.pool.change_user(&there, |record| {
                    readdressed(record, lost);
                    record
                        .attributes
                        .insert("email".to_owned(), harmed.before[lost].record.attributes["email"].clone());
                });
                for _ in 0..2 {
                    harmed.repair(json!({"existing": "update"})).await;
                    tokio::time::sleep(Duration::from_secs(3_600)).await;
                }
                let now = harmed.pool.user(&there).unwrap();
                let unlike = now.record.fields_unlike(&harmed.before[present].record, None);
                assert_eq!(unlike, Vec::<String>::new(), "{mode:?} {lost} {present}");
                let [back] = &harmed.named(lost)[..] else { panic!("{mode:?}: the lost user is not back") };
                assert_ne!(back.sub, there, "{mode:?}");
            });
        }
    }
}
