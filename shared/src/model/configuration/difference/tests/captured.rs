//! Two captures of one pool.

use serde_json::{Value, json};

use super::*;
use crate::model::configuration::{
    Capture, CapturedEntry, CapturedList, CapturedObject, NotCaptured, NotCapturedReason,
};

/// A capture of these answers.
fn captured(answers: &[(ObjectKind, &str, Value)], lacking: &[(&str, NotCapturedReason)]) -> Configuration {
    let lacking = lacking.iter().map(|(object, reason)| note(object, None, reason.clone()));
    captured_with(answers, lacking.collect())
}

fn captured_with(answers: &[(ObjectKind, &str, Value)], lacking: Vec<NotCaptured>) -> Configuration {
    let (mut entries, mut objects) = (Vec::new(), Vec::<CapturedObject>::new());
    for (kind, id, answer) in answers {
        let capture = Capture::of(ObjectName::of(*kind, *id), answer).unwrap();
        entries.push(CapturedEntry {
            name: capture.object.name.clone(),
            digest: capture.object.digest(),
            assets: Vec::new(),
            secrets: Vec::new(),
            secrets_left_out: capture.withheld.len() as u64,
        });
        objects.push(capture.object);
    }
    Configuration::of_capture(&CapturedList::new(entries, lacking), objects).unwrap()
}

/// `object` may be of a kind that no version knows yet.
fn note(object: &str, member: Option<&str>, reason: NotCapturedReason) -> NotCaptured {
    let object = serde_json::from_value(json!(object)).unwrap();
    NotCaptured { member: member.map(str::to_owned), ..NotCaptured::new(object, reason) }
}

fn client(secret: &str, flows: &[&str]) -> (ObjectKind, &'static str, Value) {
    let answer = json!({
        "UserPoolId": "eu-west-1_A", "ClientId": "1", "ClientName": "web", "ClientSecret": secret,
        "ExplicitAuthFlows": flows,
    });
    (ObjectKind::Client, "1", answer)
}

fn in_json(old: &Configuration, new: &Configuration) -> Value {
    json!(compare(old, new, &ClientMap::new()))
}

#[test]
fn secrets_that_both_captures_left_out_are_named_and_never_shown() {
    let old = captured(&[client("planted", &["A"])], &[]);
    let new = captured(&[client("other", &["B"])], &[]);
    let found = in_json(&old, &new);
    assert!(!found.to_string().contains("planted") && !found.to_string().contains("other"), "{found}");
    assert_eq!(found["differences"].as_array().unwrap().len(), 1);
    let left_out = |side: &str| json!({"object": "clients/web", "reason": "leftOut", "side": side});
    assert_eq!(found["notCompared"], json!([left_out("old"), left_out("new")]));
    let found = in_json(&old, &captured(&[client("", &["A"])], &[]));
    assert_eq!((&found["same"], &found["notCompared"]), (&json!(true), &json!([left_out("old")])));
}

#[test]
fn what_was_not_captured_is_not_compared_and_has_its_reason() {
    let old = captured(&[client("", &[])], &[("terms", NotCapturedReason::AccessDenied)]);
    let new =
        captured(&[], &[("clients/1", NotCapturedReason::TooLarge), ("webAcl", NotCapturedReason::NotRead)]);
    let lacking = |object: &str, side: &str, detail: &str| json!({"object": object, "reason": "notCaptured", "side": side, "detail": detail});
    let found = in_json(&old, &new);
    assert_eq!(found["same"], true);
    let not_compared = found["notCompared"].as_array().unwrap();
    for expected in [
        lacking("clients/web", "new", "tooLarge"),
        lacking("terms", "old", "accessDenied"),
        lacking("webAcl", "new", "notRead"),
    ] {
        assert!(not_compared.contains(&expected), "{expected}: {found}");
    }
    assert_eq!(not_compared.len(), 3, "{found}");
}

#[test]
fn what_both_sides_have_is_compared_although_a_note_names_the_whole_kind() {
    let terms = |id: &'static str, link: &str| {
        let (client, name) = id.split_once('/').unwrap();
        let answer = json!({"UserPoolId": "eu-west-1_A", "ClientId": client, "TermsName": name, "Links": {"cognito:default": link}});
        (ObjectKind::Terms, id, answer)
    };
    let note = || [("terms", NotCapturedReason::Unavailable)];
    let whole = captured(&[terms("1/a", "old"), terms("1/b", "same"), terms("1/c", "gone")], &[]);
    let partial = |link: &str| captured(&[terms("1/a", link), terms("1/b", "same")], &note());
    let fields = |found: &Value| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let differences = found["differences"].as_array().unwrap().iter();
        differences.map(|found| (text(&found["object"]), text(&found["field"]))).collect()
    };
    let changed = ("terms/1/a".to_owned(), "Links.cognito:default".to_owned());
    for (old, new, side) in [(&whole, &partial("new"), "new"), (&partial("new"), &whole, "old")] {
        let found = in_json(old, new);
        assert_eq!(fields(&found), std::slice::from_ref(&changed), "{found}");
        let lacking =
            json!([{"object": "terms", "reason": "notCaptured", "side": side, "detail": "unavailable"}]);
        assert_eq!(found["notCompared"], lacking);
    }
    // Only the side that was not read whole may have what it lacks.
    let more = captured(&[terms("1/a", "old"), terms("1/d", "more")], &note());
    let found = in_json(&more, &captured(&[terms("1/a", "old")], &[]));
    assert_eq!(fields(&found), [("terms/1/d".to_owned(), "-".to_owned())]);
    assert_eq!(found["differences"][0]["change"], "removed");
}

