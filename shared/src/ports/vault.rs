//! The port for a table of items, each under a partition key and a sort key.
//!
//! Three traits, by capability: an operation asks only for what it needs. [`crate::catalog`] alone
//! makes and reads the items, so an implementation knows nothing of snapshots.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::future::Future;

use jiff::Timestamp;
use serde_dynamo::{AttributeValue, Item};

use crate::model::ExpiresAt;
use crate::{Error, ErrorKind};

/// The primary key of an item: `pk` and `sk`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub pk: String,
    pub sk: String,
}

impl Key {
    pub fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.pk, self.sk)
    }
}

/// The attribute that counts the versions of an item that is changed in place.
pub const REVISION: &str = "revision";

/// The attribute that names the holder of an item such as a lease.
pub const HOLDER: &str = "holder";

/// The attribute that says when an item expires. It is the table's TTL attribute. An item without it never
/// expires.
///
/// DynamoDB deletes an item that has expired days later. Source: "Using time to live (TTL) in DynamoDB", Amazon
/// DynamoDB developer guide. So a vault treats such an item as absent: no read finds it, [`Vault::replace`] does
/// not replace it, and [`WriteOnceVault::put_new`] puts a new item in its place.
pub const EXPIRES_AT: &str = "expiresAt";

/// The value of the attribute [`EXPIRES_AT`].
pub fn expiry_value(expires_at: ExpiresAt) -> AttributeValue {
    AttributeValue::N(expires_at.seconds().to_string())
}

/// When an item expires. None if it never does.
pub fn expiry_of(item: &Item) -> Option<ExpiresAt> {
    match item.inner().get(EXPIRES_AT) {
        Some(AttributeValue::N(seconds)) => seconds.parse().ok().map(ExpiresAt::at_second),
        _ => None,
    }
}

/// Whether an item has expired, although the table may still hold it.
pub fn has_expired(item: &Item, now: Timestamp) -> bool {
    expiry_of(item).is_some_and(|expires_at| expires_at.has_passed(now))
}

/// A condition of deletions: a holder still holds an item.
///
/// The table checks it together with every deletion. So a slow clock or a pause of the invocation
/// that deletes does no harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    pub key: Key,
    /// The value that the attribute [`HOLDER`] must have.
    pub holder: String,
}

/// The order in which a query reads sort keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Smallest first.
    Ascending,
    /// Greatest first.
    Descending,
}

/// A query within one partition.
#[derive(Debug, Clone)]
pub struct Query {
    pub pk: String,
    /// The sort keys begin with this. Every sort key begins with an empty prefix.
    pub prefix: String,
    /// The query continues after this sort key, in its order.
    pub after: Option<String>,
    pub order: Order,
    /// The maximum number of items. Fewer do not mean the end.
    pub limit: u32,
}

/// One answer of a query.
#[derive(Debug, Clone)]
pub struct Found {
    /// The items with their sort keys.
    pub items: Vec<(String, Item)>,
    /// The query continues after this sort key. None at the end.
    pub next: Option<String>,
}

/// What a call of a vault does to the items that it names: each is an action that a role must allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// [`ReadVault::get`].
    Get,
    /// [`ReadVault::get_all`] and [`ReadVault::existing`].
    GetAll,
    /// [`ReadVault::query`].
    Query,
    /// [`WriteOnceVault::put_new`] and [`Vault::replace`].
    PutIf,
    /// [`WriteOnceVault::insert_all`].
    InsertAll,
    /// [`WriteOnceVault::put_all`].
    PutAll,
    /// [`Vault::set_expiry`].
    Update,
    /// [`Vault::delete_all`].
    DeleteAll,
    /// [`Vault::delete_while`], of the item that the fence names.
    CheckFence,
    /// [`Vault::delete_while`], of the items that are deleted.
    DeleteFenced,
}

