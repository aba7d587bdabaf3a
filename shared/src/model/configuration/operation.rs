//! What an operation is that reads or writes objects of a configuration. [`OPERATIONS`](super::OPERATIONS)
//! has all.

use super::ObjectKind;
use crate::model::Category;

/// The service that takes a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    Cognito,
    /// AWS WAFV2.
    Waf,
}

/// One operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    pub name: &'static str,
    pub service: Service,
    /// The members of the request that find the object, or its owner if the operation creates it.
    pub keys: &'static [Key],
    /// The member of the answer that holds the object, or the list of objects. Empty if the whole answer is
    /// the object.
    pub answer: &'static str,
    pub paging: Option<Paging>,
    /// The quota that the call takes. The quota page of the developer guide is older than some operations:
    /// they count as reads and updates of resources of the pool. So do those of AWS WAF, which has its own quotas.
    pub category: Category,
    /// The errors that say that the pool cannot have the object: its tier, its add-ons, or its role in
    /// replication.
    pub unavailable: &'static [&'static str],
}

/// A member of a request that finds an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub member: &'static str,
    pub value: KeyValue,
}

/// What a [`Key`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyValue {
    PoolId,
    PoolArn,
    /// The id of the client. A request for the pool itself (`ALL`) leaves it out.
    ClientId,
    /// The member of the same name of the object, or of the element of the list that names it.
    Member,
}

/// How an answer in pages is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// The member of request and answer that leads to the next page.
    pub token: &'static str,
    /// The member of the request that bounds a page, and its greatest value. None if the operation decides.
    pub limit: Option<(&'static str, u32)>,
}

/// How a capture learns which objects of a kind a pool has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The pool has one, or none.
    Single,
    /// The operation lists them. If there is no [`read`](Operations::read), its elements are whole objects.
    Listed(Operation),
    /// These members of the pool name them.
    Named(&'static [&'static str]),
    /// Each client has one, or none.
    EachClient,
    /// The pool (`ALL`) and each client have one, or none.
    PoolAndEachClient,
}

/// The operations of one kind of objects. Sessions have two: one for the pool, one for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operations {
    pub kind: ObjectKind,
    pub found: Found,
    pub read: Option<Operation>,
    pub create: Option<Operation>,
    /// The operation that changes the object. If nothing creates it, the one that sets it.
    pub update: Option<Operation>,
    pub delete: Option<Operation>,
    /// What else can write the object.
    pub others: &'static [Operation],
}

impl Operations {
    /// All operations, once each.
    pub fn all(&self) -> impl Iterator<Item = &Operation> {
        let listing = if let Found::Listed(listing) = &self.found { Some(listing) } else { None };
        let calls =
            [listing, self.read.as_ref(), self.create.as_ref(), self.update.as_ref(), self.delete.as_ref()];
        calls.into_iter().flatten().chain(self.others)
    }
}
