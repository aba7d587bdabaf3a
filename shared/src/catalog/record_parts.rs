//! Records in parts: the layout of a record whose item would exceed DynamoDB's limit.
//!
//! Cognito allows 50 custom attributes of 2,048 characters, which is 400 KB of four-byte characters beside everything
//! else. Such a record is stored as JSON, cut into parts. The item under the key of the record holds only their number.
//!
//! | sk | what |
//! |---|---|
//! | `REC#<digest>` | the number of parts, and the snapshot that first saw the record |
//! | `PART#<digest>#<n>` | part `n` of the JSON, from 1, in two digits |
//!
//! The parts are written before the item that stands for them, and deleted after it. The digest of the record covers
//! all parts. A record of a configuration can have more parts than a user.

use std::collections::HashMap;

use serde::Serialize;
use serde_dynamo::{AttributeValue, Item};

use super::records::Record;
use super::{encode, keys, unwritable};
use crate::model::RunId;
use crate::ports::vault::Key;
use crate::{Error, ErrorKind, Guidance, Result, item_size};

/// The most bytes of a part. An item has room for 50 KB more than that.
///
/// It never changes. Parts are inserted, so a part of another cut would stay beside those of this one.
const MAX_PART: usize = 350 * 1024;
/// The most parts of a record. A user has 75 attributes of at most 2,048 characters, and JSON takes up to six bytes
/// for a character.
const MAX_PARTS: u32 = 8;
/// A record of half the item limit in JSON is one item, with any attributes.
const SMALL: usize = item_size::MAX / 2;
/// The most parts of a text of a configuration: 22 MB.
const MAX_TEXT_PARTS: u32 = 64;
/// The attribute that holds the number of parts.
const PARTS: &str = "parts";
/// The attribute of a part that holds its text.
const TEXT: &str = "text";

/// The number of parts of a record: 1 to [`MAX_PARTS`], or to [`MAX_TEXT_PARTS`] for a record of a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PartCount(u32);

/// The number of parts, and their items with their keys.
pub(super) type Parts = (PartCount, Vec<(Key, Item)>);

/// The item that stands for the parts.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InParts<'a> {
    parts: u32,
    first_seen: &'a RunId,
}

impl PartCount {
    /// The number of parts that an item stands for. None if it holds a whole record.
    pub fn of(item: &Item) -> Option<Self> {
        match item.inner().get(PARTS) {
            Some(AttributeValue::N(count)) => {
                count.parse().ok().filter(|count| (1..=MAX_TEXT_PARTS).contains(count)).map(Self)
            }
            _ => None,
        }
    }

    /// The keys of the parts, in their order.
    pub fn keys(self, record: &Key) -> Vec<Key> {
        (1..=self.0).map(|number| keys::record_part(record, number)).collect()
    }

    /// The item under the key of the record.
    pub fn item(self, first_seen: &RunId) -> Result<Item> {
        encode(&InParts { parts: self.0, first_seen })
    }
}

/// The parts of a text of a configuration, and their number.
///
/// # Errors
/// `CallRefused` if the text exceeds [`MAX_TEXT_PARTS`] parts.
pub(super) fn split_text(record: &Key, text: &str) -> Result<Parts> {
    let texts = cut(record, text, MAX_TEXT_PARTS)?;
    let count = PartCount(texts.len() as u32);
    let items = count.keys(record).into_iter().zip(texts).map(|(key, text)| (key, part_item(text)));
    Ok((count, items.collect()))
}

/// Whether a text of a configuration has too many parts to be stored.
pub(super) fn is_too_large(text: &str) -> bool {
    // A part can be three bytes shorter, because it ends with a whole character.
    text.len() > (MAX_PART - 3) * MAX_TEXT_PARTS as usize
}

fn part_item(text: &str) -> Item {
    Item::from(HashMap::from([(TEXT.to_owned(), AttributeValue::S(text.to_owned()))]))
}

/// The keys of all parts that a record may have.
pub(super) fn all_keys(record: &Key) -> Vec<Key> {
    PartCount(MAX_PARTS).keys(record)
}