/// Refuses keys that name an item twice, as DynamoDB refuses such a batch or transaction. Stand-ins call it.
///
/// # Errors
/// `CallRefused`, with the key.
pub fn check_distinct<'a>(keys: impl IntoIterator<Item = &'a Key>) -> Result<(), Error> {
    let mut seen = HashSet::new();
    match keys.into_iter().find(|key| !seen.insert(*key)) {
        None => Ok(()),
        Some(key) => Err(Error::new(ErrorKind::CallRefused, format!("A batch names key {key} twice."), "")),
    }
}

/// The deletions in one transaction. DynamoDB accepts 100 actions, and one checks the fence.
const MAX_FENCED_BATCH: usize = 99;

/// How a transaction that deletes items ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FencedBatch {
    Deleted,
    /// Another holder holds the item of the fence. Nothing was deleted.
    FenceBroken,
    /// The table refused the transaction, probably for its size. Nothing was deleted.
    TooLarge,
}

/// Carries out [`Vault::delete_while`] by transactions, one after the other: concurrent transactions that check the
/// same item cancel each other. A transaction that is too large is halved, down to one deletion. Returns whether the
/// fence held to the end. Implementations call it.
///
/// DynamoDB limits the items of a transaction to 4 MB together. AWS does not say whether items that are deleted count.
///
/// # Errors
/// The errors of `transact`. `CallRefused` if the table refuses a single deletion.
pub async fn delete_in_transactions<F>(
    keys: Vec<Key>,
    transact: impl Fn(Vec<Key>) -> F + Send,
) -> Result<bool, Error>
where
    F: Future<Output = Result<FencedBatch, Error>> + Send,
{
    let mut batches: VecDeque<&[Key]> = keys.chunks(MAX_FENCED_BATCH).collect();
    while let Some(batch) = batches.pop_front() {
        match (transact(batch.to_vec()).await?, batch) {
            (FencedBatch::Deleted, _) => {}
            (FencedBatch::FenceBroken, _) => return Ok(false),
            (FencedBatch::TooLarge, [] | [_]) => {
                let what = "The backup table refused the deletion of a single item.";
                return Err(Error::new(ErrorKind::CallRefused, what, ""));
            }
            (FencedBatch::TooLarge, batch) => {
                let (first, second) = batch.split_at(batch.len() / 2);
                batches.push_front(second);
                batches.push_front(first);
            }
        }
    }
    Ok(true)
}

/// Reading a table of items. Every read is strongly consistent. Items that have expired are absent: see
/// [`EXPIRES_AT`].
///
/// Implementations retry throttled calls and transient faults, and repeat the unprocessed parts of
/// batches. Calls of the table count against no quota of Cognito.
pub trait ReadVault: Send + Sync {
    /// The time by which items expire.
    fn now(&self) -> Timestamp;

    fn get(&self, key: &Key) -> impl Future<Output = Result<Option<Item>, Error>> + Send;

    /// Reads items. The answer leaves out items that do not exist.
    fn get_all(&self, keys: Vec<Key>) -> impl Future<Output = Result<Vec<(Key, Item)>, Error>> + Send;

    /// Returns the keys that exist. A record that was removed a moment ago does not count as
    /// existing.
    fn existing(&self, keys: Vec<Key>) -> impl Future<Output = Result<HashSet<Key>, Error>> + Send;

    fn query(&self, query: &Query) -> impl Future<Output = Result<Found, Error>> + Send;
}

/// Adding to a table: items that are never changed, or whose content follows from their key.
pub trait WriteOnceVault: ReadVault {
    /// Writes one item if nothing has its key. Returns whether it did.
    ///
    /// After a lost reply, the second attempt of the same put may find its own item. So `false`
    /// means "read what is there", not "another invocation wrote it".
    fn put_new(&self, key: &Key, item: Item) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Writes each item if nothing has its key, in batches, in no particular order. An item that has the key stays
    /// as it is, and is no error: it stands already.
    ///
    /// For items that never expire. An item that has expired keeps its key until the table deletes it, and no new item
    /// takes its place.
    ///
    /// A refused write costs write units, too. So the caller looks first, and inserts the items that the table lacks.
    fn insert_all(&self, items: Vec<(Key, Item)>) -> impl Future<Output = Result<(), Error>> + Send;

