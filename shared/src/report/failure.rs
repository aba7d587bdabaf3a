//! How a run failed.

use super::guidance::cause;
use crate::Error;
use crate::model::Failure;

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Self { error: error.kind().name().to_owned(), cause: cause(error) }
    }
}
