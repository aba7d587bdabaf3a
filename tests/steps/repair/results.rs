//! What a repair creates, changes and leaves.

use super::*;

#[test]
fn a_repair_recreates_missing_users_and_leaves_the_others_unchanged() {
    for mode in MODES {
        in_paused_time(async {
            let harmed = harmed(mode).await;
            let (held, from) = (harmed.held(), harmed.backend.script().log().len());
            let report = harmed.repair(json!({"existing": "skip"})).await;

            // Created: DELETED and DELETED_LINKED. Same: 0, LEFT_A_GROUP, FEDERATED, FEDERATED_AGAIN.
            // Other: NONSENSE, FEDERATED_NONSENSE, DISABLED, RENAMED, SIGNED_UP_AGAIN. Left to Cognito:
            // FEDERATED_DELETED.
            assert_eq!(counts(&report, "users"), [2, 4, 0, 5, 0], "{mode:?} {report}");
            assert_eq!(
                report["users"]["reasons"],
                json!({"alreadyInTarget": 5, "leftToSignIn": 1}),
                "{mode:?} {report}"
            );
            assert_eq!(report["status"], "SUCCEEDED");
            assert_eq!(report["verification"]["different"], 0);
            assert_eq!(report["verification"]["missing"], 0);

            for (key, was) in held {
                let mut now = harmed.held().remove(&key).unwrap_or_else(|| panic!("{mode:?}: {key} is gone"));
                // Users that equal the snapshot get their memberships back, also the federated user that
                // Cognito created again.
                let is_again = key.ends_with("EXTERNAL_PROVIDER");
                if is_again || key == harmed.before[LEFT_A_GROUP].sub.as_str() {
                    assert!(now.groups.remove(&people::group_name(0).to_string()), "{mode:?}");
                }
                assert_eq!(now, was, "{mode:?}: {key} was changed");
            }
            assert_users_keep_their_identity(&harmed, &[NONSENSE, FEDERATED_NONSENSE, DISABLED, RENAMED]);
            for number in [DELETED, DELETED_LINKED] {
                let [user] = &harmed.named(number)[..] else { panic!("{mode:?} {number}") };
                assert_ne!(user.sub, harmed.before[number].sub);
                let wanted = &harmed.before[number].record;
                assert_eq!(user.record.fields_unlike(wanted, None), Vec::<String>::new());
                assert!(user.record.has_identities_of(wanted));
                assert_eq!(harmed.is_in(&user.sub, 1), number % 2 == 1, "{mode:?}");
                assert!(harmed.is_in(&user.sub, 0));
            }
            assert!(harmed.is_in(&harmed.before[LEFT_A_GROUP].sub, 0));
            assert!(
                !harmed.is_in(&harmed.before[NONSENSE].sub, 0),
                "a user that stays as it is keeps its memberships"
            );

            // The restore only looks up users that it is about to create under a name other than the
            // username.
            assert_eq!(harmed.calls(from, Operation::AdminCreateUser), 2);
            assert_eq!(harmed.calls(from, Operation::AdminSetUserPassword), 2);
            let by_address = matches!(mode, Mode::Email | Mode::Phone | Mode::EmailOrPhone);
            assert_eq!(
                harmed.calls(from, Operation::AdminGetUser),
                if by_address { 2 } else { 0 },
                "{mode:?}"
            );
            let writes = [
                Operation::AdminUpdateUserAttributes,
                Operation::AdminEnableUser,
                Operation::AdminDisableUser,
            ];
            assert!(writes.into_iter().all(|operation| harmed.calls(from, operation) == 0));
            // DELETED, DELETED_LINKED, LEFT_A_GROUP and FEDERATED_AGAIN, one group each.
            assert_eq!(
                harmed.calls(from, Operation::AdminAddUserToGroup),
                4,
                "only users that are not members are added"
            );
        });
    }
}

