//! Records: the content of users, groups and pools, each stored once under its digest.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_dynamo::Item;

use super::{Catalog, encode, keys};
use crate::Result;
use crate::model::{
    Digest, GroupName, GroupRecord, PoolDescription, PoolId, Reason, RecordKind, RunId, Sub, UserRecord,
};
use crate::ports::vault::{Key, ReadVault, Vault};

/// A record as it was read, or why it cannot be read.
pub type ReadRecord<T> = std::result::Result<T, Reason>;

/// Content that is stored under its digest.
pub trait Record: Serialize + DeserializeOwned + Send + Sync {
    /// The key of the record of the user, group or pool called `name`.
    fn key(pool: &PoolId, name: &str, digest: Digest) -> Key;

    fn content_digest(&self) -> Digest;
}

impl Record for UserRecord {
    fn key(pool: &PoolId, sub: &str, digest: Digest) -> Key {
        keys::user_record(pool, &Sub::new(sub), digest)
    }

    fn content_digest(&self) -> Digest {
        self.digest()
    }
}

impl Record for GroupRecord {
    fn key(pool: &PoolId, name: &str, digest: Digest) -> Key {
        keys::group_record(pool, &GroupName::new(name), digest)
    }

    fn content_digest(&self) -> Digest {
        self.digest()
    }
}

impl Record for PoolDescription {
    fn key(pool: &PoolId, _: &str, digest: Digest) -> Key {
        keys::pool_record(pool, digest)
    }

    fn content_digest(&self) -> Digest {
        self.digest()
    }
}

impl RecordKind {
    /// The key of the record of the entry `name`. None if entries of this kind have no records.
    pub fn record_key(self, pool: &PoolId, name: &str, digest: Digest) -> Option<Key> {
        match self {
            Self::User => Some(UserRecord::key(pool, name, digest)),
            Self::Group => Some(GroupRecord::key(pool, name, digest)),
            Self::Membership => None,
        }
    }

    /// Whether `item` holds the record of this kind with this digest.
    pub fn is_record(self, item: &Item, digest: Digest) -> bool {
        match self {
            Self::User => record_in::<UserRecord>(item, digest).is_some(),
            Self::Group => record_in::<GroupRecord>(item, digest).is_some(),
            Self::Membership => false,
        }
    }
}

/// A record as an item: its fields, readable in the console, and the snapshot that first held it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stored<'a, R> {
    #[serde(flatten)]
    record: &'a R,
    first_seen: &'a RunId,
}

/// A record as read from its item.
#[derive(Deserialize)]
struct Read<R> {
    #[serde(flatten)]
    record: R,
}

/// The record with this digest in `item`. None if the item holds other content.
pub(crate) fn record_in<R: Record>(item: &Item, digest: Digest) -> Option<R> {
    let read = serde_dynamo::from_item::<_, Read<R>>(item.clone()).ok()?;
    (read.record.content_digest() == digest).then_some(read.record)
}

impl<V: ReadVault> Catalog<V> {
    /// Reads the records that `wanted` names, in this order. Each answer is the record, or the
    /// reason why it cannot be used.
    pub async fn records<R: Record>(
        &self,
        pool: &PoolId,
        wanted: &[(&str, Digest)],
    ) -> Result<Vec<ReadRecord<R>>> {
        let keys: HashSet<Key> = wanted.iter().map(|(name, digest)| R::key(pool, name, *digest)).collect();
        let found: HashMap<_, _> =
            self.vault.get_all(keys.into_iter().collect()).await?.into_iter().collect();
        let check = |(name, digest): &(&str, Digest)| {
            let key = R::key(pool, name, *digest);
            let Some(item) = found.get(&key) else {
                return Err(Reason::RecordMissing { key: key.to_string() });
            };
            record_in(item, *digest).ok_or_else(|| Reason::RecordDamaged { key: key.to_string() })
        };
        Ok(wanted.iter().map(check).collect())
    }
}

impl<V: Vault> Catalog<V> {
    /// Writes the records that the table does not have. Returns their number.
    ///
    /// The caller must hold the lease of the pool. Otherwise prune might remove a record that the
    /// table has before a page names it.
    pub async fn write_new<'a, R: Record + 'a>(
        &self,
        pool: &PoolId,
        snapshot: &RunId,
        records: impl Iterator<Item = (&'a str, Digest, &'a R)> + Send,
    ) -> Result<u32> {
        let absent = self.absent(pool, records).await?;
        self.write(pool, snapshot, &absent).await?;
        Ok(absent.len() as u32)
    }

    /// The records that the table does not have, each once.
    pub async fn absent<'a, R: Record + 'a>(
        &self,
        pool: &PoolId,
        records: impl Iterator<Item = (&'a str, Digest, &'a R)> + Send,
    ) -> Result<Vec<(&'a str, Digest, &'a R)>> {
        let mut by_key: HashMap<Key, (&str, Digest, &R)> = records
            .map(|(name, digest, record)| (R::key(pool, name, digest), (name, digest, record)))
            .collect();
        if by_key.is_empty() {
            return Ok(Vec::new());
        }
        for present in self.vault.existing(by_key.keys().cloned().collect()).await? {
            by_key.remove(&present);
        }
        Ok(by_key.into_values().collect())
    }

    /// Writes records. See [`Self::write_new`].
    pub async fn write<R: Record>(
        &self,
        pool: &PoolId,
        snapshot: &RunId,
        records: &[(&str, Digest, &R)],
    ) -> Result<()> {
        let item = |(name, digest, record): &(&str, Digest, &R)| {
            let item = encode(&Stored { record: *record, first_seen: snapshot })?;
            Ok((R::key(pool, name, *digest), item))
        };
        let items = records.iter().map(item).collect::<Result<Vec<_>>>()?;
        if items.is_empty() { Ok(()) } else { self.vault.put_all(items).await }
    }
}
