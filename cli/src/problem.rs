//! Problems: what the operator reads if a command does not succeed.

use std::fmt;

use serde::Serialize;
use shared::report::still_open;

use crate::exit::ExitStatus;
use crate::guidance::in_flags;
use crate::output::PoolCreated;

/// The result of every function of this program that can fail.
pub type Result<T, E = Problem> = std::result::Result<T, E>;

/// Why a command did not succeed: the JSON object on stdout, and the text on stderr.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The name of the error, as in the state machines.
    pub error: String,
    /// What happened: whole sentences.
    pub message: String,
    /// What to do next: whole sentences. Empty if the message says it.
    pub guidance: String,
    /// The execution that failed, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_arn: Option<Box<str>>,
    /// The command that takes the tag of the target away, if the tag still opens it to imports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub untag_with: Option<Box<str>>,
    /// The answer of `pool create`, if the command has created a user pool before it stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation: Option<Box<PoolCreated>>,
    /// How the command ends.
    #[serde(skip)]
    pub status: ExitStatus,
}

impl Problem {
    /// A command that the command line refuses by itself.
    pub fn refused(error: &str, message: String, guidance: String) -> Self {
        let error = error.to_owned();
        Self {
            error,
            message,
            guidance,
            execution_arn: None,
            untag_with: None,
            creation: None,
            status: ExitStatus::Refused,
        }
    }

    /// Output that could not be written.
    pub fn unwritten(error: &std::io::Error) -> Self {
        Self {
            error: "OutputFailed".to_owned(),
            message: format!("The command could not write its output: {error}."),
            guidance: "The output is incomplete. Make room, then start the command again.".to_owned(),
            execution_arn: None,
            untag_with: None,
            creation: None,
            status: ExitStatus::Failed,
        }
    }

    /// A fault of this program.
    pub fn internal(message: String) -> Self {
        shared::Error::new(shared::ErrorKind::Internal, message, shared::Guidance::REPORT_THIS).into()
    }
}

impl From<shared::Error> for Problem {
    fn from(error: shared::Error) -> Self {
        Self {
            error: error.kind().name().to_owned(),
            message: error.message().to_owned(),
            guidance: in_flags(error.guidance()),
            execution_arn: None,
            untag_with: None,
            creation: None,
            status: ExitStatus::of_error(error.kind().name(), false),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The ids, and what is to do elsewhere. The error comes last, because a reader looks there.
        if let Some(creation) = &self.creation {
            write!(f, "{}\n\n", creation.in_words())?;
        }
        write!(f, "error: {}: {}", self.error, self.message)?;
        if !self.guidance.is_empty() {
            write!(f, "\n{}", self.guidance)?;
        }
        if let Some(line) = &self.untag_with {
            write!(f, "\n{}", still_open(line))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use shared::{Error, ErrorKind};

    use super::*;

    #[test]
    fn one_struct_is_the_json_and_the_text() {
        let problem =
            Problem::from(Error::new(ErrorKind::InvalidInput, "\"x\" is not a user pool id.", "Look it up."));
        assert_eq!(problem.status, ExitStatus::Refused);
        assert_eq!(problem.to_string(), "error: InvalidInput: \"x\" is not a user pool id.\nLook it up.");
        assert_eq!(
            serde_json::to_string(&problem).unwrap(),
            r#"{"error":"InvalidInput","message":"\"x\" is not a user pool id.","guidance":"Look it up."}"#
        );
    }
}
