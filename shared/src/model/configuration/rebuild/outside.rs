//! What belongs to a pool and lives elsewhere: an operator has to do it by hand.

use serde_json::Value;

use super::super::ObjectKind;
use super::{RebuildPlan, Step};

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
    /// The association with AWS WAF. None if no list was captured, or it cannot protect the new pool.
    WebAcl { list: Option<String> },
    /// Programs and services that know the old ids.
    NewIds,
}

/// What to do for a new pool that has what those steps of `plan` make for which `is_made` is true.
pub fn outside(plan: &RebuildPlan, is_made: impl Fn(&Step) -> bool) -> Vec<ToDo> {
    let steps: Vec<_> = plan.steps.iter().filter(|step| is_made(step)).collect();
    let of = |kind: ObjectKind| {
        let steps = steps.iter().filter(move |step| step.name.kind == kind && step.part.is_none());
        steps.map(|step| &step.document)
    };
    let (triggers, mut functions) = (&plan.triggers, Vec::new());
    collect_functions(triggers, &mut functions);
    functions.sort();
    functions.dedup();
    let mut to_do: Vec<_> = functions.into_iter().map(|function| ToDo::AllowFunction { function }).collect();
    if let Some(key) = triggers["KMSKeyID"].as_str() {
        to_do.push(ToDo::AllowKey { key: key.to_owned() });
    }
    let user_pool = of(ObjectKind::UserPool).next().unwrap_or(&Value::Null);
    let is_saml = |provider: &Value| provider["ProviderType"] == "SAML";
    let has_domain = of(ObjectKind::Domain).next().is_some();
    let is_custom = |domain: &Value| domain["Domain"].as_str().is_some_and(|domain| domain.contains('.'));
    let more = [
        (ToDo::AllowSender, user_pool["EmailConfiguration"]["SourceArn"].is_string()),
        (ToDo::TrustOfSmsRole, user_pool["SmsConfiguration"]["SnsCallerArn"].is_string()),
        (ToDo::SamlPartners, of(ObjectKind::IdentityProvider).any(is_saml)),
        (ToDo::OAuthRedirects, has_domain && of(ObjectKind::IdentityProvider).any(|one| !is_saml(one))),
        (ToDo::DnsAlias, of(ObjectKind::Domain).any(is_custom)),
        // A plan makes no log delivery without logs.
        (ToDo::AllowLogs, of(ObjectKind::LogDelivery).next().is_some()),
        (ToDo::WebAcl { list: plan.web_acl.clone() }, true),
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

    fn plan(triggers: Value, objects: &[(&str, Value)]) -> RebuildPlan {
        let step = |(name, document): &(&str, Value)| Step {
            name: ObjectName::parse(name).unwrap(),
            part: None,
            label: (*name).to_owned(),
            document: document.clone(),
            generates_secret: false,
        };
        let steps = objects.iter().map(step).collect();
        RebuildPlan { steps, left_out: Vec::new(), triggers, is_protected: false, tier: None, web_acl: None }
    }

    #[test]
    fn each_function_key_and_log_of_the_new_pool_needs_its_permission() {
        let function = "arn:aws:lambda:eu-west-1:123456789012:function:x";
        let triggers = json!({
            "PreSignUp": function, "CustomSMSSender": {"LambdaArn": function, "LambdaVersion": "V1_0"}, "KMSKeyID": "key",
        });
        let objects = [
            ("userPool", json!({"EmailConfiguration": {"SourceArn": "arn"}})),
            ("logDelivery", json!({"LogConfigurations": [{}]})),
        ];
        let expected = [
            ToDo::AllowFunction { function: function.to_owned() },
            ToDo::AllowKey { key: "key".to_owned() },
            ToDo::AllowSender,
            ToDo::AllowLogs,
            ToDo::WebAcl { list: Some("list".to_owned()) },
            ToDo::NewIds,
        ];
        let plan_with_list = RebuildPlan { web_acl: Some("list".to_owned()), ..plan(triggers, &objects) };
        assert_eq!(outside(&plan_with_list, |_| true), expected);
        assert_eq!(outside(&plan(Value::Null, &[]), |_| true), [ToDo::WebAcl { list: None }, ToDo::NewIds]);
    }

    #[test]
    fn what_the_new_pool_does_not_have_needs_nothing() {
        let objects = [
            ("userPool", json!({"SmsConfiguration": {"SnsCallerArn": "arn"}})),
            ("identityProviders/Google", json!({"ProviderType": "Google"})),
            ("domains/old.example.com", json!({"Domain": "new-prefix"})),
        ];
        let plan = plan(Value::Null, &objects);
        let with_provider =
            [ToDo::TrustOfSmsRole, ToDo::OAuthRedirects, ToDo::WebAcl { list: None }, ToDo::NewIds];
        assert_eq!(outside(&plan, |_| true), with_provider);
        // A provider is redirected to a domain.
        for missing in ["identityProviders/Google", "domains/old.example.com"] {
            let without = [ToDo::TrustOfSmsRole, ToDo::WebAcl { list: None }, ToDo::NewIds];
            assert_eq!(outside(&plan, |step| step.label != missing), without, "{missing}");
        }
    }
}
