//! Passwords and the policy.

use shared::ports::pool::PoolErrorKind;

use super::parts::{case, changes_password, new, person, refused};
use crate::pool::{Call, Case, Expected, UserToCreate};

pub(super) fn cases() -> Vec<Case> {
    let weak = ["Ab1!", "abcdefg1!", "ABCDEFG1!", "Abcdefgh!", "Abcdefgh1"];
    vec![
        case(
            "a temporary password satisfies the policy",
            Vec::new(),
            weak.iter()
                .map(|password| {
                    (
                        Call::CreateUser(UserToCreate { password: Some(*password), ..new(person(1)) }),
                        refused(PoolErrorKind::Refused),
                    )
                })
                .chain([(
                    Call::CreateUser(UserToCreate { password: Some("Abcdefg1!"), ..new(person(1)) }),
                    Expected::Done,
                )])
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
