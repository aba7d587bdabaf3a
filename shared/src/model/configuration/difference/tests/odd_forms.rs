//! Documents that are odd, and legal.

use super::*;

#[test]
fn a_name_with_a_character_of_the_notation_is_in_quotes() {
    assert_fields(
        |pool| {
            pool["userPool"]["UserPoolTags"]["cost.centre"] = json!("43");
            let scopes = pool["resourceServers"][0]["Scopes"].as_array_mut().unwrap();
            scopes.push(json!({"ScopeName": "orders[].x", "ScopeDescription": "x"}));
            scopes.push(json!({"ScopeName": "orders.x", "ScopeDescription": "x"}));
        },
        &[r#"UserPoolTags."cost.centre""#, r#"Scopes["orders[].x"]"#, "Scopes[orders.x]"],
    );
}

#[test]
fn two_elements_with_one_key_are_both_compared() {
    let twice = changed(|pool| {
        let scope = json!({"ScopeName": "read", "ScopeDescription": "Read all"});
        pool["resourceServers"][0]["Scopes"].as_array_mut().unwrap().push(scope);
    });
    let found = difference(&document(), &twice).differences;
    let fields: Vec<_> = found.iter().filter_map(|found| found.field.as_deref()).collect();
    assert!(fields.contains(&"Scopes[read, 2]"), "{fields:?}");
}

#[test]
fn an_element_with_an_empty_key_is_compared_beside_an_unknown_one() {
    let with = |description: &str| {
        changed(|pool| {
            let scopes = json!([{"ScopeName": "", "ScopeDescription": description}, {"New": "canary-x"}]);
            pool["resourceServers"][0]["Scopes"] = scopes;
        })
    };
    let found = differences(&with("a"), &with("b"));
    let expected = json!([{
        "object": "resourceServers/https://api.example.com", "field": r#"Scopes[""].ScopeDescription"#,
        "change": "changed", "old": "a", "new": "b",
    }]);
    assert_eq!(found, expected);
    let none = changed(|pool| pool["resourceServers"][0]["Scopes"] = json!([]));
    let fields: Vec<_> =
        differences(&none, &with("a")).as_array().unwrap().iter().map(|f| f["field"].clone()).collect();
    assert_eq!(fields, [json!(r#"Scopes[""]"#), json!("Scopes[]")]);
}

#[test]
fn a_provider_of_another_type_shows_only_what_its_type_makes_public() {
    let other = changed(|pool| {
        pool["identityProviders"][2]["ProviderType"] = json!("SAML");
        pool["identityProviders"][2]["ProviderDetails"] = json!({
            "MetadataURL": "https://idp.example.com/", "client_secret": "canary-oidc-secret",
            "oidc_issuer": "canary-unknown-to-saml",
        });
    });
    let found = differences(&document(), &other);
    let fields: Vec<_> =
        found.as_array().unwrap().iter().map(|found| found["field"].as_str().unwrap()).collect();
    // The secret is the same, although the table does not know it for the new type.
    let expected = [
        "ProviderDetails.MetadataURL",
        "ProviderDetails.attributes_request_method",
        "ProviderDetails.authorize_scopes",
        "ProviderDetails.client_id",
        "ProviderDetails.oidc_issuer",
        "ProviderType",
    ];
    assert_eq!(fields, expected);
    assert!(!found.to_string().contains("canary-"), "{found}");
}

#[test]
fn a_time_whose_unit_is_not_known_is_not_compared() {
    for unit in [json!(5), json!({"$secret": {}}), json!(["minutes"])] {
        let odd = changed(|pool| pool["clients"][0]["TokenValidityUnits"]["AccessToken"] = unit.clone());
        for (old, new) in [(&document(), &odd), (&odd, &document())] {
            let found = difference(old, new);
            let mut not_compared = found.not_compared.iter().filter_map(|entry| entry.field.as_deref());
            assert!(not_compared.any(|field| field == "AccessTokenValidity"), "{found:?}");
            let mut changed = found.differences.iter().filter_map(|found| found.field.as_deref());
            assert!(!changed.any(|field| field == "AccessTokenValidity"), "{found:?}");
        }
    }
}
