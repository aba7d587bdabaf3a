//! What finalize returns.

use serde::Serialize;

use super::{ExportReport, FailureReport, ImportReport, PlanReport, WatchReport};
use crate::model::Progress;

/// What finalize returns.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum RunReport {
    /// Work is left: the state machine calls finalize again.
    Unfinished(Progress),
    /// An export ended.
    Export(ExportReport),
    /// An import ended.
    Import(Box<ImportReport>),
    /// A dry run ended.
    Plan(Box<PlanReport>),
    /// A run failed. The failure is recorded and announced.
    Failed(FailureReport),
    /// No run: finalize measured the age of the newest snapshots.
    Watched(WatchReport),
}
