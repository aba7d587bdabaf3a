//! What all parts of a removal share.

use super::report::Advance;
use crate::catalog::{Catalog, Marked};
use crate::model::PoolId;
use crate::operations::HeldLease;
use crate::pacing::Budget;

/// A removal under work.
pub(super) struct Work<'a, 'b, V, W> {
    pub catalog: &'a Catalog<V>,
    pub pool: &'a PoolId,
    pub lease: &'a mut HeldLease<'b, V>,
    pub budget: Budget,
    pub watch: &'a mut W,
    /// The marks that are not decided yet.
    pub marked: Vec<Marked>,
    pub advance: Advance,
}
