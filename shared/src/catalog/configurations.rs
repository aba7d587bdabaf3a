//! Records of configurations: objects, assets of login styles, secrets, and the list that the header of a snapshot
//! names.
//!
//! Each is a JSON text, stored once under its digest, in parts if it is large: see
//! [`record_parts`](super::record_parts). The record of a secret is encrypted, and has a name that follows from its MAC.
//! The records go before the list, and the list before the header.

use std::collections::HashSet;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_dynamo::{AttributeValue, Item};

use super::record_parts::{self, PartCount};
use super::records::RecordItems;
use super::{Catalog, decode, encode, keys, unwritable};
use crate::model::configuration::{
    Asset, CaptureCheckpoint, CapturedConfiguration, CapturedEntry, CapturedList, CapturedObject,
    SecretRecord,
};
use crate::model::{Digest, PoolId, Reason, RunId, Snapshot};
use crate::ports::vault::{Key, Order, Query, ReadVault, Vault, WriteOnceVault};
use crate::{Error, ErrorKind, Guidance, Result, item_size};

use super::records::ReadRecord;

/// The attribute that holds a text that is not in parts.
const JSON: &str = "json";
/// The most bytes of a text that is one item. An item has room for 50 KB more.
const MAX_ITEM_TEXT: usize = 350 * 1024;
/// The most bytes of items that are written with one call.
const MAX_CALL_BYTES: usize = 2 * 1024 * 1024;
/// Records that are read with one call.
const READ_AT_ONCE: usize = 25;

/// The kinds of records of a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigurationKind {
    Object,
    Asset,
    Secret,
    List,
}

impl ConfigurationKind {
    /// The name in keys.
    fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Asset => "asset",
            Self::Secret => "secret",
            Self::List => "objects",
        }
    }

    pub fn key(self, pool: &PoolId, digest: Digest) -> Key {
        keys::configuration_record(pool, self.name(), digest)
    }

    /// The kind of the record with this key. None if it is a record of something else.
    pub(super) fn of(key: &Key) -> Option<Self> {
        [Self::Object, Self::Asset, Self::Secret, Self::List].into_iter().find(|kind| {
            let prefix = keys::configuration_record_prefix(kind.name());
            key.sk.starts_with(&prefix)
        })
    }

    /// The digest of a record with this text. None if the text is altered, as far as that shows without a digest.
    fn digest_of(self, text: &str) -> Option<Digest> {
        match self {
            Self::Object => Some(CapturedObject::digest_of(text)),
            Self::Asset => Some(Asset::digest_of(text)),
            Self::Secret => SecretRecord::name_in(text),
            Self::List => Some(CapturedList::digest_of(text)),
        }
    }

    /// Whether `items` hold the record of this kind with this digest. A later version may have written it.
    pub fn is_record(self, items: &RecordItems, digest: Digest) -> bool {
        items.clone().into_text().is_some_and(|text| self.digest_of(&text) == Some(digest))
    }
}

/// A record of a configuration.
pub trait ConfigurationRecord: Serialize + DeserializeOwned + Sync {
    const KIND: ConfigurationKind;
}

impl ConfigurationRecord for CapturedObject {
    const KIND: ConfigurationKind = ConfigurationKind::Object;
}

impl ConfigurationRecord for Asset {
    const KIND: ConfigurationKind = ConfigurationKind::Asset;
}

impl ConfigurationRecord for SecretRecord {
    const KIND: ConfigurationKind = ConfigurationKind::Secret;
}

impl ConfigurationRecord for CapturedList {
    const KIND: ConfigurationKind = ConfigurationKind::List;
}

/// A record that is in one item.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InOneItem<'a> {
    json: &'a str,
    first_seen: &'a RunId,
}

/// The records of a configuration that a snapshot names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NamedRecords {
    pub records: Vec<(ConfigurationKind, Digest)>,
    /// The item that names more records and cannot be read.
    pub damaged: Option<Key>,
}

impl RecordItems {
    /// The text of a record of a configuration. None if a part is missing, or if it is another record.
    fn into_text(self) -> Option<String> {
        match PartCount::of(&self.own) {
            Some(count) => record_parts::joined(count, self.parts),
            None => match self.own.into_inner().remove(JSON)? {
                AttributeValue::S(text) => Some(text),
                _ => None,
            },
        }
    }
}

