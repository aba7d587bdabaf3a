//! Failed calls of Step Functions, as named errors.

use std::error::Error as StdError;

use aws_sdk_sfn::error::{ProvideErrorMetadata, SdkError};
use shared::{Error, ErrorKind};
use shared_aws::codes::code_of;

use crate::output::flags::command;

/// The named error for a failed `call`. It repeats nothing of the message, which can quote the input of a run.
pub fn named<E, R>(call: &str, error: &SdkError<E, R>) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
    R: std::fmt::Debug,
{
    let code = code_of(error);
    if !matches!(error, SdkError::ServiceError(_)) {
        // The cause of an answer that cannot be read may quote the answer.
        let why = match error {
            SdkError::ResponseError(_) => code.to_string(),
            no_answer => innermost(no_answer),
        };
        return Error::new(
            ErrorKind::ServiceUnavailable,
            format!("Step Functions did not answer {call}: {why}."),
            "Check the network, the credentials (`aws sts get-caller-identity`), the Region and the endpoint.",
        );
    }
    let (kind, guidance) = match code.as_str() {
        "AccessDenied" | "AccessDeniedException" => {
            (ErrorKind::AccessDenied, format!("Allow states:{call} for these credentials."))
        }
        "ExpiredToken"
        | "ExpiredTokenException"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch" => (
            ErrorKind::AccessDenied,
            "Renew the credentials. `aws sts get-caller-identity` shows whether they work.".to_owned(),
        ),
        "ExecutionDoesNotExist" => (
            ErrorKind::InvalidInput,
            format!("Check the ARN and the account. `{}` lists the last executions.", command("status")),
        ),
        "InvalidArn" => {
            (ErrorKind::InvalidInput, format!("Copy the ARN from `{}` or the console.", command("status")))
        }
        "ThrottlingException" | "Throttling" | "TooManyRequestsException" => {
            (ErrorKind::Throttled, "Try again in a moment.".to_owned())
        }
        code if is_fault(code) => (ErrorKind::ServiceUnavailable, "Try again in a moment.".to_owned()),
        _ => {
            (ErrorKind::CallRefused, "Look up the error code in the Step Functions API reference.".to_owned())
        }
    };
    Error::new(kind, format!("Step Functions refused {call} ({code})."), guidance)
}

fn is_fault(code: &str) -> bool {
    [
        "InternalFailure",
        "InternalError",
        "InternalServerError",
        "ServiceUnavailable",
        "ServiceUnavailableException",
    ]
    .contains(&code)
}

/// The innermost cause: the last of a chain of causes.
pub(super) fn innermost(error: &dyn StdError) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string().trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use aws_sdk_sfn::error::ErrorMetadata;
    use aws_sdk_sfn::operation::describe_execution::DescribeExecutionError;

    use super::*;

    fn refused(code: &str) -> Error {
        let error =
            DescribeExecutionError::generic(ErrorMetadata::builder().code(code).message("Words.").build());
        named("DescribeExecution", &SdkError::service_error(error, ()))
    }

    #[test]
    fn error_codes_become_named_errors() {
        for (code, kind) in [
            ("AccessDeniedException", ErrorKind::AccessDenied),
            ("ExpiredTokenException", ErrorKind::AccessDenied),
            ("ExecutionDoesNotExist", ErrorKind::InvalidInput),
            ("ThrottlingException", ErrorKind::Throttled),
            ("InternalFailure", ErrorKind::ServiceUnavailable),
            ("SomethingNew", ErrorKind::CallRefused),
        ] {
            assert_eq!(refused(code).kind(), kind, "{code}");
        }
        assert_eq!(refused("X").message(), "Step Functions refused DescribeExecution (X).");
    }

    #[test]
    fn an_unreachable_service_is_reported_with_its_cause() {
        let error: SdkError<DescribeExecutionError, ()> =
            SdkError::timeout_error("connect timed out after 3 s");
        let error = named("DescribeExecution", &error);
        assert_eq!(error.kind(), ErrorKind::ServiceUnavailable);
        assert!(error.message().contains("connect timed out after 3 s"), "{error}");
    }
}
