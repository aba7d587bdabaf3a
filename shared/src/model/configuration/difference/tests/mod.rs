//! Goal: a diff names what an owner changed, and nothing else.
//!
//! Method: change documents of one large pool by hand, or by random changes that mean nothing.

mod assets;
mod captured;
mod client_secrets;
mod clients;
mod documents;
mod drift;
mod meaning;
mod odd_forms;
mod properties;
mod secrets;
mod size;

use serde_json::{Value, json};

use super::document::Configuration;
use super::*;

/// The pool of the tests, with objects of every kind and a canary in place of each secret.
fn document() -> Value {
    serde_json::from_str(include_str!("document.json")).unwrap()
}

fn configuration(document: &Value) -> Configuration {
    Configuration::from_document(document.clone()).unwrap()
}

fn difference(old: &Value, new: &Value) -> ConfigurationDifference {
    compare(&configuration(old), &configuration(new), &ClientMap::new())
}

/// The differences in JSON, as the command prints them.
fn differences(old: &Value, new: &Value) -> Value {
    json!(difference(old, new).differences)
}

/// The document of a pool that a restore made from this one: every id is another.
fn in_another_pool(document: &Value) -> Value {
    let text = document.to_string().replace("eu-west-1_EXAMPLE", "eu-west-1_ANOTHER");
    let text = text.replace("1web", "7web").replace("2mobile", "8mobile").replace("3batch", "9batch");
    serde_json::from_str(&text.replace("\"p1\"", "\"p7\"")).unwrap()
}

/// The document after a change by hand.
fn changed(change: impl FnOnce(&mut Value)) -> Value {
    let mut document = document();
    change(&mut document);
    document
}

#[track_caller]
fn assert_fields(change: impl FnOnce(&mut Value), expected: &[&str]) {
    let found = difference(&document(), &changed(change)).differences;
    let fields: Vec<_> =
        found.iter().map(|difference| difference.field.clone().unwrap_or_default()).collect();
    assert_eq!(fields, expected);
}
