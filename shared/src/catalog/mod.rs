//! The table layout, typed: what [`crate::model`] describes, kept in a [`Vault`].
//!
//! | pk | sk | what |
//! |---|---|---|
//! | `POOL#<pool>` | `SNAP#<id>` | header, progress and seal of a snapshot |
//! | `POOL#<pool>` | `STORED_CAPTURE#<id>` | header of a stored capture: a configuration without users |
//! | `POOL#<pool>` | `LEASE#EXPORT` | the export of the pool, or what else works on its snapshots |
//! | `POOL#<pool>` | `PRUNING` | the checkpoint of a removal of snapshots |
//! | `POOL#<pool>` | `RETENTION` | what retention did at the end of the last export |
//! | `POOL#<pool>` | `REBUILD#<digest of Region and name>` | the journal of a pool that is created from a snapshot of this one |
//! | `POOL#<pool>` | `REBUILD_STEP#<digest of its marker>#<digest of the object>` | a step of such a creation |
//! | `POOL#<pool>` | `LEASE#REBUILD#<digest of Region and name>` | the command that creates or finishes such a pool |
//! | `POOL#<pool>` | `REBUILT` | of a new pool: which pool has its journal |
//! | `TARGET#<pool>` | `RESTORE#<id>` | header of a restore into the pool |
//! | `TARGET#<pool>` | `SUB_MAP#<id>` | header of the sub map of a restore into the pool |
//! | `TARGET#<pool>` | `LEASE#IMPORT` | the import into the pool |
//! | `SNAP#<id>` | `UNIT#<unit>` | a unit: what it lists, and how far the listing is |
//! | `SNAP#<id>` | `PAGES#<unit>#<attempt>#<n>` | a page batch: page `n` and up to 15 that follow it |
//! | `SNAP#<id>` | `CHECK#<question>#<attempts>` | the checkpoint of a check of the listing of users |
//! | `SNAP#<id>`, `RESTORE#<id>` | `EXECUTION` | which run an execution carries out; `<id>` is the id of a new run of the execution |
//! | `SNAP#<id>` | `CAPTURE#<n>` | a checkpoint of the capture of the configuration, if it needs several invocations |
//! | `USER#<pool>#<sub>` | `REC#<digest>` | a user record, and the snapshot that first saw it |
//! | `CONF#<pool>` | `REC#group#<digest of the name>#<digest>`, `REC#pool#<digest>` | group and configuration records |
//! | `CONF#<pool>` | `REC#object#<digest>`, `REC#asset#<digest>`, `REC#secret#<digest>`, `REC#objects#<digest>` | an object of the configuration, an asset of a login style, an encrypted secret, and the list of them that the header of a snapshot or of a stored capture names |
//! | that of the record | `PART#<rest of the record's sk>#<n>` | part `n` of a record that is too large for one item |
//! | `RESTORE#HOLDS#<snapshot>` | `HOLD#<restore>` | a restore needs the snapshot, so prune leaves it |
//! | `RESTORE#<id>` | `UNIT#<unit>` | a unit: which pages the restore has worked through |
//! | `RESTORE#<id>` | `LEDGER#<unit>#<n>` | the ledger page of page `n` |
//! | `RESTORE#<id>` | `CREATED#<unit>#<n>` | when the restore may have created entries of page `n` |
//! | `RESTORE#<id>` | `SUB#<old sub>`, `NEW#<new sub>` | the sub map, both ways; `NEW#<sub>` alone if the user kept its `sub` |
//! | `RESTORE#<id>` | `VERIFICATION#<pass>`, `SEEN#…` | the checkpoint of a verification, and the users it has seen |
//! | `RESTORE#<id>` | `FINDING#<pass>#<kind>#<sub>` | a difference that the verification found |
//! | `RESTORE#<id>` | `SELECTION`, `SELECTION_SCAN`, `SELECTED#…` | the selection, its checkpoint, and members of its groups |
//! | `SELECTION#<id>` | `SELECTION` | a stored selection: an import whose input has its id copies it to the restore |
//! | `RESTORE#<id>` | `JOBS`, `JOB#<n>` | the checkpoint of import jobs, and the user of each line of a job's file |
//! | `RESTORE#<id>` | `JOB_NAME#<sign-in name>`, `JOB_MISSED#…` | users in the file of a job, and users that no job created |
//! | `RESTORE#<id>` | `COLLISIONS`, `NAME_HASHES#…`, `EQUAL_HASHES#…` | the checkpoint of the search for collisions, and hashes of names |
//! | `RESTORE#<id>` | `NAME_CLAIM#<name>` | the first user of a name that may collide in the target |
//! | `RESTORE#<id>` | `FORECAST` | the forecast and its checkpoint |
//! | `RESTORE#<id>` | `TARGET_SCAN`, `TARGET_NAME#<sign-in name>` | the checkpoint of the target scan, and target users by name |
//! | `RESTORE#<id>` | `SNAPSHOT_SUB#<sub>`, `TARGET_SUB#<sub>` | into the own pool: users of the snapshot, and of the target |
//! | `RESTORE#<id>` | `MEMBER_SCAN#<unit>`, `MEMBER#<unit>#<sub>` | into the own pool: the checkpoint of a member scan, and members |
//! | `RESTORE#<id>` | `USER_GROUPS#<pass>#<sub>` | the groups of a selected user of the target, before the pass added it to any |
//! | `RESTORE#<id>` | `REPORT` | the sum of the ledger |
//! | `RESTORE#<id>` | `RENEWAL` | the checkpoint of a renewal of the items of the restore |
//!
//! The items of restores and of executions, and stored selections, expire: see `expiry.rs`. No other item does.
//!
//! No item says where the table lives, so a snapshot's items can be copied to any table and
//! restored from there.