/// The number of parts of a record. None if it is one item.
///
/// # Errors
/// If the record is larger than any user of Cognito can be.
pub(super) fn count<R: Record>(key: &Key, record: &R) -> Result<Option<PartCount>> {
    match json_of_large(key, record)? {
        Some(json) => {
            let parts = cut(key, &json, MAX_PARTS)?;
            Ok(Some(PartCount(parts.len() as u32)))
        }
        None => Ok(None),
    }
}

/// The parts of a record and their number. None if the record is one item.
///
/// # Errors
/// See [`count`].
pub(super) fn split<R: Record>(key: &Key, record: &R) -> Result<Option<Parts>> {
    let Some(json) = json_of_large(key, record)? else { return Ok(None) };
    let texts = cut(key, &json, MAX_PARTS)?;
    let part = |(number, text): (u32, &&str)| (keys::record_part(key, number), part_item(text));
    let count = PartCount(texts.len() as u32);
    Ok(Some((count, (1..).zip(&texts).map(part).collect())))
}

/// The JSON of the record that parts hold, given all of them in their order. None if one is missing or no part.
pub(super) fn joined(count: PartCount, parts: Vec<(Key, Item)>) -> Option<String> {
    if parts.len() != count.0 as usize {
        return None;
    }
    let mut json = String::new();
    for (_, part) in parts {
        match part.into_inner().remove(TEXT)? {
            AttributeValue::S(text) => json.push_str(&text),
            _ => return None,
        }
    }
    Some(json)
}

/// The JSON of a record whose item would be too large. None if one item can hold the record.
fn json_of_large<R: Serialize>(key: &Key, record: &R) -> Result<Option<String>> {
    let mut length = Length(0);
    serde_json::to_writer(&mut length, record).map_err(unwritable)?;
    if length.0 <= SMALL {
        return Ok(None);
    }
    // The name and the length of the attribute that says which snapshot first saw the record.
    let first_seen = "firstSeen".len() + RunId::LENGTH;
    if item_size::of(key, &encode(record)?) + first_seen <= item_size::MAX {
        return Ok(None);
    }
    serde_json::to_string(record).map(Some).map_err(unwritable)
}

/// Cuts a text into at most `most` parts of [`MAX_PART`] bytes, between characters.
fn cut<'a>(key: &Key, json: &'a str, most: u32) -> Result<Vec<&'a str>> {
    let (mut texts, mut rest) = (Vec::new(), json);
    while !rest.is_empty() {
        let (text, others) = rest.split_at(rest.floor_char_boundary(MAX_PART));
        texts.push(text);
        rest = others;
    }
    if texts.len() > most as usize {
        let what = format!("Item {key} cannot be stored: it exceeds {most} parts of {MAX_PART} bytes.");
        return Err(Error::new(ErrorKind::CallRefused, what, Guidance::REPORT_THIS));
    }
    Ok(texts)
}

/// Counts the bytes that are written to it.
struct Length(usize);

