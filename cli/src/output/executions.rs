//! Executions of the state machines.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use shared::model::{PoolId, RunKind};

use super::runs::watch_with;
use super::text::{ago, duration, seconds_between, table};
use crate::aws::{ExecutionArn, ExecutionView, RunInput, RunStatus};
use crate::causes::cause_in_flags;

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionRow {
    pub execution_arn: ExecutionArn,
    /// `export` or `import`. None if the input cannot be read.
    pub operation: Option<RunKind>,
    pub status: RunStatus,
    /// The source of an export, the target of an import.
    pub user_pool_id: Option<PoolId>,
    /// The source of an import.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_user_pool_id: Option<PoolId>,
    /// The snapshot, as the input of an import names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    pub started_at: Timestamp,
    pub stopped_at: Option<Timestamp>,
    /// Why a skipped execution did nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// The name of the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What happened and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

impl From<ExecutionView> for ExecutionRow {
    fn from(view: ExecutionView) -> Self {
        let operation = view.input.operation();
        let summary = view.skipped().map(|report| report.summary);
        let (user_pool_id, source_user_pool_id, snapshot) = match view.input {
            RunInput::Export(input) => (Some(input.pool), None, None),
            RunInput::Import(input) => {
                (Some(input.target), Some(input.source), Some(input.snapshot.to_string()))
            }
            RunInput::Unreadable => (None, None, None),
        };
        Self {
            execution_arn: view.arn,
            operation,
            status: view.status,
            user_pool_id,
            source_user_pool_id,
            snapshot,
            started_at: view.started_at,
            stopped_at: view.stopped_at,
            summary,
            error: view.error,
            cause: view.cause,
        }
    }
}

impl ExecutionRow {
    /// Whether `pool` is its source or its target.
    pub fn is_about(&self, pool: &PoolId) -> bool {
        [&self.user_pool_id, &self.source_user_pool_id].into_iter().flatten().any(|id| id == pool)
    }

    /// A table of executions. The lines under it say how to watch the running ones, and why others
    /// failed.
    pub fn table(rows: &[Self], now: Timestamp) -> String {
        let cells = |row: &Self| {
            let operation = match row.operation {
                Some(RunKind::Export) => "export",
                Some(RunKind::Import) => "import",
                None => "-",
            };
            let took = seconds_between(row.started_at, row.stopped_at.unwrap_or(now));
            vec![
                operation.to_owned(),
                row.user_pool_id.as_ref().map_or_else(|| "-".to_owned(), PoolId::to_string),
                row.status.to_string(),
                ago(row.started_at, now),
                duration(Duration::from_secs(took)),
                row.execution_arn.name().to_owned(),
            ]
        };
        let mut text =
            table(&["RUN", "USER POOL", "STATUS", "STARTED", "TOOK", "EXECUTION"], rows.iter().map(cells));
        let mut notes = Vec::new();
        for row in rows.iter().filter(|row| row.status == RunStatus::Running) {
            notes.push(format!("Watch it with: {}", watch_with(&row.execution_arn)));
        }
        for row in rows {
            if let Some(summary) = &row.summary {
                notes.push(format!("{} was skipped: {summary}", row.execution_arn.name()));
            }
            if let Some(error) = &row.error {
                let cause = row.cause.as_deref().unwrap_or("Step Functions shows no cause.");
                let cause = cause_in_flags(cause);
                notes.push(format!("{} ended with {error}: {cause}", row.execution_arn.name()));
            }
        }
        if !notes.is_empty() {
            text += &format!("\n\n{}", notes.join("\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use shared::report::cause;
    use shared::{Error, ErrorKind, Guidance};

    use super::*;
    use crate::testing;

    #[test]
    fn executions_are_shown_as_a_table() {
        let running = testing::execution(RunStatus::Running);
        let mut failed = testing::execution(RunStatus::Failed);
        failed.error = Some("TargetNotEmpty".into());
        failed.cause = Some("User pool eu-west-1_b already holds users. Create an empty one.".into());
        let mut odd = testing::execution(RunStatus::Aborted);
        odd.input = RunInput::Unreadable;
        let rows = [running, failed, odd, testing::skipped_export()].map(ExecutionRow::from);
        insta::assert_snapshot!(ExecutionRow::table(&rows, testing::now()));
        insta::assert_snapshot!(serde_json::to_string_pretty(&rows[1]).unwrap());
        assert_eq!(serde_json::to_value(&rows[3]).unwrap()["status"], "SKIPPED");
        assert!(rows[0].is_about(&testing::pool("a")) && rows[0].is_about(&testing::pool("b")));
        assert!(!rows[0].is_about(&testing::pool("c")) && !rows[2].is_about(&testing::pool("a")));
    }

    #[test]
    fn the_cause_of_a_failed_execution_is_told_in_options() {
        let guidance = Guidance::ChooseSnapshot { unfinished: "A".to_owned(), newest: "B".to_owned() };
        let mut failed = testing::execution(RunStatus::Failed);
        failed.error = Some("UnfinishedRestore".into());
        failed.cause = Some(cause(&Error::new(ErrorKind::UnfinishedRestore, "It is unfinished.", guidance)));
        let row = ExecutionRow::from(failed);
        assert!(
            row.cause.as_ref().unwrap().contains("Set \"snapshot\" to \"A\""),
            "the JSON keeps the cause"
        );
        let text = ExecutionRow::table(&[row], testing::now());
        let says = "UnfinishedRestore: It is unfinished. Give --snapshot A to continue that restore, or --snapshot B to";
        assert!(text.contains(says), "{text}");
    }
}
