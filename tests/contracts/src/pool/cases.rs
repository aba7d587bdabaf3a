//! The cases of a pool.
//!
//! Source, if a case names none: the API reference and the developer guide of Amazon Cognito user pools. If they do not
//! say with which error a call is refused, a case takes any that fits.

use std::time::Duration;

use shared::model::{AttributeSchema, Category, MfaPreference, UserStatus};
use shared::ports::pool::{JobStatus, Medium, PoolErrorKind};

use super::{Call, Case, Expected, Group, New, Settings, Token, UserIs, Who};

/// All cases.
pub fn cases() -> Vec<Case> {
    [users(), names(), attributes(), passwords(), groups(), listings(), federation(), jobs(), pools()]
        .into_iter()
        .flatten()
        .collect()
}

const HOUR: Duration = Duration::from_secs(3600);
/// The kinds with which calls about users are refused that do not exist.
const NO_USER: PoolErrorKind = PoolErrorKind::UserNotFound;
const INVALID: PoolErrorKind = PoolErrorKind::InvalidParameter;

fn person(number: u32) -> Who {
    Who::Person(number)
}

fn named(name: &str) -> Who {
    Who::Named(name.to_owned())
}

fn group(name: &str) -> Group {
    Group::Named(name.to_owned())
}

fn new(who: Who) -> New {
    New { who, attributes: Vec::new(), password: None, invitation: None }
}

