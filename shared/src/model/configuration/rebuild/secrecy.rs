//! Whether a client of a capture has a secret.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::{CapturedList, ObjectKind, ObjectName, Uncaptured, shows_secret};

/// The member with the secret.
const CLIENT_SECRET: &str = "ClientSecret";

/// What a capture says of the secret of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Secrecy {
    /// The client has a secret, although the capture may lack it.
    Confidential,
    Public,
    /// The export could not ask for the secrets of clients, and nothing else shows one.
    Unknown,
}

impl Secrecy {
    /// `captured` is the objects of the capture, as Cognito answered them.
    pub fn of(id: &str, captured: &BTreeMap<&ObjectName, &Value>, list: &CapturedList) -> Self {
        let client = ObjectName::of(ObjectKind::Client, id);
        let secrets = ObjectName::of(ObjectKind::ClientSecrets, id);
        let has_entry = list.entry(&client).is_some_and(|entry| {
            entry.secrets_left_out > 0 || entry.secrets.iter().any(|secret| secret.member == CLIENT_SECRET)
        });
        let is_listed = captured.get(&secrets).is_some_and(|listed| {
            listed["ClientSecrets"].as_array().is_some_and(|secrets| !secrets.is_empty())
        });
        // An export asks about a client that shows no secret, too. Only a snapshot before tells that the client has one.
        let is_noted = list.not_captured().iter().any(|lacking| match &lacking.object {
            Uncaptured::One(name) if *name == client => lacking.member.as_deref() == Some(CLIENT_SECRET),
            Uncaptured::One(name) => *name == secrets && lacking.held_by.is_some(),
            _ => false,
        });
        let is_shown = captured.get(&client).is_some_and(|client| shows_secret(client));
        let is_unasked = || {
            list.not_captured()
                .iter()
                .any(|lacking| lacking.member.is_none() && lacking.object.includes(&secrets))
        };
        if has_entry || is_listed || is_noted || is_shown {
            Self::Confidential
        } else if is_unasked() {
            Self::Unknown
        } else {
            Self::Public
        }
    }
}
