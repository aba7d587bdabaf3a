use shared::model::{Sub, SubMapLifetime};
use shared::operations::verify::{DecisiveRestore, MembershipTally};

use super::*;
use crate::testing;

#[test]
fn a_pool_that_lacks_entries_is_shown_from_the_summary_to_the_first_findings() {
    let end = testing::verify_end();
    assert_eq!(end.exit_status(), ExitStatus::Partial);
    insta::assert_snapshot!(end.human(testing::now()));
    insta::assert_snapshot!(serde_json::to_string_pretty(&end).unwrap());
}

#[test]
fn a_pool_that_holds_everything_is_shown_in_a_few_lines() {
    let end = testing::verify_end();
    let comparison = Comparison {
        users: Tally { same: 400_000, extra: 2, ..Tally::default() },
        matched_by: MatchedBy { own_pool: true, sub: 400_000, ..MatchedBy::default() },
        ..Comparison::default()
    };
    let end = VerifyEnd::new(
        &testing::snapshot(1, 400_000),
        &testing::pool("a"),
        comparison,
        Vec::new(),
        0,
        end.calls,
    );
    assert_eq!(end.exit_status(), ExitStatus::Done);
    insta::assert_snapshot!(end.human(testing::now()));
}

#[test]
fn the_table_counts_damaged_records() {
    let comparison = Comparison {
        users: Tally { same: 57, damaged: 3, ..Tally::default() },
        groups: Tally { same: 1, damaged: 2, ..Tally::default() },
        memberships: MembershipTally { present: 55, damaged: 4, ..MembershipTally::default() },
        ..Comparison::default()
    };
    let table = counts(&comparison);
    let rows: Vec<Vec<_>> = table.lines().map(|row| row.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["SAME", "DIFFERENT", "MISSING", "DAMAGED", "EXTRA"]);
    assert_eq!(rows[1], ["users", "57", "0", "0", "3", "0"]);
    assert_eq!(rows[2], ["groups", "1", "0", "0", "2", "0"]);
    assert_eq!(rows[3], ["memberships", "55", "-", "0", "4", "0"]);
}

#[test]
fn the_next_step_depends_on_the_findings() {
    let next = |pool: &str, users: Tally| {
        let comparison = Comparison { users, ..Comparison::default() };
        let (snapshot, calls) = (testing::snapshot(1, 9), testing::calls());
        VerifyEnd::new(&snapshot, &testing::pool(pool), comparison, Vec::new(), 0, calls).next()
    };
    let (missing, different) =
        (Tally { missing: 1, ..Tally::default() }, Tally { different: 1, ..Tally::default() });
    assert!(next("b", missing.clone()).unwrap().ends_with("--existing skip"));
    assert!(next("b", different.clone()).unwrap().ends_with("--existing update"));
    for (users, option) in [(missing, "--existing skip"), (different, "--existing update")] {
        let next = next("a", users).unwrap();
        assert!(
            next.contains(option)
                && next.contains("--into eu-west-1_a ")
                && next.contains("cognito-backup=repair"),
            "{next}"
        );
    }
    assert_eq!(next("a", Tally { extra: 1, ..Tally::default() }), None);
    let damaged = next("a", Tally { damaged: 1, ..Tally::default() }).unwrap();
    assert!(
        damaged.starts_with("Next: 1 record is damaged. ")
            && damaged.contains("  cognito-backup export --pool eu-west-1_a\n")
            && !damaged.contains("--existing"),
        "{damaged}"
    );
}