#[test]
fn a_repair_with_update_makes_existing_users_equal_the_snapshot() {
    for mode in MODES {
        in_paused_time(async {
            let harmed = harmed(mode).await;
            let report = harmed.repair(json!({"existing": "update"})).await;
            assert_eq!(counts(&report, "users"), [2, 4, 5, 0, 0], "{mode:?} {report}");
            assert_eq!(
                (&report["verification"]["different"], &report["verification"]["missing"]),
                (&json!(0), &json!(0))
            );
            assert_users_keep_their_identity(&harmed, &[]);
            for (number, before) in harmed.before.iter().enumerate() {
                let now = harmed.now(number).or_else(|| harmed.named(number).pop());
                let Some(now) = now else {
                    assert_eq!(number, FEDERATED_DELETED, "{mode:?}");
                    continue;
                };
                assert_eq!(
                    now.record.fields_unlike(&before.record, None),
                    Vec::<String>::new(),
                    "{mode:?} {number}"
                );
                for (group, members) in &harmed.groups_before {
                    assert!(
                        !members.contains(&before.sub) || memberships(&harmed.pool)[group].contains(&now.sub),
                        "{number}"
                    );
                }
            }
            let [again] = &harmed.named(SIGNED_UP_AGAIN)[..] else { panic!("{mode:?}") };
            assert_eq!(
                again.record.status,
                UserStatus::Unconfirmed,
                "a restore sets no password of an existing user"
            );
            assert_eq!(harmed.pool.user_count(), PEOPLE, "the stranger stays, the federated user is awaited");
        });
    }
}

#[test]
fn a_verification_finds_no_difference_after_a_repair() {
    for mode in MODES {
        in_paused_time(async {
            let mut harmed = harmed(mode).await;
            let before = harmed.verified().await;
            assert_eq!(
                (before.users.missing, before.users.different, before.matched_by.own_pool),
                (3, 5, true),
                "{mode:?}"
            );
            harmed.repair(json!({"existing": "update", "federated": "link"})).await;
            // Only the sub map knows this user.
            let [recreated] = &harmed.named(DELETED)[..] else { panic!("{mode:?}") };
            harmed.pool.change_user(&recreated.sub, |record| readdressed(record, DELETED));
            let after = harmed.verified().await;
            let matched = &after.matched_by;
            assert_eq!(
                (after.users.missing, after.users.different, after.users.extra),
                (0, 1, 1),
                "{mode:?} {after:?}"
            );
            assert_eq!((matched.sub, matched.sub_map, matched.name), (7, 5, 0), "{mode:?}");
            // A later snapshot holds the recreated user, who is deleted and restored from it. So two sub
            // maps lead from the first snapshot to the user.
            let first = std::mem::replace(&mut harmed.snapshot, export(&harmed.backend).await);
            harmed.pool.delete_user(&recreated.sub);
            harmed.repair(json!({"existing": "skip"})).await;
            harmed.snapshot = first;
            harmed.repair(json!({"existing": "update", "federated": "link"})).await;
            let last = harmed.verified().await;
            assert!(last.is_complete(), "{mode:?} {last:?}");
            assert_eq!((last.users.same, last.users.extra), (PEOPLE as u64, 1), "{mode:?}");
        });
    }
}

#[test]
fn a_dry_run_of_a_repair_counts_existing_users_and_touches_nothing() {
    for (existing, existing_users) in [
        ("skip", json!({"same": 4, "kept": 5, "updated": 0})),
        ("update", json!({"same": 4, "kept": 0, "updated": 5})),
    ] {
        in_paused_time(async {
            let harmed = harmed(Mode::Email).await;
            let (held, from) = (harmed.held(), harmed.backend.script().log().len());
            let plan = harmed.repair(json!({"existing": existing, "dryRun": true})).await;
            assert_eq!(
                (&plan["there"], &plan["creatable"], &plan["users"]),
                (&existing_users, &json!(2), &json!(12)),
                "{plan}"
            );
            assert_eq!(plan["objections"]["leftToSignIn"]["users"], 1, "{plan}");
            assert_eq!(harmed.held(), held);
            let log = harmed.backend.script().log();
            let reads = [
                Operation::DescribeUserPool,
                Operation::ListUsers,
                Operation::ListGroups,
                Operation::ListIdentityProviders,
            ];
            assert!(log[from..].iter().all(|(_, operation)| reads.contains(operation)));

            let from = log.len();
            let report = harmed.repair(json!({"existing": existing})).await;
            assert_eq!(report["users"]["created"], plan["creatable"]);
            let log = harmed.backend.script().log();
            let beyond = [
                Operation::DescribeUserPool,
                Operation::AdminAddUserToGroup,
                Operation::ListIdentityProviders,
            ];
            let calls_made =
                log[from..].iter().filter(|(_, operation)| !beyond.contains(operation)).count() as u64;
            let planned = plan["totalCalls"].as_u64().unwrap();
            assert!(
                calls_made.abs_diff(planned) <= 6,
                "{calls_made} calls were made, {planned} were planned: {}",
                plan["summary"]
            );
        });
    }
}

