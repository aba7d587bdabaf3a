//! What an error of the SDK may tell: a code, and nothing of the answer.
//!
//! The SDK's own texts hold the answer: `DisplayErrorContext` prints the body of a response that cannot be read.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use shared::model::ErrorCode;

/// The service's code, or the kind of fault if the service sent none.
pub fn code_of<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> ErrorCode {
    let of_service = error.as_service_error().and_then(ProvideErrorMetadata::code);
    ErrorCode::of(of_service.unwrap_or(match error {
        SdkError::ConstructionFailure(_) => "RequestNotMade",
        SdkError::TimeoutError(_) => "Timeout",
        SdkError::DispatchFailure(_) => "NoConnection",
        SdkError::ResponseError(_) => "UnreadableAnswer",
        _ => "NoCode",
    }))
}
