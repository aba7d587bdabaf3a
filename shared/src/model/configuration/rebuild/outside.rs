//! What belongs to a pool and lives elsewhere: an operator has to do it by hand.

use serde_json::Value;

use super::super::{CapturedObject, ObjectKind};

/// One line for each thing to do, a command or a sentence. `pool` is the id of the new pool, and `arn` its ARN; before it
/// exists, words for these.
pub fn outside(objects: &[CapturedObject], triggers: &Value, pool: &str, arn: &str) -> Vec<String> {
    let of = |kind: ObjectKind| objects.iter().filter(move |object| object.name.kind == kind);
    let mut lines = Vec::new();
    let mut functions = Vec::new();
    collect_functions(triggers, &mut functions);
    functions.sort();
    functions.dedup();
    for function in functions {
        lines.push(format!(
            "aws lambda add-permission --function-name {function} --statement-id cognito-{pool} --action \
             lambda:InvokeFunction --principal cognito-idp.amazonaws.com --source-arn {arn}"
        ));
    }
    let user_pool = of(ObjectKind::UserPool).next().map_or(&Value::Null, |object| &object.document);
    if user_pool["EmailConfiguration"]["SourceArn"].is_string() {
        lines.push(format!(
            "If a policy of the SES identity names the old user pool, let it name {arn}, too."
        ));
    }
    if user_pool["SmsConfiguration"].is_object() {
        lines.push(
            "The trust policy of the role for SMS must allow Cognito with the external id of the user pool."
                .to_owned(),
        );
    }
    if of(ObjectKind::IdentityProvider).any(|provider| provider.document["ProviderType"] == "SAML") {
        lines.push(format!(
            "Give each SAML provider the new entity id urn:amazon:cognito:sp:{pool}, and the new signing and encryption \
             certificates of the user pool."
        ));
    }
    if of(ObjectKind::IdentityProvider).any(|provider| provider.document["ProviderType"] != "SAML") {
        lines.push(
            "If the domain changes, add https://DOMAIN/oauth2/idpresponse to the redirect addresses at each OAuth \
             provider."
                .to_owned(),
        );
    }
    if of(ObjectKind::Domain).any(|domain| domain.name.id.contains('.')) {
        lines.push("Point the DNS alias of the custom domain to its new CloudFront distribution.".to_owned());
    }
    lines.push(format!("If AWS WAF protects the old user pool: aws wafv2 associate-web-acl --web-acl-arn ARN --resource-arn {arn}"));
    lines.push(
        "Give the new ids of the user pool and its clients to applications, identity pools, load balancers and API \
         authorizers."
            .to_owned(),
    );
    lines
}

fn collect_functions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.contains(":lambda:") => found.push(text.clone()),
        Value::Object(members) => members.values().for_each(|member| collect_functions(member, found)),
        _ => {}
    }
}
