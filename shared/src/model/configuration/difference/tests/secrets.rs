//! Secrets and unknown members are compared, and never shown.

use super::document::{SecretMac, SecretPlaceholder};
use super::*;
use crate::model::configuration::{ProviderType, provider_field};

/// All values of the documents that must never be shown begin so.
const CANARY: &str = "canary-";

fn placeholder(mac: Option<&str>) -> Value {
    let with_key = |mac: &str| SecretMac { mac: mac.to_owned(), key: Some("mrk-1".to_owned()) };
    SecretPlaceholder { mac: mac.map(with_key) }.to_value()
}

fn with_secret(secret: Value) -> Value {
    changed(|pool| pool["identityProviders"][0]["ProviderDetails"]["client_secret"] = secret)
}

/// Changes every string that begins as a canary.
fn rotate(value: &mut Value) {
    match value {
        Value::String(text) if text.starts_with(CANARY) => text.push_str("-rotated"),
        Value::Array(elements) => elements.iter_mut().for_each(rotate),
        Value::Object(members) => members.values_mut().for_each(rotate),
        _ => {}
    }
}

#[test]
fn a_changed_secret_or_unknown_member_is_named_without_values() {
    let rotated = changed(rotate);
    let found = differences(&document(), &rotated);
    let expected: Vec<_> = [
        ("userPool", "NewPoolMember"),
        ("clients/batch", "ClientSecret"),
        ("clients/batch", "NewClientMember"),
        ("clients/web", "ClientSecret"),
        ("clientSecrets/batch", "ClientSecrets[3batch--1735689600].ClientSecretValue"),
        ("identityProviders/Google", "ProviderDetails.client_secret"),
        ("identityProviders/Google", "ProviderDetails.new_key"),
        ("identityProviders/Later", "ProviderDetails"),
        ("identityProviders/Office", "ProviderDetails.client_secret"),
        ("identityProviders/SignInWithApple", "ProviderDetails.private_key"),
    ]
    .into_iter()
    .map(|(object, field)| json!({"object": object, "field": field, "change": "changed"}))
    .collect();
    assert_eq!(found, json!(expected));
}

#[test]
fn no_output_has_a_secret_whatever_one_side_lacks() {
    let document = document();
    for (kind, value) in document.as_object().unwrap() {
        let mut without = document.clone();
        without[kind] = if value.is_array() { json!([]) } else { Value::Null };
        for (old, new) in [(&document, &without), (&without, &document)] {
            let found = difference(old, new);
            assert!(!json!(found).to_string().contains(CANARY), "{kind}");
            assert!(!format!("{found:?}").contains(CANARY), "{kind}");
        }
    }
    assert!(!format!("{:?}", configuration(&document)).contains(CANARY));
}

#[test]
fn a_secret_that_one_side_lacks_is_no_difference() {
    let without = with_secret(Value::Null);
    for (old, new, side) in [(&document(), &without, "new"), (&without, &document(), "old")] {
        let found = difference(old, new);
        assert!(found.same);
        let expected = json!([{
            "object": "identityProviders/Google", "field": "ProviderDetails.client_secret",
            "reason": "notReadable", "side": side,
        }]);
        assert_eq!(json!(found.not_compared), expected);
    }
}

#[test]
fn an_unknown_member_that_one_side_lacks_is_a_difference_without_values() {
    let without = changed(|pool| pool["userPool"]["NewPoolMember"] = Value::Null);
    let removed = json!([{"object": "userPool", "field": "NewPoolMember", "change": "removed"}]);
    assert_eq!(differences(&document(), &without), removed);
    let added = json!([{"object": "userPool", "field": "NewPoolMember", "change": "added"}]);
    assert_eq!(differences(&without, &document()), added);
}

#[test]
fn placeholders_are_compared_by_their_macs() {
    let [one, two, left_out] = [Some("m1"), Some("m2"), None].map(|mac| with_secret(placeholder(mac)));
    assert_eq!(differences(&one, &one), json!([]));
    let found = differences(&one, &two);
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert!(!found.to_string().contains("m1"), "{found}");
    let not_compared = |old: &Value, new: &Value| {
        let found = difference(old, new);
        assert!(found.same);
        let entry = found.not_compared.into_iter().next().unwrap();
        (entry.reason, entry.side)
    };
    assert_eq!(not_compared(&one, &left_out), (NotComparedReason::LeftOut, Some(Side::New)));
    assert_eq!(not_compared(&left_out, &two), (NotComparedReason::LeftOut, Some(Side::Old)));
    assert_eq!(not_compared(&document(), &one), (NotComparedReason::KeptDifferently, None));
}

