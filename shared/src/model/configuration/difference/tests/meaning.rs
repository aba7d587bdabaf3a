//! Forms that mean the same are the same, and forms that do not are not.

use super::*;

#[track_caller]
fn assert_same(change: impl FnOnce(&mut Value)) {
    let changed = changed(change);
    assert_eq!(differences(&document(), &changed), json!([]));
    assert_eq!(differences(&changed, &document()), json!([]));
}

#[test]
fn what_changes_by_itself_or_is_computed_is_no_difference() {
    assert_same(|pool| {
        pool["userPool"]["EstimatedNumberOfUsers"] = json!(9);
        pool["userPool"]["Arn"] = json!("arn:aws:cognito-idp:eu-west-1:111122223333:userpool/x");
        pool["userPool"]["SmsConfigurationFailure"] = json!("x");
        pool["clients"][0]["CreationDate"] = json!(1);
        pool["identityProviders"][0]["ProviderDetails"]["token_url"] = json!("https://example.com");
        pool["identityProviders"][1]["ProviderDetails"]["ActiveEncryptionCertificate"] = json!("MIIC-new");
        pool["domains"][0]["Status"] = json!("UPDATING");
        pool["branding"][0]["Assets"][0]["ResourceId"] = json!("r9");
        pool["signingCertificate"] = Value::Null;
        pool["clientSecrets"] = json!([]);
        pool["resourceServers"][2]["Scopes"] = json!([]);
        pool["userPool"]["UserPoolTags"]["aws:cloudformation:stack-name"] = json!("other");
        pool["userPool"]["UserPoolTags"]["cognito-backup"] = json!("target");
    });
    assert_same(|pool| {
        pool["resourceServers"].as_array_mut().unwrap().remove(2);
    });
}

#[test]
fn a_message_that_cognito_answers_twice_is_one_difference() {
    assert_same(|pool| {
        for member in ["SmsVerificationMessage", "EmailVerificationMessage", "EmailVerificationSubject"] {
            pool["userPool"][member] = Value::Null;
        }
    });
    assert_same(|pool| pool["userPool"]["VerificationMessageTemplate"]["SmsMessage"] = Value::Null);
    assert_fields(
        |pool| {
            pool["userPool"]["VerificationMessageTemplate"]["SmsMessage"] = Value::Null;
            pool["userPool"]["SmsVerificationMessage"] = json!("{####}");
        },
        &["VerificationMessageTemplate.SmsMessage"],
    );
    assert_fields(
        |pool| {
            pool["userPool"]["LambdaConfig"]["PreTokenGeneration"] = json!("arn:x");
            pool["userPool"]["LambdaConfig"]["PreTokenGenerationConfig"]["LambdaArn"] = json!("arn:x");
        },
        &["LambdaConfig.PreTokenGenerationConfig.LambdaArn"],
    );
    // The message of the SMS factor stands in the pool, too.
    assert_fields(
        |pool| {
            pool["userPool"]["SmsAuthenticationMessage"] = json!("{####}");
            pool["mfa"]["SmsMfaConfiguration"]["SmsAuthenticationMessage"] = json!("{####}");
        },
        &["SmsAuthenticationMessage"],
    );
}

#[test]
fn a_mirror_is_compared_if_both_sides_lack_its_twin() {
    let with = |subject: &str| {
        changed(|pool| {
            pool["userPool"]["VerificationMessageTemplate"]["EmailSubject"] = Value::Null;
            pool["userPool"]["EmailVerificationSubject"] = json!(subject);
        })
    };
    let found = differences(&with("a"), &with("b"));
    let expected = json!([{
        "object": "userPool", "field": "EmailVerificationSubject", "change": "changed", "old": "a", "new": "b",
    }]);
    assert_eq!(found, expected);
}

#[test]
fn a_mirror_is_compared_if_the_object_of_its_twin_was_not_captured() {
    let without_mfa = |mfa: &str| {
        changed(|pool| {
            pool["mfa"] = Value::Null;
            pool["userPool"]["MfaConfiguration"] = json!(mfa);
            pool["notCaptured"] = json!([{"object": "mfa", "reason": "AccessDenied"}]);
        })
    };
    assert_eq!(differences(&document(), &without_mfa("OPTIONAL")), json!([]));
    let expected = json!([{
        "object": "userPool", "field": "MfaConfiguration", "change": "changed", "old": "OPTIONAL", "new": "ON",
    }]);
    assert_eq!(differences(&document(), &without_mfa("ON")), expected);
}

