//! One call, checked by the API model.

use serde_json::Value;

use crate::refusal::ConfigurationRefusal;

/// What Cognito answers.
pub(crate) type Answer = Result<Value, ConfigurationRefusal>;

/// What another service chose for the object that a call creates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chosen {
    /// The id of the pool or client.
    pub id: Option<String>,
    /// The secret of the client.
    pub secret: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub input: Value,
    /// Seconds since 1970.
    pub now: f64,
    pub chosen: &'a Chosen,
}

impl Request<'_> {
    /// A text member. It is empty if the request lacks it.
    pub fn text(&self, name: &str) -> &str {
        self.input[name].as_str().unwrap_or_default()
    }

    /// A member that the request has.
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.input.get(name)
    }
}