    /// Writes items without a condition, each by itself, in no particular order. An item replaces the one with its key.
    fn put_all(&self, items: Vec<(Key, Item)>) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Changing a table: replacing an item at a known revision, changing when items expire, and deleting, fenced or not.
pub trait Vault: WriteOnceVault {
    /// Replaces an item if its attribute [`REVISION`] is `revision`. Returns whether it did. For a
    /// lost reply see [`WriteOnceVault::put_new`].
    fn replace(
        &self,
        key: &Key,
        item: Item,
        revision: u64,
    ) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Sets when items expire, or that they never do. Nothing else of an item changes, so this call and a change
    /// of the item may be made at once. A missing item is no error, and stays missing.
    fn set_expiry(
        &self,
        keys: Vec<Key>,
        expires_at: Option<ExpiresAt>,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Deletes items in batches, in no particular order. A missing item is no error.
    fn delete_all(&self, keys: Vec<Key>) -> impl Future<Output = Result<(), Error>> + Send;

    /// Deletes items in their order, each only while `fence` holds. Returns whether it held to the
    /// end.
    fn delete_while(&self, fence: &Fence, keys: Vec<Key>)
    -> impl Future<Output = Result<bool, Error>> + Send;
}

#[cfg(test)]
mod tests {
    use std::future::{Future, ready};
    use std::pin::pin;
    use std::sync::Mutex;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn now<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => unreachable!("no future of these tests waits"),
        }
    }

    fn keys(count: u32) -> Vec<Key> {
        (0..count).map(|number| Key::new("p", format!("{number:03}"))).collect()
    }

    /// Deletes keys with a table that takes at most `most` in a transaction. Returns the sizes of the transactions
    /// that it took, and the deleted keys in order.
    fn delete(count: u32, most: usize) -> (Result<bool, Error>, Vec<usize>, Vec<Key>) {
        let taken = Mutex::new((Vec::new(), Vec::new()));
        let transact = |batch: Vec<Key>| {
            if batch.len() > most {
                return ready(Ok(FencedBatch::TooLarge));
            }
            let mut taken = taken.lock().unwrap();
            taken.0.push(batch.len());
            taken.1.extend(batch);
            ready(Ok(FencedBatch::Deleted))
        };
        let ended = now(delete_in_transactions(keys(count), transact));
        let (sizes, deleted) = taken.into_inner().unwrap();
        (ended, sizes, deleted)
    }

    #[test]
    fn a_transaction_that_is_too_large_is_halved_down_to_one_deletion() {
        let (ended, sizes, deleted) = delete(200, 200);
        assert_eq!((ended, sizes, deleted), (Ok(true), vec![99, 99, 2], keys(200)));
        for most in [1, 2, 10, 50, 98] {
            let (ended, sizes, deleted) = delete(200, most);
            assert_eq!((ended, deleted), (Ok(true), keys(200)), "in their order, with at most {most}");
            assert!(sizes.iter().all(|size| *size <= most));
        }
        assert_eq!(delete(5, 0).0.unwrap_err().kind(), ErrorKind::CallRefused);
        assert_eq!(delete(0, 0).0, Ok(true));
    }

    #[test]
    fn nothing_is_deleted_after_the_fence_is_broken() {
        let calls = Mutex::new(0);
        let transact = |_| {
            *calls.lock().unwrap() += 1;
            ready(Ok(FencedBatch::FenceBroken))
        };
        assert_eq!(now(delete_in_transactions(keys(200), transact)), Ok(false));
        assert_eq!(calls.into_inner().unwrap(), 1);
    }
}
