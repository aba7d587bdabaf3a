//! The narrow trait "a vault": a table of items under a partition key and a sort key.
//!
//! Eight operations, all of them DynamoDB's. Whatever they carry is made and read by [`crate::catalog`], so an implementation knows
//! nothing of snapshots.

use std::collections::HashSet;
use std::fmt;
use std::future::Future;

use serde_dynamo::Item;

use crate::Error;

/// The primary key of an item: `pk` and `sk`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
}

impl Key {
    /// A key.
    pub fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.pk, self.sk)
    }
}

/// What must be in the table for a put to take place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Nothing under that key.
    Absent,
    /// An item whose attribute [`REVISION`] is this number.
    Revision(u64),
}

/// The attribute that counts the versions of an item which is changed in place.
pub const REVISION: &str = "revision";

/// The attribute that names who holds an item such as a lease.
pub const HOLDER: &str = "holder";

/// What deletions depend on: that an item is still held by somebody.
///
/// The table itself looks at it together with every deletion, so no clock and no pause of the one who deletes can come in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The item.
    pub key: Key,
    /// What its attribute [`HOLDER`] has to be.
    pub holder: String,
}

/// Which way a query goes along the sort keys.
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
    /// The partition.
    pub pk: String,
    /// What the sort keys begin with.
    pub prefix: String,
    /// The sort key after which (in the order of the query) to go on.
    pub after: Option<String>,
    /// Which way to go.
    pub order: Order,
    /// The most items to return; fewer do not mean the end.
    pub limit: u32,
}

/// One answer of a query.
#[derive(Debug, Clone)]
pub struct Found {
    /// The items with their sort keys.
    pub items: Vec<(String, Item)>,
    /// The sort key to go on after; none at the end.
    pub next: Option<String>,
}

/// A table of items.
///
/// Implementations retry throttling and transient faults and drain unprocessed parts of batches by themselves: table calls count
/// against no Cognito quota.
pub trait Vault: Send + Sync {
    /// Reads one item, strongly consistent.
    fn get(&self, key: &Key) -> impl Future<Output = Result<Option<Item>, Error>> + Send;

    /// Writes one item if `expect` holds; returns whether it did. After a lost reply, the second attempt of the same put may find its
    /// own item: `false` means "look what is there", not "somebody else was here".
    fn put_if(&self, key: &Key, item: Item, expect: Expect) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Writes items, whatever was there, in batches, in no particular order.
    fn put_all(&self, items: Vec<(Key, Item)>) -> impl Future<Output = Result<(), Error>> + Send;

    /// Reads items, strongly consistent; those that do not exist are left out.
    fn get_all(&self, keys: Vec<Key>) -> impl Future<Output = Result<Vec<(Key, Item)>, Error>> + Send;

    /// Which of the keys exist, strongly consistent: a record that was removed a moment ago must not be taken for one that is there.
    fn existing(&self, keys: Vec<Key>) -> impl Future<Output = Result<HashSet<Key>, Error>> + Send;

    /// Deletes items in batches, in no particular order; what is not there is no error.
    fn delete_all(&self, keys: Vec<Key>) -> impl Future<Output = Result<(), Error>> + Send;

    /// Deletes items in their order, each only while `fence` holds; returns whether it held to the end.
    fn delete_while(&self, fence: &Fence, keys: Vec<Key>) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Reads along a partition, strongly consistent.
    fn query(&self, query: &Query) -> impl Future<Output = Result<Found, Error>> + Send;
}
