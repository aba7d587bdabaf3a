//! The log of a job in CloudWatch Logs.
//!
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-using-import-tool.html#cognito-user-pools-using-import-tool-cloudwatch>:
//! the group `/aws/cognito/userpools/USER_POOL_ID/USER_POOL_NAME`, the stream `JOB_ID/JOB_NAME`, and for each user a line such
//! as `[SKIPPED] Line Number 5956 - The user already exists.` Nothing else about anybody is written.

use serde_json::json;

use crate::strict::Shared;
use crate::strict::call::Caller;
use crate::strict::pool::Pool;
use crate::strict::refusal::Halt;

/// CloudWatch Logs in the JSON protocol.
const LOGS: &str = "Logs_20140328";
/// Lines of one PutLogEvents; it takes 10,000.
const BATCH: usize = 5_000;

/// How a row ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Succeeded,
    Skipped,
    Failed(String),
}

impl Outcome {
    /// The line for a row.
    pub fn line(&self, number: usize) -> String {
        match self {
            Self::Succeeded => format!("[SUCCEEDED] Line Number {number} - The import succeeded."),
            Self::Skipped => format!("[SKIPPED] Line Number {number} - The user already exists."),
            Self::Failed(reason) => format!("[FAILED] Line Number {number} - {reason}"),
        }
    }
}

/// Writes the log of a job.
pub(super) async fn write(shared: &Shared, caller: &Caller, pool: &Pool, stream: &str, lines: &[String]) -> Result<(), Halt> {
    let group = format!("/aws/cognito/userpools/{}/{}", pool.id, pool.name);
    let names = json!({"logGroupName": group, "logStreamName": stream});
    let logs = |operation: &'static str, input| async move {
        match shared.backend.ask_service(caller, LOGS, operation, &input).await {
            Err(halt) if halt.error().ends_with("ResourceAlreadyExistsException") => Ok(()),
            other => other.map(drop),
        }
    };
    logs("CreateLogGroup", json!({ "logGroupName": group })).await?;
    logs("CreateLogStream", names.clone()).await?;
    // CloudWatch has its own idea of too old and too new: no put-forward clock here.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    for batch in lines.chunks(BATCH) {
        let mut input = names.clone();
        input["logEvents"] = batch.iter().map(|line| json!({"timestamp": now, "message": line})).collect();
        logs("PutLogEvents", input).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_that_aws_documents() {
        assert_eq!(Outcome::Succeeded.line(5), "[SUCCEEDED] Line Number 5 - The import succeeded.");
        assert_eq!(Outcome::Skipped.line(5_956), "[SKIPPED] Line Number 5956 - The user already exists.");
        assert_eq!(Outcome::Failed("No.".into()).line(7), "[FAILED] Line Number 7 - No.");
    }
}
