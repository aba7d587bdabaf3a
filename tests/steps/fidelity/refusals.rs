//! Targets whose settings refuse users, groups or the whole restore.

use super::*;

#[test]
fn users_without_the_sign_in_attribute_of_the_target_are_not_created() {
    in_paused_time(async {
        let (backend, source, target, _) =
            exported(Mode::EmailOrPhone, &people::plain(0, 0), json!({})).await;
        let mut nameless = people::plain(1, 0).people[0].record(0);
        nameless.attributes = [("name".to_owned(), "Anna".to_owned())].into();
        source.put_user(nameless);
        export(&backend, json!({})).await;
        let report = restore(&backend, json!({})).await;
        assert_eq!(
            (report["status"].as_str(), &report["users"]["reasons"]),
            (Some("PARTIAL"), &json!({"noSignInName": 1}))
        );
        assert_eq!(target.user_count(), 0);
    });
}

#[test]
fn a_target_with_other_sign_in_options_is_refused() {
    for (source, target, refused) in [
        (Mode::Usernames, Mode::Email, true),
        (Mode::Email, Mode::Usernames, true),
        (Mode::Email, Mode::Phone, true),
        (Mode::EmailOrPhone, Mode::Email, true),
        (Mode::Email, Mode::EmailOrPhone, false),
        (Mode::Usernames, Mode::Aliases, false),
        (Mode::CaseSensitive, Mode::Usernames, false),
        (Mode::Usernames, Mode::CaseSensitive, false),
    ] {
        in_paused_time(async {
            let mut population = people::plain(3, 0);
            source.suit(&mut population);
            let (backend, from, into) = backend();
            from.configure(|description| source.describe(description));
            into.configure(|description| target.describe(description));
            population.fill(&from);
            export(&backend, json!({})).await;
            let end = Machine::new(&backend).import(import(json!({})), "import").await;
            if refused {
                assert_eq!(end.error().0, "TargetNotSupported", "{source:?} into {target:?}");
                assert_eq!(into.user_count(), 0);
            } else {
                assert_eq!(end.report()["status"], "SUCCEEDED", "{source:?} into {target:?}");
            }
        });
    }
}

#[test]
fn a_loss_by_the_settings_of_the_target_refuses_the_restore_unless_it_is_accepted() {
    in_paused_time(async {
        let mut population = people::plain(9, 1);
        population.people.iter_mut().take(4).for_each(|person| person.kind = Kind::Linked);
        let (backend, _, _, _) = exported(Mode::Usernames, &population, json!({})).await;
        // A target without a provider, and with an attribute that accepts fewer values.
        let mut description = PoolDescription::with_defaults(&["note", "shoe_size"]);
        description.attributes.get_mut("custom:shoe_size").unwrap().maximum = Some("1".to_owned());
        description.attributes.remove("custom:note");
        let id = shared::model::PoolId::parse("eu-west-1_Without001").unwrap();
        let target = backend.create_pool(&id, description);
        let mut input = import(json!({"createMissingAttributes": true}));
        input["targetUserPoolId"] = json!(id);
        let refused = Machine::new(&backend).import(input.clone(), "refused").await;
        let (error, cause) = refused.error();
        assert_eq!(error, "UsersNotAccepted");
        for reason in ["4 users (providerMissing: Google)", "Nothing was changed", "acceptLosses"] {
            assert!(cause.contains(reason), "{cause}");
        }
        assert_eq!((target.user_count(), target.groups().len()), (0, 0));
        assert_eq!(calls(&backend, 0, Operation::AddCustomAttributes), 0, "what cannot be undone comes last");

        input["acceptLosses"] = json!(true);
        let report = Machine::new(&backend).import(input, "accepted").await.report();
        assert_eq!(
            (report["status"].as_str(), report["users"]["failed"].as_u64()),
            (Some("PARTIAL"), Some(4)),
            "{report}"
        );
        assert_eq!(calls(&backend, 0, Operation::AddCustomAttributes), 1);
    });
}

#[test]
fn a_refused_restore_begins_again_after_the_target_is_repaired() {
    in_paused_time(async {
        let mut population = people::plain(9, 1);
        population.people[0].kind = Kind::Linked;
        let (backend, _, target, _) = exported(Mode::Usernames, &population, json!({})).await;
        target.configure(|pool| {
            pool.attributes.get_mut("custom:shoe_size").unwrap().maximum = Some("1".to_owned())
        });
        target.configure(|pool| pool.attributes.get_mut("locale").unwrap().required = true);
        // A target that may hold users: a second import of the same input continues what the first one
        // wrote.
        let input = import(json!({"existing": "skip"}));
        let refused = Machine::new(&backend).import(input.clone(), "refused").await;
        assert_eq!(refused.error().0, "UsersNotAccepted");
        target.configure(|pool| pool.attributes.get_mut("locale").unwrap().required = false);
        target.configure(|pool| {
            pool.attributes.get_mut("custom:shoe_size").unwrap().maximum = Some("2048".to_owned())
        });
        let report = Machine::new(&backend).import(input, "again").await.report();
        assert_eq!((report["status"].as_str(), target.user_count()), (Some("SUCCEEDED"), 9), "{report}");
    });
}

#[test]
fn a_restore_with_more_groups_than_a_pool_can_have_is_refused() {
    in_paused_time(async {
        let (backend, _, target, _) = exported(Mode::Usernames, &people::plain(3, 3), json!({})).await;
        for number in 0..9_999 {
            target
                .put_group(GroupRecord { name: GroupName::new(format!("own-{number}")), ..people::group(0) });
        }
        let refused = Machine::new(&backend).import(import(json!({})), "refused").await;
        let (error, cause) = refused.error();
        assert_eq!(error, "UsersNotAccepted");
        assert!(cause.contains("2 groups more than the 10,000 that a pool can have"), "{cause}");
        let plan = restore(&backend, json!({"dryRun": true})).await;
        assert_eq!(plan["groupsTooMany"], 2, "{plan}");
        assert!(plan["summary"].as_str().unwrap().contains("ends with UsersNotAccepted"), "{plan}");
        assert_eq!(target.user_count(), 0);
    });
}

#[test]
fn all_objections_to_a_target_are_reported_at_once() {
    in_paused_time(async {
        let (backend, _, target, _) = exported(Mode::CaseSensitive, &people::plain(3, 0), json!({})).await;
        target.configure(|pool| {
            pool.username_attributes = vec!["email".to_owned()];
            pool.attributes.remove("custom:note");
        });
        let end = Machine::new(&backend).import(import(json!({})), "refused").await;
        let (error, cause) = end.error();
        assert_eq!(error, "TargetNotSupported");
        for part in [
            "sign in by username",
            "does not declare custom:note",
            "createMissingAttributes",
            "UsernameAttributes",
        ] {
            assert!(cause.contains(part), "{part}: {cause}");
        }
    });
}
