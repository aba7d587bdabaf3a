//! Which client is which.

use super::*;

fn another_pool() -> Value {
    in_another_pool(&document())
}

fn with_map(old: &Value, new: &Value, map: &[(&str, &str)]) -> ConfigurationDifference {
    let map = map.iter().map(|(old, new)| ((*old).to_owned(), (*new).to_owned())).collect();
    compare(&configuration(old), &configuration(new), &map)
}

fn objects(difference: &ConfigurationDifference) -> Vec<(&str, Option<&str>)> {
    let named = difference.differences.iter();
    named.map(|found| (found.object.text.as_str(), found.field.as_deref())).collect()
}

#[test]
fn clients_of_another_pool_are_paired_by_unique_names_and_so_is_what_they_have() {
    let found = difference(&document(), &another_pool());
    assert!(found.same, "{found:?}");
    assert_eq!(found.not_compared, []);
}

#[test]
fn the_map_pairs_clients_whose_names_repeat() {
    let rename = |mut document: Value| {
        document["clients"][1]["ClientName"] = json!("web");
        document
    };
    let [old, new] = [rename(document()), rename(another_pool())];
    let map = [("1web", "7web"), ("2mobile", "8mobile")];
    assert!(with_map(&old, &new, &map).same);
    let found = with_map(&old, &new, &[]);
    let texts: Vec<_> = objects(&found).into_iter().map(|(object, _)| object).collect();
    for expected in [
        "clients/web (1web)",
        "clients/web (2mobile)",
        "clients/web (7web)",
        "clients/web (8mobile)",
        "branding/web (1web)",
        "branding/web (7web)",
        "terms/web (1web)/terms-of-use",
    ] {
        assert!(texts.contains(&expected), "{expected}: {texts:?}");
    }
    assert!(!texts.iter().any(|text| text.contains("batch")), "{texts:?}");
}

#[test]
fn a_renamed_client_keeps_its_old_name_in_the_output() {
    let renamed = changed(|pool| pool["clients"][0]["ClientName"] = json!("site"));
    let expected = json!([{
        "object": "clients/web", "field": "ClientName", "change": "changed", "old": "web", "new": "site",
    }]);
    assert_eq!(differences(&document(), &renamed), expected);
}

#[test]
fn a_client_that_was_created_again_in_the_same_pool_has_another_id() {
    let again = changed(|pool| pool["clients"][1]["ClientId"] = json!("8mobile"));
    let found = difference(&document(), &again);
    let policy = "cimdPolicies/agents";
    assert_eq!(objects(&found), [("clients/mobile", Some("ClientId"))], "{policy} has a deleted client");
    assert_eq!(found.differences[0].values, Values::changed(json!("2mobile"), json!("8mobile")));
    // The map says that a restore did it.
    assert!(with_map(&document(), &again, &[("2mobile", "8mobile")]).same);
}

#[test]
fn a_policy_with_another_client_is_a_difference() {
    let other = changed(|pool| pool["cimdPolicies"][0]["ClientId"] = json!("1web"));
    assert_eq!(objects(&difference(&document(), &other)), [("cimdPolicies/agents", Some("ClientId"))]);
}

#[test]
fn a_client_with_the_name_of_another_object_is_named_with_its_id() {
    let rename = |css: &str| {
        changed(|pool| {
            pool["clients"][0]["ClientName"] = json!("ALL");
            pool["uiCustomizations"][1]["CSS"] = json!(css);
        })
    };
    let [old, new] = [rename("a"), rename("b")];
    assert_eq!(objects(&difference(&old, &new)), [("uiCustomizations/ALL (1web)", Some("CSS"))]);
    let renamed = changed(|pool| pool["clients"][0]["ClientName"] = json!("2mobile"));
    let expected = [("clients/2mobile (1web)", Some("ClientName"))];
    assert_eq!(objects(&difference(&renamed, &document())), expected);
}

#[test]
fn an_object_that_was_not_captured_is_not_compared() {
    let uncaptured = changed(|pool| {
        pool["clients"].as_array_mut().unwrap().remove(0);
        pool["riskConfigurations"] = json!([]);
        pool["notCaptured"] = json!([
            {"object": "clients/1web", "reason": "AccessDenied"},
            {"object": "riskConfigurations", "reason": "tier"},
        ]);
    });
    for (old, new, side) in [(&document(), &uncaptured, "new"), (&uncaptured, &document(), "old")] {
        let found = difference(old, new);
        assert!(found.same, "{found:?}");
        let expected = json!([
            {"object": "clients/web", "reason": "notCaptured", "side": side, "detail": "AccessDenied"},
            {"object": "riskConfigurations", "reason": "notCaptured", "side": side, "detail": "tier"},
        ]);
        assert_eq!(json!(found.not_compared), expected);
    }
    assert_eq!(difference(&uncaptured, &uncaptured).not_compared.len(), 4);
}

