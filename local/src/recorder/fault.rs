//! The faults that the recorder can inject into a call, and the call that the decision is based on.

use std::fmt;
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use serde_json::{Value, json};

/// A call that has arrived at the recorder.
#[derive(Debug, Clone)]
pub struct Call {
    /// When it arrived.
    pub at: Instant,
    /// The service as its protocol names it: `AWSCognitoIdentityProviderService`, `DynamoDB_20120810`. Empty if the call names none.
    pub service: String,
    /// The operation: `ListUsers`, `PutItem`. Empty if the call names none.
    pub operation: String,
    /// The number of the call among the calls of this operation since the record was cleared. The first is 1.
    pub sequence: usize,
    /// The request's body.
    pub body: Bytes,
}

impl Call {
    /// The request's body as JSON. Null if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// A change to the JSON body of a reply.
pub(super) type Rewrite = Box<dyn FnOnce(Value) -> Value + Send>;

/// What the recorder does with a call.
pub enum Action {
    /// It passes the call to the emulator, and the reply back.
    Forward,
    /// It waits, then takes another action.
    Delay(Duration, Box<Action>),
    /// It answers the call itself. The emulator never gets the call.
    Answer(Answer),
    /// It closes the connection. The emulator never gets the call.
    LoseRequest,
    /// It passes the call to the emulator, and closes the connection before the reply.
    LoseReply,
    /// It passes the call to the emulator, and changes the JSON body of the reply. It leaves a body that is not JSON.
    Rewrite(Box<dyn FnOnce(Value) -> Value + Send>),
}

impl Action {
    /// Cognito's answer to more calls than its quota allows.
    pub fn too_many_requests() -> Self {
        Self::Answer(Answer::error(400, "TooManyRequestsException", "Rate exceeded"))
    }

    /// An answer with an internal error of the service.
    pub fn internal_error() -> Self {
        Self::Answer(Answer::error(500, "InternalErrorException", "Something went wrong"))
    }

    /// Passes the call to the emulator, and the JSON body of the reply through `change`.
    pub fn rewrite(change: impl FnOnce(Value) -> Value + Send + 'static) -> Self {
        Self::Rewrite(Box::new(change))
    }

    /// Forwards the call after `time`.
    pub fn delay(time: Duration) -> Self {
        Self::Delay(time, Box::new(Self::Forward))
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forward => formatter.write_str("Forward"),
            Self::Delay(time, then) => formatter.debug_tuple("Delay").field(time).field(then).finish(),
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
    /// A success with this body.
    pub fn ok(body: Value) -> Self {
        Self { status: 200, error_type: None, body }
    }

    /// An error as the AWS JSON protocols carry it.
    pub fn error(status: u16, error_type: &str, message: &str) -> Self {
        Self { status, error_type: Some(error_type.to_owned()), body: json!({"__type": error_type, "message": message}) }
    }
}
