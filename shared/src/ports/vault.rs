//! The port for a table of items, each under a partition key and a sort key.
//!
//! Three traits, by capability: an operation asks only for what it needs. [`crate::catalog`] alone
//! makes and reads the items, so an implementation knows nothing of snapshots.

use std::collections::HashSet;
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

    /// Writes items without a condition, in batches, in no particular order.
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
