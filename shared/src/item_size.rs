//! The size of an item by DynamoDB's rules.
//! Sources: "DynamoDB item sizes and formats" and "Constraints in Amazon DynamoDB", Amazon DynamoDB developer guide.

use serde_dynamo::{AttributeValue, Item};

use crate::ports::vault::Key;
use crate::{Error, ErrorKind, Result};

/// The maximum size of an item in bytes, keys included.
pub const MAX: usize = 400 * 1024;
/// The most bytes of a partition key and of a sort key.
const MAX_PK: usize = 2048;
const MAX_SK: usize = 1024;

/// The size of an item in bytes: names and values, including those of the key.
pub fn of(key: &Key, item: &Item) -> usize {
    let attributes: usize = item.inner().iter().map(|(name, value)| name.len() + value_size(value)).sum();
    "pk".len() + key.pk.len() + "sk".len() + key.sk.len() + attributes
}

/// The size of an item that DynamoDB accepts, in bytes.
///
/// # Errors
/// `CallRefused` if the item is too large, or if its key is empty or too long.
pub fn check(key: &Key, item: &Item) -> Result<usize> {
    let refuse =
        |why: &str| Error::new(ErrorKind::CallRefused, format!("Item {key} cannot be stored: {why}."), "");
    if key.pk.is_empty() || key.pk.len() > MAX_PK || key.sk.is_empty() || key.sk.len() > MAX_SK {
        return Err(refuse("its key is empty or too long"));
    }
    let size = of(key, item);
    if size > MAX { Err(refuse("it exceeds 400 KB")) } else { Ok(size) }
}

fn value_size(value: &AttributeValue) -> usize {
    let number = |digits: &String| digits.len().div_ceil(2) + 1;
    match value {
        AttributeValue::N(digits) => number(digits),
        AttributeValue::S(text) => text.len(),
        AttributeValue::Bool(_) | AttributeValue::Null(_) => 1,
        AttributeValue::B(bytes) => bytes.len(),
        AttributeValue::M(map) => {
            3 + map.iter().map(|(name, value)| 1 + name.len() + value_size(value)).sum::<usize>()
        }
        AttributeValue::L(list) => 3 + list.iter().map(|value| 1 + value_size(value)).sum::<usize>(),
        AttributeValue::Ss(set) => set.iter().map(String::len).sum(),
        AttributeValue::Ns(set) => set.iter().map(number).sum(),
        AttributeValue::Bs(set) => set.iter().map(Vec::len).sum(),
    }
}
