//! The items of the table. The keys are in memory, and the contents in a temporary file.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::ops::Bound;
use std::os::unix::fs::FileExt;

use serde_dynamo::Item;
use shared::ports::vault::{Found, Key, Order, Query};
use shared::{Error, ErrorKind, Result};

use crate::packed;

/// The maximum size of the items on one page of a query, in bytes.
const MAX_QUERY_BYTES: usize = 1024 * 1024;

/// Items by key, with their sizes by DynamoDB's rules.
#[derive(Debug)]
pub struct Store {
    partitions: HashMap<String, Partition>,
    file: File,
    /// The end of the file. An item goes here if it is new, or too long for the slot that it had.
    end: u64,
}

/// The items with one partition key. There may be millions of sort keys that end in a UUID or a digest. They
/// are stored as numbers, to save memory.
#[derive(Debug, Default)]
struct Partition {
    by_text: BTreeMap<Box<str>, Slot>,
    by_number: HashMap<String, HashMap<u128, Slot>>,
}

/// The part of the file that holds an item.
#[derive(Debug, Clone, Copy)]
struct Slot {
    offset: u64,
    length: u32,
    /// The bytes that fit into the slot.
    capacity: u32,
    /// The item's size by DynamoDB's rules.
    size: u32,
}

/// One page of the answer to a query.
#[derive(Debug, Default)]
pub struct QueryPage {
    /// Packed items with their sort keys.
    pub items: Vec<(String, Vec<u8>)>,
    /// The sort key after which the next page begins. None on the last page.
    pub next: Option<String>,
    /// The total size of the items by DynamoDB's rules.
    pub bytes: usize,
}

impl QueryPage {
    /// Unpacks the items.
    ///
    /// # Errors
    /// If the bytes of an item cannot be read.
    pub fn unpack(self) -> Result<Found> {
        let items = self.items.into_iter().map(|(sk, bytes)| Ok((sk, unpack(&bytes)?)));
        Ok(Found { items: items.collect::<Result<_>>()?, next: self.next })
    }
}

/// Splits a sort key that ends in a UUID or a digest into its prefix and the number.
fn split_number(sk: &str) -> Option<(&str, u128)> {
    let (prefix, id) = sk.rsplit_once('#')?;
    let is_uuid = id.len() == 36;
    if !is_uuid && id.len() != 32 {
        return None;
    }
    let mut number = 0u128;
    for (index, byte) in id.bytes().enumerate() {
        let digit = match byte {
            b'-' if is_uuid && matches!(index, 8 | 13 | 18 | 23) => continue,
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        number = number << 4 | u128::from(digit);
    }
    // A UUID and a digest with the same number stay apart, because their prefixes differ.
    Some((prefix, number))
}

impl Store {
    /// An empty store. Its file is deleted with it.
    ///
    /// # Errors
    /// If the temporary file cannot be created.
    pub fn new() -> Result<Self> {
        let file = tempfile::tempfile().map_err(|error| file_error(&error))?;
        Ok(Self { partitions: HashMap::new(), file, end: 0 })
    }

    fn slot(&self, key: &Key) -> Option<Slot> {
        let partition = self.partitions.get(&key.pk)?;
        match split_number(&key.sk) {
            Some((prefix, number)) => partition.by_number.get(prefix)?.get(&number).copied(),
            None => partition.by_text.get(key.sk.as_str()).copied(),
        }
    }

    fn content(&self, slot: Slot) -> Result<Vec<u8>> {
        let mut bytes = vec![0; slot.length as usize];
        self.file.read_exact_at(&mut bytes, slot.offset).map_err(|error| file_error(&error))?;
        Ok(bytes)
    }

    /// The packed item with this key, and its size by DynamoDB's rules.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn get(&self, key: &Key) -> Result<Option<(Vec<u8>, usize)>> {
        self.slot(key).map(|slot| Ok((self.content(slot)?, slot.size as usize))).transpose()
    }

    /// The size of the item with this key, if there is one.
    pub fn size(&self, key: &Key) -> Option<usize> {
        self.slot(key).map(|slot| slot.size as usize)
    }

    /// Puts an item. `size` is its size by DynamoDB's rules.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn put(&mut self, key: &Key, item: &Item, size: usize) -> Result<()> {
        let bytes = packed::pack(item);
        let length = bytes.len() as u32;
        let old_slot = self.slot(key).filter(|slot| slot.capacity >= length);
        let offset = old_slot.map_or(self.end, |slot| slot.offset);
        let capacity = old_slot.map_or(length, |slot| slot.capacity);
        if old_slot.is_none() {
            self.end += u64::from(length);
        }
        self.file.write_all_at(&bytes, offset).map_err(|error| file_error(&error))?;
        let slot = Slot { offset, length, capacity, size: size as u32 };
        let partition = match self.partitions.get_mut(&key.pk) {
            Some(partition) => partition,
            None => self.partitions.entry(key.pk.clone()).or_default(),
        };
        match split_number(&key.sk) {
            Some((prefix, number)) => {
                let group = match partition.by_number.get_mut(prefix) {
                    Some(group) => group,
                    None => partition.by_number.entry(prefix.to_owned()).or_default(),
                };
                group.insert(number, slot);
            }
            None => drop(partition.by_text.insert(key.sk.as_str().into(), slot)),
        }
        Ok(())
    }

    /// Deletes an item. A key without an item is no error.
    pub fn remove(&mut self, key: &Key) {
        let Some(partition) = self.partitions.get_mut(&key.pk) else { return };
        match split_number(&key.sk) {
            Some((prefix, number)) => {
                if let Some(group) = partition.by_number.get_mut(prefix) {
                    group.remove(&number);
                }
            }
            None => drop(partition.by_text.remove(key.sk.as_str())),
        }
    }

    /// Reads a page of a partition as DynamoDB does.
    ///
    /// # Errors
    /// If the file cannot be read, or the query is about keys that end in a UUID or a digest. No step queries them.
    pub fn query(&self, query: &Query) -> Result<QueryPage> {
        let mut page = QueryPage::default();
        let Some(partition) = self.partitions.get(&query.pk) else { return Ok(page) };
        let is_queried = |before: &String| {
            let beginning = format!("{before}#");
            beginning.starts_with(&query.prefix) || query.prefix.starts_with(&beginning)
        };
        if partition.by_number.iter().any(|(before, group)| !group.is_empty() && is_queried(before)) {
            let what = "The bench does not store the order of keys that end in a UUID or a digest.";
            return Err(Error::new(ErrorKind::Internal, what, "Store them in the bench by text."));
        }
        let after = query.after.as_deref();
        let beyond = format!("{}{}", query.prefix, char::MAX);
        let bounds = match query.order {
            Order::Ascending => match after.filter(|after| *after >= query.prefix.as_str()) {
                Some(after) => (Bound::Excluded(after), Bound::Unbounded),
                None => (Bound::Included(query.prefix.as_str()), Bound::Unbounded),
            },
            Order::Descending => (
                Bound::Unbounded,
                Bound::Excluded(after.filter(|after| *after < beyond.as_str()).unwrap_or(&beyond)),
            ),
        };
        let range = partition.by_text.range::<str, _>(bounds).map(|(sk, slot)| (sk.as_ref(), *slot));
        let entries: Box<dyn Iterator<Item = (&str, Slot)>> = match query.order {
            Order::Ascending => Box::new(range),
            Order::Descending => Box::new(range.rev()),
        };
        for (sk, slot) in entries.take_while(|(sk, _)| sk.starts_with(&query.prefix)) {
            page.bytes += slot.size as usize;
            page.items.push((sk.to_owned(), self.content(slot)?));
            // DynamoDB stops at the limit. It does not check whether more items follow.
            if page.items.len() >= query.limit as usize || page.bytes >= MAX_QUERY_BYTES {
                page.next = Some(sk.to_owned());
                break;
            }
        }
        Ok(page)
    }
}

