//! The failure of a run, as its header and its report hold it.

use serde::{Deserialize, Serialize};

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The name of the error.
    pub error: String,
    /// What happened and what to do.
    pub cause: String,
}
