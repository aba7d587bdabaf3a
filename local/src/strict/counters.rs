//! Counts by pool: the messages that Cognito would have sent, and the users that AWS would bill.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::call::Call;
use super::refusal::Refusal;

/// The operations that make a user a monthly active user. The list holds only operations that the backup or a
/// test calls.
const ACTIVATING_OPERATIONS: [&str; 8] = [
    "AdminCreateUser",
    "AdminGetUser",
    "AdminUpdateUserAttributes",
    "AdminSetUserPassword",
    "AdminResetUserPassword",
    "AdminConfirmSignUp",
    "AdminInitiateAuth",
    "AdminRespondToAuthChallenge",
];

/// The counts since the proxy started.
#[derive(Debug, Default)]
pub(super) struct Counters(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    messages: HashMap<String, usize>,
    active: HashMap<String, HashSet<String>>,
    /// The username of a user, by pool and by the name that a client used for the user.
    usernames: HashMap<(String, String), String>,
    refusals: Vec<Refusal>,
}

impl Counters {
    /// The number of messages that the users of a pool would have received.
    pub fn messages(&self, pool: &str) -> usize {
        self.with(|counts| counts.messages.get(pool).copied().unwrap_or_default())
    }

    /// The number of active users of a pool.
    pub fn active(&self, pool: &str) -> usize {
        self.with(|counts| counts.active.get(pool).map_or(0, HashSet::len))
    }

    pub fn refusals(&self) -> Vec<Refusal> {
        self.with(|counts| counts.refusals.clone())
    }

    pub fn add_refusal(&self, refusal: Refusal) {
        self.with(|counts| counts.refusals.push(refusal));
    }

    pub fn count_message(&self, pool: &str) {
        self.with(|counts| *counts.messages.entry(pool.to_owned()).or_default() += 1);
    }

    /// Counts the message and the active user of a call that succeeded.
    pub fn count_call(&self, call: &Call, output: &Value) {
        let Some(pool) = call.text("UserPoolId") else {
            return;
        };
        let sends_message = match call.operation.as_str() {
            "AdminCreateUser" => call.text("MessageAction") != Some("SUPPRESS"),
            "AdminResetUserPassword" => true,
            _ => false,
        };
        if sends_message {
            self.count_message(pool);
        }
        let is_activating = ACTIVATING_OPERATIONS.contains(&call.operation.as_str());
        let Some(name) = call.text("Username").filter(|_| is_activating) else {
            return;
        };
        let returned = output["User"]["Username"].as_str().or(output["Username"].as_str());
        self.with(|counts| {
            let key = (pool.to_owned(), name.to_owned());
            let username = match returned {
                Some(returned) => counts.usernames.entry(key).or_insert_with(|| returned.to_owned()).clone(),
                None => counts.usernames.get(&key).cloned().unwrap_or_else(|| name.to_owned()),
            };
            counts.active.entry(pool.to_owned()).or_default().insert(username);
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Counts) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
