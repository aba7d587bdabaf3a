//! What a document must look like.

use super::document::{DocumentError, Uncaptured};
use super::*;

fn error(document: Value) -> DocumentError {
    Configuration::from_document(document).unwrap_err()
}

#[test]
fn a_document_of_another_form_is_refused_without_its_values() {
    assert_eq!(error(json!([])), DocumentError::NoObject);
    assert_eq!(error(json!({"newKind": []})), DocumentError::UnknownMember("newKind".to_owned()));
    assert_eq!(error(json!({"a@example.com": []})), DocumentError::UnknownMember("…".to_owned()));
    assert_eq!(error(json!({"userPool": []})), DocumentError::OtherForm("userPool"));
    assert_eq!(error(json!({"clients": {}})), DocumentError::OtherForm("clients"));
    assert_eq!(error(json!({"clients": ["x"]})), DocumentError::OtherForm("clients"));
    let unnamed = |kind, member| DocumentError::Unnamed { kind, member };
    assert_eq!(error(json!({"clients": [{}]})), unnamed(ObjectKind::Client, "ClientId"));
    assert_eq!(error(json!({"clientSecrets": [{}]})), unnamed(ObjectKind::ClientSecrets, "ClientId"));
    assert_eq!(error(json!({"terms": [{"ClientId": "1"}]})), unnamed(ObjectKind::Terms, "TermsName"));
    let twice = json!({"domains": [{"Domain": "a"}, {"Domain": "a"}]});
    assert_eq!(error(twice), DocumentError::Twice(ObjectKind::Domain));
    for entries in [json!({}), json!([{}]), json!([{"object": "unknown", "reason": "x"}])] {
        assert_eq!(error(json!({"notCaptured": entries})), DocumentError::OtherForm("notCaptured"));
    }
}

#[test]
fn objects_of_clients_are_named_by_their_clients() {
    let configuration = configuration(&document());
    let ids = |kind| configuration.objects_of(kind).map(|(id, _)| id).collect::<Vec<_>>();
    assert_eq!(ids(ObjectKind::Terms), ["1web/privacy-policy", "1web/terms-of-use"]);
    for kind in [ObjectKind::Sessions, ObjectKind::RiskConfiguration, ObjectKind::UiCustomization] {
        assert_eq!(ids(kind), ["1web", "ALL"]);
    }
    assert_eq!(ids(ObjectKind::ClientSecrets), ["1web", "3batch"]);
    for kind in ObjectKind::ALL.iter().filter(|kind| !kind.is_single()) {
        assert!(name_members(*kind).count() > 0 || is_of_client(*kind), "{kind}");
    }
}

#[test]
fn an_object_that_every_pool_has_is_never_read_as_an_empty_one() {
    for kind in ["userPool", "mfa"] {
        let without = changed(|pool| {
            pool.as_object_mut().unwrap().remove(kind);
        });
        for (old, new, side) in [(&document(), &without, "new"), (&without, &document(), "old")] {
            let found = difference(old, new);
            let expected = json!([{"object": kind, "reason": "notCaptured", "side": side}]);
            assert_eq!((json!(found.not_compared), found.same), (expected, true));
        }
    }
}

#[test]
fn an_empty_document_is_a_configuration_without_objects() {
    assert_eq!(differences(&json!({}), &json!({"notCaptured": [], "mfa": null})), json!([]));
    assert_eq!(differences(&json!({"notCaptured": null, "clients": null}), &json!({})), json!([]));
    assert_eq!(Uncaptured::parse("mfa"), Some(Uncaptured { kind: ObjectKind::Mfa, id: None }));
    assert_eq!(Uncaptured::parse("clients/"), None);
}
