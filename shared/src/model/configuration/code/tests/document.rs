//! The large pool.

use super::*;

#[test]
fn no_secret_and_no_unknown_value_is_in_the_code() {
    for tool in Tool::ALL {
        let code = Case::of_document().as_code(tool);
        let text = format!("{code:?}");
        assert!(!text.contains("canary"), "{text}");
        let parameters: Vec<_> = code.secrets.iter().map(|secret| secret.of.as_str()).collect();
        assert_eq!(
            parameters,
            [
                "identityProviders/Google ProviderDetails.client_secret",
                "identityProviders/Office ProviderDetails.client_secret",
                "identityProviders/SignInWithApple ProviderDetails.private_key",
            ]
        );
    }
}

#[test]
fn a_secret_in_clear_is_not_in_the_code_either() {
    // As after a decryption: the objects have the secrets at their places.
    let provider = json!({
        "ProviderName": "Google", "ProviderType": "Google",
        "ProviderDetails": {"client_id": "x", "client_secret": "canary"},
    });
    let client = json!({"ClientId": "1", "ClientName": "web", "ClientSecret": "canary"});
    let name = |text| ObjectName::parse(text).unwrap();
    let objects = [
        CapturedObject { name: name("identityProviders/Google"), document: provider },
        CapturedObject { name: name("clients/1"), document: client },
    ];
    for tool in Tool::ALL {
        let pool = PoolId::parse("eu-west-1_EXAMPLE").unwrap();
        let code = as_code(tool, &pool, &CapturedList::default(), &objects);
        assert!(!format!("{code:?}").contains("canary"), "{code:?}");
        assert_eq!(code.secrets.len(), 1);
    }
}

