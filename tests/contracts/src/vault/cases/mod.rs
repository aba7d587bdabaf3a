//! The cases of a vault.
//!
//! Sources: "Constraints in Amazon DynamoDB", the API reference of its operations, and the docs of the trait.

mod deletions;
mod items;
mod queries;

use std::collections::HashMap;

use serde_dynamo::{AttributeValue, Item};
use shared::ErrorKind;
use shared::ports::vault::{Key, REVISION};

use super::{Answer, Call, Case};

pub fn cases() -> Vec<Case> {
    [items::cases(), deletions::cases(), queries::cases()].into_iter().flatten().collect()
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn item(attributes: &[(&str, AttributeValue)]) -> Item {
    let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    attributes.collect::<HashMap<_, _>>().into()
}

/// An item of one attribute.
fn small(value: &str) -> Item {
    item(&[("a", text(value))])
}

fn revised(revision: u64, value: &str) -> Item {
    item(&[(REVISION, AttributeValue::N(revision.to_string())), ("a", text(value))])
}

fn put_new(key: &Key, item: Item, done: bool) -> (Call, Answer) {
    (Call::PutNew(key.clone(), item), Answer::Did(done))
}

fn replace(key: &Key, item: Item, revision: u64, done: bool) -> (Call, Answer) {
    (Call::Replace(key.clone(), item, revision), Answer::Did(done))
}

fn put_all(items: impl IntoIterator<Item = (Key, Item)>) -> (Call, Answer) {
    (Call::PutAll(items.into_iter().collect()), Answer::Done)
}

fn get(key: &Key, item: Option<Item>) -> (Call, Answer) {
    (Call::Get(key.clone()), Answer::Item(item))
}

fn existing(asked: &[Key], found: &[Key]) -> (Call, Answer) {
    (Call::Existing(asked.to_vec()), Answer::Keys(found.to_vec()))
}

fn refused(call: Call) -> (Call, Answer) {
    (call, Answer::Refused(ErrorKind::CallRefused))
}
