//! The errors that end a call: refusals by a rule of the strict proxy, and errors of the emulator.

use hyper::body::Bytes;
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use crate::http::{self, Reply};

/// An error that the strict proxy returns itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The refused operation. Empty until the proxy replies.
    pub operation: String,
    /// The name of the error in Cognito's API model.
    pub error: String,
    /// A sentence without personal data.
    pub message: String,
}

impl Refusal {
    pub(super) fn new(error: &str, message: impl Into<String>) -> Self {
        Self { operation: String::new(), error: error.to_owned(), message: message.into() }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", message)
    }

    pub(super) fn reply(&self) -> Reply {
        http::json_reply(400, Some(&self.error), &json!({"__type": self.error, "message": self.message}))
    }
}

/// The error that ends a call.
#[derive(Debug)]
pub(super) enum CallError {
    /// The call breaks a rule of Cognito.
    Refused(Refusal),
    /// The emulator returned an error. The proxy passes this reply on unchanged.
    FromEmulator(Response<Bytes>),
}

impl From<Refusal> for CallError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl CallError {
    /// The error for an emulator that does not answer, or does not answer in JSON.
    pub fn bad_gateway(error: &anyhow::Error) -> Self {
        let message = format!("The strict proxy got no valid answer from the emulator: {error:#}");
        let body = json!({"__type": "BadGateway", "message": message});
        let mut reply = Response::new(Bytes::from(body.to_string()));
        *reply.status_mut() = StatusCode::BAD_GATEWAY;
        Self::FromEmulator(reply)
    }

    /// The name of the error, such as `UsernameExistsException`.
    pub fn name(&self) -> String {
        match self {
            Self::Refused(refusal) => refusal.error.clone(),
            Self::FromEmulator(reply) => {
                let body: Value = serde_json::from_slice(reply.body()).unwrap_or_default();
                body["__type"].as_str().unwrap_or_default().to_owned()
            }
        }
    }
}