/// Unpacks an item.
///
/// # Errors
/// If the bytes cannot be read.
pub fn unpack(bytes: &[u8]) -> Result<Item> {
    packed::unpack(bytes).ok_or_else(|| {
        Error::new(ErrorKind::Internal, "The bench cannot read its file of items.", "Please report this.")
    })
}

fn file_error(error: &std::io::Error) -> Error {
    Error::new(
        ErrorKind::ServiceUnavailable,
        format!("The bench cannot use its file of items: {error}."),
        "Free space in the folder for temporary files, or set TMPDIR to another folder.",
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
    fn items_are_stored_and_replaced_by_their_whole_key() {
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
        for (index, key) in keys.iter().enumerate() {
            assert_eq!(store.size(key), None);
            store.put(key, &item(&index.to_string()), 100 + index).unwrap();
        }
        store.put(&keys[1], &item("longer than the old item"), 7).unwrap();
        store.put(&keys[2], &item("s"), 8).unwrap();
        let text = |key: &Key| store.get(key).unwrap().map(|(bytes, size)| (unpack(&bytes).unwrap(), size));
        assert_eq!(text(&keys[0]), Some((item("0"), 100)));
        assert_eq!(text(&keys[1]), Some((item("longer than the old item"), 7)));
        assert_eq!(text(&keys[2]), Some((item("s"), 8)));
        assert_eq!(text(&keys[3]), Some((item("3"), 103)));
        assert_eq!(text(&keys[5]), Some((item("5"), 105)));
        store.remove(&keys[2]);
        store.remove(&keys[5]);
        assert_eq!(
            keys.each_ref().map(|key| store.size(key).is_some()),
            [true, true, false, true, true, false]
        );
    }

    #[test]
    fn a_query_reads_in_both_orders_and_stops_at_its_limit() {
        let mut store = Store::new().unwrap();
        for number in 1..=5 {
            store.put(&Key::new("p", format!("PAGES#{number}")), &item("x"), 300_000).unwrap();
        }
        store.put(&Key::new("p", "UNIT#1"), &item("x"), 10).unwrap();
        let query = |after: Option<&str>, order, limit| {
            let query = Query {
                pk: "p".into(),
                prefix: "PAGES#".into(),
                after: after.map(str::to_owned),
                order,
                limit,
            };
            let QueryPage { items, next, bytes } = store.query(&query).unwrap();
            (items.into_iter().map(|(sk, _)| sk).collect::<Vec<_>>().join(" "), next, bytes)
        };
        assert_eq!(
            query(None, Order::Ascending, 2),
            ("PAGES#1 PAGES#2".into(), Some("PAGES#2".into()), 600_000)
        );
        assert_eq!(
            query(Some("PAGES#2"), Order::Ascending, 9),
            ("PAGES#3 PAGES#4 PAGES#5".into(), None, 900_000)
        );
        assert_eq!(query(None, Order::Descending, 1), ("PAGES#5".into(), Some("PAGES#5".into()), 300_000));
        assert_eq!(query(Some("PAGES#2"), Order::Descending, 9), ("PAGES#1".into(), None, 300_000));
        assert_eq!(query(None, Order::Ascending, 9).1, Some("PAGES#4".into()));
    }
}