#[test]
fn a_repair_takes_selections_and_import_jobs() {
    for mode in [Mode::Usernames, Mode::Email] {
        in_paused_time(async {
            let harmed = harmed(mode).await;
            harmed
                .pool
                .configure(|description| description.auto_verified_attributes = vec!["email".to_owned()]);
            let from = harmed.backend.script().log().len();
            let wanted = harmed.before[DELETED].sub.clone();
            let report = harmed.repair(json!({"existing": "skip", "select": {"subs": [wanted]}})).await;
            assert_eq!(
                (report["status"].as_str(), counts(&report, "users")[0]),
                (Some("SUCCEEDED"), 1),
                "{report}"
            );
            assert_eq!(harmed.calls(from, Operation::AdminCreateUser), 1);

            let from = harmed.backend.script().log().len();
            let verified = |user: &UserRecord| user.attributes["email_verified"] == "true";
            let by_job = u64::from(verified(&harmed.before[DELETED_LINKED].record));
            let report = harmed.repair(json!({"existing": "skip", "method": "csv"})).await;
            assert_eq!(
                (&report["users"]["created"], &report["jobs"]["imported"]),
                (&json!(1), &json!(by_job)),
                "{report}"
            );
            assert_eq!(harmed.calls(from, Operation::AdminCreateUser) as u64, 1 - by_job);
            assert_eq!(harmed.named(DELETED_LINKED).len(), 1);
            assert_eq!(
                (&report["verification"]["different"], &report["verification"]["missing"]),
                (&json!(0), &json!(0))
            );
            assert_users_keep_their_identity(&harmed, &[NONSENSE, FEDERATED_NONSENSE, DISABLED, RENAMED]);
        });
    }
}

#[test]
fn a_username_that_another_user_holds_is_free_again_after_that_user_is_repaired() {
    for mode in [Mode::Email, Mode::Phone, Mode::EmailOrPhone] {
        in_paused_time(async {
            let harmed = exported(mode).await;
            let (gone, taker) = (&harmed.before[DELETED], &harmed.before[NONSENSE]);
            harmed.pool.delete_user(&gone.sub);
            harmed.pool.change_user(&taker.sub, |record| {
                record.attributes = gone.record.attributes.clone();
                record.attributes.extend(
                    ["email_verified", "phone_number_verified"].map(|name| (name.into(), "true".into())),
                );
            });
            let skip = harmed.repair(json!({"existing": "skip"})).await;
            assert_eq!(
                (&skip["users"]["reasons"]["usernameTaken"], &skip["users"]["created"]),
                (&json!(1), &json!(0)),
                "{skip}"
            );
            let taken = harmed.pool.user(&taker.sub).unwrap();
            assert_eq!(taken.record.attributes["name"], gone.record.attributes["name"], "it is left");

            let update = harmed.repair(json!({"existing": "update"})).await;
            let report = if update["status"] == "PARTIAL" {
                harmed.repair(json!({"existing": "update"})).await
            } else {
                update
            };
            assert_eq!(
                (report["status"].as_str(), &report["users"]["created"]),
                (Some("SUCCEEDED"), &json!(1)),
                "{report}"
            );
            let mended = harmed.pool.user(&taker.sub).unwrap();
            assert_eq!(mended.record.fields_unlike(&taker.record, None), Vec::<String>::new());
            assert_eq!((harmed.named(DELETED).len(), harmed.pool.user_count()), (1, PEOPLE));
        });
    }
}

#[test]
fn a_repair_does_not_recreate_a_user_that_the_listing_leaves_out() {
    for mode in MODES {
        in_paused_time(async {
            let harmed = exported(mode).await;
            // The user that is listed last changes the address, and moves to a position that the
            // listing has passed.
            let hidden = harmed.before[RENAMED].sub.clone();
            harmed.pool.change_user(&hidden, |record| readdressed(record, RENAMED));
            harmed.pool.set_shape(PageShape { overlooked: [hidden.clone()].into(), ..PageShape::default() });
            let report = harmed.repair(json!({"existing": "update"})).await;
            assert_eq!(
                (report["status"].as_str(), &report["users"]["created"]),
                (Some("SUCCEEDED"), &json!(0)),
                "{mode:?} {report}"
            );
            assert_eq!(
                (harmed.pool.user_count(), &report["users"]["updated"]),
                (PEOPLE, &json!(1)),
                "{mode:?} {report}"
            );
        });
    }
}

