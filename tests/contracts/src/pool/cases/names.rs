//! Usernames, aliases, and the attributes that users sign in by.

use shared::ports::pool::PoolErrorKind;

use super::parts::{INVALID, NO_USER, case, create, named, refused, taken, values};
use crate::pool::{Call, Case, Expected, Settings, UserIs};

pub(super) fn cases() -> Vec<Case> {
    let longest = "é".repeat(128);
    let too_long = "x".repeat(129);
    let not_names = ["", "a b", "a\u{a0}b", "a\tb", "a\u{200d}b", too_long.as_str()];
    let by =
        |attributes: &[&'static str]| Settings { sign_in_by: attributes.to_vec(), ..Settings::default() };
    let aliases =
        |attributes: &[&'static str]| Settings { aliases: attributes.to_vec(), ..Settings::default() };
    let uuid = "0b1c2d3e-0000-4000-8000-000000000001";
    let is_named = |name: &str| Expected::User(UserIs { name: Some(named(name)), ..UserIs::default() });
    let verified = [("email", "a@example.com"), ("email_verified", "true")];
    vec![
        case(
            "a username has any script and punctuation, and no white space",
            Vec::new(),
            std::iter::once((create(&longest, &[]), Expected::Done))
                .chain([(create("李雷/👍#1|", &[]), Expected::Done)])
                .chain(not_names.map(|name| (create(name, &[]), refused(INVALID))))
                .collect(),
        ),
        case(
            "usernames that differ by case are one",
            vec![create("anna", &[])],
            vec![
                (create("Anna", &[]), refused(PoolErrorKind::AlreadyExists)),
                (Call::GetUser(named("ANNA")), is_named("anna")),
                (Call::SetPassword(named("ANNA"), "Correct-Horse-7".to_owned()), Expected::Done),
            ],
        ),
        case(
            "usernames that differ by case are two if the pool says so",
            vec![create("anna", &[])],
            vec![
                (Call::GetUser(named("Anna")), refused(NO_USER)),
                (create("Anna", &[]), Expected::Done),
                (Call::GetUser(named("Anna")), is_named("Anna")),
                (Call::AllUsers, Expected::Number(2)),
            ],
        )
        .in_pool(Settings { case_sensitive: true, ..Settings::default() }),
        case(
            "a username looks like no alias",
            Vec::new(),
            vec![
                (create("a@example.com", &[]), refused(INVALID)),
                (create("+4930123456", &[]), refused(INVALID)),
                (create("anna", &[]), Expected::Done),
            ],
        )
        .in_pool(aliases(&["email", "phone_number"])),
        case(
            "a verified address is the alias of one user",
            vec![create("anna", &verified)],
            vec![
                (create("bert", &verified), refused(PoolErrorKind::AliasTaken)),
                (
                    create("bert", &[("email", "A@Example.com"), ("email_verified", "true")]),
                    refused(PoolErrorKind::AliasTaken),
                ),
                (create("bert", &[("email", "a@example.com")]), Expected::Done),
                (
                    Call::UpdateAttributes(named("bert"), values(&verified)),
                    refused(PoolErrorKind::AliasTaken),
                ),
                (Call::UpdateAttributes(named("anna"), values(&verified)), Expected::Done),
            ],
        )
        .in_pool(aliases(&["email"])),
        case(
            "an alias finds its user",
            vec![create("anna", &verified), create("bert", &[("email", "b@example.com")])],
            vec![
                (Call::GetUser(named("a@example.com")), is_named("anna")),
                (Call::GetUser(named("b@example.com")), refused(NO_USER)),
            ],
        )
        .in_pool(aliases(&["email"])),
        case(
            "a preferred username is an alias without being verified",
            vec![create("anna", &[("preferred_username", "ann")])],
            vec![(create("bert", &[("preferred_username", "ann")]), taken())],
        )
        .in_pool(aliases(&["preferred_username"])),
        // Source: "Customizing sign-in attributes", Amazon Cognito developer guide. It has the rule for
        // sign-ups; whether it holds for created users is not documented.
        case(
            "a preferred username may be refused until the user is confirmed",
            vec![create("anna", &[("name", "Anna")])],
            vec![
                (create("bert", &[("preferred_username", "bo")]), refused(INVALID)),
                (Call::GetUser(named("bert")), refused(NO_USER)),
                (
                    Call::UpdateAttributes(named("anna"), values(&[("preferred_username", "ann")])),
                    refused(INVALID),
                ),
                (Call::UpdateAttributes(named("anna"), values(&[("name", "Ann")])), Expected::Done),
                (Call::SetPassword(named("anna"), "Permanent-1".to_owned()), Expected::Done),
                (
                    Call::UpdateAttributes(named("anna"), values(&[("preferred_username", "ann")])),
                    Expected::Done,
                ),
                (Call::GetUser(named("ann")), is_named("anna")),
            ],
        )
        .in_pool(Settings { refuses_unconfirmed_alias: true, ..aliases(&["preferred_username"]) }),
        case(
            "a user who signs in by e-mail is created by address and named by an identifier",
            Vec::new(),
            vec![
                (
                    create("a@example.com", &[]),
                    Expected::User(UserIs {
                        is_named_by_sub: true,
                        attributes: vec![("email", Some("a@example.com".to_owned()))],
                        ..UserIs::default()
                    }),
                ),
                (create("a@example.com", &[]), refused(PoolErrorKind::AlreadyExists)),
                (create("A@Example.com", &[]), refused(PoolErrorKind::AlreadyExists)),
                (create("anna", &[]), refused(INVALID)),
                (create("+4930123456", &[]), refused(INVALID)),
                (create(uuid, &[]), refused(INVALID)),
                (
                    Call::GetUser(named("a@example.com")),
                    Expected::User(UserIs { is_named_by_sub: true, ..UserIs::default() }),
                ),
                (Call::AllUsers, Expected::Number(1)),
            ],
        )
        .in_pool(by(&["email"])),
        case(
            "a user who signs in by phone is created by number",
            Vec::new(),
            vec![
                (
                    create("+4930123456", &[]),
                    Expected::User(UserIs {
                        is_named_by_sub: true,
                        attributes: vec![("phone_number", Some("+4930123456".to_owned()))],
                        ..UserIs::default()
                    }),
                ),
                (create("+4930123456", &[]), refused(PoolErrorKind::AlreadyExists)),
                (create("a@example.com", &[]), refused(INVALID)),
            ],
        )
        .in_pool(by(&["phone_number"])),
        case(
            "a user who signs in by either is created by either",
            Vec::new(),
            vec![
                (create("+4930123456", &[]), Expected::Done),
                (create("a@example.com", &[]), Expected::Done),
                (create("anna", &[]), refused(INVALID)),
            ],
        )
        .in_pool(by(&["email", "phone_number"])),
    ]
}
