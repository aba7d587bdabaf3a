//! Reads and writes of a configuration in the service's own JSON.
//!
//! The types of the SDK drop every member that they do not know, and do not have every operation. So such a call
//! uses only what is below the types: credentials, endpoint, signature and HTTP client. It begins as a call of
//! `GetSigningCertificate`, a read that changes nothing, and an interceptor puts another operation and body into
//! its place before the SDK signs it.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_sdk_cognitoidentityprovider::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_cognitoidentityprovider::error::BoxError;
use serde_json::Value;

use super::{call, incomplete, waf};
use shared::model::PoolId;
use shared::model::configuration::Service;
use shared::ports::pool::{ConfigurationAnswer, Operation, PoolResult};

/// The prefix of the header that names the operation. Source: the service model, `targetPrefix`.
const TARGET_PREFIX: &str = "AWSCognitoIdentityProviderService";
const TARGET: &str = "x-amz-target";
const LENGTH: &str = "content-length";

/// Makes the call once.
pub(super) async fn exchange(
    client: &Client,
    pool: &PoolId,
    operation: Operation,
    request: &Value,
) -> PoolResult<ConfigurationAnswer> {
    let prefix = match operation.service() {
        Service::Cognito => TARGET_PREFIX,
        Service::Waf => waf::TARGET_PREFIX,
    };
    let target = format!("{prefix}.{}", operation.name());
    let exchange = Exchange { target, body: request.to_string(), answer: Arc::default() };
    let answer = Arc::clone(&exchange.answer);
    let carrier = client.get_signing_certificate().user_pool_id(pool.as_str());
    let carrier = carrier.customize().interceptor(exchange);
    let carrier = match operation.service() {
        Service::Cognito => carrier,
        Service::Waf => carrier.config_override(waf::settings()),
    };
    call(operation, carrier.send()).await?;
    let answer = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
    let json: Option<Value> = answer.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    json.filter(Value::is_object).map(ConfigurationAnswer::new).ok_or_else(|| incomplete(operation))
}

/// Puts an operation and a body into a request, and keeps the body of the answer.
struct Exchange {
    /// The operation, as the header names it.
    target: String,
    body: String,
    answer: Arc<Mutex<Option<Vec<u8>>>>,
}

impl std::fmt::Debug for Exchange {
    /// The answer can hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").field("target", &self.target).finish_non_exhaustive()
    }
}

impl Intercept for Exchange {
    fn name(&self) -> &'static str {
        "ConfigurationExchange"
    }

    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        request.headers_mut().insert(TARGET, self.target.clone());
        request.headers_mut().insert(LENGTH, self.body.len().to_string());
        *request.body_mut() = self.body.clone().into();
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let bytes = context.response().body().bytes().map(<[u8]>::to_vec);
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = bytes;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::answers::{Answer, Server};
    use crate::cognito::CognitoPool;
    use shared::ports::pool::{Pool, PoolErrorKind};

    async fn read_from(answer: Answer) -> (PoolResult<ConfigurationAnswer>, String) {
        let server = Server::start(answer).await;
        let pool =
            CognitoPool::new(CognitoPool::client(&server.config()), PoolId::parse("eu-west-1_A").unwrap());
        let request = json!({"UserPoolId": "eu-west-1_A", "NewMember": ["é"]});
        let result = pool.read_configuration(Operation::ListCIMDPolicies, &request).await;
        (result, server.requests().pop().unwrap())
    }

    #[tokio::test]
    async fn the_call_of_an_operation_that_the_sdk_lacks_keeps_every_member() {
        // The SDK reads the answer, too, and takes only what it knows.
        for answer in [json!({"CIMDPolicies": [{"New": [null]}]}), json!({})] {
            let (result, request) = read_from(Answer { status: 200, body: answer.to_string() }).await;
            assert_eq!(result.unwrap().into_json(), answer);
            let head = request.to_lowercase();
            assert!(
                head.contains("x-amz-target: awscognitoidentityproviderservice.listcimdpolicies"),
                "{request}"
            );
            assert!(head.contains("authorization: aws4-hmac-sha256"), "{request}");
            assert!(
                request.ends_with(r#"{"UserPoolId":"eu-west-1_A","NewMember":["é"]}"#)
                    || request.ends_with(r#"{"NewMember":["é"],"UserPoolId":"eu-west-1_A"}"#),
                "{request}"
            );
        }
    }

    #[tokio::test]
    async fn an_error_has_its_code_and_not_its_message() {
        for (status, code, kind) in [
            (400, "AccessDeniedException", PoolErrorKind::AccessDenied),
            (400, "TooManyRequestsException", PoolErrorKind::Throttled),
            (400, "FeatureUnavailableInTierException", PoolErrorKind::Refused),
            (400, "UserPoolAddOnNotEnabledException", PoolErrorKind::Refused),
            (500, "InternalErrorException", PoolErrorKind::Transient),
        ] {
            let body = json!({"__type": code, "message": "canary"}).to_string();
            let (result, _) = read_from(Answer { status, body }).await;
            let error = result.unwrap_err();
            assert_eq!((error.kind, error.code.as_str()), (kind, code));
            assert_eq!(error.operation, Operation::ListCIMDPolicies);
            assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
        }
    }

    #[test]
    fn a_refused_write_names_the_member_of_the_message() {
        let refused = |operation| {
            let says = "Value 'canary' at 'clientSecret' failed to satisfy constraint";
            shared::ports::pool::PoolError::answered(
                operation,
                PoolErrorKind::InvalidParameter,
                "InvalidParameterException",
                says,
            )
        };
        let words = refused(Operation::CreateUserPoolClient).to_string();
        assert!(words.ends_with("InvalidParameterException (about ClientSecret)"), "{words}");
        // The message of another call can have the name as a value.
        assert_eq!(refused(Operation::AdminCreateUser).member, None);
    }

    #[tokio::test]
    async fn an_answer_that_is_no_object_is_incomplete() {
        for body in ["[1]", "canary", ""] {
            let (result, _) = read_from(Answer { status: 200, body: body.to_owned() }).await;
            let error = result.unwrap_err();
            assert_eq!(error.kind, PoolErrorKind::Transient, "{body}");
            assert!(!format!("{error:?}").contains("canary"));
        }
    }
}
