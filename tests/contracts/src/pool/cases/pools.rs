//! Pools themselves, and the quotas of the account.

use shared::model::Category;
use shared::ports::pool::PoolErrorKind;

use super::parts::{case, new, number, person, refused, text};
use crate::pool::{Call, Case, Expected, Group, Settings, Token};

pub(super) fn cases() -> Vec<Case> {
    let no_pool = || refused(PoolErrorKind::NotFound);
    vec![
        case("a pool is described by its settings", Vec::new(), vec![(Call::Describe, Expected::Settings)])
            .in_pool(Settings { auto_verified: vec!["email"], ..Settings::default() }),
        case("every setting of a pool is described", Vec::new(), vec![(Call::Describe, Expected::Settings)])
            .in_pool(Settings {
                aliases: vec!["email", "phone_number"],
                auto_verified: vec!["email"],
                case_sensitive: true,
                has_mfa: true,
                recovery: vec!["verified_email", "verified_phone_number"],
                required: vec!["family_name"],
                custom: vec![
                    ("custom:note", text(true)),
                    ("custom:tenant", text(false)),
                    ("custom:score", number()),
                ],
                ..Settings::default()
            }),
        case(
            "a pool whose administrators alone reset passwords says so",
            Vec::new(),
            vec![(Call::Describe, Expected::Settings)],
        )
        .in_pool(Settings { recovery: vec!["admin_only"], ..Settings::default() }),
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
            Category::ALL
                .into_iter()
                .map(|category| (Call::ProvisionedLimit(category), Expected::Limit))
                .collect(),
        ),
    ]
}
