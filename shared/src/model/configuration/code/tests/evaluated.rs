//! Texts and keys that CloudFormation would evaluate.

use super::*;

const SECRET: &str = "{{resolve:secretsmanager:prod/db:SecretString:password}}";

#[test]
fn a_dynamic_reference_of_the_pool_is_not_in_the_template() {
    let mut user_pool = pool().1;
    user_pool["SmsAuthenticationMessage"] = json!(format!("Hi {SECRET} {{####}}"));
    user_pool["UserPoolTags"] = json!({"team": "{{ RESOLVE:ssm:x}}", "kept": "{{resolve}"});
    user_pool["VerificationMessageTemplate"] = json!({"EmailMessage": SECRET, "EmailSubject": "x"});
    let server = json!({"Identifier": "api", "Name": "api", "Scopes": [
        {"ScopeName": "read", "ScopeDescription": SECRET},
    ]});
    let branding = json!({
        "ClientId": "1", "ManagedLoginBrandingId": "b", "Settings": {"a": [{"b": SECRET}]},
        "Assets": [{"Category": "FORM_LOGO", "ColorMode": "LIGHT", "Extension": "PNG", "Bytes": "AAAA"}],
    });
    let named = json!({"Identifier": SECRET, "Name": "x"});
    let case = Case::of(&[
        ("userPool", user_pool),
        ("resourceServers/api", server),
        (&format!("resourceServers/{SECRET}"), named),
        ("branding/1", branding),
    ]);
    let code = case.as_code(Tool::CloudFormation);
    let resources = format!("{:?}", code.resources);
    assert!(!resources.contains("resolve:") && !resources.contains("RESOLVE"), "{resources}");
    let evaluated: Vec<_> = code
        .gaps
        .iter()
        .filter(|gap| gap.reason == GapReason::Evaluated)
        .map(|gap| gap.member.clone().unwrap_or_default())
        .collect();
    assert_eq!(
        evaluated,
        [
            "Settings",
            "Scopes",
            "",
            "SmsAuthenticationMessage",
            "UserPoolTags.team",
            "VerificationMessageTemplate.EmailMessage",
        ]
    );
    assert_eq!(
        resource(&code, "userPool").members["UserPoolTags"],
        Code::Map([("kept".to_owned(), value(json!("{{resolve}")))].into_iter().collect())
    );
    // Terraform evaluates none of it.
    let code = case.as_code(Tool::Terraform);
    assert_eq!(code.gaps.len(), 0, "{:?}", code.gaps);
    assert_eq!(code.resources.len(), 4);
}

#[test]
fn a_key_of_the_pool_is_no_function_of_cloudformation() {
    let mut user_pool = pool().1;
    user_pool["UserPoolTags"] = json!({"Ref": "accounts"});
    let provider = json!({
        "ProviderName": "x", "ProviderType": "OIDC", "ProviderDetails": {"client_id": "x"},
        "AttributeMapping": {"Fn::Sub": "a", "email": "mail"},
    });
    let branding = json!({"ClientId": "1", "ManagedLoginBrandingId": "b", "Settings": {"x": {"Fn::GetAtt": ["a", "b"]}}});
    let code =
        Case::of(&[("userPool", user_pool), ("identityProviders/x", provider), ("branding/1", branding)])
            .as_code(Tool::CloudFormation);
    let tool = Tool::CloudFormation;
    assert_eq!(
        gaps(&code, "userPool", tool),
        ["userPool UserPoolTags.Ref: CloudFormation would evaluate it"]
    );
    assert_eq!(resource(&code, "userPool").members.get("UserPoolTags"), None);
    let Code::Map(mapping) = &resource(&code, "identityProviders/x").members["AttributeMapping"] else {
        panic!()
    };
    assert_eq!(mapping.keys().collect::<Vec<_>>(), ["email"]);
    assert!(code.resources.iter().all(|resource| !resource.members.contains_key("Settings")));
}
