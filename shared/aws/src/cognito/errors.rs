//! Errors of the SDK, classified by Cognito's error codes. The SDK does not model every code for every
//! operation.

use aws_sdk_cognitoidentityprovider::config::http::HttpResponse;
use aws_sdk_cognitoidentityprovider::error::{ProvideErrorMetadata, SdkError};

use shared::ports::pool::{Operation, PoolError, PoolErrorKind};

/// The parts of an SDK error that the classification needs.
pub trait CallError {
    /// The service's code, if it answered.
    fn code(&self) -> Option<&str>;
    /// The service's message, if it answered.
    fn message(&self) -> Option<&str>;
    /// The HTTP status, if the service answered.
    fn status(&self) -> Option<u16>;
    /// Whether the request never left.
    fn was_never_made(&self) -> bool;
}

impl<E: ProvideErrorMetadata> CallError for SdkError<E, HttpResponse> {
    fn code(&self) -> Option<&str> {
        self.as_service_error().and_then(ProvideErrorMetadata::code)
    }

    fn message(&self) -> Option<&str> {
        self.as_service_error().and_then(ProvideErrorMetadata::message)
    }

    fn status(&self) -> Option<u16> {
        self.raw_response().map(|response| response.status().as_u16())
    }

    fn was_never_made(&self) -> bool {
        matches!(self, SdkError::ConstructionFailure(_))
    }
}

/// The error of a call.
pub fn error_of(operation: Operation, error: &impl CallError) -> PoolError {
    let (kind, code) = match (error.code(), error.status()) {
        (_, Some(status)) if status >= 500 => {
            (PoolErrorKind::Transient, error.code().map_or(status.to_string(), str::to_owned))
        }
        (Some(code), _) => (kind_of(code), code.to_owned()),
        (None, _) if error.was_never_made() => (PoolErrorKind::Refused, "RequestNotMade".to_owned()),
        (None, _) => (PoolErrorKind::Transient, "NoAnswer".to_owned()),
    };
    PoolError::answered(operation, kind, &code, error.message().unwrap_or_default())
}

/// Source: "Common errors" and the operations' own errors, API references of Cognito user pools and AWS WAFV2.
fn kind_of(code: &str) -> PoolErrorKind {
    match code {
        "TooManyRequestsException" | "ThrottlingException" | "Throttling" | "RequestLimitExceeded" => {
            PoolErrorKind::Throttled
        }
        "InternalErrorException"
        | "InternalFailure"
        | "ServiceUnavailable"
        | "ConcurrentModificationException"
        | "WAFUnavailableEntityException" => PoolErrorKind::Transient,
        "ResourceNotFoundException" | "WAFNonexistentItemException" => PoolErrorKind::NotFound,
        "UserNotFoundException" => PoolErrorKind::UserNotFound,
        "UsernameExistsException" | "GroupExistsException" => PoolErrorKind::AlreadyExists,
        "AliasExistsException" => PoolErrorKind::AliasTaken,
        "CodeDeliveryFailureException" => PoolErrorKind::Undelivered,
        "InvalidParameterException" => PoolErrorKind::InvalidParameter,
        // NotAuthorizedException is missing here on purpose: it is about a user, for example a
        // disabled one, and never about the role.
        "AccessDeniedException"
        | "ExpiredTokenException"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken" => PoolErrorKind::AccessDenied,
        _ => PoolErrorKind::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Answer(Option<&'static str>, &'static str, Option<u16>);

    impl CallError for Answer {
        fn code(&self) -> Option<&str> {
            self.0
        }
        fn message(&self) -> Option<&str> {
            Some(self.1)
        }
        fn status(&self) -> Option<u16> {
            self.2
        }
        fn was_never_made(&self) -> bool {
            self.2 == Some(0)
        }
    }

    #[test]
    fn error_codes_map_to_their_kinds() {
        let kind = |code, status| error_of(Operation::ListUsers, &Answer(code, "", status)).kind;
        assert_eq!(kind(Some("TooManyRequestsException"), Some(400)), PoolErrorKind::Throttled);
        assert_eq!(kind(Some("AccessDeniedException"), Some(400)), PoolErrorKind::AccessDenied);
        assert_eq!(
            kind(Some("NotAuthorizedException"), Some(400)),
            PoolErrorKind::Refused,
            "it would end the run for one user's sake"
        );
        assert_eq!(kind(Some("InternalErrorException"), Some(500)), PoolErrorKind::Transient);
        assert_eq!(kind(Some("SomethingNew"), Some(503)), PoolErrorKind::Transient);
        assert_eq!(kind(None, Some(502)), PoolErrorKind::Transient);
        assert_eq!(kind(None, None), PoolErrorKind::Transient);
        assert_eq!(kind(None, Some(0)), PoolErrorKind::Refused);
        assert_eq!(kind(Some("UserLambdaValidationException"), Some(400)), PoolErrorKind::Refused);
    }

    #[test]
    fn an_error_keeps_nothing_of_a_message() {
        let error =
            |code, message| error_of(Operation::AdminCreateUser, &Answer(Some(code), message, Some(400)));
        for (code, message) in [
            ("InvalidParameterException", "1 validation error: Value 'anna b' at 'username' failed"),
            ("InvalidParameterException", "User anna's email +4912345 is no e-mail"),
            ("UserLambdaValidationException", "PreSignUp failed with error anna: user is disabled."),
            ("anna@example.com", "anna"),
        ] {
            let error = error(code, message);
            assert!(!format!("{error} {error:?}").contains("anna"), "{error:?}");
            assert_eq!(error.explanation, None);
        }
        let refused = error("InvalidParameterException", "Attributes did not conform to the schema: anna");
        assert_eq!(
            refused.to_string(),
            "AdminCreateUser answered InvalidParameterException: A value does not conform to the schema of the pool"
        );
    }
}
