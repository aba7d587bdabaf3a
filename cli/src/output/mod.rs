//! The answers of commands: one struct is both the JSON and the text. Only this folder writes results to stdout.

mod completions;
mod copy;
mod csv_lines;
mod damage;
mod executions;
pub mod flags;
mod left_out;
mod man;
mod new_ids;
mod new_pool;
mod next_import;
mod plans;
mod pool;
mod pool_applied;
mod pool_code;
mod pool_created;
mod pool_diff;
mod pool_finished;
mod prune;
mod removals;
mod restores;
mod runs;
mod sign_in;
mod snapshots;
mod sub_map;
pub mod text;
mod to_do;
mod verify;

use std::io::Write;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::exit::ExitStatus;
use crate::problem::Problem;

pub use completions::CompletionScript;
pub use copy::CopyEnd;
pub use executions::ExecutionRow;
pub use man::ManPages;
pub use new_pool::{NewPoolEnd, NewPoolPlan};
pub use next_import::next_import;
pub use plans::PlanEnd;
pub use pool::PoolShown;
pub use pool_applied::{
    AppliedFrom, AtRisk, PoolApplied, SecretStorage, StoredConfiguration, action, applied_so_far, way_back,
};
pub use pool_code::PoolCode;
pub use pool_created::{Continued, Creation, PoolCreated, made_so_far, status_of};
pub use pool_diff::{ComparedConfiguration, PoolDiff};
pub use pool_finished::PoolFinished;
pub use prune::PruneEnd;
pub use removals::RemovalRow;
pub use restores::RestoreRow;
pub use runs::{ExportEnd, ImportEnd, SkippedEnd, StillRunning, watch_with};
pub use snapshots::{CaptureRow, SnapshotList, SnapshotRow, snapshot_in_words, snapshot_table};
pub use sub_map::{LineFormat, SubMapLines, heading};
pub use verify::VerifyEnd;

/// A result that a command reports.
pub trait Report: Serialize {
    /// The result in words and tables. Times are relative to `now`.
    fn human(&self, now: Timestamp) -> String;
}

/// What a command ends with.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// For programs.
    pub json: Value,
    /// For people.
    pub human: String,
    /// The exit code.
    pub status: ExitStatus,
}

impl Answer {
    /// The answer with `report`.
    pub fn new(report: &impl Report, status: ExitStatus, now: Timestamp) -> Self {
        // Reports are plain structs with text keys: JSON can hold each of them.
        Self { json: serde_json::to_value(report).unwrap_or_default(), human: report.human(now), status }
    }

    /// The answer of a command that has written its result line by line.
    pub fn already_written(status: ExitStatus) -> Self {
        Self { json: Value::Null, human: String::new(), status }
    }

    fn is_already_written(&self) -> bool {
        self.json.is_null() && self.human.is_empty()
    }
}

/// Writes answers to stdout and problems to stderr.
#[derive(Debug, Clone, Copy)]
pub struct Printer {
    /// Whether stdout takes JSON.
    pub json: bool,
}

impl Printer {
    /// Writes the result of a command. Returns its exit status. A closed pipe is no failure of the command.
    pub fn finish(self, result: Result<Answer, Problem>) -> ExitStatus {
        self.finish_to(result, &mut std::io::stdout().lock(), &mut std::io::stderr().lock())
    }

    /// Writes what is wrong with the command line as JSON. clap has written the text.
    pub fn usage(self, error: &clap::Error) -> ExitStatus {
        if self.json {
            let _ = writeln!(std::io::stdout().lock(), "{}", usage_json(error));
        }
        ExitStatus::Usage
    }

    fn finish_to(
        self,
        result: Result<Answer, Problem>,
        out: &mut impl Write,
        err: &mut impl Write,
    ) -> ExitStatus {
        match result {
            Ok(answer) if answer.is_already_written() => answer.status,
            Ok(answer) => {
                let _ = if self.json {
                    writeln!(out, "{}", answer.json)
                } else {
                    writeln!(out, "{}", answer.human)
                };
                answer.status
            }
            Err(problem) => {
                let _ = writeln!(err, "{problem}");
                if self.json {
                    let _ = writeln!(out, "{}", serde_json::to_value(&problem).unwrap_or_default());
                }
                problem.status
            }
        }
    }
}

/// The first paragraph of clap's message says what is wrong.
fn usage_json(error: &clap::Error) -> Value {
    let words = error.to_string();
    let message = words.split("\n\n").next().unwrap_or(&words).trim_start_matches("error: ");
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    serde_json::json!({ "error": "Usage", "message": message, "guidance": "See `cognito-backup --help`." })
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use shared::{Error, ErrorKind};

    use super::*;

    #[derive(Serialize)]
    struct Sealed {
        users: u64,
    }

    impl Report for Sealed {
        fn human(&self, _: Timestamp) -> String {
            format!("{} users", self.users)
        }
    }

    fn printed(json: bool, result: Result<Answer, Problem>) -> (ExitStatus, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let status = Printer { json }.finish_to(result, &mut out, &mut err);
        (status, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn results_go_to_stdout_as_json_or_as_text() {
        let answer = Answer::new(&Sealed { users: 3 }, ExitStatus::Done, Timestamp::UNIX_EPOCH);
        assert_eq!(printed(false, Ok(answer.clone())), (ExitStatus::Done, "3 users\n".into(), String::new()));
        assert_eq!(printed(true, Ok(answer)), (ExitStatus::Done, "{\"users\":3}\n".into(), String::new()));
    }

    #[test]
    fn an_answer_that_was_written_line_by_line_is_not_written_again() {
        for json in [false, true] {
            assert_eq!(
                printed(json, Ok(Answer::already_written(ExitStatus::Done))),
                (ExitStatus::Done, String::new(), String::new())
            );
        }
    }

    #[test]
    fn a_wrong_command_line_is_reported_as_one_json_object() {
        let error = crate::args::Cli::try_parse_from(["cognito-backup", "import", "--json"]).unwrap_err();
        insta::assert_snapshot!(usage_json(&error));
        assert_eq!(Printer { json: false }.usage(&error), ExitStatus::Usage);
    }

    #[test]
    fn a_problem_is_written_to_stderr_and_with_json_as_one_object_to_stdout_too() {
        let problem = || Problem::from(Error::new(ErrorKind::PoolNotFound, "No pool.", "Check the id."));
        let words = "error: PoolNotFound: No pool.\nCheck the id.\n";
        assert_eq!(printed(false, Err(problem())), (ExitStatus::Refused, String::new(), words.into()));
        let (status, out, err) = printed(true, Err(problem()));
        assert_eq!((status, err.as_str()), (ExitStatus::Refused, words));
        assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["error"], "PoolNotFound");
    }
}