#[test]
fn a_member_that_the_table_learned_after_the_capture_is_not_compared_with_its_placeholder() {
    let replaced = changed(|pool| {
        pool["userPool"]["Policies"] = placeholder(Some("m1"));
        pool["userPool"]["UserPoolTier"] = placeholder(Some("m2"));
        pool["userPool"]["DeviceConfiguration"] = placeholder(Some("m3"));
        pool["userPool"]["CreationDate"] = placeholder(Some("m4"));
        pool["clients"][0]["CallbackURLs"] = placeholder(Some("m5"));
        pool["resourceServers"][0]["Scopes"] = placeholder(Some("m6"));
    });
    for (old, new) in [(&document(), &replaced), (&replaced, &document())] {
        let found = difference(old, new);
        assert!(found.same, "{found:?}");
        let fields: Vec<_> = found.not_compared.iter().filter_map(|entry| entry.field.as_deref()).collect();
        assert_eq!(fields, ["DeviceConfiguration", "Policies", "UserPoolTier", "CallbackURLs", "Scopes"]);
        assert!(found.not_compared.iter().all(|entry| entry.reason == NotComparedReason::KeptDifferently));
    }
}

#[test]
fn a_member_of_another_form_than_its_row_is_never_shown() {
    let odd = changed(|pool| {
        pool["userPool"]["Name"] = json!({"secret": "canary-form"});
        pool["userPool"]["AliasAttributes"] = json!([{"secret": "canary-form"}, "email"]);
        pool["userPool"]["Policies"] = json!("canary-form");
        pool["clients"][0]["CallbackURLs"] = json!("canary-form");
        pool["resourceServers"][0]["Scopes"] = json!(["canary-form"]);
        pool["resourceServers"][1]["Scopes"] = json!([{"ScopeName": {"x": "canary-form"}}]);
        pool["mfa"]["EmailMfaConfiguration"] = json!("canary-form");
        pool["mfa"]["WebAuthnConfiguration"] = json!(["canary-form"]);
    });
    for (old, new) in [(&document(), &odd), (&odd, &document())] {
        let found = json!(difference(old, new));
        assert!(!found.to_string().contains("canary-form"), "{found}");
        for field in
            ["Name", "AliasAttributes[]", "Policies", "CallbackURLs", "Scopes[]", "EmailMfaConfiguration"]
        {
            let mut names = found["differences"].as_array().unwrap().iter().map(|found| &found["field"]);
            assert!(names.any(|name| name == field), "{field}: {found}");
        }
    }
}

#[test]
fn placeholders_of_elements_are_compared_without_their_order() {
    let with = |elements: &[Option<&str>]| {
        let elements: Vec<_> = elements.iter().map(|mac| placeholder(*mac)).collect();
        changed(|pool| pool["userPool"]["AliasAttributes"] = json!(elements))
    };
    let [one, other] = [with(&[Some("m1"), Some("m2")]), with(&[Some("m2"), Some("m1")])];
    assert!(difference(&one, &other).same);
    let found = difference(&one, &with(&[Some("m1"), Some("m3")]));
    assert_eq!(
        json!(found.differences),
        json!([{
            "object": "userPool", "field": "AliasAttributes[]", "change": "changed",
        }])
    );
    let found = difference(&one, &with(&[Some("m1"), None]));
    assert_eq!((found.same, found.not_compared[0].reason), (true, NotComparedReason::LeftOut));
}

fn with_mac(placeholder: Value) -> Value {
    with_secret(json!({"$secret": placeholder}))
}

