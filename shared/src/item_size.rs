//! The size of an item by DynamoDB's rules.
//! Source: "DynamoDB item sizes and formats", Amazon DynamoDB developer guide.

use serde_dynamo::{AttributeValue, Item};

use crate::ports::vault::Key;

/// The maximum size of an item in bytes, keys included.
pub const MAX: usize = 400 * 1024;

/// The size of an item in bytes: names and values, those of the key included.
pub fn of(key: &Key, item: &Item) -> usize {
    let attributes: usize = item.inner().iter().map(|(name, value)| name.len() + value_size(value)).sum();
    "pk".len() + key.pk.len() + "sk".len() + key.sk.len() + attributes
}

fn value_size(value: &AttributeValue) -> usize {
    let number = |digits: &String| digits.len().div_ceil(2) + 1;
    match value {
        AttributeValue::N(digits) => number(digits),
        AttributeValue::S(text) => text.len(),
        AttributeValue::Bool(_) | AttributeValue::Null(_) => 1,
        AttributeValue::B(bytes) => bytes.len(),
        AttributeValue::M(map) => 3 + map.iter().map(|(name, value)| 1 + name.len() + value_size(value)).sum::<usize>(),
        AttributeValue::L(list) => 3 + list.iter().map(|value| 1 + value_size(value)).sum::<usize>(),
        AttributeValue::Ss(set) => set.iter().map(String::len).sum(),
        AttributeValue::Ns(set) => set.iter().map(number).sum(),
        AttributeValue::Bs(set) => set.iter().map(Vec::len).sum(),
    }
}
