//! Attributes and the schema.

use super::parts::{INVALID, case, create, named, new, number, refused, text, values};
use crate::pool::{Call, Case, Expected, Settings, UserIs, UserToCreate};

pub(super) fn cases() -> Vec<Case> {
    let custom = || Settings {
        custom: vec![("custom:note", text(true)), ("custom:tenant", text(false)), ("custom:score", number())],
        ..Settings::default()
    };
    let (longest, too_long) = ("ü".repeat(2048), "x".repeat(2049));
    let refused_ones = [
        ("sub", "0b1c2d3e-0000-4000-8000-000000000001".to_owned()),
        ("custom:unknown", "x".to_owned()),
        ("identities", "[]".to_owned()),
        ("cognito:user_status", "CONFIRMED".to_owned()),
        ("name", too_long.clone()),
        ("custom:note", "x".to_owned()),
        ("custom:note", "abcde".to_owned()),
        ("custom:score", "10".to_owned()),
        ("custom:score", "many".to_owned()),
    ];
    let has = |attributes: &[(&'static str, Option<&str>)]| {
        let attributes = attributes.iter().map(|(name, value)| (*name, value.map(str::to_owned)));
        Expected::User(UserIs { attributes: attributes.collect(), ..UserIs::default() })
    };
    let update =
        |attributes: &[(&'static str, &str)]| Call::UpdateAttributes(named("anna"), values(attributes));
    vec![
        case(
            "a new user has attributes that the pool declares, within their limits",
            Vec::new(),
            refused_ones
                .iter()
                .map(|attribute| {
                    (
                        Call::CreateUser(UserToCreate {
                            attributes: vec![attribute.clone()],
                            ..new(named("anna"))
                        }),
                        refused(INVALID),
                    )
                })
                .chain([
                    (
                        create("anna", &[("name", &longest), ("custom:note", "äöü"), ("custom:score", "9")]),
                        Expected::Done,
                    ),
                    (
                        Call::GetUser(named("anna")),
                        has(&[("name", Some(&longest)), ("custom:note", Some("äöü"))]),
                    ),
                ])
                .collect(),
        )
        .in_pool(custom()),
        // Sources: "Working with user attributes", Amazon Cognito developer guide, for phone numbers; amplify-js
        // 962 for a blank one. AWS does not document which control characters are refused `[?]`.
        case(
            "a value has the form of its attribute, and no control characters",
            vec![create("bert", &[])],
            [
                ("phone_number", " "),
                ("phone_number", "030 123456"),
                ("phone_number", "+49\u{200b}30123456"),
                ("email", " "),
                ("email", "nobody"),
                ("email", "a b@example.com"),
                ("name", "A\u{1}nna"),
                ("custom:note", "a\u{1b}b"),
            ]
            .into_iter()
            .flat_map(|value| {
                let update = Call::UpdateAttributes(named("bert"), values(&[value]));
                [(create("anna", &[value]), refused(INVALID)), (update, refused(INVALID))]
            })
            .chain([
                (
                    create(
                        "anna",
                        &[
                            ("phone_number", "+4930123456"),
                            ("email", "a@example.com"),
                            ("address", "Street 1\r\nTown\tCountry"),
                        ],
                    ),
                    Expected::Done,
                ),
                (
                    Call::GetUser(named("anna")),
                    has(&[("address", Some("Street 1\r\nTown\tCountry")), ("name", None)]),
                ),
            ])
            .collect(),
        )
        .in_pool(custom()),
        case(
            "a new user has every attribute that the pool requires",
            Vec::new(),
            vec![
                (create("anna", &[]), refused(INVALID)),
                (create("anna", &[("email", "")]), refused(INVALID)),
                (create("anna", &[("email", "a@example.com")]), Expected::Done),
            ],
        )
        .in_pool(Settings { required: vec!["email"], ..Settings::default() }),
        case(
            "the address by which a user signs in is the one that the pool requires",
            Vec::new(),
            vec![(create("a@example.com", &[]), Expected::Done)],
        )
        .in_pool(Settings {
            required: vec!["email"],
            sign_in_by: vec!["email"],
            ..Settings::default()
        }),
        case(
            "an update sets attributes and leaves the others",
            vec![
                create("anna", &[("name", "Anna"), ("locale", "en-GB")]),
                update(&[("name", "Anna A."), ("custom:note", "abc")]),
            ],
            vec![
                (
                    Call::GetUser(named("anna")),
                    has(&[
                        ("name", Some("Anna A.")),
                        ("locale", Some("en-GB")),
                        ("custom:note", Some("abc")),
                    ]),
                ),
                (
                    Call::Listed(named("anna")),
                    has(&[
                        ("name", Some("Anna A.")),
                        ("locale", Some("en-GB")),
                        ("custom:note", Some("abc")),
                    ]),
                ),
            ],
        )
        .in_pool(custom()),
        case(
            "an update keeps to the schema",
            vec![create("anna", &[("custom:tenant", "abc")])],
            refused_ones
                .iter()
                .map(|attribute| {
                    (Call::UpdateAttributes(named("anna"), vec![attribute.clone()]), refused(INVALID))
                })
                .chain([
                    (update(&[("custom:tenant", "abcd")]), refused(INVALID)),
                    (Call::GetUser(named("anna")), has(&[("custom:tenant", Some("abc")), ("name", None)])),
                ])
                .collect(),
        )
        .in_pool(custom()),
        case(
            "attributes are deleted by name",
            vec![
                create("anna", &[("name", "Anna"), ("locale", "en-GB"), ("custom:note", "abc")]),
                Call::DeleteAttributes(named("anna"), vec!["name", "custom:note"]),
            ],
            vec![(
                Call::GetUser(named("anna")),
                has(&[("name", None), ("locale", Some("en-GB")), ("custom:note", None)]),
            )],
        )
        .in_pool(custom()),
        case(
            "a changed address is told unless it is said to be verified",
            vec![create("anna", &[("email", "a@example.com"), ("email_verified", "true")])],
            vec![
                (update(&[("name", "Anna")]), Expected::Done),
                (update(&[("email", "b@example.com"), ("email_verified", "true")]), Expected::Done),
                (Call::Messages, Expected::Number(0)),
                (update(&[("email", "c@example.com")]), Expected::Done),
                (Call::Messages, Expected::Number(1)),
            ],
        )
        .in_pool(Settings { auto_verified: vec!["email"], ..Settings::default() }),
        case(
            "an attribute that was declared with a prefix has the prefix twice",
            vec![Call::AddCustomAttributes(vec![("custom:custom:tier", text(true))])],
            vec![
                (create("anna", &[("custom:custom:tier", "abc")]), Expected::Done),
                (create("bert", &[("custom:tier", "abc")]), refused(INVALID)),
            ],
        ),
        case(
            "custom attributes are declared once, and used from then on",
            vec![Call::AddCustomAttributes(vec![("custom:late", text(true))])],
            vec![
                (create("anna", &[("custom:late", "abc")]), Expected::Done),
                (Call::AddCustomAttributes(vec![("custom:late", text(true))]), refused(INVALID)),
            ],
        ),
    ]
}
