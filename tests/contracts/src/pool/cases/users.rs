//! Creating, reading and disabling users, and second factors.

use shared::model::MfaPreference;
use shared::ports::pool::{Medium, PoolErrorKind};

use super::parts::{NO_USER, case, changes_password, confirmed, create, named, new, person, refused, values};
use crate::pool::{Call, Case, Expected, Settings, UserIs, UserName, UserToCreate};

pub(super) fn cases() -> Vec<Case> {
    let with_mfa = || Settings { has_mfa: true, ..Settings::default() };
    vec![
        case(
            "a new user has its attributes and is to change its password",
            vec![Call::CreateUser(new(person(1)))],
            vec![
                (
                    Call::GetUser(person(1)),
                    Expected::User(UserIs { enabled: Some(true), ..changes_password(1) }),
                ),
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
            vec![
                Call::CreateUser(new(person(1))),
                Call::SetPassword(person(1), "Correct-Horse-7".to_owned()),
            ],
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
            vec![(
                Call::GetUser(person(1)),
                Expected::User(UserIs { enabled: Some(true), ..changes_password(1) }),
            )],
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
            vec![Call::CreateUser(UserToCreate { invitation: Some(Medium::Email), ..new(person(1)) })],
            vec![(Call::Messages, Expected::Number(1))],
        ),
        case(
            "second factors are turned on together",
            vec![
                create("anna", &[("phone_number", "+4930123456"), ("email", "a@example.com")]),
                Call::SetMfa(
                    named("anna"),
                    vec![MfaPreference::SMS, MfaPreference::EMAIL],
                    Some(MfaPreference::SMS),
                ),
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
            vec![
                create("anna", &[("phone_number", "+4930123456")]),
                Call::SetMfa(named("anna"), vec![MfaPreference::SMS], None),
            ],
            vec![(
                Call::Listed(named("anna")),
                Expected::User(UserIs { mfa: Some((Vec::new(), None)), ..UserIs::default() }),
            )],
        )
        .in_pool(with_mfa()),
    ]
}

/// The calls that every restore makes about a user.
fn calls_of_restore(name: &UserName) -> Vec<Call> {
    calls_about(name).into_iter().take(3).collect()
}

/// Every call about a user, with its answer.
fn calls_about(name: &UserName) -> Vec<Call> {
    vec![
        Call::GetUser(name.clone()),
        Call::SetPassword(name.clone(), "Correct-Horse-7".to_owned()),
        Call::DisableUser(name.clone()),
        Call::EnableUser(name.clone()),
        Call::UpdateAttributes(name.clone(), values(&[("name", "x")])),
        Call::DeleteAttributes(name.clone(), vec!["name"]),
        Call::SetMfa(name.clone(), vec![MfaPreference::SMS], None),
    ]
}