#[test]
fn what_the_tools_cannot_express_is_listed_with_the_reason() {
    let listed = |tool: Tool| {
        let code = Case::of_document().as_code(tool);
        code.gaps.iter().map(|gap| gap.words(tool)).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!("cloudformation_gaps", listed(Tool::CloudFormation));
    insta::assert_snapshot!("terraform_gaps", listed(Tool::Terraform));
}

#[test]
fn the_code_is_normalised_as_a_comparison_is() {
    let code = Case::of_document().as_code(Tool::CloudFormation);
    let pool = &resource(&code, "userPool").members;
    // `sub` is as in every pool. `email` is required, and the others are custom.
    let Some(Code::Objects(schema)) = pool.get("Schema") else { panic!("{pool:?}") };
    let names: Vec<_> = schema.iter().map(|attribute| attribute["Name"].clone()).collect();
    assert_eq!(names, ["credit", "tenant", "email"].map(|name| value(json!(name))));
    // The template has the message, and the password policy has the days.
    assert_eq!(pool.get("EmailVerificationMessage"), None);
    let only_admins = object(&[
        ("AllowAdminCreateUserOnly", value(json!(false))),
        ("InviteMessageTemplate", object(&[("EmailSubject", value(json!("Welcome")))])),
    ]);
    assert_eq!(pool["AdminCreateUserConfig"], only_admins);
    // The tag of a stack belongs to AWS.
    let Code::Map(tags) = &pool["UserPoolTags"] else { panic!() };
    assert_eq!(tags.keys().collect::<Vec<_>>(), ["cost.centre", "team"]);
    // Cognito derives the address.
    let Code::Map(details) = &resource(&code, "identityProviders/Google").members["ProviderDetails"] else {
        panic!()
    };
    assert_eq!(details.keys().collect::<Vec<_>>(), ["authorize_scopes", "client_id", "client_secret"]);
}

#[test]
fn a_client_refers_to_the_pool_and_comes_after_its_providers_and_scopes() {
    for tool in Tool::ALL {
        let code = Case::of_document().as_code(tool);
        let client = resource(&code, "clients/1web");
        let after: Vec<_> = client.after.iter().map(|(_, label)| label.to_lowercase()).collect();
        for needed in ["google", "corporate", "office", "https"] {
            assert!(after.iter().any(|label| label.contains(needed)), "{needed}: {after:?}");
        }
        let place = |object: &str| {
            code.resources.iter().position(|resource| resource.object.to_string() == object).unwrap()
        };
        assert!(place("clients/1web") > place("identityProviders/Office"));
        assert!(place("uiCustomizations/ALL") > place("domains/shop-example"));
        let id = if tool == Tool::CloudFormation { "UserPoolId" } else { "user_pool_id" };
        let pool = resource(&code, "userPool");
        let reference =
            Reference::Resource { kind: pool.kind, label: pool.label.clone(), attribute: Attribute::Id };
        assert_eq!(client.members[id], Code::Reference(reference));
    }
}

#[test]
fn each_resource_has_the_identity_by_which_its_tool_imports_it() {
    let identities = |tool: Tool| {
        let code = Case::of_document().as_code(tool);
        let line =
            |resource: &Resource| format!("{} {}: {:?}", resource.kind, resource.label, resource.identity);
        code.resources.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!("cloudformation_identities", identities(Tool::CloudFormation));
    insta::assert_snapshot!("terraform_identities", identities(Tool::Terraform));
}

#[test]
fn terraform_ignores_what_an_import_does_not_read() {
    let code = Case::of_document().as_code(Tool::Terraform);
    let ignored = |object: &str| ignored_by(&code, object);
    assert_eq!(ignored("clients/1web"), Vec::<String>::new());
    assert_eq!(
        ignored("identityProviders/Google"),
        [
            "provider_details[client_secret]",
            "provider_details[new_key]",
            "provider_details[token_request_method]",
            "provider_details[token_url]"
        ]
    );
    assert_eq!(ignored("identityProviders/SignInWithApple"), ["provider_details[private_key]"]);
    assert_eq!(ignored("identityProviders/Office"), ["provider_details[client_secret]"]);
    assert_eq!(ignored("replicas/eu-central-1"), ["tags", "tags_all"]);
    assert_eq!(ignored("uiCustomizations/ALL"), ["image_file"]);
    assert_eq!(ignored("logDelivery"), ["log_configurations"]);
    assert!(code.resources.iter().all(|resource| resource.object.kind != ObjectKind::Terms));
}

#[test]
fn durations_have_their_units_and_terraform_has_no_default_ones() {
    let units = |tool: Tool, client: &str, member: &str| {
        let code = Case::of_document().as_code(tool);
        resource(&code, client).members.get(member).cloned()
    };
    let minutes = |access: &str, id: &str, refresh: &str| {
        object(&[
            (access, value(json!("minutes"))),
            (id, value(json!("hours"))),
            (refresh, value(json!("days"))),
        ])
    };
    let expected = minutes("AccessToken", "IdToken", "RefreshToken");
    assert_eq!(units(Tool::CloudFormation, "clients/1web", "TokenValidityUnits"), Some(expected));
    let expected = minutes("access_token", "id_token", "refresh_token");
    assert_eq!(units(Tool::Terraform, "clients/1web", "token_validity_units"), Some(expected));
}

#[test]
fn an_object_of_aws_is_listed_and_its_settings_name_its_id() {
    let client = json!({"ClientId": "1", "ClientName": "AmazonOpenSearchService-logs"});
    let risk = json!({"ClientId": "1", "CompromisedCredentialsRiskConfiguration": {"Actions": {"EventAction": "BLOCK"}}});
    let case = Case::of(&[pool(), ("clients/1", client), ("riskConfigurations/1", risk)]);
    let code = case.as_code(Tool::Terraform);
    assert_eq!(
        gaps(&code, "clients/1", Tool::Terraform),
        ["clients/1: AWS keeps it, or it registered itself"]
    );
    assert_eq!(resource(&code, "riskConfigurations/1").members["client_id"], value(json!("1")));
}

#[test]
fn the_second_factors_are_part_of_the_pool() {
    let mut user_pool = pool().1;
    user_pool["SmsConfiguration"] =
        json!({"SnsCallerArn": "arn:aws:iam::111122223333:role/sms", "ExternalId": "x"});
    let mfa = json!({"MfaConfiguration": "ON", "EmailMfaConfiguration": {}, "SoftwareTokenMfaConfiguration": {"Enabled": true}});
    let case = Case::of(&[("userPool", user_pool), ("mfa", mfa)]);
    let code = case.as_code(Tool::CloudFormation);
    let pool = &resource(&code, "userPool").members;
    assert_eq!(pool["EnabledMfas"], value(json!(["EMAIL_OTP", "SOFTWARE_TOKEN_MFA"])));
    assert_eq!(gaps(&code, "mfa", Tool::CloudFormation), Vec::<String>::new());
    let code = case.as_code(Tool::Terraform);
    let pool = &resource(&code, "userPool").members;
    assert_eq!(pool["email_mfa_configuration"], object(&[]));
    // Terraform takes the sender of the pool for the factor.
    let gaps = gaps(&code, "mfa", Tool::Terraform);
    assert!(gaps.len() == 1 && gaps[0].contains("no SMS factor"), "{gaps:?}");
}

#[test]
fn what_the_snapshot_lacks_is_listed() {
    let note = |object: &str, reason| {
        NotCaptured::new(crate::model::configuration::Uncaptured::parse(object).unwrap(), reason)
    };
    let notes = vec![
        note("webAcl", crate::model::configuration::NotCapturedReason::NotRead),
        note("riskConfigurations", crate::model::configuration::NotCapturedReason::AddOnOff),
    ];
    let code = Case::of(&[pool()]).without_notes_but(notes).as_code(Tool::Terraform);
    let all: Vec<_> = code.gaps.iter().map(|gap| gap.words(Tool::Terraform)).collect();
    assert_eq!(all, ["webAcl: the snapshot does not have it"]);
}