mod batch_reader;
mod checkpoint;
mod collisions;
mod configurations;
mod executions;
mod expiry;
mod import_jobs;
mod keys;
mod leases;
mod page_batches;
mod rebuilds;
mod record_parts;
mod records;
mod removals;
mod restores;
mod sealed;
mod selections;
mod snapshots;
mod stored_captures;
mod target_scan;
mod verifications;

use std::sync::Arc;

use futures::{Stream, StreamExt, TryStreamExt, stream};
use serde::{Serialize, de::DeserializeOwned};
use serde_dynamo::{AttributeValue, Item};

use batch_reader::BatchReader;
pub use checkpoint::{Checkpoint, CheckpointKey, PagedWork};
pub use configurations::{ConfigurationKind, ConfigurationRecord, NamedRecords, is_too_large};
pub use keys::{
    header as header_key, is_page_batch, selection as selection_key, unit_of_snapshot as unit_key,
};
pub use leases::{Claim, Generation, LeaseKey, StoppedLease, TakenLease};
pub use rebuilds::{RebuildId, RebuildJournal, RebuildStep, StepState};
pub use records::{ReadRecord, Record, RecordItems};
pub(crate) use removals::header_item;
pub use removals::{Marked, StoredBatch};
pub use restores::LedgerSum;
pub use sealed::{ReadBatch, SealedBatch};
pub(crate) use sealed::{being_removed, marked};
pub use snapshots::SoFar;

use crate::pacing::InFlightBytes;
use crate::ports::vault::{Key, Order, Query, REVISION, ReadVault, Vault};
use crate::{Error, ErrorKind, Guidance, Result};

#[derive(Debug, Clone)]
pub struct Catalog<V> {
    vault: V,
    batches: BatchReader,
    /// The items of records that are being read.
    reads: Arc<InFlightBytes>,
}

/// Attempts at one change, because another invocation may change the item at the same time.
const MAX_ATTEMPTS: usize = 20;
/// Items of one query. They are small, so an answer stays within DynamoDB's megabyte.
const QUERY_LIMIT: u32 = 1000;
/// The most bytes of the items of records that are being read at once. They are in memory up to five times.
const MAX_READS: usize = 4 * 1024 * 1024;

impl<V: ReadVault> Catalog<V> {
    pub fn new(vault: V) -> Self {
        Self { vault, batches: BatchReader::default(), reads: Arc::new(InFlightBytes::new(MAX_READS)) }
    }

    pub fn vault(&self) -> &V {
        &self.vault
    }

    /// Looks up a key that no item has, for a command that reads nothing else.
    ///
    /// # Errors
    /// If the table does not exist, or access is denied.
    pub async fn require_table(&self) -> Result<()> {
        self.vault.existing(vec![keys::no_item()]).await.map(drop)
    }

    async fn read<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>> {
        self.vault.get(key).await?.map(|item| decode(key, item)).transpose()
    }

    /// The last items of a partition whose sort keys begin with `prefix`, the last one first, at most `limit`.
    async fn read_last<T: DeserializeOwned + Send>(
        &self,
        pk: String,
        prefix: &str,
        limit: u32,
    ) -> Result<Vec<T>> {
        self.last_first(pk, prefix, None, limit.min(QUERY_LIMIT)).take(limit as usize).try_collect().await
    }

    /// All items of a partition whose sort keys begin with `prefix`, the last one first. With `before`, only those
    /// with a lower sort key. Memory holds the items of one query, at most `limit`.
    fn last_first<'a, T: DeserializeOwned + Send + 'a>(
        &'a self,
        pk: String,
        prefix: &str,
        before: Option<Key>,
        limit: u32,
    ) -> impl Stream<Item = Result<T>> + Send + use<'a, T, V> {
        let (after, order) = (before.map(|key| key.sk), Order::Descending);
        let first = Query { pk, prefix: prefix.to_owned(), after, order, limit };
        let queries = stream::try_unfold(Some(first), move |query| async move {
            let Some(mut query) = query else { return Ok::<_, Error>(None) };
            let found = self.vault.query(&query).await?;
            let decoded = |(sk, item)| decode(&Key::new(query.pk.as_str(), sk), item);
            let items: Vec<Result<T>> = found.items.into_iter().map(decoded).collect();
            let next = found.next.map(|last| {
                query.after = Some(last);
                query
            });
            Ok(Some((stream::iter(items), next)))
        });
        queries.try_flatten()
    }

    /// All items of a partition whose sort keys begin with `prefix`. Only for a known number of
    /// items.
    async fn read_all<T: DeserializeOwned>(&self, pk: String, prefix: &str, order: Order) -> Result<Vec<T>> {
        let mut query = Query { pk, prefix: prefix.to_owned(), after: None, order, limit: QUERY_LIMIT };
        let mut all = Vec::new();
        loop {
            let found = self.vault.query(&query).await?;
            for (sk, item) in found.items {
                all.push(decode(&Key::new(query.pk.as_str(), sk), item)?);
            }
            match found.next {
                None => return Ok(all),
                next => query.after = next,
            }
        }
    }
}

