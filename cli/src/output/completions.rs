//! The answer of `completions`.

use jiff::Timestamp;
use serde::Serialize;

use super::Report;

/// A completion script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CompletionScript {
    /// The shell, by the name that the command line takes.
    pub shell: String,
    /// What the shell reads.
    pub script: String,
}

impl Report for CompletionScript {
    fn human(&self, _: Timestamp) -> String {
        self.script.trim_end().to_owned()
    }
}