impl std::io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{PoolId, UserRecord};

    fn record(attributes: impl IntoIterator<Item = (String, String)>) -> UserRecord {
        UserRecord { attributes: attributes.into_iter().collect(), ..UserRecord::confirmed("anna", &[]) }
    }

    fn key(record: &UserRecord) -> Key {
        UserRecord::key(&PoolId::parse("eu-west-1_A").unwrap(), "sub", record.digest())
    }

    #[test]
    fn a_record_is_in_parts_if_its_item_exceeds_the_limit_by_a_byte() {
        let id = RunId::parse("20261121T020000123Z-1a2b3c4d").unwrap();
        assert_eq!(id.as_str().len(), RunId::LENGTH);
        let of_size = |bytes: usize| record([("custom:text".to_owned(), "x".repeat(bytes))]);
        let item_size = |record: &UserRecord| {
            let mut item = encode(record).unwrap();
            item.inner_mut().insert("firstSeen".to_owned(), AttributeValue::S(id.as_str().to_owned()));
            item_size::of(&key(record), &item)
        };
        let most = item_size::MAX - item_size(&of_size(0));
        for (bytes, parts) in
            [(most, None), (most + 1, Some(PartCount(2))), (2 * item_size::MAX, Some(PartCount(3)))]
        {
            let record = of_size(bytes);
            assert_eq!(count(&key(&record), &record).unwrap(), parts, "{bytes}");
            assert_eq!(split(&key(&record), &record).unwrap().map(|(count, _)| count), parts);
            assert_eq!(item_size(&record) > item_size::MAX, parts.is_some());
        }
    }

    #[test]
    fn the_cut_never_changes() {
        let large = record([("custom:text".to_owned(), "ä".repeat(item_size::MAX / 2))]);
        let key = key(&large);
        let (_, parts) = split(&key, &large).unwrap().unwrap();
        let texts = parts.into_iter().map(|(_, item)| match &item.inner()[TEXT] {
            AttributeValue::S(text) => text.clone(),
            other => panic!("{other:?}"),
        });
        let texts: Vec<String> = texts.collect();
        assert_eq!(texts.concat(), serde_json::to_string(&large).unwrap());
        // 350 KB hold an even number of bytes, and the text begins after an even or odd one.
        assert!(texts.iter().rev().skip(1).all(|text| (358_399..=358_400).contains(&text.len())));
        assert_eq!(texts.len(), 2);
    }

    #[test]
    fn a_record_larger_than_any_user_is_refused() {
        let record = record([("custom:text".to_owned(), "x".repeat(MAX_PART * MAX_PARTS as usize))]);
        assert_eq!(split(&key(&record), &record).unwrap_err().kind(), ErrorKind::CallRefused);
        // 75 attributes of 2,048 characters that JSON writes with six bytes.
        let value = "\u{1}".repeat(2_048);
        let largest = self::record((0..75).map(|number| (format!("custom:{number:020}"), value.clone())));
        assert!(split(&key(&largest), &largest).is_ok());
    }

    #[test]
    fn the_error_of_a_record_that_cannot_be_written_quotes_no_value() {
        struct Unwritable;
        impl Serialize for Unwritable {
            fn serialize<S: serde::Serializer>(&self, _: S) -> std::result::Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom("anna@example.com"))
            }
        }
        let key = Key::new("USER#a", "REC#b");
        for error in
            [json_of_large(&key, &Unwritable).map(drop).unwrap_err(), encode(&Unwritable).unwrap_err()]
        {
            assert!(!format!("{error} {error:?}").contains("anna"), "{error}");
        }
    }

    #[test]
    fn a_text_is_cut_into_at_most_the_allowed_parts() {
        let key = Key::new("REC", "text");
        let longest = "x".repeat(MAX_PART * MAX_PARTS as usize);
        assert_eq!(cut(&key, &longest, MAX_PARTS).unwrap().len(), MAX_PARTS as usize);
        assert_eq!(cut(&key, &(longest + "x"), MAX_PARTS).unwrap_err().kind(), ErrorKind::CallRefused);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn parts_are_joined_to_the_record_and_fit_into_items(
            letters in prop::collection::vec(prop_oneof![Just('x'), Just('"'), Just('é'), Just('長'), Just('🧑'), Just('\u{7}')], 50..61),
        ) {
            let attributes = letters.iter().enumerate().map(|(number, letter)| (format!("custom:{number}"), letter.to_string().repeat(2_048)));
            let record = record(attributes);
            let key = key(&record);
            if let Some((count, parts)) = split(&key, &record).unwrap() {
                prop_assert!(parts.iter().all(|(key, part)| item_size::check(key, part).is_ok()));
                prop_assert_eq!(parts.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(), count.keys(&key));
                let json = joined(count, parts.clone()).unwrap();
                prop_assert_eq!(serde_json::from_str::<UserRecord>(&json).unwrap().digest(), record.digest());
                prop_assert_eq!(joined(count, parts[1..].to_vec()), None);
            }
        }
    }
}