#[test]
fn what_may_be_a_client_that_was_not_captured_is_neither_added_nor_removed() {
    let mut another = another_pool();
    another["clients"].as_array_mut().unwrap().remove(0);
    another["notCaptured"] = json!([{"object": "clients/7web", "reason": "AccessDenied"}]);
    let found = difference(&document(), &another);
    assert!(found.same, "{:?}", objects(&found));
    let texts: Vec<_> = found.not_compared.iter().map(|entry| entry.object.text.as_str()).collect();
    for expected in ["clients/web", "clients/7web", "branding/web", "branding/7web", "sessions/web"] {
        assert!(texts.contains(&expected), "{expected}: {texts:?}");
    }
    // The map tells.
    let found = with_map(&document(), &another, &[("1web", "7web")]);
    assert!(found.same);
    let uncaptured = |entry: &&NotCompared| entry.reason == NotComparedReason::NotCaptured;
    assert_eq!(found.not_compared.iter().filter(uncaptured).count(), 1);
    // In one pool, ids tell.
    let same_pool = changed(|pool| {
        pool["clients"].as_array_mut().unwrap().remove(1);
        pool["clients"][0]["ClientId"] = json!("7new");
        pool["clients"][0]["ClientName"] = json!("new");
        pool["notCaptured"] = json!([{"object": "clients/8other", "reason": "AccessDenied"}]);
    });
    assert!(objects(&difference(&document(), &same_pool)).contains(&("clients/mobile", None)));
}

#[test]
fn the_ids_of_clients_that_were_not_captured_are_not_compared_between_pools() {
    let without_mobile = |mut document: Value, id: &str| {
        document["clients"].as_array_mut().unwrap().remove(1);
        document["notCaptured"] = json!([{"object": format!("clients/{id}"), "reason": "AccessDenied"}]);
        document
    };
    let [old, new] = [without_mobile(document(), "2mobile"), without_mobile(another_pool(), "8mobile")];
    for (old, new) in [(&old, &new), (&old, &another_pool()), (&document(), &new)] {
        let found = difference(old, new);
        assert!(found.same, "{:?}", objects(&found));
        let of_policy = found.not_compared.iter().find(|entry| entry.object.text == "cimdPolicies/agents");
        assert_eq!(of_policy.unwrap().field.as_deref(), Some("ClientId"));
    }
    assert!(with_map(&old, &new, &[("2mobile", "8mobile")]).same);
    // A captured client on both sides is another client.
    let mut other = new;
    other["cimdPolicies"][0]["ClientId"] = json!("7web");
    let mut web = old;
    web["cimdPolicies"][0]["ClientId"] = json!("3batch");
    assert_eq!(objects(&difference(&web, &other)), [("cimdPolicies/agents", Some("ClientId"))]);
}

#[test]
fn clients_that_were_not_captured_at_all_hide_only_what_depends_on_their_names() {
    let mut another = another_pool();
    another["clients"] = json!([]);
    another["notCaptured"] = json!([{"object": "clients", "reason": "AccessDenied"}]);
    let found = difference(&document(), &another);
    assert!(objects(&found).iter().all(|(object, _)| *object == "cimdPolicies/agents"), "{found:?}");
    let map = [("1web", "7web"), ("2mobile", "8mobile"), ("3batch", "9batch")];
    assert!(with_map(&document(), &another, &map).same);
}

#[test]
fn an_id_on_both_sides_counts_more_than_the_map() {
    let without_mobile = changed(|pool| {
        pool["clients"].as_array_mut().unwrap().remove(1);
        pool["cimdPolicies"] = json!([]);
    });
    let old = changed(|pool| {
        pool["cimdPolicies"] = json!([]);
        pool["sessions"][0] = json!({"ClientId": "2mobile", "SSOSession": {"MaxValidityMinutes": 5}});
    });
    let new = {
        let mut new = without_mobile;
        new["sessions"] = json!([new["sessions"][1]]);
        new
    };
    // The map is of another restore: it says that `web` stands for both.
    let found = with_map(&old, &new, &[("2mobile", "1web"), ("1web", "3batch")]);
    assert_eq!(objects(&found), [("clients/mobile", None), ("sessions/mobile", None)]);
}

#[test]
fn policies_are_paired_by_their_names_unless_one_was_not_captured() {
    let mut another = another_pool();
    another["cimdPolicies"][0]["CacheDuration"] = json!(90_000);
    let found = difference(&document(), &another);
    assert_eq!(objects(&found), [("cimdPolicies/agents", Some("CacheDuration"))]);
    another["cimdPolicies"] = json!([]);
    assert_eq!(objects(&difference(&document(), &another)), [("cimdPolicies/agents", None)]);
    another["notCaptured"] = json!([{"object": "cimdPolicies/p7", "reason": "AccessDenied"}]);
    assert!(difference(&document(), &another).same);
}

#[test]
fn a_pool_that_was_not_captured_is_known_by_the_ids_in_its_objects() {
    let again = changed(|pool| {
        pool["clients"][1]["ClientId"] = json!("8mobile");
        pool["userPool"] = Value::Null;
        pool["notCaptured"] = json!([{"object": "userPool", "reason": "AccessDenied"}]);
    });
    assert_eq!(objects(&difference(&document(), &again)), [("clients/mobile", Some("ClientId"))]);
}

#[test]
fn a_name_that_would_break_the_line_is_in_quotes() {
    let odd = changed(|pool| {
        pool["clients"][0]["ClientName"] = json!("web\nclients/mobile");
        pool["clients"][0]["AuthSessionValidity"] = json!(9);
        pool["userPool"]["UserPoolTags"]["a\r\nb"] = json!("x");
    });
    let found = difference(&odd, &document());
    let expected = [
        ("userPool", Some("UserPoolTags.\"a\\r\\nb\"")),
        ("clients/\"web\\nclients/mobile\"", Some("AuthSessionValidity")),
        ("clients/\"web\\nclients/mobile\"", Some("ClientName")),
    ];
    assert_eq!(objects(&found), expected);
}
