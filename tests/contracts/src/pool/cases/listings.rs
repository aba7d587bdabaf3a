//! Pages and tokens.

use std::time::Duration;

use super::parts::{HOUR, INVALID, case, new, person, refused};
use crate::pool::{Call, Case, Expected, Group, Token};

pub(super) fn cases() -> Vec<Case> {
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
        case(
            "a listing answers at most as many users as its limit says",
            vec![Call::People(0, 5)],
            vec![
                (Call::ListUsersBy(2, Token::None), Expected::Page(2, true)),
                (Call::ListUsersBy(2, Token::Of(0)), Expected::Page(2, true)),
                (Call::ListUsersBy(2, Token::Of(1)), Expected::Page(1, false)),
                (Call::ListUsersBy(1, Token::None), Expected::Page(1, true)),
            ],
        ),
        case(
            "a listing answers at most as many members as its limit says",
            vec![
                Call::People(0, 3),
                Call::CreateGroup(Group::Numbered(0)),
                Call::Members(Group::Numbered(0), 0, 3),
            ],
            vec![
                (Call::ListMembersBy(2, Group::Numbered(0), Token::None), Expected::Page(2, true)),
                (Call::ListMembersBy(2, Group::Numbered(0), Token::Of(0)), Expected::Page(1, false)),
            ],
        ),
        // AWS does not document that ListUsers can do this. An export accepts such a listing only
        // if its number of users is right.
        case(
            "users are listed by the first digit of their sub",
            vec![Call::People(0, 130)],
            vec![(Call::AllUsersBySub, Expected::Number(130))],
        ),
        case(
            "a user is looked up by its sub",
            vec![Call::People(0, 61)],
            vec![
                (Call::CountBySub(Some(person(60))), Expected::Number(1)),
                (Call::CountBySub(None), Expected::Number(0)),
            ],
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
