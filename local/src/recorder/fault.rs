//! The faults that the recorder can inject, and the calls into which it injects them.

use std::fmt;
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use serde_json::{Value, json};

/// A call that has arrived at the recorder.
#[derive(Debug, Clone)]
pub struct Call {
    /// The arrival of the request's head.
    pub at: Instant,
    /// The service as its protocol names it, such as `AWSCognitoIdentityProviderService` or
    /// `DynamoDB_20120810`. Empty if the request names none.
    pub service: String,
    /// The operation, such as `ListUsers` or `PutItem`. Empty if the request names none.
    pub operation: String,
    /// The number of this call among the calls of its operation since the last
    /// [`Recorder::clear`](super::Recorder::clear). The first call has number 1.
    pub sequence: usize,
    /// The access key whose owner signed the request. Empty if the request has no signature.
    pub access_key_id: String,
    /// The Region of the signature. Empty if the request has none.
    pub region: String,
    /// The request's body.
    pub body: Bytes,
}

impl Call {
    /// The request's body as JSON. Null if the body is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// A change to the JSON body of a reply.
pub(super) type Rewrite = Box<dyn FnOnce(Value) -> Value + Send>;

/// What the recorder does with a call.
pub enum Action {
    /// Forward the call to the emulator, and return the reply.
    Forward,
    /// Wait, then do something else.
    Delay(Duration, Box<Action>),
    /// Answer the call without the emulator.
    Answer(Answer),
    /// Close the connection without forwarding the call.
    LoseRequest,
    /// Forward the call, but close the connection before the reply.
    LoseReply,
    /// Forward the call, and change the JSON body of the reply. A body that is not JSON stays unchanged.
    Rewrite(Box<dyn FnOnce(Value) -> Value + Send>),
}

impl Action {
    /// Cognito's answer to a throttled call.
    pub fn too_many_requests() -> Self {
        Self::Answer(Answer::error(400, "TooManyRequestsException", "Rate exceeded"))
    }

    /// Cognito's answer to a call that failed inside the service.
    pub fn internal_error() -> Self {
        Self::Answer(Answer::error(500, "InternalErrorException", "Something went wrong"))
    }

    /// Forwards the call, and applies `change` to the JSON body of the reply.
    pub fn rewrite(change: impl FnOnce(Value) -> Value + Send + 'static) -> Self {
        Self::Rewrite(Box::new(change))
    }

    /// Waits, then forwards the call.
    pub fn delay(time: Duration) -> Self {
        Self::Delay(time, Box::new(Self::Forward))
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forward => formatter.write_str("Forward"),
            Self::Delay(time, next) => formatter.debug_tuple("Delay").field(time).field(next).finish(),
            Self::Answer(answer) => formatter.debug_tuple("Answer").field(answer).finish(),
            Self::LoseRequest => formatter.write_str("LoseRequest"),
            Self::LoseReply => formatter.write_str("LoseReply"),
            Self::Rewrite(_) => formatter.write_str("Rewrite"),
        }
    }
}

/// An answer of the recorder itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub(super) status: u16,
    pub(super) error_type: Option<String>,
    pub(super) body: Value,
}

impl Answer {
    /// A successful answer with this body.
    pub fn ok(body: Value) -> Self {
        Self { status: 200, error_type: None, body }
    }

    /// An error in the form of the AWS JSON protocols.
    pub fn error(status: u16, error_type: &str, message: &str) -> Self {
        let body = json!({"__type": error_type, "message": message});
        Self { status, error_type: Some(error_type.to_owned()), body }
    }
}
