//! How a call ends when it does not go the usual way.

use hyper::body::Bytes;
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use crate::http::{self, Reply};

/// An error that the strict Cognito answers by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which operation it was; empty until the call is answered.
    pub operation: String,
    /// The name of the error, as Cognito's API model has it.
    pub error: String,
    /// A sentence. It names no person and holds no attribute's value.
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

/// Why a call goes no further.
#[derive(Debug)]
pub(super) enum Halt {
    /// A rule of Cognito.
    Refused(Refusal),
    /// The emulator has refused; its reply goes back as it is.
    Answered(Response<Bytes>),
}

impl From<Refusal> for Halt {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Halt {
    /// An emulator that cannot be reached, or answers with something else than JSON.
    pub fn broken(error: &anyhow::Error) -> Self {
        let body = json!({"__type": "BadGateway", "message": format!("the strict Cognito cannot ask the emulator: {error:#}")});
        let mut reply = Response::new(Bytes::from(body.to_string()));
        *reply.status_mut() = StatusCode::BAD_GATEWAY;
        Self::Answered(reply)
    }

    /// The name of the error, whoever gave it.
    pub fn error(&self) -> String {
        match self {
            Self::Refused(refusal) => refusal.error.clone(),
            Self::Answered(reply) => {
                let body: Value = serde_json::from_slice(reply.body()).unwrap_or_default();
                body["__type"].as_str().unwrap_or_default().to_owned()
            }
        }
    }
}
