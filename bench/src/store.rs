//! Where the table keeps its items: keys in memory, content in a temporary file.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::ops::Bound;
use std::os::unix::fs::FileExt;

use serde_dynamo::Item;
use shared::ports::vault::{Found, Key, Order, Query};
use shared::{Error, ErrorKind, Result};

use crate::packed;

/// The most bytes that one answer of a query covers.
const QUERY_BYTES: usize = 1024 * 1024;

/// Items by key, with their sizes by DynamoDB's rules.
#[derive(Debug)]
pub struct Store {
    partitions: HashMap<String, Partition>,
    file: File,
    /// Where the next item goes that finds no room where it was.
    end: u64,
}

/// The items of one partition key. Sort keys that end in a UUID or a digest are kept as a number, because there may be millions of them.
#[derive(Debug, Default)]
struct Partition {
    named: BTreeMap<Box<str>, Slot>,
    numbered: HashMap<String, HashMap<u128, Slot>>,
}

/// Where an item is.
#[derive(Debug, Clone, Copy)]
struct Slot {
    at: u64,
    length: u32,
    /// Bytes that there is room for.
    room: u32,
    /// The item's size by DynamoDB's rules.
    size: u32,
}

/// The answer of a query.
#[derive(Debug, Default)]
pub struct Answer {
    /// Packed items with their sort keys.
    pub items: Vec<(String, Vec<u8>)>,
    /// The sort key to go on after; none at the end.
    pub next: Option<String>,
    /// The size of the items by DynamoDB's rules, together.
    pub bytes: usize,
}

impl Answer {
    /// The same with its items unpacked.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn unpacked(self) -> Result<Found> {
        let items = self.items.into_iter().map(|(sk, bytes)| Ok((sk, unpacked(&bytes)?)));
        Ok(Found { items: items.collect::<Result<_>>()?, next: self.next })
    }
}

