//! The log of an import job in CloudWatch Logs.
//!
//! The log group is `/aws/cognito/userpools/USER_POOL_ID/USER_POOL_NAME`, the stream is `JOB_ID/JOB_NAME`.
//! Each user has one line, such as `[SKIPPED] Line Number 5956 - The user already exists.` The log holds no
//! personal data.
//!
//! Source:
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-using-import-tool.html#cognito-user-pools-using-import-tool-cloudwatch>.

use serde_json::json;

use crate::strict::call::Caller;
use crate::strict::pool::Pool;
use crate::strict::refusal::CallError;
use crate::strict::shared::Shared;

/// The name of CloudWatch Logs in the JSON protocol.
const LOGS: &str = "Logs_20140328";
/// The maximum number of lines in one call of PutLogEvents. AWS allows 10,000.
const MAX_LINES_PER_CALL: usize = 5_000;

/// The outcome of one row of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RowOutcome {
    Succeeded,
    Skipped,
    Failed(String),
}

impl RowOutcome {
    /// The log line for the row with this line number.
    pub fn line(&self, number: usize) -> String {
        match self {
            Self::Succeeded => format!("[SUCCEEDED] Line Number {number} - The import succeeded."),
            Self::Skipped => format!("[SKIPPED] Line Number {number} - The user already exists."),
            Self::Failed(reason) => format!("[FAILED] Line Number {number} - {reason}"),
        }
    }
}

/// Writes the log of a job. Creates the log group and the stream.
pub(super) async fn write(
    shared: &Shared,
    caller: &Caller,
    pool: &Pool,
    stream: &str,
    lines: &[String],
) -> Result<(), CallError> {
    let group = format!("/aws/cognito/userpools/{}/{}", pool.id, pool.name);
    let names = json!({"logGroupName": group, "logStreamName": stream});
    let logs = |operation: &'static str, input| async move {
        match shared.emulator.request_service(caller, LOGS, operation, &input).await {
            Err(error) if error.name().ends_with("ResourceAlreadyExistsException") => Ok(()),
            other => other.map(drop),
        }
    };
    logs("CreateLogGroup", json!({ "logGroupName": group })).await?;
    logs("CreateLogStream", names.clone()).await?;
    // CloudWatch Logs refuses events that are too old or too new. So this is the system's time, not the
    // proxy's.
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let now = since_epoch.as_millis() as u64;
    for batch in lines.chunks(MAX_LINES_PER_CALL) {
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
    fn a_log_line_has_the_form_that_aws_documents() {
        assert_eq!(RowOutcome::Succeeded.line(5), "[SUCCEEDED] Line Number 5 - The import succeeded.");
        assert_eq!(RowOutcome::Skipped.line(5_956), "[SKIPPED] Line Number 5956 - The user already exists.");
        assert_eq!(RowOutcome::Failed("No.".into()).line(7), "[FAILED] Line Number 7 - No.");
    }
}
