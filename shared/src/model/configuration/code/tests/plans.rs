//! What the plan of Terraform needs to be empty, as seen with a provider that reads such objects.

use super::*;

fn with_user_pool(member: &str, json: Value) -> Case {
    let mut user_pool = pool().1;
    user_pool[member] = json;
    Case::of(&[("userPool", user_pool)])
}

fn attribute(name: &str, kind: &str) -> Value {
    json!({
        "Name": name, "AttributeDataType": kind, "DeveloperOnlyAttribute": false, "Mutable": true,
        "Required": false,
    })
}

#[test]
fn terraform_has_every_attribute_that_its_import_reads() {
    let mut email = attribute("custom:email", "String");
    email["StringAttributeConstraints"] = json!({});
    let mut verified = attribute("email_verified", "Boolean");
    verified["Mutable"] = json!(false);
    let attributes = json!([email, verified, attribute("phone_number_verified", "String")]);
    let case = with_user_pool("SchemaAttributes", attributes);
    let code = case.as_code(Tool::Terraform);
    let Code::Objects(schema) = &resource(&code, "userPool").members["schema"] else { panic!() };
    let names: Vec<_> = schema.iter().map(|attribute| attribute["name"].clone()).collect();
    assert_eq!(names, ["email_verified", "email"].map(|name| value(json!(name))));
    // The name of the last one is too long.
    assert_eq!(ignored_by(&code, "userPool"), ["schema"]);
    assert_eq!(
        gaps(&code, "userPool", Tool::Terraform),
        ["userPool SchemaAttributes[phone_number_verified]: Terraform cannot declare this attribute"]
    );
    let code = case.as_code(Tool::CloudFormation);
    assert_eq!(resource(&code, "userPool").members.get("Schema"), None);
    assert_eq!(code.gaps.len(), 3, "{:?}", code.gaps);
}

#[test]
fn constraints_are_there_if_the_pool_has_the_member() {
    let mut with = attribute("custom:with", "Number");
    with["NumberAttributeConstraints"] = json!({});
    let case = with_user_pool("SchemaAttributes", json!([with, attribute("custom:without", "Number")]));
    let code = case.as_code(Tool::Terraform);
    let Code::Objects(schema) = &resource(&code, "userPool").members["schema"] else { panic!() };
    assert_eq!(schema[0]["number_attribute_constraints"], object(&[]));
    assert_eq!(schema[1].get("number_attribute_constraints"), None);
}

#[test]
fn a_sender_of_sms_without_an_external_id_has_an_empty_one() {
    let case =
        with_user_pool("SmsConfiguration", json!({"SnsCallerArn": "arn:aws:iam::111122223333:role/sms"}));
    let code = case.as_code(Tool::Terraform);
    let Code::Object(sms) = &resource(&code, "userPool").members["sms_configuration"] else { panic!() };
    assert_eq!(sms["external_id"], value(json!("")));
}

#[test]
fn an_email_of_threat_protection_that_the_provider_refuses_is_listed_and_ignored() {
    let email = json!({"Subject": "x", "HtmlBody": "<b>blocked</b>"});
    let risk = json!({
        "AccountTakeoverRiskConfiguration": {"NotifyConfiguration": {"SourceArn": "arn", "BlockEmail": email}},
        "RiskExceptionConfiguration": {"BlockedIPRangeList": [], "SkippedIPRangeList": []},
    });
    let code = Case::of(&[pool(), ("riskConfigurations/ALL", risk)]).as_code(Tool::Terraform);
    assert_eq!(
        ignored_by(&code, "riskConfigurations/ALL"),
        [
            "risk_exception_configuration",
            "account_takeover_risk_configuration[0].notify_configuration[0].block_email",
        ]
    );
    assert!(gaps(&code, "riskConfigurations/ALL", Tool::Terraform)[0].contains("demands members"));
    let text = format!("{:?}", resource(&code, "riskConfigurations/ALL").members);
    assert!(text.contains("source_arn") && !text.contains("blocked"), "{text}");
}

fn units_of(units: &Value, tool: Tool) -> (Option<Code>, PoolAsCode) {
    let client = json!({"ClientId": "1", "ClientName": "web", "TokenValidityUnits": units});
    let code = Case::of(&[("clients/1", client)]).as_code(tool);
    let member = if tool == Tool::Terraform { "token_validity_units" } else { "TokenValidityUnits" };
    (resource(&code, "clients/1").members.get(member).cloned(), code)
}

