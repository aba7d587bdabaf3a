//! Goal: a roll back loses nothing that no capture holds, unless the operator allows it by name.
//!
//! Method: plans of two documents, without any call.

use serde_json::{Value, json};

use super::super::*;
use super::{done, everything, lacking, left, planned, planned_without, pool};
use crate::model::configuration::{NotCaptured, NotCapturedReason, ObjectKind, ObjectName};

fn everything_but(names: &[&str]) -> ApplyChoices {
    let mut choices = everything();
    choices.allow.retain(|allow| !names.contains(&allow.name()));
    choices
}

/// A pool with a look that has a logo.
fn with_logo(client: &str, css: &str) -> Value {
    let look = json!({"ClientId": client, "CSS": css, "ImageUrl": "https://example.com/logo"});
    json!({
        "userPool": pool(json!({})), "domains": [{"Domain": "login"}], "uiCustomizations": [look],
    })
}

/// The live pool lacks the logo of this look.
fn unread_logo(client: &str) -> [Vec<NotCaptured>; 2] {
    let name = ObjectName::of(ObjectKind::UiCustomization, client);
    [Vec::new(), vec![lacking(name, "ImageFile", NotCapturedReason::NotFetched)]]
}

#[test]
fn a_logo_that_could_not_be_read_is_replaced_and_deleted_only_with_a_word_of_its_own() {
    let without_logo = json!({
        "userPool": pool(json!({})), "domains": [{"Domain": "login"}],
        "uiCustomizations": [{"ClientId": "ALL", "CSS": "a"}],
    });
    let without_look = json!({"userPool": pool(json!({})), "domains": [{"Domain": "login"}]});
    for wanted in [without_logo, without_look] {
        let plan = |choices: &ApplyChoices| {
            planned_without(unread_logo("ALL"), wanted.clone(), with_logo("ALL", "b"), choices)
        };
        let refused = plan(&everything_but(&["lost-logo"]));
        assert_eq!(done(&refused), Vec::<String>::new());
        assert!(!refused.left.is_empty());
        for left in &refused.left {
            assert_eq!(left.reason.allow().map(Allow::name), Some("lost-logo"), "{left:?}");
        }
        let allowed = plan(&everything());
        assert!(!done(&allowed).is_empty());
        assert_eq!(left(&allowed), []);
        // A logo that the capture holds can be brought back.
        let plan = planned(wanted, with_logo("ALL", "b"), &everything_but(&["lost-logo"]));
        assert!(!done(&plan).is_empty() && left(&plan).is_empty());
    }
}

#[test]
fn a_client_with_a_logo_that_could_not_be_read_is_deleted_only_with_that_word() {
    let mut live = with_logo("1", "b");
    live["clients"] = json!([{"ClientId": "1", "ClientName": "web"}]);
    let wanted = json!({"userPool": pool(json!({})), "domains": [{"Domain": "login"}]});
    let plan =
        |choices: &ApplyChoices| planned_without(unread_logo("1"), wanted.clone(), live.clone(), choices);
    let refused = plan(&everything_but(&["lost-logo"]));
    assert_eq!(done(&refused), Vec::<String>::new());
    assert_eq!(refused.left.len(), 2);
    assert!(refused.left.iter().all(|left| left.reason.allow().map(Allow::name) == Some("lost-logo")));
    assert_eq!(left(&plan(&everything())), []);
}