/// The record that a text holds, if it has this digest.
fn read_text<T: ConfigurationRecord>(text: &str, digest: Digest) -> Option<T> {
    if T::KIND.digest_of(text) == Some(digest) { serde_json::from_str(text).ok() } else { None }
}

/// Whether a record of a configuration is too large for the table.
///
/// # Errors
/// If it cannot be written as JSON.
pub fn is_too_large<T: ConfigurationRecord>(record: &T) -> Result<bool> {
    Ok(record_parts::is_too_large(&text_of(record)?))
}

fn text_of<T: Serialize>(record: &T) -> Result<String> {
    serde_json::to_string(record).map_err(unwritable)
}

impl<V: ReadVault> Catalog<V> {
    /// Reads records of a configuration, in this order.
    ///
    /// The caller bounds how many it holds: an object has at most a few megabytes, most have a kilobyte.
    pub async fn configuration_records<T: ConfigurationRecord>(
        &self,
        pool: &PoolId,
        digests: &[Digest],
    ) -> Result<Vec<ReadRecord<T>>> {
        let mut records = Vec::with_capacity(digests.len());
        for some in digests.chunks(READ_AT_ONCE) {
            let keys: HashSet<Key> = some.iter().map(|digest| T::KIND.key(pool, *digest)).collect();
            let items = self.record_items(keys.into_iter().collect()).await?;
            records.extend(some.iter().map(|digest| {
                let key = T::KIND.key(pool, *digest);
                let Some(items) = items.get(&key).cloned() else {
                    return Err(Reason::RecordMissing { key: key.to_string() });
                };
                let record = items.into_text().and_then(|text| read_text(&text, *digest));
                record.ok_or_else(|| Reason::RecordDamaged { key: key.to_string() })
            }));
        }
        Ok(records)
    }

    /// The list of the configuration of a snapshot. None if the snapshot holds no configuration.
    pub async fn captured_list(&self, snapshot: &Snapshot) -> Result<Option<ReadRecord<CapturedList>>> {
        let Some(captured) = snapshot.captured_configuration else { return Ok(None) };
        Ok(self.configuration_records(&snapshot.pool, &[captured.list]).await?.pop())
    }

    /// The records of a configuration that the header of a snapshot names, the list last.
    pub async fn listed_configuration(&self, snapshot: &Snapshot) -> Result<NamedRecords> {
        match snapshot.captured_configuration {
            Some(captured) => self.records_of_list(&snapshot.pool, captured).await,
            None => Ok(NamedRecords::default()),
        }
    }

    /// The records that a list names, the list last.
    pub async fn records_of_list(
        &self,
        pool: &PoolId,
        captured: CapturedConfiguration,
    ) -> Result<NamedRecords> {
        let of_list = (ConfigurationKind::List, captured.list);
        let read = self.configuration_records::<CapturedList>(pool, &[captured.list]).await?.pop();
        let Some(Ok(list)) = read else {
            let damaged = Some(of_list.0.key(pool, of_list.1));
            return Ok(NamedRecords { records: vec![of_list], damaged });
        };
        let objects = list.objects().map(|digest| (ConfigurationKind::Object, digest));
        let assets = list.assets().into_iter().map(|asset| (ConfigurationKind::Asset, asset));
        let secrets = list.secrets().into_iter().map(|secret| (ConfigurationKind::Secret, secret));
        let records = secrets.chain(assets).chain(objects).chain([of_list]).collect();
        Ok(NamedRecords { records, damaged: None })
    }

    /// The records of a configuration that a snapshot names: by its header, or by the checkpoints of its capture
    /// if it is not sealed.
    pub async fn named_configuration(&self, snapshot: &Snapshot) -> Result<NamedRecords> {
        let mut named = self.listed_configuration(snapshot).await?;
        // The list names all that the checkpoints name.
        if snapshot.seal.is_some() {
            return Ok(named);
        }
        let mut query = self.captures(&snapshot.id);
        loop {
            let found = self.vault.query(&query).await?;
            for (sk, item) in found.items {
                let key = Key::new(query.pk.as_str(), sk);
                let stored = serde_dynamo::from_item::<_, StoredCheckpoint>(item).ok();
                match stored.and_then(|stored| stored.read::<CheckpointRecords>()) {
                    Some(checkpoint) => named.records.extend(checkpoint.entries.iter().flat_map(|entry| {
                        let assets = entry.assets.iter().map(|asset| (ConfigurationKind::Asset, *asset));
                        let secrets =
                            entry.secrets.iter().map(|secret| (ConfigurationKind::Secret, secret.record));
                        std::iter::once((ConfigurationKind::Object, entry.digest))
                            .chain(assets)
                            .chain(secrets)
                    })),
                    None => named.damaged = Some(key),
                }
            }
            match found.next {
                None => return Ok(named),
                next => query.after = next,
            }
        }
    }