#[test]
fn a_mirror_that_holds_another_value_than_its_twin_is_compared() {
    assert_fields(
        |pool| pool["userPool"]["SmsVerificationMessage"] = json!("Other {####}"),
        &["SmsVerificationMessage"],
    );
    // The sender of the factor alone.
    let role = "arn:aws:iam::444455556666:role/other";
    let other = changed(|pool| {
        pool["mfa"]["SmsMfaConfiguration"]["SmsConfiguration"]["SnsCallerArn"] = json!(role);
    });
    let found = differences(&document(), &other);
    let field = "SmsMfaConfiguration.SmsConfiguration.SnsCallerArn";
    assert_eq!((&found[0]["field"], &found[0]["new"]), (&json!(field), &json!(role)));
    assert_eq!(differences(&other, &other), json!([]));
}

#[test]
fn a_switch_is_a_difference_even_if_it_is_empty() {
    assert_fields(|pool| pool["mfa"]["EmailMfaConfiguration"] = json!({}), &["EmailMfaConfiguration"]);
    assert_fields(|pool| pool["userPool"]["DeviceConfiguration"] = Value::Null, &["DeviceConfiguration"]);
    assert_fields(
        |pool| pool["userPool"]["DeviceConfiguration"]["ChallengeRequiredOnNewDevice"] = json!(true),
        &["DeviceConfiguration.ChallengeRequiredOnNewDevice"],
    );
    assert_same(|pool| pool["userPool"]["AcrConfiguration"] = json!({"Level1": {}}));
}

#[test]
fn a_default_is_the_same_as_an_absent_member() {
    assert_same(|pool| {
        pool["clients"][0]["AuthSessionValidity"] = Value::Null;
        pool["clients"][0]["EnablePropagateAdditionalUserContextData"] = json!(false);
        pool["clients"][0]["WriteAttributes"] = json!([]);
        pool["clients"][1]["ExplicitAuthFlows"] = Value::Null;
        pool["clients"][1]["TokenValidityUnits"] = json!({});
        pool["userPool"]["KeyConfiguration"] = Value::Null;
        pool["userPool"]["AcrConfiguration"] = json!({"Level2": {"AcrValue": "urn:cognito:loa:2"}});
        pool["identityProviders"][1]["ProviderDetails"]["IDPInit"] = json!("false");
        pool["identityProviders"][1]["ProviderDetails"]["RequestSigningAlgorithm"] = Value::Null;
        pool["mfa"]["WebAuthnConfiguration"]["FactorConfiguration"] = json!("SINGLE_FACTOR");
        pool["branding"][0]["UseCognitoProvidedValues"] = Value::Null;
    });
    let found =
        differences(&document(), &changed(|pool| pool["clients"][0]["AuthSessionValidity"] = json!(9)));
    assert_eq!((&found[0]["change"], &found[0]["old"]), (&json!("changed"), &json!(3)));
    let absent = changed(|pool| pool["clients"][0]["AuthSessionValidity"] = Value::Null);
    let nine = changed(|pool| pool["clients"][0]["AuthSessionValidity"] = json!(9));
    assert_eq!(differences(&absent, &nine)[0]["old"], json!(3));
    assert_eq!(differences(&absent, &nine)[0]["change"], json!("changed"));
}

#[test]
fn an_object_at_its_defaults_is_the_same_as_none_if_nothing_creates_it() {
    let without = changed(|pool| {
        for kind in ["sessions", "riskConfigurations", "uiCustomizations"] {
            pool[kind] = json!([]);
        }
    });
    let with_defaults = changed(|pool| {
        pool["sessions"] = json!([
            {"UserSessionTracking": "DISABLED", "TokenSession": {"MaxPerUser": 20}},
            {"ClientId": "1web", "SSOSession": {"MaxValidityMinutes": 60}},
        ]);
        pool["riskConfigurations"] =
            json!([{"UserPoolId": "x", "CompromisedCredentialsRiskConfiguration": {"EventFilter": []}}]);
        pool["uiCustomizations"] = json!([{"ClientId": "ALL", "CSSVersion": "20260101"}]);
    });
    assert_eq!(differences(&without, &with_defaults), json!([]));
    assert_eq!(differences(&with_defaults, &without), json!([]));
    // A style without settings exists all the same.
    let empty_style = changed(|pool| pool["branding"] = json!([{"ClientId": "2mobile"}]));
    let no_style = changed(|pool| pool["branding"] = json!([]));
    let expected = json!([{"object": "branding/mobile", "field": null, "change": "added", "new": {"ClientId": "2mobile"}}]);
    assert_eq!(differences(&no_style, &empty_style), expected);
}