#[test]
fn the_units_of_durations_are_those_of_the_client() {
    // The client has no duration. Its units stay as they are.
    let minutes = json!({"AccessToken": "minutes", "IdToken": "hours", "RefreshToken": "days"});
    let (units, _) = units_of(&minutes, Tool::CloudFormation);
    let [access, id, refresh] = ["minutes", "hours", "days"].map(|unit| value(json!(unit)));
    let expected =
        [("AccessToken", access.clone()), ("IdToken", id.clone()), ("RefreshToken", refresh.clone())];
    assert_eq!(units, Some(object(&expected)));
    let (units, code) = units_of(&minutes, Tool::Terraform);
    let expected = [("access_token", access), ("id_token", id), ("refresh_token", refresh.clone())];
    assert_eq!(units, Some(object(&expected)));
    assert_eq!(ignored_by(&code, "clients/1"), Vec::<String>::new());
    // An import reads three default units as none, and a part of them as it is.
    let all = json!({"AccessToken": "hours", "IdToken": "hours", "RefreshToken": "days"});
    assert_eq!(units_of(&all, Tool::Terraform).0, None);
    let (units, code) = units_of(&json!({"RefreshToken": "days"}), Tool::Terraform);
    assert_eq!(units, Some(object(&[("refresh_token", refresh)])));
    assert!(gaps(&code, "clients/1", Tool::Terraform)[0].contains("adds the default units"));
}

#[test]
fn a_factor_beside_off_is_in_the_code_of_terraform_and_listed_for_cloudformation() {
    let mfa = json!({
        "MfaConfiguration": "OFF", "SoftwareTokenMfaConfiguration": {"Enabled": false},
        "EmailMfaConfiguration": {"Message": "{####}", "Subject": "x"},
    });
    let case = Case::of(&[pool(), ("mfa", mfa)]);
    let code = case.as_code(Tool::Terraform);
    let members = &resource(&code, "userPool").members;
    assert_eq!(members["software_token_mfa_configuration"], object(&[("enabled", value(json!(false)))]));
    assert!(members.contains_key("email_mfa_configuration"));
    let code = case.as_code(Tool::CloudFormation);
    assert_eq!(
        gaps(&code, "mfa", Tool::CloudFormation),
        ["mfa EmailMfaConfiguration: CloudFormation sets no factor while the second factors are off"]
    );
    assert_eq!(resource(&code, "userPool").members.get("EmailAuthenticationMessage"), None);
}

#[test]
fn terraform_refuses_to_replace_what_has_ids_secrets_or_data() {
    let code = Case::of_document().as_code(Tool::Terraform);
    let unprotected = code.resources.iter().filter(|resource| !resource.is_protected);
    let mut kinds: Vec<_> = unprotected.map(|resource| resource.object.kind).collect();
    kinds.dedup();
    use ObjectKind::{LogDelivery, RiskConfiguration, UiCustomization, WebAcl};
    assert_eq!(kinds, [UiCustomization, RiskConfiguration, LogDelivery, WebAcl]);
    // An import without the argument plans no replacement.
    for client in ["clients/1web", "clients/3batch"] {
        assert_eq!(resource(&code, client).members.get("generate_secret"), None);
        let listed = gaps(&code, client, Tool::Terraform);
        assert!(listed.iter().any(|gap| gap.contains("GenerateSecret: ") && gap.contains("replaces")));
    }
}

#[test]
fn what_a_change_of_the_pool_may_reset_is_listed_so() {
    let case = with_user_pool(
        "LambdaConfig",
        json!({"InboundFederation": {"LambdaVersion": "V1_0", "LambdaArn": "arn:aws:lambda:x"}}),
    );
    let code = case.as_code(Tool::Terraform);
    assert!(gaps(&code, "userPool", Tool::Terraform).iter().all(|gap| gap.contains("may reset it")));
    assert_eq!(code.gaps.len(), 2);
}

#[test]
fn a_client_whose_secret_is_unknown_and_the_tags_of_a_replica_are_listed() {
    use crate::model::configuration::{NotCapturedReason, Uncaptured};
    let notes =
        vec![NotCaptured::new(Uncaptured::All(ObjectKind::ClientSecrets), NotCapturedReason::NotRead)];
    let client = json!({"ClientId": "1", "ClientName": "web"});
    let case = Case::of(&[pool(), ("clients/1", client), ("replicas/x", json!({"RegionName": "x"}))])
        .without_notes_but(notes);
    for tool in Tool::ALL {
        let code = case.as_code(tool);
        assert!(gaps(&code, "clients/1", tool)[0].contains("replaces the object if you add it"));
        assert!(gaps(&code, "replicas/x", tool)[0].contains("UserPoolTags"));
    }
}

#[test]
fn an_object_without_its_id_is_not_captured() {
    let terms = json!({"ClientId": "1", "TermsName": "terms-of-use"});
    let code = Case::of(&[("terms/1/terms-of-use", terms)]).as_code(Tool::CloudFormation);
    assert_eq!(code.gaps[0].reason, GapReason::NotCaptured);
}