#[test]
fn macs_of_different_keys_are_not_compared() {
    let one = with_mac(json!({"mac": "m1", "key": "mrk-1"}));
    let not_compared = |old: &Value, new: &Value| {
        let found = difference(old, new);
        assert!(found.same);
        json!(found.not_compared)
    };
    let expected = json!([{
        "object": "identityProviders/Google", "field": "ProviderDetails.client_secret", "reason": "otherKey",
    }]);
    for (mac, key) in [("m2", "mrk-2"), ("m1", "mrk-2")] {
        let other = with_mac(json!({"mac": mac, "key": key}));
        assert_eq!(not_compared(&one, &other), expected);
        assert_eq!(not_compared(&other, &one), expected);
    }
    // A MAC without a key may be of any key.
    let unknown = with_mac(json!({"mac": "m2"}));
    assert_eq!(not_compared(&one, &unknown), expected);
    assert_eq!(not_compared(&unknown, &one), expected);
    assert_eq!(not_compared(&unknown, &unknown), expected);
    let changed = with_mac(json!({"mac": "m2", "key": "mrk-1"}));
    assert_eq!(differences(&one, &changed)[0]["change"], "changed");
}

#[test]
fn macs_of_elements_are_compared_only_if_all_have_one_key() {
    let with = |macs: &[(&str, &str)]| {
        let macs = macs.iter().map(|(mac, key)| json!({"$secret": {"mac": mac, "key": key}}));
        let macs: Value = macs.collect();
        changed(|pool| pool["userPool"]["AliasAttributes"] = macs)
    };
    let old = with(&[("m1", "mrk-1"), ("m2", "mrk-1")]);
    for other in [with(&[("m1", "mrk-2"), ("m2", "mrk-2")]), with(&[("m1", "mrk-1"), ("m2", "mrk-2")])] {
        let found = difference(&old, &other);
        assert_eq!((found.same, json!(found.not_compared[0].reason)), (true, json!("otherKey")));
    }
    let found = difference(&old, &with(&[("m1", "mrk-1"), ("m3", "mrk-1")]));
    assert_eq!(found.differences.len(), 1);
}

#[test]
fn elements_that_the_table_learned_after_the_capture_are_not_compared_with_their_placeholders() {
    let placeholder = json!({"$secret": {"mac": "m1", "key": "mrk-1"}});
    let replaced = changed(|pool| {
        pool["resourceServers"][0]["Scopes"] = json!([placeholder, placeholder]);
        pool["clients"][0]["CallbackURLs"] = json!([placeholder]);
    });
    for (old, new) in [(&document(), &replaced), (&replaced, &document())] {
        let found = difference(old, new);
        assert!(found.same, "{found:?}");
        let fields: Vec<_> = found.not_compared.iter().filter_map(|entry| entry.field.as_deref()).collect();
        assert_eq!(fields, ["CallbackURLs", "Scopes"]);
    }
}

#[test]
fn no_type_of_provider_shows_what_it_does_not_make_public() {
    let keys: std::collections::BTreeSet<_> = fields_of(ObjectKind::IdentityProvider)
        .iter()
        .filter_map(|row| row.path.strip_prefix("ProviderDetails."))
        .chain(["new_key"])
        .collect();
    let with_type = |name: &str, suffix: &str| {
        let provider = ProviderType::parse(name);
        let detail = |key: &&str| {
            let row =
                provider.and_then(|provider| provider_field(&format!("ProviderDetails.{key}"), provider));
            let is_public = row.is_some_and(|row| row.nature != Nature::Secret);
            let value = if is_public { "public" } else { CANARY };
            ((*key).to_owned(), json!(format!("{value}{key}{suffix}")))
        };
        let details: serde_json::Map<_, _> = keys.iter().map(detail).collect();
        changed(|pool| {
            pool["identityProviders"] =
                json!([{"ProviderName": "x", "ProviderType": name, "ProviderDetails": details}]);
        })
    };
    let types = ProviderType::ALL.map(ProviderType::name).into_iter().chain(["NewType"]);
    for (old, new) in types.clone().flat_map(|old| types.clone().map(move |new| (old, new))) {
        for suffix in ["", "-other"] {
            let found = difference(&with_type(old, ""), &with_type(new, suffix));
            assert!(!json!(found).to_string().contains(CANARY), "{old} {new}");
            assert!(!format!("{found:?}").contains(CANARY), "{old} {new}");
            assert_eq!(found.same, (old, "") == (new, suffix), "{old} {new}");
        }
    }
}