#[test]
fn a_repair_without_permission_names_the_setting_that_grants_it() {
    in_paused_time(async {
        let harmed = harmed(Mode::Usernames).await;
        harmed
            .backend
            .script()
            .always(Operation::DescribeUserPool, Some(Fault::Refuse(PoolErrorKind::AccessDenied)));
        let end =
            Machine::new(&harmed.backend).import(harmed.input(json!({"existing": "skip"})), "denied").await;
        assert_eq!(end.error().0, "AccessDenied");
        assert!(end.error().1.contains("RepairablePools"), "{end:?}");
    });
}

#[test]
fn a_repair_with_credentials_that_do_not_work_names_no_setting() {
    in_paused_time(async {
        let harmed = harmed(Mode::Usernames).await;
        let expired = Fault::RefuseWith(PoolErrorKind::AccessDenied, "ExpiredTokenException");
        harmed.backend.script().always(Operation::DescribeUserPool, Some(expired));
        let end =
            Machine::new(&harmed.backend).import(harmed.input(json!({"existing": "skip"})), "expired").await;
        assert_eq!(end.error().0, "AccessDenied");
        assert!(!end.error().1.contains("RepairablePools"), "no setting renews credentials: {end:?}");
    });
}

/// Cognito refuses the listing of the group 0, or breaks off that of each group after three members.
#[test]
fn a_repair_adds_all_members_of_a_group_whose_listing_cognito_refuses_or_breaks_off() {
    for (refusal, select, expected) in [
        // The group 0 has 12 members. All are added, and one of them is missing in truth.
        (Some(PoolErrorKind::Refused), false, [12, 6]),
        (Some(PoolErrorKind::InvalidParameter), false, [12, 6]),
        // Three members of each group are known.
        (None, false, [9 + 3, 3 + 3]),
        (Some(PoolErrorKind::Refused), true, [12, 6]),
    ] {
        in_paused_time(async {
            let harmed = exported(Mode::Usernames).await;
            let left = &harmed.before[LEFT_A_GROUP].sub;
            harmed.pool.leave(left, &people::group_name(0));
            let script = harmed.backend.script();
            match refusal {
                Some(kind) => {
                    script.always(Operation::ListUsersInGroup, Some(Fault::Refuse(kind)));
                    let allowing = script.clone();
                    // This happens after the fault of the first call is ordered.
                    script.change_before(Operation::ListUsersInGroup, 1, move || {
                        allowing.always(Operation::ListUsersInGroup, None);
                    });
                }
                None => {
                    harmed.pool.set_shape(PageShape { sizes: vec![3], ..PageShape::default() });
                    script.always(Operation::ListUsersInGroup, Some(Fault::RejectToken));
                }
            }
            let mut options = json!({"existing": "skip"});
            if select {
                let subs: Vec<_> = harmed.before.iter().map(|user| &user.sub).collect();
                options["select"] = json!({"subs": subs});
            }
            let report = harmed.repair(options).await;
            assert_eq!(report["status"], "SUCCEEDED", "{report}");
            let [created, already_there, ..] = counts(&report, "memberships");
            assert_eq!([created, already_there], expected, "{refusal:?} {select}: {report}");
            assert!(harmed.is_in(left, 0));
            assert_eq!(memberships(&harmed.pool), harmed.groups_before);
        });
    }
}

/// A busy service says nothing about the group. The next invocation continues the listing.
#[test]
fn a_repair_goes_on_listing_the_members_after_cognito_was_not_available() {
    in_paused_time(async {
        let harmed = exported(Mode::Usernames).await;
        harmed.pool.leave(&harmed.before[LEFT_A_GROUP].sub, &people::group_name(0));
        let script = harmed.backend.script();
        script.always(Operation::ListUsersInGroup, Some(Fault::Refuse(PoolErrorKind::Transient)));
        let allowing = script.clone();
        script.change_before(Operation::ListUsersInGroup, 30, move || {
            allowing.always(Operation::ListUsersInGroup, None);
        });
        let report = harmed.repair(json!({"existing": "skip"})).await;
        assert_eq!(counts(&report, "memberships"), [1, 17, 0, 0, 0], "{report}");
    });
}
