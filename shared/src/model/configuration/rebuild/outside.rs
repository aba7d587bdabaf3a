//! What belongs to a pool and lives elsewhere: an operator has to do it by hand.

use serde_json::Value;

use super::super::{CapturedObject, ObjectKind};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ToDo {
    /// A function must allow the pool to invoke it.
    AllowFunction { function: String },
    /// The functions that send messages decrypt the codes with this key.
    AllowKey { key: String },
    /// A policy of the SES identity may name the old pool.
    AllowSender,
    /// The trust policy of the role for SMS.
    TrustOfSmsRole,
    /// Each SAML provider needs the entity id and the certificates of the new pool.
    SamlPartners,
    /// Each OAuth provider needs the address of the new domain.
    OAuthRedirects,
    /// The DNS alias of a custom domain.
    DnsAlias,
    /// The resource policy of the log groups, or the policy of the bucket or the stream.
    AllowLogs,
    /// The association with AWS WAF. None if no list was captured: an earlier export did not look for one.
    WebAcl { list: Option<String> },
    /// Programs and services that know the old ids.
    NewIds,
}

/// What to do for a new pool with these triggers, made of these objects.
pub fn outside(objects: &[CapturedObject], triggers: &Value) -> Vec<ToDo> {
    let of = |kind: ObjectKind| objects.iter().filter(move |object| object.name.kind == kind);
    let mut functions = Vec::new();
    collect_functions(triggers, &mut functions);
    functions.sort();
    functions.dedup();
    let mut to_do: Vec<_> = functions.into_iter().map(|function| ToDo::AllowFunction { function }).collect();
    if let Some(key) = triggers["KMSKeyID"].as_str() {
        to_do.push(ToDo::AllowKey { key: key.to_owned() });
    }
    let user_pool = of(ObjectKind::UserPool).next().map_or(&Value::Null, |object| &object.document);
    let web_acl = of(ObjectKind::WebAcl).next();
    let list = web_acl.and_then(|object| object.document["ARN"].as_str()).map(str::to_owned);
    let is_saml = |object: &CapturedObject| object.document["ProviderType"] == "SAML";
    let has_logs = |object: &CapturedObject| {
        object.document["LogConfigurations"].as_array().is_some_and(|logs| !logs.is_empty())
    };
    let more = [
        (ToDo::AllowSender, user_pool["EmailConfiguration"]["SourceArn"].is_string()),
        (ToDo::TrustOfSmsRole, user_pool["SmsConfiguration"]["SnsCallerArn"].is_string()),
        (ToDo::SamlPartners, of(ObjectKind::IdentityProvider).any(is_saml)),
        (ToDo::OAuthRedirects, of(ObjectKind::IdentityProvider).any(|provider| !is_saml(provider))),
        (ToDo::DnsAlias, of(ObjectKind::Domain).any(|domain| domain.name.id.contains('.'))),
        (ToDo::AllowLogs, of(ObjectKind::LogDelivery).any(has_logs)),
        (ToDo::WebAcl { list }, true),
        (ToDo::NewIds, true),
    ];
    to_do.extend(more.into_iter().filter(|(_, applies)| *applies).map(|(one, _)| one));
    to_do
}

fn collect_functions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.contains(":lambda:") => found.push(text.clone()),
        Value::Object(members) => members.values().for_each(|member| collect_functions(member, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::ObjectName;
    use super::*;

    #[test]
    fn each_function_key_and_log_of_the_new_pool_needs_its_permission() {
        let function = "arn:aws:lambda:eu-west-1:123456789012:function:x";
        let triggers = json!({
            "PreSignUp": function, "CustomSMSSender": {"LambdaArn": function, "LambdaVersion": "V1_0"}, "KMSKeyID": "key",
        });
        let object = |kind, document| CapturedObject { name: ObjectName::single(kind), document };
        let objects = [
            object(ObjectKind::UserPool, json!({"EmailConfiguration": {"SourceArn": "arn"}})),
            object(ObjectKind::LogDelivery, json!({"LogConfigurations": [{}]})),
            object(ObjectKind::WebAcl, json!({"ARN": "list"})),
        ];
        let expected = [
            ToDo::AllowFunction { function: function.to_owned() },
            ToDo::AllowKey { key: "key".to_owned() },
            ToDo::AllowSender,
            ToDo::AllowLogs,
            ToDo::WebAcl { list: Some("list".to_owned()) },
            ToDo::NewIds,
        ];
        assert_eq!(outside(&objects, &triggers), expected);
        assert_eq!(outside(&[], &Value::Null), [ToDo::WebAcl { list: None }, ToDo::NewIds]);
    }
}