fn create(name: &str, attributes: &[(&'static str, &str)]) -> Call {
    Call::CreateUser(New { attributes: values(attributes), ..new(named(name)) })
}

fn values(attributes: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    attributes.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

fn refused(kind: PoolErrorKind) -> Expected {
    Expected::Refused(vec![kind])
}

/// A refusal with AliasExistsException or UsernameExistsException.
fn taken() -> Expected {
    Expected::Refused(vec![PoolErrorKind::AlreadyExists, PoolErrorKind::AliasTaken])
}

fn text(mutable: bool) -> AttributeSchema {
    AttributeSchema {
        data_type: "String".to_owned(),
        mutable,
        required: false,
        minimum: Some("2".to_owned()),
        maximum: Some("4".to_owned()),
    }
}

fn number() -> AttributeSchema {
    AttributeSchema { data_type: "Number".to_owned(), minimum: Some("1".to_owned()), maximum: Some("9".to_owned()), ..text(true) }
}

fn case(name: &'static str, given: Vec<Call>, then: Vec<(Call, Expected)>) -> Case {
    Case { name, settings: Settings::default(), given, then }
}

impl Case {
    fn in_pool(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }
}

/// What every call about a user answers.
fn calls_about(who: &Who) -> Vec<Call> {
    vec![
        Call::GetUser(who.clone()),
        Call::SetPassword(who.clone(), "Correct-Horse-7".to_owned()),
        Call::DisableUser(who.clone()),
        Call::EnableUser(who.clone()),
        Call::UpdateAttributes(who.clone(), values(&[("name", "x")])),
        Call::DeleteAttributes(who.clone(), vec!["name"]),
        Call::SetMfa(who.clone(), vec![MfaPreference::SMS], None),
    ]
}

fn users() -> Vec<Case> {
    let with_mfa = || Settings { has_mfa: true, ..Settings::default() };
    vec![
        case(
            "a new user has its attributes and is to change its password",
            vec![Call::CreateUser(new(person(1)))],
            vec![
                (Call::GetUser(person(1)), Expected::User(UserIs { enabled: Some(true), ..changes_password(1) })),
                (Call::Listed(person(1)), Expected::User(changes_password(1))),
            ],
        ),
        case(
            "a user is created once",
            vec![Call::CreateUser(new(person(1)))],
            vec![
                (Call::CreateUser(new(person(1))), refused(PoolErrorKind::AlreadyExists)),
                (Call::AllUsers, Expected::Number(1)),
            ],
        ),
        case(
            "a permanent password confirms a user",
            vec![Call::CreateUser(new(person(1))), Call::SetPassword(person(1), "Correct-Horse-7".to_owned())],
            vec![(Call::GetUser(person(1)), Expected::User(confirmed(1, true)))],
        ),
        case(
            "a user is disabled, as often as it is asked for",
            vec![
                Call::CreateUser(new(person(1))),
                Call::SetPassword(person(1), "Correct-Horse-7".to_owned()),
                Call::DisableUser(person(1)),
                Call::DisableUser(person(1)),
            ],
            vec![
                (Call::GetUser(person(1)), Expected::User(confirmed(1, false))),
                (Call::Listed(person(1)), Expected::User(confirmed(1, false))),
            ],
        ),
        case(
            "a user is enabled again",
            vec![Call::CreateUser(new(person(1))), Call::DisableUser(person(1)), Call::EnableUser(person(1))],
            vec![(Call::GetUser(person(1)), Expected::User(UserIs { enabled: Some(true), ..changes_password(1) }))],
        ),
        case(
            "a user who is not there is found by no call of a restore",
            Vec::new(),
            calls_of_restore(&person(1)).into_iter().map(|call| (call, refused(NO_USER))).collect(),
        ),
        case(
            "a user who is not there is found by no call",
            Vec::new(),
            calls_about(&person(1)).into_iter().map(|call| (call, refused(NO_USER))).collect(),
        )
        .in_pool(with_mfa()),
        case(
            "no message is sent without an invitation",
            vec![
                Call::CreateUser(new(person(1))),
                Call::SetPassword(person(1), "Correct-Horse-7".to_owned()),
                Call::DisableUser(person(1)),
            ],
            vec![(Call::Messages, Expected::Number(0))],
        ),
        case(
            "an invitation is a message",
            vec![Call::CreateUser(New { invitation: Some(Medium::Email), ..new(person(1)) })],
            vec![(Call::Messages, Expected::Number(1))],
        ),
        case(
            "second factors are turned on together",
            vec![
                create("anna", &[("phone_number", "+4930123456"), ("email", "a@example.com")]),
                Call::SetMfa(named("anna"), vec![MfaPreference::SMS, MfaPreference::EMAIL], Some(MfaPreference::SMS)),
            ],
            vec![(
                Call::GetUser(named("anna")),
                Expected::User(UserIs {
                    mfa: Some((vec![MfaPreference::SMS, MfaPreference::EMAIL], Some(MfaPreference::SMS))),
                    ..UserIs::default()
                }),
            )],
        )
        .in_pool(with_mfa()),
        case(
            "a listing shows no second factors",
            vec![create("anna", &[("phone_number", "+4930123456")]), Call::SetMfa(named("anna"), vec![MfaPreference::SMS], None)],
            vec![(Call::Listed(named("anna")), Expected::User(UserIs { mfa: Some((Vec::new(), None)), ..UserIs::default() }))],
        )
        .in_pool(with_mfa()),
    ]
}

/// The calls that every restore makes about a user.
fn calls_of_restore(who: &Who) -> Vec<Call> {
    calls_about(who).into_iter().take(3).collect()
}

fn changes_password(number: u32) -> UserIs {
    UserIs { name: Some(person(number)), status: Some(UserStatus::ForceChangePassword), ..UserIs::default() }
}

fn confirmed(number: u32, enabled: bool) -> UserIs {
    UserIs { name: Some(person(number)), status: Some(UserStatus::Confirmed), enabled: Some(enabled), ..UserIs::default() }
}

fn names() -> Vec<Case> {
    let longest = "é".repeat(128);
    let too_long = "x".repeat(129);
    let not_names = ["", "a b", "a\u{a0}b", "a\tb", "a\u{200d}b", too_long.as_str()];
    let by = |attributes: &[&'static str]| Settings { sign_in_by: attributes.to_vec(), ..Settings::default() };
    let aliases = |attributes: &[&'static str]| Settings { aliases: attributes.to_vec(), ..Settings::default() };
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
                (create("bert", &[("email", "A@Example.com"), ("email_verified", "true")]), refused(PoolErrorKind::AliasTaken)),
                (create("bert", &[("email", "a@example.com")]), Expected::Done),
                (Call::UpdateAttributes(named("bert"), values(&verified)), refused(PoolErrorKind::AliasTaken)),
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
        case(
            "who signs in by e-mail is created by address and named by an identifier",
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
                (Call::GetUser(named("a@example.com")), Expected::User(UserIs { is_named_by_sub: true, ..UserIs::default() })),
                (Call::AllUsers, Expected::Number(1)),
            ],
        )
        .in_pool(by(&["email"])),
        case(
            "who signs in by phone is created by number",
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
            "who signs in by either is created by either",
            Vec::new(),
            vec![
                (create("+4930123456", &[]), Expected::Done),
                (create("a@example.com", &[("phone_number", "+4930123456")]), taken()),
                (create("a@example.com", &[]), Expected::Done),
                (create("anna", &[]), refused(INVALID)),
            ],
        )
        .in_pool(by(&["email", "phone_number"])),
    ]
}

fn attributes() -> Vec<Case> {
    let custom = || Settings {
        custom: vec![("custom:note", text(true)), ("custom:tenant", text(false)), ("custom:score", number())],
        ..Settings::default()
    };
    let (longest, too_long) = ("ü".repeat(2048), "x".repeat(2049));
    let refused_ones = [
        ("sub", uuid_text()),
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
    let update = |attributes: &[(&'static str, &str)]| Call::UpdateAttributes(named("anna"), values(attributes));
    vec![
        case(
            "a new user has attributes that the pool declares, within their limits",
            Vec::new(),
            refused_ones
                .iter()
                .map(|attribute| {
                    (Call::CreateUser(New { attributes: vec![attribute.clone()], ..new(named("anna")) }), refused(INVALID))
                })
                .chain([
                    (create("anna", &[("name", &longest), ("custom:note", "äöü"), ("custom:score", "9")]), Expected::Done),
                    (Call::GetUser(named("anna")), has(&[("name", Some(&longest)), ("custom:note", Some("äöü"))])),
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
        .in_pool(Settings { required: vec!["email"], sign_in_by: vec!["email"], ..Settings::default() }),
        case(
            "an update sets attributes and leaves the others",
            vec![
                create("anna", &[("name", "Anna"), ("locale", "en-GB")]),
                update(&[("name", "Anna A."), ("custom:note", "abc")]),
            ],
            vec![
                (
                    Call::GetUser(named("anna")),
                    has(&[("name", Some("Anna A.")), ("locale", Some("en-GB")), ("custom:note", Some("abc"))]),
                ),
                (
                    Call::Listed(named("anna")),
                    has(&[("name", Some("Anna A.")), ("locale", Some("en-GB")), ("custom:note", Some("abc"))]),
                ),
            ],
        )
        .in_pool(custom()),
        case(
            "an update keeps to the schema",
            vec![create("anna", &[("custom:tenant", "abc")])],
            refused_ones
                .iter()
                .map(|attribute| (Call::UpdateAttributes(named("anna"), vec![attribute.clone()]), refused(INVALID)))
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
            vec![(Call::GetUser(named("anna")), has(&[("name", None), ("locale", Some("en-GB")), ("custom:note", None)]))],
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
            "custom attributes are declared once, and used from then on",
            vec![Call::AddCustomAttributes(vec![("custom:late", text(true))])],
            vec![
                (create("anna", &[("custom:late", "abc")]), Expected::Done),
                (Call::AddCustomAttributes(vec![("custom:late", text(true))]), refused(INVALID)),
            ],
        ),
    ]
}

fn uuid_text() -> String {
    "0b1c2d3e-0000-4000-8000-000000000001".to_owned()
}

fn passwords() -> Vec<Case> {
    let weak = ["Ab1!", "abcdefg1!", "ABCDEFG1!", "Abcdefgh!", "Abcdefgh1"];
    vec![
        case(
            "a temporary password satisfies the policy",
            Vec::new(),
            weak.iter()
                .map(|password| {
                    (Call::CreateUser(New { password: Some(*password), ..new(person(1)) }), refused(PoolErrorKind::Refused))
                })
                .chain([(Call::CreateUser(New { password: Some("Abcdefg1!"), ..new(person(1)) }), Expected::Done)])
                .collect(),
        ),
        case(
            "a permanent password satisfies the policy",
            vec![Call::CreateUser(new(person(1)))],
            weak.iter()
                .map(|password| (*password).to_owned())
                .chain(["Aa1!".repeat(64) + "x"])
                .map(|password| (Call::SetPassword(person(1), password), refused(PoolErrorKind::Refused)))
                .chain([
                    (Call::GetUser(person(1)), Expected::User(changes_password(1))),
                    (Call::SetPassword(person(1), "Aa1!".repeat(64)), Expected::Done),
                ])
                .collect(),
        ),
    ]
}

fn groups() -> Vec<Case> {
    let no_group = || refused(PoolErrorKind::NotFound);
    let too_long = "x".repeat(129);
    let hundred: Vec<_> = (0..100).map(|number| format!("g{number}")).collect();
    let join = |name: &String| Call::AddToGroup(person(1), group(name));
    vec![
        case(
            "a group is created once",
            vec![Call::CreateGroup(Group::Numbered(1))],
            vec![
                (Call::CreateGroup(Group::Numbered(1)), refused(PoolErrorKind::AlreadyExists)),
                (Call::GetGroup(Group::Numbered(1)), Expected::Done),
                (Call::GetGroup(Group::Numbered(2)), no_group()),
                (Call::AllGroups, Expected::Number(1)),
            ],
        ),
        case(
            "a group has the settings that it was given, and no others",
            vec![
                Call::CreateGroupWith("bare", None, None),
                Call::CreateGroupWith("first", Some("The first"), Some(0)),
                Call::CreateGroupWith("other", Some("Another"), Some(7)),
            ],
            vec![
                (Call::GetGroup(group("bare")), Expected::Group(None, None)),
                (Call::GetGroup(group("first")), Expected::Group(Some("The first"), Some(0))),
                (Call::GetGroup(group("other")), Expected::Group(Some("Another"), Some(7))),
            ],
        ),
        case(
            "the settings of a group are changed together",
            vec![Call::CreateGroupWith("some", Some("Some"), Some(7)), Call::UpdateGroup("some", Some("Others"), Some(3))],
            vec![
                (Call::GetGroup(group("some")), Expected::Group(Some("Others"), Some(3))),
                (Call::UpdateGroup("none", Some("x"), None), no_group()),
            ],
        ),
        case(
            "a group's name has any script and punctuation, and no white space",
            Vec::new(),
            ["", "a b", "a\tb", too_long.as_str()]
                .map(|name| (Call::CreateGroup(group(name)), refused(INVALID)))
                .into_iter()
                .chain([(Call::CreateGroup(group("a#b/c|ü")), Expected::Done)])
                .collect(),
        ),
        case(
            "a user joins a group, as often as it is asked for",
            vec![
                Call::CreateUser(new(person(1))),
                Call::CreateGroup(Group::Numbered(1)),
                Call::AddToGroup(person(1), Group::Numbered(1)),
                Call::AddToGroup(person(1), Group::Numbered(1)),
            ],
            vec![(Call::AllMembers(Group::Numbered(1)), Expected::Number(1))],
        ),
        case(
            "a membership takes a user and a group",
            vec![Call::CreateUser(new(person(1))), Call::CreateGroup(Group::Numbered(1))],
            vec![
                (Call::AddToGroup(person(2), Group::Numbered(1)), refused(NO_USER)),
                (Call::AddToGroup(person(1), Group::Numbered(2)), no_group()),
                (Call::AddToGroup(person(2), Group::Numbered(2)), Expected::Refused(vec![PoolErrorKind::NotFound, NO_USER])),
            ],
        ),
        case(
            "the members of a group that is not there are not listed",
            Vec::new(),
            vec![(Call::ListMembers(Group::Numbered(1), Token::None), no_group())],
        ),
        // Source: "Quotas in Amazon Cognito". The API names no error; a restore reports any that is not retried.
        case(
            "a user is in at most 100 groups",
            std::iter::once(Call::CreateUser(new(person(1))))
                .chain(hundred.iter().map(|name| Call::CreateGroup(group(name))))
                .chain(hundred.iter().map(join))
                .chain([Call::CreateGroup(group("more"))])
                .collect(),
            vec![
                (Call::AddToGroup(person(1), group("more")), Expected::Refused(vec![PoolErrorKind::Refused, INVALID])),
                (Call::AddToGroup(person(1), group("g1")), Expected::Done),
            ],
        ),
    ]
}

fn listings() -> Vec<Case> {
    let bad_token = || refused(INVALID);
    let list = |token| Call::ListUsers(token);
    vec![
        case(
            "a listing of nothing ends at once",
            Vec::new(),
            vec![
                (list(Token::None), Expected::Page(0, false)),
                (Call::ListUsersBySub('a', Token::None), Expected::Page(0, false)),
                (Call::ListGroups(Token::None), Expected::Page(0, false)),
            ],
        ),
        case(
            "users are listed by pages of at most 60",
            vec![Call::People(0, 130)],
            vec![
                (list(Token::None), Expected::Page(60, true)),
                (list(Token::Of(0)), Expected::Page(60, true)),
                (list(Token::Of(1)), Expected::Page(10, false)),
                (Call::AllUsers, Expected::Number(130)),
            ],
        ),
        // That ListUsers does so is not documented; an export believes no such listing without proof.
        case(
            "users are listed by the first digit of their sub",
            vec![Call::People(0, 130)],
            vec![(Call::AllUsersBySub, Expected::Number(130))],
        ),
        case(
            "groups are listed by pages of at most 60",
            vec![Call::Groups(0, 61)],
            vec![
                (Call::ListGroups(Token::None), Expected::Page(60, true)),
                (Call::ListGroups(Token::Of(0)), Expected::Page(1, false)),
                (Call::AllGroups, Expected::Number(61)),
            ],
        ),
        case(
            "members are listed by pages of at most 60",
            vec![
                Call::People(0, 62),
                Call::CreateGroup(Group::Numbered(0)),
                Call::CreateGroup(Group::Numbered(1)),
                Call::Members(Group::Numbered(0), 0, 61),
            ],
            vec![
                (Call::ListMembers(Group::Numbered(0), Token::None), Expected::Page(60, true)),
                (Call::ListMembers(Group::Numbered(0), Token::Of(0)), Expected::Page(1, false)),
                (Call::ListMembers(Group::Numbered(1), Token::Of(0)), bad_token()),
                (Call::ListMembers(Group::Numbered(1), Token::None), Expected::Page(0, false)),
            ],
        ),
        case(
            "a token leads on in its own listing alone",
            vec![Call::People(0, 61), Call::Groups(0, 61)],
            vec![
                (list(Token::None), Expected::Page(60, true)),
                (Call::ListGroups(Token::None), Expected::Page(60, true)),
                (list(Token::Of(1)), bad_token()),
                (Call::ListGroups(Token::Of(0)), bad_token()),
                (Call::ListUsersBySub('a', Token::Of(0)), bad_token()),
                (list(Token::MadeUp("60")), bad_token()),
                (list(Token::MadeUp("made up")), bad_token()),
                (list(Token::Of(0)), Expected::Page(1, false)),
                (Call::ListGroups(Token::Of(1)), Expected::Page(1, false)),
            ],
        ),
        case(
            "a token leads on for an hour",
            vec![Call::People(0, 130)],
            vec![
                (list(Token::None), Expected::Page(60, true)),
                (Call::Pass(HOUR - Duration::from_secs(60)), Expected::Done),
                (list(Token::Of(0)), Expected::Page(60, true)),
                (Call::Pass(Duration::from_secs(61)), Expected::Done),
                (list(Token::Of(0)), bad_token()),
                (list(Token::Of(2)), Expected::Page(10, false)),
            ],
        ),
        case(
            "a user who comes during a listing costs the listing none of the others",
            vec![Call::People(0, 61)],
            vec![
                (list(Token::None), Expected::Page(60, true)),
                (Call::CreateUser(new(person(61))), Expected::Done),
                (Call::AllUsers, Expected::Number(62)),
            ],
        ),
    ]
}

fn federation() -> Vec<Case> {
    let link = |name: &str, id| Call::LinkIdentity(named(name), "Okta", id);
    let has = |identities: &[(&'static str, &'static str)]| {
        Expected::User(UserIs { identities: Some(identities.to_vec()), ..UserIs::default() })
    };
    vec![
        case("a pool without providers lists none", Vec::new(), vec![(Call::ListProviders, Expected::Names(Vec::new()))]),
        case(
            "providers are listed by name",
            vec![Call::AddProvider("Okta"), Call::AddProvider("Azure")],
            vec![(Call::ListProviders, Expected::Names(vec!["Okta", "Azure"]))],
        ),
        case(
            "an identity is linked to a user",
            vec![Call::AddProvider("Okta"), create("anna", &[]), link("anna", "11"), link("anna", "12")],
            vec![
                (Call::GetUser(named("anna")), has(&[("Okta", "11"), ("Okta", "12")])),
                (Call::Listed(named("anna")), has(&[("Okta", "11"), ("Okta", "12")])),
                (Call::LinkIdentity(named("bert"), "Okta", "13"), refused(NO_USER)),
            ],
        ),
        case(
            "an identity of no provider is linked to no user",
            vec![create("anna", &[])],
            vec![(link("anna", "11"), Expected::Refused(vec![INVALID, PoolErrorKind::NotFound]))],
        ),
        case(
            "an identity signs in as one user",
            vec![Call::AddProvider("Okta"), create("anna", &[]), create("bert", &[]), link("anna", "11")],
            vec![
                (link("bert", "11"), Expected::Refused(vec![INVALID, PoolErrorKind::AliasTaken])),
                (Call::GetUser(named("bert")), has(&[])),
            ],
        ),
        case(
            "a user has at most five identities",
            vec![
                Call::AddProvider("Okta"),
                create("anna", &[]),
                link("anna", "1"),
                link("anna", "2"),
                link("anna", "3"),
                link("anna", "4"),
                link("anna", "5"),
            ],
            vec![(link("anna", "6"), Expected::Refused(vec![INVALID, PoolErrorKind::Refused]))],
        ),
    ]
}

fn jobs() -> Vec<Case> {
    let verifies = || Settings { auto_verified: vec!["email"], ..Settings::default() };
    let active = || vec![JobStatus::Pending, JobStatus::InProgress, JobStatus::Succeeded];
    let not_started = || Expected::Job(vec![JobStatus::Created], [0, 0, 0]);
    let row = |name: &str, attributes: &[(&'static str, &str)]| {
        let own = [("cognito:username", name.to_owned()), ("cognito:mfa_enabled", "false".to_owned())];
        values(attributes).into_iter().chain(own).collect::<Vec<_>>()
    };
    let verified = |email: &'static str| [("email", email), ("email_verified", "true")];
    let started = |file: Call| vec![Call::CreateImportJob, file, Call::StartImportJob(0)];
    let columns = ["email", "email_verified", "name", "birthdate", "updated_at", "cognito:username", "cognito:mfa_enabled"];
    vec![
        case(
            "a file has a column for every attribute that can be set, and two more",
            Vec::new(),
            vec![(Call::CsvHeader, Expected::NamesAmong(columns.to_vec(), vec!["sub", "identities"]))],
        ),
        case(
            "a file has a column for every custom attribute",
            Vec::new(),
            vec![(Call::CsvHeader, Expected::NamesAmong(vec!["custom:note", "cognito:username"], vec!["note"]))],
        )
        .in_pool(Settings { custom: vec![("custom:note", text(true))], ..verifies() }),
        case(
            "a new job waits for its file and its start",
            vec![Call::CreateImportJob],
            vec![
                (Call::DescribeImportJob(0), not_started()),
                (Call::StartImportJob(0), refused(PoolErrorKind::Refused)),
                (Call::DescribeImportJob(0), not_started()),
            ],
        )
        .in_pool(verifies()),
        case(
            "a job that never was is not found",
            Vec::new(),
            vec![
                (Call::DescribeMissingJob, refused(PoolErrorKind::NotFound)),
                (Call::StartMissingJob, refused(PoolErrorKind::NotFound)),
            ],
        )
        .in_pool(verifies()),
        case(
            "a job creates the users of its file, who are to reset their passwords",
            started(Call::UploadPeople(0, 0, 3)),
            vec![
                (Call::EndOfImportJob(0), Expected::Job(vec![JobStatus::Succeeded], [3, 0, 0])),
                (
                    Call::GetUser(person(1)),
                    Expected::User(UserIs {
                        name: Some(person(1)),
                        status: Some(UserStatus::ResetRequired),
                        enabled: Some(true),
                        ..UserIs::default()
                    }),
                ),
                (Call::AllUsers, Expected::Number(3)),
            ],
        )
        .in_pool(verifies()),
        case(
            "a job sends no message",
            started(Call::UploadPeople(0, 0, 3)),
            vec![
                (Call::EndOfImportJob(0), Expected::Job(vec![JobStatus::Succeeded], [3, 0, 0])),
                (Call::Messages, Expected::Number(0)),
            ],
        )
        .in_pool(verifies()),
        case(
            "a job that was started starts no more",
            started(Call::UploadPeople(0, 0, 3)),
            vec![
                (Call::StartImportJob(0), refused(PoolErrorKind::Refused)),
                (Call::EndOfImportJob(0), Expected::Job(vec![JobStatus::Succeeded], [3, 0, 0])),
                (Call::StartImportJob(0), refused(PoolErrorKind::Refused)),
            ],
        )
        .in_pool(verifies()),
        case(
            "an account has one job at work",
            vec![Call::CreateImportJob, Call::CreateImportJob, Call::UploadPeople(0, 0, 100), Call::UploadPeople(1, 100, 101)],
            vec![
                (Call::StartImportJob(0), Expected::Job(active(), [0, 0, 0])),
                (Call::StartImportJob(1), refused(PoolErrorKind::Refused)),
                (Call::EndOfImportJob(0), Expected::Job(vec![JobStatus::Succeeded], [100, 0, 0])),
                (Call::StartImportJob(1), Expected::Done),
                (Call::EndOfImportJob(1), Expected::Job(vec![JobStatus::Succeeded], [1, 0, 0])),
            ],
        )
        .in_pool(verifies()),
        case(
            "a job skips whom the pool has and fails on rows that break a rule",
            vec![
                create("anna", &verified("a@example.com")),
                Call::CreateImportJob,
                Call::Upload(
                    0,
                    vec![
                        row("anna", &verified("a@example.com")),
                        row("bert", &verified("b@example.com")),
                        row("carl", &[("email", "c@example.com"), ("email_verified", "false")]),
                        row("d d", &verified("d@example.com")),
                        row("emil", &[("email", "e@example.com"), ("email_verified", "true"), ("birthdate", "1985-02-01")]),
                        row("", &verified("f@example.com")),
                    ],
                ),
                Call::StartImportJob(0),
            ],
            vec![
                (Call::EndOfImportJob(0), Expected::Job(vec![JobStatus::Succeeded], [1, 1, 4])),
                (Call::AllUsers, Expected::Number(2)),
            ],
        )
        .in_pool(verifies()),
        case(
            "a job reads what a file escapes and turns dates round",
            started(Call::Upload(
                0,
                vec![row(
                    "anna",
                    &[("email", "a@example.com"), ("email_verified", "true"), ("name", "Doe, Anna"), ("birthdate", "02/01/1985")],
                )],
            )),
            vec![
                (Call::EndOfImportJob(0), Expected::Job(vec![JobStatus::Succeeded], [1, 0, 0])),
                (
                    Call::GetUser(named("anna")),
                    Expected::User(UserIs {
                        attributes: vec![
                            ("name", Some("Doe, Anna".to_owned())),
                            ("birthdate", Some("1985-02-01".to_owned())),
                            ("email_verified", Some("true".to_owned())),
                        ],
                        ..UserIs::default()
                    }),
                ),
            ],
        )
        .in_pool(verifies()),
        case(
            "a pool that verifies no address starts no job",
            vec![Call::CreateImportJob, Call::UploadPeople(0, 0, 1)],
            vec![(Call::StartImportJob(0), refused(PoolErrorKind::Refused))],
        ),
        // Source: "Importing users into user pools from a CSV file": 24 to 48 hours.
        case(
            "a job that is not started in time expires",
            vec![Call::CreateImportJob, Call::UploadPeople(0, 0, 1), Call::Pass(48 * HOUR)],
            vec![
                (Call::DescribeImportJob(0), Expected::Job(vec![JobStatus::Expired], [0, 0, 0])),
                (Call::StartImportJob(0), refused(PoolErrorKind::Refused)),
            ],
        )
        .in_pool(verifies()),
    ]
}

fn pools() -> Vec<Case> {
    let no_pool = || refused(PoolErrorKind::NotFound);
    vec![
        case("a pool is described by its settings", Vec::new(), vec![(Call::Describe, Expected::Settings)])
            .in_pool(Settings { auto_verified: vec!["email"], ..Settings::default() }),
        case("every setting of a pool is described", Vec::new(), vec![(Call::Describe, Expected::Settings)]).in_pool(Settings {
            aliases: vec!["email", "phone_number"],
            auto_verified: vec!["email"],
            case_sensitive: true,
            has_mfa: true,
            required: vec!["family_name"],
            custom: vec![("custom:note", text(true)), ("custom:tenant", text(false)), ("custom:score", number())],
            ..Settings::default()
        }),
        case(
            "a pool that does not exist answers no call",
            vec![Call::LosePool],
            vec![
                (Call::Describe, no_pool()),
                (Call::ListUsers(Token::None), no_pool()),
                (Call::ListGroups(Token::None), no_pool()),
                (Call::CreateUser(new(person(1))), no_pool()),
                (Call::GetUser(person(1)), no_pool()),
                (Call::CreateGroup(Group::Numbered(1)), no_pool()),
            ],
        ),
        case(
            "every category of calls has a limit",
            Vec::new(),
            Category::ALL.into_iter().map(|category| (Call::ProvisionedLimit(category), Expected::Limit)).collect(),
        ),
    ]
}