#[test]
fn standard_attributes_are_compared_with_their_defaults() {
    assert_same(|pool| {
        let attributes = pool["userPool"]["SchemaAttributes"].as_array_mut().unwrap();
        attributes.remove(0);
        attributes.push(json!({
            "Name": "identities", "AttributeDataType": "String", "DeveloperOnlyAttribute": false,
            "Mutable": true, "Required": false, "StringAttributeConstraints": {},
        }));
    });
    assert_fields(
        |pool| pool["userPool"]["SchemaAttributes"][1]["Required"] = json!(false),
        &["SchemaAttributes[email].Required"],
    );
    // Without its entry, the attribute is as Cognito makes it.
    assert_fields(
        |pool| {
            pool["userPool"]["SchemaAttributes"].as_array_mut().unwrap().remove(1);
        },
        &["SchemaAttributes[email].Required"],
    );
}

#[test]
fn a_time_is_compared_with_its_unit() {
    assert_same(|pool| {
        pool["clients"][0]["AccessTokenValidity"] = Value::Null;
        pool["clients"][0]["TokenValidityUnits"] = Value::Null;
    });
    assert_same(|pool| {
        pool["clients"][1]["RefreshTokenValidity"] = json!(2160);
        pool["clients"][1]["TokenValidityUnits"] = json!({"RefreshToken": "hours"});
    });
    assert_fields(
        |pool| pool["clients"][0]["TokenValidityUnits"]["AccessToken"] = json!("seconds"),
        &["AccessTokenValidity"],
    );
    let longer = changed(|pool| pool["clients"][1]["IdTokenValidity"] = json!(2));
    assert_eq!(differences(&document(), &longer)[0]["old"], "1 hour");
}

#[test]
fn free_json_is_compared_member_by_member_and_by_number() {
    assert_same(|pool| pool["branding"][0]["Settings"]["components"]["form"]["borderRadius"] = json!(8));
    assert_fields(
        |pool| {
            let components = &mut pool["branding"][0]["Settings"]["components"];
            components["form"]["order"] = json!(["b", "a"]);
            components["page.header"] = json!({"logo": {"enabled": true}});
            components["favicon"] = json!("none");
        },
        &[
            r#"Settings.components."page.header""#,
            "Settings.components.favicon",
            "Settings.components.form.order",
        ],
    );
    assert_fields(|pool| pool["branding"][0]["Settings"] = Value::Null, &["Settings"]);
}

#[test]
fn an_image_that_was_not_fetched_is_not_compared_and_a_removed_one_is_a_difference() {
    let not_fetched = changed(|pool| pool["uiCustomizations"][0]["ImageFile"] = Value::Null);
    let found = difference(&document(), &not_fetched);
    assert!(found.same);
    let expected = json!([{
        "object": "uiCustomizations/ALL", "field": "ImageFile", "reason": "notReadable", "side": "new",
    }]);
    assert_eq!(json!(found.not_compared), expected);
    let remove = |pool: &mut Value| {
        pool["uiCustomizations"][0]["ImageFile"] = Value::Null;
        pool["uiCustomizations"][0]["ImageUrl"] = Value::Null;
    };
    assert_fields(remove, &["ImageFile"]);
}

#[test]
fn a_list_of_values_that_came_twice_is_the_same_list() {
    assert_same(|pool| {
        pool["clients"][0]["CallbackURLs"]
            .as_array_mut()
            .unwrap()
            .push(json!("https://example.com/callback"));
    });
}

#[test]
fn a_difference_names_the_row_of_its_member() {
    let new = changed(|pool| pool["userPool"]["UsernameConfiguration"]["CaseSensitive"] = json!(true));
    let found = difference(&document(), &new);
    assert_eq!(found.differences[0].row, field(ObjectKind::UserPool, "UsernameConfiguration.CaseSensitive"));
    assert_eq!(found.differences[0].object.old, Some(ObjectName::single(ObjectKind::UserPool)));
    // The old side has only the mirror, and the difference is that of the twin.
    let [old, new] = [Value::Null, json!("Other code")].map(|subject| {
        changed(|pool| {
            pool["userPool"]["VerificationMessageTemplate"]["EmailSubject"] = subject.clone();
            pool["userPool"]["EmailVerificationSubject"] =
                if subject.is_null() { json!("Your code") } else { subject };
        })
    });
    for (old, new) in [(&old, &new), (&new, &old)] {
        let found = difference(old, new).differences;
        let row = field(ObjectKind::UserPool, "VerificationMessageTemplate.EmailSubject");
        assert_eq!((found.len(), found[0].row), (1, row));
    }
}

#[test]
fn a_null_in_free_json_is_a_value_and_elsewhere_is_none() {
    assert_same(|pool| pool["userPool"]["SmsConfiguration"]["EumsSms"] = Value::Null);
    assert_fields(
        |pool| pool["branding"][0]["Settings"]["categories"] = Value::Null,
        &["Settings.categories"],
    );
}
