//! Pages: the answers of a listing, packed, chained by digests. **The page is the checkpoint.**
//!
//! Packed form, version 1: one byte `1`, one byte `1` or `0` (with or without digests); then for each entry one byte `n` and the key (`n` = 0: the 16 bytes of a UUID; otherwise `n`
//! bytes of UTF-8, or, for `n` = 255, two more bytes with the big-endian length before the text); then, in listings of users and
//! groups, the 16 bytes of the record's digest. A member entry has no digest: the record is named by the page of users.

use serde::{Deserialize, Serialize};

use super::{Digest, DigestBuilder, UnitId};
use crate::{Error, ErrorKind};

const VERSION: u8 = 1;
const LONG: u8 = 255;

/// One entry of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageEntry {
    /// A user's `sub` or a group's name.
    pub key: String,
    /// The digest of the record; none for the members of a group.
    pub digest: Option<Digest>,
}

/// The entries of a page and how they are packed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageContent(pub Vec<PageEntry>);

/// A page as stored. A listing's page holds at most 60 entries, so a page stays far below DynamoDB's 400 KB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The packed entries.
    #[serde(rename = "e", with = "bytes")]
    pub packed: Vec<u8>,
    /// How many there are.
    #[serde(rename = "n")]
    pub count: u32,
    /// Records that this page was the first to name.
    #[serde(rename = "w")]
    pub records_written: u32,
    /// Entries on this page and all before it.
    #[serde(rename = "en")]
    pub entries_so_far: u64,
    /// The sum of `records_written` on this page and all before it.
    #[serde(rename = "ew")]
    pub records_so_far: u64,
    /// The chain digest of the page before; all zero on the first.
    #[serde(rename = "p", with = "digest_bytes")]
    pub previous: Digest,
    /// This page's chain digest: over its place, its entries and `previous`.
    #[serde(rename = "c", with = "digest_bytes")]
    pub chain: Digest,
    /// The token of the next page; none on the last.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

impl Page {
    /// The page that follows `previous` (none for the first) as number `number`, from 1, of `unit`.
    pub fn following(
        previous: Option<&Page>,
        unit: &UnitId,
        number: u64,
        content: &PageContent,
        records_written: u32,
        next_token: Option<String>,
    ) -> Self {
        let packed = content.pack();
        let before = previous.map_or(Digest::default(), |page| page.chain);
        Self {
            count: content.0.len() as u32,
            records_written,
            entries_so_far: previous.map_or(0, |page| page.entries_so_far) + content.0.len() as u64,
            records_so_far: previous.map_or(0, |page| page.records_so_far) + u64::from(records_written),
            previous: before,
            chain: chain(unit, number, before, &packed),
            next_token,
            packed,
        }
    }

    /// The entries, after checking that the page is the one that was written as `number` of `unit`.
    pub fn verified(&self, unit: &UnitId, number: u64) -> Result<PageContent, Error> {
        let content = PageContent::unpack(&self.packed)?;
        if chain(unit, number, self.previous, &self.packed) != self.chain || content.0.len() != self.count as usize {
            return Err(damaged("its content does not match its digest"));
        }
        Ok(content)
    }
}

fn chain(unit: &UnitId, number: u64, previous: Digest, packed: &[u8]) -> Digest {
    DigestBuilder::new("page").text(&unit.to_string()).number(number).digest(previous).bytes(packed).finish()
}

fn damaged(why: &str) -> Error {
    Error::new(ErrorKind::SnapshotDamaged, format!("A page cannot be read: {why}."), "")
}

impl PageContent {
    /// Packs the entries.
    pub fn pack(&self) -> Vec<u8> {
        let mut packed = Vec::with_capacity(1 + self.0.len() * 34);
        packed.push(VERSION);
        packed.push(u8::from(self.0.iter().any(|entry| entry.digest.is_some())));
        for entry in &self.0 {
            let text = entry.key.as_bytes();
            match (super::Sub::new(entry.key.as_str()).uuid_bytes(), u8::try_from(text.len())) {
                (Some(uuid), _) => {
                    packed.push(0);
                    packed.extend(uuid);
                }
                (None, Ok(length)) if (1..LONG).contains(&length) => {
                    packed.push(length);
                    packed.extend(text);
                }
                _ => {
                    packed.push(LONG);
                    packed.extend((text.len() as u16).to_be_bytes());
                    packed.extend(text);
                }
            }
            packed.extend(entry.digest.map(Digest::into_bytes).into_iter().flatten());
        }
        packed
    }