    /// The checkpoints of the capture of a snapshot, in their order.
    pub async fn capture_checkpoints(&self, snapshot: &RunId) -> Result<Vec<CaptureCheckpoint>> {
        let mut query = self.captures(snapshot);
        let mut checkpoints = Vec::new();
        loop {
            let found = self.vault.query(&query).await?;
            for (sk, item) in found.items {
                let key = Key::new(query.pk.as_str(), sk);
                let stored: StoredCheckpoint = decode(&key, item)?;
                checkpoints.push(stored.read().ok_or_else(|| {
                    let what = format!("Item {key} of the backup table cannot be read.");
                    Error::new(ErrorKind::SnapshotDamaged, what, Guidance::NEW_EXPORT)
                })?);
            }
            match found.next {
                None => return Ok(checkpoints),
                next => query.after = next,
            }
        }
    }

    /// Two checkpoints of one query have less than a megabyte.
    fn captures(&self, snapshot: &RunId) -> Query {
        Query {
            pk: keys::snapshot_partition(snapshot),
            prefix: keys::CAPTURES.to_owned(),
            after: None,
            order: Order::Ascending,
            limit: 2,
        }
    }

    /// The keys of the parts of a record of a configuration.
    pub(super) async fn text_parts(&self, record: &Key) -> Result<Vec<Key>> {
        let mut query = Query {
            pk: record.pk.clone(),
            prefix: keys::record_parts(record),
            after: None,
            order: Order::Ascending,
            limit: 2,
        };
        let mut parts = Vec::new();
        loop {
            let found = self.vault.query(&query).await?;
            parts.extend(found.items.into_iter().map(|(sk, _)| Key::new(query.pk.as_str(), sk)));
            match found.next {
                None => return Ok(parts),
                next => query.after = next,
            }
        }
    }
}

/// A checkpoint, as its item holds it.
#[derive(serde::Deserialize)]
struct StoredCheckpoint {
    json: String,
}

impl StoredCheckpoint {
    fn read<T: DeserializeOwned>(self) -> Option<T> {
        serde_json::from_str(&self.json).ok()
    }
}

/// The records that a checkpoint names. A later version may have written it.
#[derive(serde::Deserialize)]
struct CheckpointRecords {
    entries: Vec<CapturedEntry<String>>,
}

impl<V: WriteOnceVault> Catalog<V> {
    /// Whether the table has the record of this secret, with a ciphertext.
    pub async fn has_secret(&self, pool: &PoolId, name: Digest) -> Result<bool> {
        let stored = self.configuration_records::<SecretRecord>(pool, &[name]).await?.pop();
        Ok(stored.is_some_and(|record| record.is_ok_and(|record| record.sealed().is_some())))
    }

    /// Writes the record of a secret. It replaces one that holds no ciphertext, or is altered.
    ///
    /// The caller must hold the export lease of the pool, as in [`Self::store_configuration`].
    pub async fn put_secret(&self, pool: &PoolId, snapshot: &RunId, record: &SecretRecord) -> Result<()> {
        let text = text_of(record)?;
        let key = ConfigurationKind::Secret.key(pool, record.name());
        self.vault.put_all(vec![(key, encode(&InOneItem { json: &text, first_seen: snapshot })?)]).await
    }
}

