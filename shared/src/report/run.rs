//! What finalize returns.

use serde::Serialize;

use super::{
    CopyReport, ExportReport, FailureReport, ImportReport, PlanReport, RemovalReport, StopReport, WatchReport,
};
use crate::model::{CopyProgress, Progress, RemovalProgress};

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum RunReport {
    /// Work is left: the state machine calls finalize again.
    Unfinished(Progress),
    Export(ExportReport),
    Import(Box<ImportReport>),
    Plan(Box<PlanReport>),
    /// A removal has work left: the state machine calls finalize again.
    UnfinishedRemoval(RemovalProgress),
    Removal(Box<RemovalReport>),
    /// A copy of new snapshots has work left: the state machine calls finalize again.
    UnfinishedCopy(CopyProgress),
    Copied(Box<CopyReport>),
    /// A run failed. The failure is recorded and announced.
    Failed(FailureReport),
    /// An execution was stopped from outside.
    Stopped(StopReport),
    /// No run: finalize measured the age of the newest snapshots.
    Watched(WatchReport),
}