    /// Unpacks entries, or says why the bytes are no page.
    pub fn unpack(packed: &[u8]) -> Result<Self, Error> {
        let mut rest = packed;
        let mut take = |count: usize| {
            let (head, tail) = rest.split_at_checked(count)?;
            rest = tail;
            Some((head, tail.is_empty()))
        };
        let cut = || damaged("it is cut short");
        let (head, mut end) = take(2).ok_or_else(cut)?;
        let with_digests = match head {
            [VERSION, 0] => false,
            [VERSION, 1] => true,
            _ => return Err(damaged("its format is unknown")),
        };
        let mut entries = Vec::new();
        while !end {
            let length = take(1).ok_or_else(cut)?.0[0];
            let key = match length {
                0 => {
                    let bytes = take(16).ok_or_else(cut)?.0.try_into().map_err(|_| cut())?;
                    super::Sub::from_uuid_bytes(bytes).as_str().to_owned()
                }
                _ => {
                    let length = match length {
                        LONG => u16::from_be_bytes(take(2).ok_or_else(cut)?.0.try_into().map_err(|_| cut())?).into(),
                        short => usize::from(short),
                    };
                    let text = take(length).ok_or_else(cut)?.0;
                    std::str::from_utf8(text).map_err(|_| damaged("a key is no UTF-8"))?.to_owned()
                }
            };
            let digest = match with_digests {
                true => Some(Digest::from_bytes(take(16).ok_or_else(cut)?.0.try_into().map_err(|_| cut())?)),
                false => None,
            };
            end = take(0).ok_or_else(cut)?.1;
            entries.push(PageEntry { key, digest });
        }
        Ok(Self(entries))
    }
}

/// Bytes as a DynamoDB binary rather than a list of numbers.
mod bytes {
    use serde::{Deserializer, Serializer, de::Visitor};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = Vec<u8>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
            fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
                Ok(bytes)
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}

/// A digest as 16 bytes.
mod digest_bytes {
    use serde::{Deserializer, Serializer, de::Error};

    use super::Digest;

    pub fn serialize<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&digest.into_bytes())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        let bytes = super::bytes::deserialize(deserializer)?;
        let length = bytes.len();
        bytes.try_into().map(Digest::from_bytes).map_err(|_| D::Error::invalid_length(length, &"16 bytes"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Listing;

    fn key() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<[u8; 16]>().prop_map(|bytes| super::super::Sub::from_uuid_bytes(bytes).to_string()),
            "\\PC{1,128}",
            "[a-z]{250,260}",
        ]
    }

    proptest! {
        #[test]
        fn what_is_packed_unpacks(keys in prop::collection::vec((key(), any::<[u8; 16]>()), 0..61), digests: bool) {
            let content = PageContent(keys.into_iter().map(|(key, digest)| PageEntry {
                key,
                digest: digests.then(|| Digest::from_bytes(digest)),
            }).collect());
            prop_assert_eq!(PageContent::unpack(&content.pack()), Ok(content));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = PageContent::unpack(&bytes);
        }

        #[test]
        fn an_altered_page_is_noticed(at in 0usize..500, bit in 0u8..8) {
            let unit = Listing::Users.unit_id();
            let entries = (0..20u8).map(|n| PageEntry {
                key: super::super::Sub::from_uuid_bytes([n; 16]).to_string(),
                digest: Some(Digest::from_bytes([n; 16])),
            });
            let mut page = Page::following(None, &unit, 1, &PageContent(entries.collect()), 0, None);
            prop_assert!(page.verified(&unit, 1).is_ok());
            prop_assert!(page.verified(&unit, 2).is_err());
            let at = at % page.packed.len();
            page.packed[at] ^= 1 << bit;
            prop_assert!(page.verified(&unit, 1).is_err());
        }
    }

    #[test]
    fn sixty_users_fit_into_two_kilobytes() {
        let entries = (0..60u8)
            .map(|n| PageEntry { key: super::super::Sub::from_uuid_bytes([n; 16]).to_string(), digest: Some(Digest::default()) });
        assert_eq!(PageContent(entries.collect()).pack().len(), 2 + 60 * 33);
    }

    #[test]
    fn pages_are_chained_and_counted() {
        let unit = Listing::Groups.unit_id();
        let content = PageContent(vec![PageEntry { key: "g".into(), digest: Some(Digest::default()) }]);
        let first = Page::following(None, &unit, 1, &content, 1, Some("token".into()));
        let second = Page::following(Some(&first), &unit, 2, &content, 0, None);
        assert_eq!((second.entries_so_far, second.records_so_far, second.previous), (2, 1, first.chain));
        assert_ne!(first.chain, second.chain);
        let item: serde_dynamo::Item = serde_dynamo::to_item(&first).unwrap();
        assert!(matches!(item.inner()["e"], serde_dynamo::AttributeValue::B(_)));
        assert_eq!(serde_dynamo::from_item::<_, Page>(item), Ok(first));
    }
}
