//! The work grows with the size of the documents, not with its square. These tests end within seconds. With work that
//! grows with the square they would take minutes.

use super::*;

#[test]
fn fifty_thousand_differences_in_one_object_are_found() {
    let settings = |value: &str| {
        let settings: Value = (0..25_000)
            .map(|n| (format!("kept{n}"), json!({"color": value})))
            .collect::<serde_json::Map<_, _>>()
            .into();
        settings
    };
    let old = changed(|pool| pool["branding"][0]["Settings"] = settings("a"));
    let new = changed(|pool| {
        let mut settings = settings("b");
        for n in 0..25_000 {
            settings[format!("added{n}")] = json!({"color": "a"});
        }
        pool["branding"][0]["Settings"] = settings;
    });
    assert_eq!(difference(&old, &new).differences.len(), 50_000);
}

#[test]
fn thousands_of_clients_of_another_pool_are_compared() {
    let pool = |id: &str, prefix: &str| {
        let of_clients = |member: &str, value: Value| -> Value {
            (0..3_000).map(|n| json!({"ClientId": format!("{prefix}{n}"), (member): value})).collect()
        };
        json!({
            "userPool": {"Id": id},
            "clients": of_clients("AuthSessionValidity", json!(prefix.len())),
            "branding": of_clients("UseCognitoProvidedValues", json!(true)),
            "riskConfigurations": of_clients("UserPoolId", json!(id)),
            "sessions": of_clients("SSOSession", json!({"MaxValidityMinutes": 5})),
            "notCaptured": (0..3_000)
                .map(|n| json!({"object": format!("clients/other{prefix}{n}"), "reason": "AccessDenied"}))
                .collect::<Vec<_>>(),
        })
    };
    let [old, new] = [pool("eu-west-1_A", "a"), pool("eu-west-1_B", "bb")];
    let map: ClientMap = (0..3_000).map(|n| (format!("a{n}"), format!("bb{n}"))).collect();
    let found = compare(&configuration(&old), &configuration(&new), &map);
    assert_eq!(found.differences.len(), 3_000);
    // No map: no client has a name, so none has a partner.
    let found = compare(&configuration(&old), &configuration(&new), &ClientMap::new());
    assert!(found.same);
}
