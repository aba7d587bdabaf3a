//! What the cases are made of.

use std::collections::HashMap;

use serde_dynamo::{AttributeValue, Item};
use shared::ErrorKind;
use shared::ports::vault::{Key, REVISION};

use crate::vault::{Answer, Call};

pub(super) fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub(super) fn item(attributes: &[(&str, AttributeValue)]) -> Item {
    let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    attributes.collect::<HashMap<_, _>>().into()
}

/// An item of one attribute.
pub(super) fn small(value: &str) -> Item {
    item(&[("a", text(value))])
}

pub(super) fn revised(revision: u64, value: &str) -> Item {
    item(&[(REVISION, AttributeValue::N(revision.to_string())), ("a", text(value))])
}

pub(super) fn put_new(key: &Key, item: Item, done: bool) -> (Call, Answer) {
    (Call::PutNew(key.clone(), item), Answer::Did(done))
}

pub(super) fn replace(key: &Key, item: Item, revision: u64, done: bool) -> (Call, Answer) {
    (Call::Replace(key.clone(), item, revision), Answer::Did(done))
}

pub(super) fn insert_all(items: impl IntoIterator<Item = (Key, Item)>) -> (Call, Answer) {
    (Call::InsertAll(items.into_iter().collect()), Answer::Done)
}

pub(super) fn put_all(items: impl IntoIterator<Item = (Key, Item)>) -> (Call, Answer) {
    (Call::PutAll(items.into_iter().collect()), Answer::Done)
}

pub(super) fn get(key: &Key, item: Option<Item>) -> (Call, Answer) {
    (Call::Get(key.clone()), Answer::Item(item))
}

pub(super) fn existing(asked: &[Key], found: &[Key]) -> (Call, Answer) {
    (Call::Existing(asked.to_vec()), Answer::Keys(found.to_vec()))
}

pub(super) fn refused(call: Call) -> (Call, Answer) {
    (call, Answer::Refused(ErrorKind::CallRefused))
}