impl<V: Vault> Catalog<V> {
    /// Writes an item unless the table has one with its key. Returns whether it did.
    async fn create<T: Serialize>(&self, key: &Key, value: &T) -> Result<bool> {
        self.vault.put_new(key, self.with_expiry(key, encode_revision(value, 1)?)).await
    }

    /// Changes an item in place. `change` returns whether it has changed it. Returns the item that
    /// is in the table afterwards, if there is one.
    async fn change<T: Serialize + DeserializeOwned>(
        &self,
        key: &Key,
        mut change: impl FnMut(&mut T) -> Result<bool> + Send,
    ) -> Result<Option<T>> {
        for _ in 0..MAX_ATTEMPTS {
            let Some(item) = self.vault.get(key).await? else { return Ok(None) };
            let revision = revision(&item);
            let mut value: T = decode(key, item)?;
            if !change(&mut value)? {
                return Ok(Some(value));
            }
            let item = self.with_expiry(key, encode_revision(&value, revision + 1)?);
            if self.vault.replace(key, item, revision).await? {
                return Ok(Some(value));
            }
        }
        Err(Error::new(
            ErrorKind::ServiceUnavailable,
            format!("Other invocations changed item {key} {MAX_ATTEMPTS} times in a row."),
            "Several executions seem to work on the same run. Let one of them finish.",
        ))
    }

    /// Changes an item in place, or `first` if there is none yet. Returns the item that is in the
    /// table afterwards. `change` may be called several times.
    async fn change_or_create<T: Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync>(
        &self,
        key: &Key,
        first: &T,
        mut change: impl FnMut(&mut T) + Send,
    ) -> Result<T> {
        loop {
            let stored = self
                .change(key, |value: &mut T| {
                    let before = value.clone();
                    change(value);
                    Ok(*value != before)
                })
                .await?;
            if let Some(value) = stored {
                return Ok(value);
            }
            let mut value = first.clone();
            change(&mut value);
            if self.create(key, &value).await? {
                return Ok(value);
            }
        }
    }
}

fn encode<T: Serialize>(value: &T) -> Result<Item> {
    serde_dynamo::to_item(value).map_err(unwritable)
}

/// The error of a value that cannot be encoded. The encoder's own error may quote the value, so it is dropped.
fn unwritable(_: impl std::error::Error) -> Error {
    Error::new(
        ErrorKind::Internal,
        "An item of the backup table could not be written.",
        Guidance::REPORT_THIS,
    )
}

fn encode_revision<T: Serialize>(value: &T, revision: u64) -> Result<Item> {
    let mut item = encode(value)?;
    item.inner_mut().insert(REVISION.to_owned(), AttributeValue::N(revision.to_string()));
    Ok(item)
}

fn revision(item: &Item) -> u64 {
    match item.inner().get(REVISION) {
        Some(AttributeValue::N(number)) => number.parse().unwrap_or(0),
        _ => 0,
    }
}

fn decode<T: DeserializeOwned>(key: &Key, item: Item) -> Result<T> {
    // The error of the decoder may quote the item, and so a name or an address.
    serde_dynamo::from_item(item).map_err(|_| {
        Error::new(
            ErrorKind::SnapshotDamaged,
            format!("Item {key} of the backup table cannot be read."),
            Guidance::RECOVER_ITEM,
        )
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use super::*;
    use crate::model::{ObjectionReason, Place, ReasonCode, RefusedCall, RestoreUnit, SubMapEntry};

    /// Every type that is stored as a text refuses other texts. Its error must not quote the item.
    #[test]
    fn the_error_of_an_unreadable_item_quotes_no_value() {
        fn message<T: DeserializeOwned + std::fmt::Debug>() -> String {
            let value = AttributeValue::S("anna@example.com".to_owned());
            let item = Item::from(HashMap::from([("value".to_owned(), value)]));
            let key = Key::new("SNAP#a", "UNIT#users");
            let read = decode::<BTreeMap<String, T>>(&key, item);
            read.unwrap_err().to_string()
        }
        let messages = [
            message::<ReasonCode>(),
            message::<ObjectionReason>(),
            message::<RefusedCall>(),
            message::<Place>(),
            message::<RestoreUnit>(),
            message::<SubMapEntry>(),
            message::<u64>(),
        ];
        for message in messages {
            assert!(message.contains("SNAP#a") && !message.contains("anna"), "{message}");
        }
    }
}
