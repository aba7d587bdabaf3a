//! Identity providers and linked identities.

use shared::ports::pool::PoolErrorKind;

use super::parts::{INVALID, NO_USER, case, create, named, refused};
use crate::pool::{Call, Case, Expected, UserIs};

pub(super) fn cases() -> Vec<Case> {
    let link = |name: &str, id| Call::LinkIdentity(named(name), "Okta", id);
    let has = |identities: &[(&'static str, &'static str)]| {
        Expected::User(UserIs { identities: Some(identities.to_vec()), ..UserIs::default() })
    };
    vec![
        case(
            "a pool without providers lists none",
            Vec::new(),
            vec![(Call::ListProviders, Expected::Names(Vec::new()))],
        ),
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