impl<V: Vault> Catalog<V> {
    /// Stores the records that the table does not have. Returns how many it wrote.
    ///
    /// The caller must hold the export lease of the pool. Otherwise prune might remove a record that the table has
    /// before a header names it.
    ///
    /// # Errors
    /// `CallRefused` if a record [is too large](is_too_large).
    pub async fn store_configuration<T: ConfigurationRecord>(
        &self,
        pool: &PoolId,
        snapshot: &RunId,
        records: &[T],
    ) -> Result<u64> {
        let mut written = 0;
        for some in records.chunks(READ_AT_ONCE) {
            let mut wanted = Vec::with_capacity(some.len());
            for record in some {
                let text = text_of(record)?;
                let digest = T::KIND.digest_of(&text).ok_or_else(|| {
                    let what = "A record of a configuration has no digest.";
                    Error::new(ErrorKind::Internal, what, Guidance::REPORT_THIS)
                })?;
                let key = T::KIND.key(pool, digest);
                if wanted.iter().all(|(other, _)| *other != key) {
                    wanted.push((key, text));
                }
            }
            let there = self.vault.existing(wanted.iter().map(|(key, _)| key.clone()).collect()).await?;
            let mut items = Vec::new();
            let mut bytes = 0;
            for (key, text) in wanted {
                let is_large = text.len() > MAX_ITEM_TEXT;
                if there.contains(&key) && !(is_large && self.lacks_parts(&key, &text).await?) {
                    continue;
                }
                written += 1;
                let item = if is_large {
                    self.put_text(&key, snapshot, &text).await?
                } else {
                    encode(&InOneItem { json: &text, first_seen: snapshot })?
                };
                let size = item_size::of(&key, &item);
                if bytes + size > MAX_CALL_BYTES && !items.is_empty() {
                    self.vault.insert_all(std::mem::take(&mut items)).await?;
                    bytes = 0;
                }
                bytes += size;
                items.push((key, item));
            }
            if !items.is_empty() {
                self.vault.insert_all(items).await?;
            }
        }
        Ok(written)
    }

    /// Writes the parts of a text. Returns the item that stands for them.
    async fn put_text(&self, key: &Key, snapshot: &RunId, text: &str) -> Result<Item> {
        let (count, parts) = record_parts::split_text(key, text)?;
        for part in parts {
            self.vault.insert_all(vec![part]).await?;
        }
        count.item(snapshot)
    }

    /// Whether the table lacks a part of a large record.
    async fn lacks_parts(&self, key: &Key, text: &str) -> Result<bool> {
        let (count, _) = record_parts::split_text(key, text)?;
        let parts = count.keys(key);
        Ok(self.vault.existing(parts.clone()).await?.len() < parts.len())
    }

    /// Writes a checkpoint of a capture, unless another invocation wrote one with this number. Returns whether it did.
    pub async fn add_capture_checkpoint(
        &self,
        snapshot: &RunId,
        number: u32,
        checkpoint: &CaptureCheckpoint,
    ) -> Result<bool> {
        let json = text_of(checkpoint)?;
        let item = Item::from(std::collections::HashMap::from([(JSON.to_owned(), AttributeValue::S(json))]));
        self.vault.put_new(&keys::capture(snapshot, number), item).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_record_tells_its_kind() {
        let pool = PoolId::parse("eu-west-1_A").unwrap();
        use ConfigurationKind::{Asset, List, Object, Secret};
        for kind in [Object, Asset, Secret, List] {
            assert_eq!(ConfigurationKind::of(&kind.key(&pool, Digest::default())), Some(kind));
        }
        assert_eq!(ConfigurationKind::of(&keys::pool_record(&pool, Digest::default())), None);
        let group = crate::model::GroupName::new("objects");
        assert_eq!(ConfigurationKind::of(&keys::group_record(&pool, &group, Digest::default())), None);
    }

    #[test]
    fn the_parts_of_a_large_text_sort_by_number_and_make_the_text() {
        let pool = PoolId::parse("eu-west-1_A").unwrap();
        let key = ConfigurationKind::Object.key(&pool, Digest::default());
        let text = "é".repeat(2_500_000);
        let (count, parts) = record_parts::split_text(&key, &text).unwrap();
        assert!(parts.len() > 10 && parts.iter().all(|(key, part)| item_size::check(key, part).is_ok()));
        assert!(parts.is_sorted_by(|(one, _), (other, _)| one < other));
        let prefix = keys::record_parts(&key);
        assert!(parts.iter().all(|(key, _)| key.sk.starts_with(&prefix)));
        let item = count.item(&RunId::parse("20261121T020000123Z-1a2b3c4d").unwrap()).unwrap();
        assert_eq!(PartCount::of(&item), Some(count));
        assert_eq!(record_parts::joined(count, parts), Some(text));
    }

    #[test]
    fn a_text_above_the_limit_is_refused() {
        let pool = PoolId::parse("eu-west-1_A").unwrap();
        let key = ConfigurationKind::Asset.key(&pool, Digest::default());
        let text = "x".repeat(23 * 1024 * 1024);
        assert!(record_parts::is_too_large(&text));
        assert_eq!(record_parts::split_text(&key, &text).unwrap_err().kind(), ErrorKind::CallRefused);
    }
}
