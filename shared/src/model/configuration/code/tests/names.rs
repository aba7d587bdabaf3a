//! Labels of resources and names of properties.

use super::super::places::snake_case;
use super::*;

#[test]
fn a_name_of_the_api_has_its_usual_form_in_snake_case() {
    for (name, expected) in [
        ("UserPoolId", "user_pool_id"),
        ("SMSMessage", "sms_message"),
        ("KMSKeyID", "kms_key_id"),
        ("CustomSMSSender", "custom_sms_sender"),
        ("S3Configuration", "s3_configuration"),
        ("BlockedIPRangeList", "blocked_ip_range_list"),
        ("DefaultRedirectURI", "default_redirect_uri"),
        ("CSS", "css"),
    ] {
        assert_eq!(snake_case(name), expected);
    }
}

fn client(name: &str) -> Value {
    json!({"ClientName": name})
}

fn labels(objects: &[(&str, Value)], tool: Tool) -> Vec<String> {
    let code = Case::of(objects).as_code(tool);
    code.resources.iter().map(|resource| resource.label.clone()).collect()
}

#[test]
fn a_label_is_valid_whatever_the_name_is() {
    let objects =
        [("clients/1", client("my-app (new)")), ("clients/2", client("2nd")), ("clients/3", client("日本"))];
    assert_eq!(labels(&objects, Tool::CloudFormation), ["ClientMyAppNew", "Client2nd", "Client"]);
    assert_eq!(labels(&objects, Tool::Terraform), ["my_app_new", "client_2nd", "client"]);
}

#[test]
fn equal_names_get_different_labels_that_do_not_depend_on_other_objects() {
    let twins = [("clients/1", client("web")), ("clients/2", client("WEB"))];
    let labels_of_twins = labels(&twins, Tool::Terraform);
    assert_ne!(labels_of_twins[0], labels_of_twins[1]);
    assert!(labels_of_twins.iter().all(|label| label.starts_with("web_")), "{labels_of_twins:?}");
    let with_other = [twins[0].clone(), twins[1].clone(), ("clients/3", client("mobile"))];
    assert_eq!(labels(&with_other, Tool::Terraform)[..2], labels_of_twins);
    // A look of the pool and of a client of that name are two.
    let look = json!({"CSS": "x"});
    let objects =
        [("clients/1", client("pool")), ("uiCustomizations/1", look.clone()), ("uiCustomizations/ALL", look)];
    let found = labels(&objects, Tool::Terraform);
    assert!(found.len() == 3 && found[1] != found[2], "{found:?}");
}

#[test]
fn an_object_whose_name_divides_the_id_of_the_import_is_listed() {
    let provider =
        json!({"ProviderName": "a:b", "ProviderType": "OIDC", "ProviderDetails": {"client_id": "x"}});
    let case = Case::of(&[("identityProviders/a:b", provider)]);
    let code = case.as_code(Tool::Terraform);
    assert!(code.resources.is_empty());
    assert!(gaps(&code, "identityProviders/a:b", Tool::Terraform)[0].contains("cannot import"));
    assert_eq!(case.as_code(Tool::CloudFormation).resources.len(), 1);
}

#[test]
fn a_gap_is_one_line_whatever_the_name_is() {
    let gap = Gap { object: "identityProviders/a\nb".to_owned(), member: None, reason: GapReason::Unknown };
    assert!(!gap.words(Tool::Terraform).contains('\n'));
}
