//! Pages: the answers of a listing, packed.
//!
//! Packed form, version 1: one byte `1`; one byte `1` or `0` (with or without digests); then the entries.
//! An entry is one byte `n`, the key, and the record's digest (16 bytes). If `n` is 0, the key is the 16
//! bytes of a UUID. If `n` is 255, two bytes with the big-endian length follow, then the text. Otherwise
//! `n` bytes of UTF-8 follow. A member entry has no digest, because the page of users names the record.

use super::Digest;
use crate::{Error, ErrorKind};

/// The most entries of one page. Source: the `Limit` of ListUsers, ListGroups and ListUsersInGroup, Cognito API reference.
pub const PAGE_SIZE: u32 = 60;

const VERSION: u8 = 1;
const LONG: u8 = 255;

/// One entry of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageEntry {
    /// A user's `sub` or a group's name.
    pub key: String,
    /// The digest of the record; none for a membership.
    pub digest: Option<Digest>,
}

/// The entries of a page, at most 60.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageContent(pub Vec<PageEntry>);

fn damaged(why: &str) -> Error {
    Error::new(ErrorKind::SnapshotDamaged, format!("A page cannot be read: {why}."), "")
}

impl PageContent {
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

    /// Unpacks entries. The error says why the bytes are no page.
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
                        LONG => u16::from_be_bytes(take(2).ok_or_else(cut)?.0.try_into().map_err(|_| cut())?)
                            .into(),
                        short => usize::from(short),
                    };
                    let text = take(length).ok_or_else(cut)?.0;
                    std::str::from_utf8(text).map_err(|_| damaged("a key is no UTF-8"))?.to_owned()
                }
            };
            let digest = if with_digests {
                Some(Digest::from_bytes(take(16).ok_or_else(cut)?.0.try_into().map_err(|_| cut())?))
            } else {
                None
            };
            end = take(0).ok_or_else(cut)?.1;
            entries.push(PageEntry { key, digest });
        }
        Ok(Self(entries))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
    }

    #[test]
    fn sixty_users_fit_into_two_kilobytes() {
        let entries = (0..60u8).map(|n| PageEntry {
            key: super::super::Sub::from_uuid_bytes([n; 16]).to_string(),
            digest: Some(Digest::default()),
        });
        assert_eq!(PageContent(entries.collect()).pack().len(), 2 + 60 * 33);
    }
}
