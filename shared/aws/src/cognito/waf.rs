//! Calls of AWS WAFV2 with the client of Cognito. Both services speak the same protocol, so only the address and the
//! signature differ.

use std::collections::HashMap;

use aws_sdk_cognitoidentityprovider::config::Builder;
use aws_sdk_cognitoidentityprovider::config::endpoint::{
    DefaultResolver, Endpoint, EndpointFuture, Params, ResolveEndpoint,
};
use aws_smithy_types::Document;

/// The prefix of the header that names the operation. Source: the service model of AWS WAFV2, `targetPrefix`.
pub(super) const TARGET_PREFIX: &str = "AWSWAF_20190729";
/// The name of the service in addresses and signatures. Source: the service model, `endpointPrefix`.
const WAF: &str = "wafv2";
const COGNITO: &str = "cognito-idp";

/// The settings of a call of AWS WAFV2.
pub(super) fn settings() -> Builder {
    Builder::new().endpoint_resolver(WafEndpoint(DefaultResolver::new()))
}

/// The endpoint of AWS WAFV2 in the Region and partition of the client. An endpoint that the user chose stays.
#[derive(Debug)]
struct WafEndpoint(DefaultResolver);

impl ResolveEndpoint for WafEndpoint {
    fn resolve_endpoint<'a>(&'a self, params: &'a Params) -> EndpointFuture<'a> {
        let of_cognito = ResolveEndpoint::resolve_endpoint(&self.0, params);
        EndpointFuture::new(async move {
            let of_cognito = of_cognito.await?;
            let url = match params.endpoint() {
                Some(chosen) => chosen.to_owned(),
                None => of_cognito.url().replacen(COGNITO, WAF, 1),
            };
            let mut scheme = HashMap::from([
                ("name".to_owned(), Document::from("sigv4".to_owned())),
                ("signingName".to_owned(), Document::from(WAF.to_owned())),
            ]);
            if let Some(region) = params.region() {
                scheme.insert("signingRegion".to_owned(), Document::from(region.to_owned()));
            }
            let schemes = vec![Document::from(scheme)];
            Ok(Endpoint::builder().url(url).property("authSchemes", schemes).build())
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::answers::{Answer, Server};
    use crate::cognito::CognitoPool;
    use shared::model::PoolId;
    use shared::ports::pool::{Operation, Pool, PoolErrorKind};

    async fn resolved(params: aws_sdk_cognitoidentityprovider::config::endpoint::ParamsBuilder) -> String {
        let params = params.build().unwrap();
        let resolver = WafEndpoint(DefaultResolver::new());
        let endpoint = ResolveEndpoint::resolve_endpoint(&resolver, &params).await.unwrap();
        endpoint.url().to_owned()
    }

    #[tokio::test]
    async fn the_endpoint_is_that_of_the_region_and_partition() {
        let in_region = |region: &str| Params::builder().region(region.to_owned());
        assert_eq!(resolved(in_region("eu-west-1")).await, "https://wafv2.eu-west-1.amazonaws.com");
        assert_eq!(resolved(in_region("cn-north-1")).await, "https://wafv2.cn-north-1.amazonaws.com.cn");
        let chosen = in_region("eu-west-1").endpoint("http://127.0.0.1:4566".to_owned());
        assert_eq!(resolved(chosen).await, "http://127.0.0.1:4566");
    }

    #[tokio::test]
    async fn the_call_is_one_of_waf_and_signed_for_it() {
        let body = json!({"WebACL": {"Name": "login", "Rules": []}}).to_string();
        let server = Server::start(Answer { status: 200, body: body.clone() }).await;
        let pool =
            CognitoPool::new(CognitoPool::client(&server.config()), PoolId::parse("eu-west-1_A").unwrap());
        let request =
            json!({"ResourceArn": "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_A"});
        let answer = pool.read_configuration(Operation::GetWebACLForResource, &request).await.unwrap();
        assert_eq!(answer.into_json().to_string(), body);
        let sent = server.requests().pop().unwrap().to_lowercase();
        assert!(sent.contains("x-amz-target: awswaf_20190729.getwebaclforresource"), "{sent}");
        assert!(sent.contains("/wafv2/aws4_request"), "{sent}");
        assert!(sent.ends_with(&request.to_string().to_lowercase()), "{sent}");

        server.answers(Answer {
            status: 400,
            body: json!({"__type": "WAFNonexistentItemException"}).to_string(),
        });
        let error = pool.read_configuration(Operation::GetWebACLForResource, &request).await.unwrap_err();
        assert_eq!(error.kind, PoolErrorKind::NotFound);
    }
}