/// A sort key that ends in a UUID or a digest, taken apart: what is before it, the number, and whether it has dashes.
fn numbered(sk: &str) -> Option<(&str, u128)> {
    let (before, id) = sk.rsplit_once('#')?;
    let is_uuid = id.len() == 36;
    if !is_uuid && id.len() != 32 {
        return None;
    }
    let mut number = 0u128;
    for (at, byte) in id.bytes().enumerate() {
        let digit = match byte {
            b'-' if is_uuid && matches!(at, 8 | 13 | 18 | 23) => continue,
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        number = number << 4 | u128::from(digit);
    }
    // A UUID and a digest of the same number are two keys: they never share what is before them.
    Some((before, number))
}

impl Store {
    /// An empty store, whose file is gone with it.
    pub fn new() -> Result<Self> {
        let file = tempfile::tempfile().map_err(|error| failed(&error))?;
        Ok(Self { partitions: HashMap::new(), file, end: 0 })
    }

    fn slot(&self, key: &Key) -> Option<Slot> {
        let partition = self.partitions.get(&key.pk)?;
        match numbered(&key.sk) {
            Some((before, number)) => partition.numbered.get(before)?.get(&number).copied(),
            None => partition.named.get(key.sk.as_str()).copied(),
        }
    }

    fn content(&self, slot: Slot) -> Result<Vec<u8>> {
        let mut bytes = vec![0; slot.length as usize];
        self.file.read_exact_at(&mut bytes, slot.at).map_err(|error| failed(&error))?;
        Ok(bytes)
    }

    /// The packed item under a key, and its size.
    pub fn get(&self, key: &Key) -> Result<Option<(Vec<u8>, usize)>> {
        self.slot(key).map(|slot| Ok((self.content(slot)?, slot.size as usize))).transpose()
    }

    /// The size of the item under a key, if there is one.
    pub fn size(&self, key: &Key) -> Option<usize> {
        self.slot(key).map(|slot| slot.size as usize)
    }

    /// Puts an item of `size` bytes by DynamoDB's rules.
    pub fn put(&mut self, key: &Key, item: &Item, size: usize) -> Result<()> {
        let bytes = packed::pack(item);
        let length = bytes.len() as u32;
        let there = self.slot(key).filter(|there| there.room >= length);
        let at = there.map_or(self.end, |there| there.at);
        let room = there.map_or(length, |there| there.room);
        if there.is_none() {
            self.end += u64::from(length);
        }
        self.file.write_all_at(&bytes, at).map_err(|error| failed(&error))?;
        let slot = Slot { at, length, room, size: size as u32 };
        let partition = match self.partitions.get_mut(&key.pk) {
            Some(partition) => partition,
            None => self.partitions.entry(key.pk.clone()).or_default(),
        };
        match numbered(&key.sk) {
            Some((before, number)) => {
                let group = match partition.numbered.get_mut(before) {
                    Some(group) => group,
                    None => partition.numbered.entry(before.to_owned()).or_default(),
                };
                group.insert(number, slot);
            }
            None => drop(partition.named.insert(key.sk.as_str().into(), slot)),
        }
        Ok(())
    }

    /// Deletes an item; what is not there is no error.
    pub fn remove(&mut self, key: &Key) {
        let Some(partition) = self.partitions.get_mut(&key.pk) else { return };
        match numbered(&key.sk) {
            Some((before, number)) => {
                if let Some(group) = partition.numbered.get_mut(before) {
                    group.remove(&number);
                }
            }
            None => drop(partition.named.remove(key.sk.as_str())),
        }
    }

    /// Reads along a partition as DynamoDB does. Keys that end in a UUID or a digest are not found: no step asks for them.
    pub fn query(&self, query: &Query) -> Result<Answer> {
        let mut answer = Answer::default();
        let Some(partition) = self.partitions.get(&query.pk) else { return Ok(answer) };
        let after = query.after.as_deref();
        let beyond = format!("{}{}", query.prefix, char::MAX);
        let bounds = match query.order {
            Order::Ascending => match after.filter(|after| *after >= query.prefix.as_str()) {
                Some(after) => (Bound::Excluded(after), Bound::Unbounded),
                None => (Bound::Included(query.prefix.as_str()), Bound::Unbounded),
            },
            Order::Descending => {
                (Bound::Unbounded, Bound::Excluded(after.filter(|after| *after < beyond.as_str()).unwrap_or(&beyond)))
            }
        };
        let range = partition.named.range::<str, _>(bounds).map(|(sk, slot)| (sk.as_ref(), *slot));
        let entries: Box<dyn Iterator<Item = (&str, Slot)>> = match query.order {
            Order::Ascending => Box::new(range),
            Order::Descending => Box::new(range.rev()),
        };
        for (sk, slot) in entries.take_while(|(sk, _)| sk.starts_with(&query.prefix)) {
            answer.bytes += slot.size as usize;
            answer.items.push((sk.to_owned(), self.content(slot)?));
            // DynamoDB stops at the limit without looking whether anything follows.
            if answer.items.len() >= query.limit as usize || answer.bytes >= QUERY_BYTES {
                answer.next = Some(sk.to_owned());
                break;
            }
        }
        Ok(answer)
    }
}

/// The item of packed bytes.
pub fn unpacked(bytes: &[u8]) -> Result<Item> {
    packed::unpack(bytes)
        .ok_or_else(|| Error::new(ErrorKind::Internal, "The bench's file of items cannot be read.", "Please report this."))
}

fn failed(error: &std::io::Error) -> Error {
    Error::new(
        ErrorKind::ServiceUnavailable,
        format!("The bench's file of items cannot be used: {error}."),
        "Make room where temporary files go (TMPDIR).",
    )
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_dynamo::AttributeValue;

    use super::*;

    fn item(text: &str) -> Item {
        HashMap::from([("t".to_owned(), AttributeValue::S(text.to_owned()))]).into()
    }

    #[test]
    fn items_of_every_kind_of_key_are_kept_apart_and_replaced() {
        let mut store = Store::new().unwrap();
        let uuid = "617ae49d-f84c-47fc-99bf-1b780e65dec8";
        let keys = [
            Key::new("p", "PAGES#users#001#0000001"),
            Key::new("p", format!("SUB#{uuid}")),
            Key::new("p", format!("NEW#{uuid}")),
            Key::new("q", format!("SUB#{uuid}")),
            Key::new("p", format!("NAME#{}", "0a".repeat(16))),
            Key::new("p", format!("NAME#{}", "0A".repeat(16))),
        ];
        for (at, key) in keys.iter().enumerate() {
            assert_eq!(store.size(key), None);
            store.put(key, &item(&at.to_string()), 100 + at).unwrap();
        }
        store.put(&keys[1], &item("a longer one than before"), 7).unwrap();
        store.put(&keys[2], &item("s"), 8).unwrap();
        let text = |key: &Key| store.get(key).unwrap().map(|(bytes, size)| (unpacked(&bytes).unwrap(), size));
        assert_eq!(text(&keys[0]), Some((item("0"), 100)));
        assert_eq!(text(&keys[1]), Some((item("a longer one than before"), 7)));
        assert_eq!(text(&keys[2]), Some((item("s"), 8)));
        assert_eq!(text(&keys[3]), Some((item("3"), 103)));
        assert_eq!(text(&keys[5]), Some((item("5"), 105)));
        store.remove(&keys[2]);
        store.remove(&keys[5]);
        assert_eq!(keys.each_ref().map(|key| store.size(key).is_some()), [true, true, false, true, true, false]);
    }

    #[test]
    fn queries_go_both_ways_and_stop_at_their_limit() {
        let mut store = Store::new().unwrap();
        for number in 1..=5 {
            store.put(&Key::new("p", format!("PAGES#{number}")), &item("x"), 300_000).unwrap();
        }
        store.put(&Key::new("p", "UNIT#1"), &item("x"), 10).unwrap();
        let query = |after: Option<&str>, order, limit| {
            let query = Query { pk: "p".into(), prefix: "PAGES#".into(), after: after.map(str::to_owned), order, limit };
            let Answer { items, next, bytes } = store.query(&query).unwrap();
            (items.into_iter().map(|(sk, _)| sk).collect::<Vec<_>>().join(" "), next, bytes)
        };
        assert_eq!(query(None, Order::Ascending, 2), ("PAGES#1 PAGES#2".into(), Some("PAGES#2".into()), 600_000));
        assert_eq!(query(Some("PAGES#2"), Order::Ascending, 9), ("PAGES#3 PAGES#4 PAGES#5".into(), None, 900_000));
        assert_eq!(query(None, Order::Descending, 1), ("PAGES#5".into(), Some("PAGES#5".into()), 300_000));
        assert_eq!(query(Some("PAGES#2"), Order::Descending, 9), ("PAGES#1".into(), None, 300_000));
        assert_eq!(query(None, Order::Ascending, 9).1, Some("PAGES#4".into()));
    }
}
