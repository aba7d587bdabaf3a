//! What is counted per pool: messages that people would have got, and people that AWS would bill.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::call::Call;
use super::refusal::Refusal;

/// Operations on a user that make it a monthly active one, as far as anything here calls them: creation, reading it, changing
/// an attribute or the password, signing in.
const ACTIVE: [&str; 8] = [
    "AdminCreateUser",
    "AdminGetUser",
    "AdminUpdateUserAttributes",
    "AdminSetUserPassword",
    "AdminResetUserPassword",
    "AdminConfirmSignUp",
    "AdminInitiateAuth",
    "AdminRespondToAuthChallenge",
];

/// The counts since the start.
#[derive(Debug, Default)]
pub(super) struct Counters(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    messages: HashMap<String, usize>,
    active: HashMap<String, HashSet<String>>,
    /// The username of one that was addressed by something else.
    usernames: HashMap<(String, String), String>,
    refusals: Vec<Refusal>,
}

impl Counters {
    /// Messages that the users of a pool would have got.
    pub fn messages(&self, pool: &str) -> usize {
        self.with(|counts| counts.messages.get(pool).copied().unwrap_or_default())
    }

    /// Users of a pool that are active.
    pub fn active(&self, pool: &str) -> usize {
        self.with(|counts| counts.active.get(pool).map_or(0, HashSet::len))
    }

    /// What was refused, in order.
    pub fn refusals(&self) -> Vec<Refusal> {
        self.with(|counts| counts.refusals.clone())
    }

    pub fn refused(&self, refusal: Refusal) {
        self.with(|counts| counts.refusals.push(refusal));
    }

    pub fn sent(&self, pool: &str) {
        self.with(|counts| *counts.messages.entry(pool.to_owned()).or_default() += 1);
    }

    /// Takes note of a call that was carried out.
    pub fn carried_out(&self, call: &Call, output: &Value) {
        let Some(pool) = call.text("UserPoolId") else {
            return;
        };
        let sends = match call.operation.as_str() {
            "AdminCreateUser" => call.text("MessageAction") != Some("SUPPRESS"),
            "AdminResetUserPassword" => true,
            _ => false,
        };
        if sends {
            self.sent(pool);
        }
        let Some(given) = call.text("Username").filter(|_| ACTIVE.contains(&call.operation.as_str())) else {
            return;
        };
        let shown = output["User"]["Username"].as_str().or(output["Username"].as_str());
        self.with(|counts| {
            let key = (pool.to_owned(), given.to_owned());
            let username = match shown {
                Some(shown) => counts.usernames.entry(key).or_insert_with(|| shown.to_owned()).clone(),
                None => counts.usernames.get(&key).cloned().unwrap_or_else(|| given.to_owned()),
            };
            counts.active.entry(pool.to_owned()).or_default().insert(username);
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Counts) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
