//! A case, and what it says: calls and answers.

use serde_dynamo::Item;
use shared::ErrorKind;
use shared::model::ExpiresAt;
use shared::ports::vault::{Fence, Key, Query};

/// A case: calls in their order, each with the answer that every vault must give. No two cases
/// share a partition.
#[derive(Debug)]
pub struct Case {
    /// A sentence about the case.
    pub name: &'static str,
    /// Calls and answers. The first calls prepare the table.
    pub steps: Vec<(Call, Answer)>,
}

/// A call of the trait.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names are those of the trait's methods")]
pub enum Call {
    Get(Key),
    PutNew(Key, Item),
    Replace(Key, Item, u64),
    InsertAll(Vec<(Key, Item)>),
    PutAll(Vec<(Key, Item)>),
    GetAll(Vec<Key>),
    Existing(Vec<Key>),
    SetExpiry(Vec<Key>, Option<ExpiresAt>),
    DeleteAll(Vec<Key>),
    DeleteWhile(Fence, Vec<Key>),
    Query(Query),
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The call succeeds without a result.
    Done,
    /// What the call returns about its effect.
    Did(bool),
    /// The item, if there is one.
    Item(Option<Item>),
    /// These items, in any order.
    Items(Vec<(Key, Item)>),
    /// These keys, in any order.
    Keys(Vec<Key>),
    /// These sort keys, in this order, and the one after which the query continues.
    Found(Vec<String>, Option<String>),
    /// Some of these sort keys from the first one on, at least one and not all. The query continues
    /// after the last of them.
    Beginning(Vec<String>),
    /// An error.
    Refused(ErrorKind),
}
