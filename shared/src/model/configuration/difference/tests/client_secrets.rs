//! How many secrets a client has, and which, without their values.

use super::*;

fn secret(id: &str) -> Value {
    json!({"ClientSecretId": id, "ClientSecretCreateDate": 1_767_225_600})
}

/// The pool with these secrets of the client `web`.
fn with_secrets(secrets: &[&str]) -> Value {
    let secrets: Vec<_> = secrets.iter().map(|id| secret(id)).collect();
    changed(|pool| pool["clientSecrets"][0]["ClientSecrets"] = json!(secrets))
}

#[test]
fn a_second_secret_is_a_difference_with_its_id_and_time() {
    let [one, two] = [with_secrets(&["1web--1"]), with_secrets(&["1web--1", "1web--2"])];
    let expected = |change: &str, value: &str| {
        json!([{
            "object": "clientSecrets/web", "field": "ClientSecrets[1web--2]", "change": change,
            (value): {"ClientSecretId": "1web--2", "ClientSecretCreateDate": 1_767_225_600},
        }])
    };
    assert_eq!(differences(&one, &two), expected("added", "new"));
    assert_eq!(differences(&two, &one), expected("removed", "old"));
}

#[test]
fn a_replaced_secret_is_a_difference_in_one_pool_and_none_in_another() {
    let [old, new] = [with_secrets(&["1web--1"]), with_secrets(&["1web--2"])];
    let found = differences(&old, &new);
    let fields: Vec<_> = found.as_array().unwrap().iter().map(|found| &found["field"]).collect();
    assert_eq!(fields, ["ClientSecrets[1web--1]", "ClientSecrets[1web--2]"]);
    let found = difference(&old, &in_another_pool(&new));
    assert_eq!(json!(found), json!({"same": true, "differences": [], "notCompared": []}));
}

#[test]
fn secrets_of_another_pool_are_compared_by_their_number() {
    let [one, two] = [with_secrets(&["1web--1"]), with_secrets(&["1web--1", "1web--2"])];
    let expected = json!([{
        "object": "clientSecrets/web", "field": "ClientSecrets", "change": "changed", "old": 2, "new": 1,
    }]);
    assert_eq!(differences(&two, &in_another_pool(&one)), expected);
    // A client that the owner created again has other ids, too.
    let again = changed(|pool| {
        pool["clients"][2]["ClientId"] = json!("9batch");
        pool["clientSecrets"][1]["ClientId"] = json!("9batch");
        pool["clientSecrets"][1]["ClientSecrets"] = json!([secret("9batch--1"), secret("9batch--2")]);
    });
    let found = differences(&document(), &again);
    let fields: Vec<_> = found.as_array().unwrap().iter().map(|found| &found["field"]).collect();
    assert_eq!(fields, ["ClientId", "ClientSecrets"]);
}

#[test]
fn a_public_client_that_became_confidential_is_a_difference() {
    let confidential = changed(|pool| {
        pool["clients"][1]["ClientSecret"] = json!("canary-mobile-secret");
        let secrets = json!({"ClientId": "2mobile", "ClientSecrets": [secret("2mobile--1")]});
        pool["clientSecrets"].as_array_mut().unwrap().push(secrets);
    });
    let added = |pool: &Value| {
        let found = differences(pool, &confidential);
        assert!(!found.to_string().contains("canary-"), "{found}");
        assert_eq!(
            found,
            json!([{
                "object": "clientSecrets/mobile", "field": null, "change": "added",
                "new": {"ClientSecrets": [secret("2mobile--1")]},
            }])
        );
    };
    added(&document());
    let found = differences(&document(), &in_another_pool(&confidential));
    assert_eq!((&found[0]["object"], found.as_array().unwrap().len()), (&json!("clientSecrets/mobile"), 1));
}

#[test]
fn a_client_without_secrets_is_the_same_with_an_empty_list() {
    let empty = changed(|pool| {
        let secrets = json!({"ClientId": "2mobile", "ClientSecrets": []});
        pool["clientSecrets"].as_array_mut().unwrap().push(secrets);
    });
    assert_eq!(differences(&document(), &empty), json!([]));
    assert_eq!(differences(&empty, &document()), json!([]));
    let found = difference(&empty, &in_another_pool(&document()));
    assert_eq!(json!(found), json!({"same": true, "differences": [], "notCompared": []}));
}

#[test]
fn the_secrets_of_a_client_that_shows_one_and_lists_none_are_not_compared() {
    for list in [json!([]), json!([{"ClientId": "1web", "ClientSecrets": []}])] {
        let unlisted = changed(|pool| {
            pool["clientSecrets"][0] = list[0].clone();
            pool["clientSecrets"].as_array_mut().unwrap().retain(|secrets| !secrets.is_null());
        });
        for (old, new, side) in [(&document(), &unlisted, "new"), (&unlisted, &document(), "old")] {
            let found = difference(old, new);
            let expected = json!([{"object": "clientSecrets/web", "reason": "notReadable", "side": side}]);
            assert_eq!((json!(found.not_compared), found.same), (expected, true));
        }
        let found = difference(&in_another_pool(&unlisted), &document());
        assert_eq!(found.not_compared[0].side, Some(Side::Old));
    }
}

#[test]
fn secrets_that_no_side_lists_are_not_compared() {
    let unlisted = changed(|pool| pool["clientSecrets"] = json!([]));
    let found = difference(&unlisted, &unlisted);
    let objects: Vec<_> =
        found.not_compared.iter().map(|entry| (entry.object.text.as_str(), entry.side)).collect();
    let expected = ["clientSecrets/batch", "clientSecrets/web"]
        .map(|object| [(object, Some(Side::Old)), (object, Some(Side::New))])
        .concat();
    assert_eq!((objects, found.same), (expected, true));
}

#[test]
fn a_secret_in_secrets_manager_rotates_by_itself() {
    let managed = |id: &str| {
        let mut managed = with_secrets(&[id]);
        managed["clients"][0]["ClientSecret"] = Value::Null;
        managed["clients"][0]["ClientSecretArn"] =
            json!("arn:aws:secretsmanager:eu-west-1:111122223333:secret:web");
        managed
    };
    assert_eq!(differences(&managed("1web--1"), &managed("1web--2")), json!([]));
    let expected = |old: bool, new: bool| {
        json!([{
            "object": "clients/web", "field": "PublishSecretsInAWSSecretsManager", "change": "changed",
            "old": old, "new": new,
        }])
    };
    let shown = with_secrets(&["1web--1"]);
    assert_eq!(differences(&shown, &managed("1web--2")), expected(false, true));
    assert_eq!(differences(&managed("1web--1"), &shown), expected(true, false));
}

#[test]
fn a_secret_without_an_id_is_never_shown() {
    let odd = changed(|pool| {
        pool["clientSecrets"][0]["ClientSecrets"] =
            json!([{"ClientSecretId": {"x": "canary-1"}}, {"ClientSecretId": "1web--1", "New": "canary-2"}]);
    });
    for (old, new) in [(&document(), &odd), (&odd, &document()), (&odd, &in_another_pool(&document()))] {
        let found = difference(old, new);
        assert!(!found.same);
        assert!(!json!(found).to_string().contains("canary-"), "{found:?}");
    }
}