#[test]
fn an_object_of_a_kind_that_this_version_does_not_know_is_not_compared() {
    let capture = |text: &str| {
        let entry = json!({"name": "newKind/1", "digest": "0".repeat(31) + text});
        let list: CapturedList = serde_json::from_value(json!({"entries": [entry]})).unwrap();
        Configuration::of_capture(&list, []).unwrap()
    };
    let expected = json!([{"object": "newKind/1", "reason": "unknownKind"}]);
    for (old, new) in
        [(capture("0"), capture("1")), (capture("0"), captured(&[], &[])), (captured(&[], &[]), capture("0"))]
    {
        let found = in_json(&old, &new);
        assert_eq!((&found["same"], &found["notCompared"]), (&json!(true), &expected));
    }
    assert_eq!(in_json(&capture("0"), &capture("0"))["notCompared"], json!([]));
}

#[test]
fn a_member_that_was_not_captured_is_not_compared_and_costs_no_other_member() {
    let lacking = || vec![note("clients/1", Some("Items[].NewMember"), NotCapturedReason::UnknownMember)];
    let old = captured_with(&[client("", &["A"])], lacking());
    let expected = |side: &str| {
        json!({
            "object": "clients/web", "field": "Items.NewMember", "reason": "notCaptured", "side": side,
            "detail": "unknownMember",
        })
    };
    let found = in_json(&old, &captured(&[client("", &["A"])], &[]));
    assert_eq!((&found["same"], &found["notCompared"]), (&json!(true), &json!([expected("old")])));
    let found = in_json(&old, &captured_with(&[client("", &["B"])], lacking()));
    assert_eq!(found["differences"].as_array().unwrap().len(), 1);
    assert_eq!(found["notCompared"], json!([expected("old"), expected("new")]));
    // A document that a capture wrote has such notes, too.
    let document = |notes| {
        Configuration::from_document(json!({"userPool": {"Id": "eu-west-1_A"}, "notCaptured": notes}))
    };
    let noted = json!([{"object": "userPool", "member": "NewMember", "reason": "unknownMember"}]);
    let found = in_json(&document(noted).unwrap(), &document(json!([])).unwrap());
    let expected = json!([{
        "object": "userPool", "field": "NewMember", "reason": "notCaptured", "side": "old", "detail": "unknownMember",
    }]);
    assert_eq!((&found["same"], &found["notCompared"]), (&json!(true), &expected));
}

#[test]
fn what_a_later_version_could_not_capture_is_named_last() {
    let lacking =
        [("newKind/1", NotCapturedReason::parse("newReason")), ("webAcl", NotCapturedReason::NotRead)];
    let found = in_json(&captured(&[], &lacking), &captured(&[], &[]));
    let expected = json!([
        {"object": "webAcl", "reason": "notCaptured", "side": "old", "detail": "notRead"},
        {"object": "newKind/1", "reason": "notCaptured", "side": "old", "detail": "newReason"},
    ]);
    assert_eq!((&found["same"], &found["notCompared"]), (&json!(true), &expected));
}

#[test]
fn an_asset_is_compared_by_its_digest() {
    let branding = |bytes: &str| {
        let asset =
            json!({"Category": "FAVICON_ICO", "ColorMode": "LIGHT", "Extension": "ICO", "Bytes": bytes});
        (ObjectKind::Branding, "1", json!({"ClientId": "1", "Assets": [asset]}))
    };
    let old = captured(&[client("", &[]), branding("AAAA")], &[]);
    assert_eq!(in_json(&old, &old)["same"], true);
    let found = in_json(&old, &captured(&[client("", &[]), branding("BBBB")], &[]));
    let [difference] = &found["differences"].as_array().unwrap()[..] else { panic!("{found}") };
    assert!(difference["field"].as_str().unwrap().ends_with(".Bytes"), "{found}");
    for side in ["old", "new"] {
        assert!(difference[side].as_str().unwrap().starts_with("digest "), "{found}");
    }
}
