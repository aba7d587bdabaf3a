//! What finalize returns.

use serde::Serialize;

use super::{ExportReport, FailureReport, ImportReport, PlanReport, StopReport, WatchReport};
use crate::model::Progress;

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum RunReport {
    /// Work is left: the state machine calls finalize again.
    Unfinished(Progress),
    Export(ExportReport),
    Import(Box<ImportReport>),
    Plan(Box<PlanReport>),
    /// A run failed. The failure is recorded and announced.
    Failed(FailureReport),
    /// An execution was stopped from outside.
    Stopped(StopReport),
    /// No run: finalize measured the age of the newest snapshots.
    Watched(WatchReport),
}
