//! Groups and memberships.

use shared::ports::pool::PoolErrorKind;

use super::parts::{INVALID, NO_USER, case, group, new, person, refused};
use crate::pool::{Call, Case, Expected, Group, Settings, Token};

const PASSED: &str = "arn:aws:iam::123456789012:role/editors";
const DENIED: &str = "arn:aws:iam::999999999999:role/editors";

pub(super) fn cases() -> Vec<Case> {
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
            vec![
                Call::CreateGroupWith("some", Some("Some"), Some(7)),
                Call::UpdateGroup("some", Some("Others"), Some(3)),
            ],
            vec![
                (Call::GetGroup(group("some")), Expected::Group(Some("Others"), Some(3))),
                (Call::UpdateGroup("none", Some("x"), None), no_group()),
            ],
        ),
        case(
            "a precedence of 0 is another than none",
            vec![
                Call::CreateGroupWith("none", Some("x"), None),
                Call::CreateGroupWith("first", Some("x"), Some(0)),
            ],
            vec![
                (Call::GetGroup(group("none")), Expected::Group(Some("x"), None)),
                (Call::GetGroup(group("first")), Expected::Group(Some("x"), Some(0))),
            ],
        ),
        case(
            "an update removes the description of a group, and no precedence or role",
            vec![
                Call::CreateGroupWith("some", Some("Some"), Some(7)),
                Call::UpdateRole("some", PASSED),
                Call::UpdateGroup("some", None, None),
            ],
            vec![
                (Call::GetGroup(group("some")), Expected::Group(None, Some(7))),
                (Call::GetGroup(group("some")), Expected::Role(Some(PASSED))),
            ],
        ),
        // Source: "Granting a user permissions to pass a role to an AWS service", IAM user guide.
        case(
            "a group gets a role only from a caller who can pass it",
            vec![Call::CreateGroupWith("bare", Some("x"), None), Call::CreateGroupWithRole("passed", PASSED)],
            vec![
                (Call::GetGroup(group("passed")), Expected::Role(Some(PASSED))),
                (Call::CreateGroupWithRole("denied", DENIED), refused(PoolErrorKind::AccessDenied)),
                (Call::GetGroup(group("denied")), no_group()),
                (Call::CreateGroupWithRole("bare", DENIED), refused(PoolErrorKind::AccessDenied)),
                (Call::UpdateRole("bare", DENIED), refused(PoolErrorKind::AccessDenied)),
                (Call::GetGroup(group("bare")), Expected::Role(None)),
            ],
        )
        .in_pool(Settings { denied_roles: vec![DENIED], ..Settings::default() }),
        case(
            "a group's name has any script and punctuation, and no white space",
            Vec::new(),
            std::iter::once((Call::CreateGroup(group("a#b/c|ü")), Expected::Done))
                .chain(
                    ["", "a b", "a\tb", too_long.as_str()]
                        .map(|name| (Call::CreateGroup(group(name)), refused(INVALID))),
                )
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
            "the groups of a user are listed by their names",
            vec![
                Call::People(1, 3),
                Call::CreateGroup(group("one")),
                Call::CreateGroup(group("two")),
                Call::CreateGroup(group("other")),
                Call::AddToGroup(person(1), group("one")),
                Call::AddToGroup(person(1), group("two")),
                Call::AddToGroup(person(2), group("other")),
            ],
            vec![
                (Call::AllGroupsOfUser(person(1)), Expected::Names(vec!["one", "two"])),
                (Call::AllGroupsOfUser(person(2)), Expected::Names(vec!["other"])),
                (Call::ListGroupsOfUser(person(3), Token::None), refused(NO_USER)),
            ],
        ),
        case(
            "the groups of a user are listed by pages of at most 60",
            std::iter::once(Call::CreateUser(new(person(1))))
                .chain(hundred[..61].iter().map(|name| Call::CreateGroup(group(name))))
                .chain(hundred[..61].iter().map(join))
                .chain([Call::CreateUser(new(person(2)))])
                .collect(),
            vec![
                (Call::ListGroupsOfUser(person(1), Token::None), Expected::Page(60, true)),
                (Call::ListGroupsOfUser(person(1), Token::Of(0)), Expected::Page(1, false)),
                (Call::ListGroupsOfUser(person(2), Token::None), Expected::Page(0, false)),
                (Call::ListGroupsOfUser(person(1), Token::MadeUp("made up")), refused(INVALID)),
            ],
        ),
        case(
            "a membership takes a user and a group",
            vec![Call::CreateUser(new(person(1))), Call::CreateGroup(Group::Numbered(1))],
            vec![
                (Call::AddToGroup(person(2), Group::Numbered(1)), refused(NO_USER)),
                (Call::AddToGroup(person(1), Group::Numbered(2)), no_group()),
                (
                    Call::AddToGroup(person(2), Group::Numbered(2)),
                    Expected::Refused(vec![PoolErrorKind::NotFound, NO_USER]),
                ),
            ],
        ),
        case(
            "the members of a group that is not there are not listed",
            Vec::new(),
            vec![(Call::ListMembers(Group::Numbered(1), Token::None), no_group())],
        ),
        // Source: "Quotas in Amazon Cognito". The API reference names no error. A restore reports
        // any error that it does not retry.
        case(
            "a user is in at most 100 groups",
            std::iter::once(Call::CreateUser(new(person(1))))
                .chain(hundred.iter().map(|name| Call::CreateGroup(group(name))))
                .chain(hundred.iter().map(join))
                .chain([Call::CreateGroup(group("more"))])
                .collect(),
            vec![
                (
                    Call::AddToGroup(person(1), group("more")),
                    Expected::Refused(vec![PoolErrorKind::Refused, INVALID]),
                ),
                (Call::AddToGroup(person(1), group("g1")), Expected::Done),
            ],
        ),
    ]
}
