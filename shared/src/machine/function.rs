//! The functions that the definitions invoke.

use serde_json::{Value, json};

use crate::model::Failure;
use crate::pacing::Budget;
use crate::ports::Backend;
use crate::report::cause;
use crate::steps;
use crate::{Error, Result};

/// One of the functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Function {
    /// Begins a run.
    Enumerate,
    /// Stores pages of a snapshot.
    ExportPage,
    /// Restores pages of a snapshot.
    ImportPage,
    /// Ends a run.
    Finalize,
    /// Removes snapshots. It is the executable of finalize, deployed once more with its own role.
    Removal,
    /// Copies new snapshots from the table of another account. It is that executable, too, with a role of its own.
    Copy,
}

impl Function {
    /// All functions.
    pub const ALL: [Self; 6] =
        [Self::Enumerate, Self::ExportPage, Self::ImportPage, Self::Finalize, Self::Removal, Self::Copy];

    /// The name, as in the definition's substitutions: `${<name>FunctionArn}`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enumerate => "Enumerate",
            Self::ExportPage => "ExportPage",
            Self::ImportPage => "ImportPage",
            Self::Finalize => "Finalize",
            Self::Removal => "Removal",
            Self::Copy => "Copy",
        }
    }

    /// The function whose ARN a deployment substitutes for `substitution`.
    pub(super) fn substituted(substitution: &str) -> Option<Self> {
        let name = substitution.strip_prefix("${")?.strip_suffix("FunctionArn}")?;
        Self::ALL.into_iter().find(|function| function.name() == name)
    }
}

/// Carries out one invocation of `function` on a backend of this process.
///
/// # Errors
/// The error of the step.
pub async fn carry_out<B: Backend>(
    function: Function,
    backend: &B,
    payload: Value,
    budget: Budget,
) -> Result<Value> {
    match function {
        Function::Enumerate => steps::enumerate(backend, payload, budget).await.map(|begun| json!(begun)),
        Function::ExportPage => {
            steps::export_pages(backend, payload, budget).await.map(|progress| json!(progress))
        }
        Function::ImportPage => {
            steps::import_pages(backend, payload, budget).await.map(|progress| json!(progress))
        }
        Function::Finalize | Function::Removal | Function::Copy => {
            steps::finalize(backend, payload, budget).await.map(|report| json!(report))
        }
    }
}

/// An error of a function, as Step Functions sees it: the name, and Lambda's JSON around the message.
pub fn failure_of(error: &Error) -> Failure {
    let cause = json!({"errorType": error.kind().name(), "errorMessage": cause(error)});
    Failure { error: error.kind().name().to_owned(), cause: cause.to_string() }
}
