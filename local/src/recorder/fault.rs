//! What can happen to a call on its way, and what the decision is made on.

use std::fmt;
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use serde_json::{Value, json};

/// A call that has arrived at the recorder.
#[derive(Debug, Clone)]
pub struct Call {
    /// When it arrived.
    pub at: Instant,
    /// The service as its protocol names it: `AWSCognitoIdentityProviderService`, `DynamoDB_20120810`; empty when unnamed.
    pub service: String,
    /// The operation: `ListUsers`, `PutItem`; empty when unnamed.
    pub operation: String,
    /// Which call of this operation it is since the record was last cleared; the first is 1.
    pub sequence: usize,
    /// The request's body.
    pub body: Bytes,
}

impl Call {
    /// The request's body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// A change to the JSON body of a reply.
pub(super) type Rewrite = Box<dyn FnOnce(Value) -> Value + Send>;

/// What happens to a call.
pub enum Action {
    /// It goes to the emulator, and the reply comes back.
    Forward,
    /// It waits, then something else happens.
    Delay(Duration, Box<Action>),
    /// It is answered here; the emulator never sees it.
    Answer(Answer),
    /// The connection closes; the emulator never sees the call.
    LoseRequest,
    /// The emulator carries it out, but the connection closes before the reply.
    LoseReply,
    /// The emulator carries it out, and the JSON body of the reply is changed. A body that is not JSON stays.
    Rewrite(Box<dyn FnOnce(Value) -> Value + Send>),
}

impl Action {
    /// Cognito's answer to more calls than its quota allows.
    pub fn too_many_requests() -> Self {
        Self::Answer(Answer::error(400, "TooManyRequestsException", "Rate exceeded"))
    }

    /// An answer that says the service itself failed.
    pub fn internal_error() -> Self {
        Self::Answer(Answer::error(500, "InternalErrorException", "Something went wrong"))
    }

    /// The emulator carries the call out, and the JSON body of the reply goes through `change`.
    pub fn rewrite(change: impl FnOnce(Value) -> Value + Send + 'static) -> Self {
        Self::Rewrite(Box::new(change))
    }

    /// The call waits for `time` and is forwarded.
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

/// An answer that the recorder gives by itself.
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