/// An import of all users would try the damaged ones, too, and end `PARTIAL`.
#[test]
fn the_advised_import_leaves_out_what_is_damaged() {
    let damaged = |number: u32| Finding::User {
        finding: FindingKind::Damaged,
        sub: Sub::new(format!("00000000-0000-4000-8000-{number:012}")),
        pool_sub: None,
        fields: Vec::new(),
    };
    let next = |users: Tally, groups: Tally, named: u32| {
        let comparison = Comparison { users, groups, ..Comparison::default() };
        let (snapshot, calls) = (testing::snapshot(1, 99), testing::calls());
        let findings = (0..named).map(damaged).collect();
        VerifyEnd::new(&snapshot, &testing::pool("b"), comparison, findings, 0, calls).next().unwrap()
    };
    let groups = Tally::default;
    let different = |damaged| Tally { damaged, different: 1, ..Tally::default() };
    let missing = |damaged| Tally { damaged, missing: 1, different: 1, ..Tally::default() };

    let named = next(different(2), groups(), 2);
    assert!(
        named.starts_with("Next: 2 records are damaged. ")
            && named.ends_with(
                " --existing update --except-sub 00000000-0000-4000-8000-000000000000 \
                 --except-sub 00000000-0000-4000-8000-000000000001"
            ),
        "{named}"
    );
    let named = next(missing(1), groups(), 1);
    assert!(
        named.contains(" --existing skip --except-sub 0000") && !named.contains("--existing update"),
        "{named}"
    );
    for (damaged, named) in [(6, 5), (21, 21)] {
        let by_hand = next(different(damaged), groups(), named);
        assert!(
            by_hand.contains(" --existing update --except-sub SUB\n")
                && by_hand.ends_with("`verify --all` names them."),
            "{by_hand}"
        );
    }
    for users in [different(0), missing(1)] {
        let of_group = next(users, Tally { damaged: 1, ..Tally::default() }, 1);
        assert!(
            of_group.contains("verify") && !of_group.contains("--existing") && of_group.contains("Recover"),
            "{of_group}"
        );
    }
}

#[test]
fn the_next_import_leaves_out_what_the_restore_left_out() {
    let map = GroupRoles::Map([("old".to_owned(), "new".to_owned())].into());
    let end = |group_roles: &GroupRoles, unconfirmed| {
        let options = ImportOptions {
            existing: Existing::Fail,
            method: Method::Csv,
            group_roles: group_roles.clone(),
            unconfirmed,
            ..ImportOptions::default()
        };
        let id = RunId::parse("20261121T110000000Z-0000000b").unwrap();
        let comparison = Comparison {
            matched_by: testing::verify_end().comparison.matched_by,
            users: Tally { missing: 1, left_out_unconfirmed: 2, ..Tally::default() },
            memberships: MembershipTally { left_out_unconfirmed: 1, ..MembershipTally::default() },
            group_roles: ComparedRoles::of(group_roles),
            restored: Some(DecisiveRestore { id, options, sub_map_lifetime: SubMapLifetime::default() }),
            ..Comparison::default()
        };
        let (snapshot, pool) = (testing::snapshot(1, 9), testing::pool("b"));
        VerifyEnd::new(&snapshot, &pool, comparison, Vec::new(), 0, testing::calls())
    };
    // A repair with another snapshot left the users out.
    let next = end(&GroupRoles::Keep, Unconfirmed::Restore).next().unwrap();
    assert!(next.ends_with(" --existing skip --unconfirmed skip"), "{next}");
    insta::assert_snapshot!(end(&GroupRoles::Skip, Unconfirmed::Skip).human(testing::now()));
    insta::assert_snapshot!(end(&map, Unconfirmed::Skip).human(testing::now()));
}

#[test]
fn every_way_of_matching_is_named() {
    let by = |sign_in: &[&str], own_pool| MatchedBy {
        sign_in_attributes: sign_in.iter().map(|&name| name.to_owned()).collect(),
        own_pool,
        ..MatchedBy::default()
    };
    assert!(matched(&by(&[], false)).starts_with("Users were matched by username:"));
    let addresses = matched(&by(&["email", "phone_number"], false));
    assert!(addresses.starts_with("Users were matched by e-mail address or phone number:"), "{addresses}");
    assert!(matched(&by(&["email"], true)).starts_with("Users were matched by sub,"));
    let repaired = MatchedBy { sub: 7, sub_map: 1_234, name: 2, ..by(&["email"], true) };
    assert!(
        matched(&repaired).ends_with("this pool; by the sub maps of repairs: 1,234; by e-mail address: 2.")
    );
    let mut restored = testing::verify_end().comparison.matched_by;
    assert!(!matched(&restored).contains("not ended"));
    restored.restores[0].status = RestoreState::Running;
    assert!(matched(&restored).contains(", then of ") && matched(&restored).contains("has not ended"));
    restored.name = 0;
    assert!(!matched(&restored).contains("the others"));
}

#[test]
fn all_findings_are_written_after_the_summary() {
    let end = testing::verify_end();
    let written = |json| {
        let mut out = Vec::new();
        end.write(json, testing::now(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    insta::assert_snapshot!(written(false));
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&written(true)).unwrap(),
        serde_json::to_value(&end).unwrap()
    );
}
