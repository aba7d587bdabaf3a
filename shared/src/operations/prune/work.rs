//! What all parts of a removal share.

use super::plan::{Plan, RemovalReason};
use super::report::Advance;
use crate::catalog::{Catalog, Marked};
use crate::model::{PoolId, StoredCapture};
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
    /// The stored captures whose removal is not decided yet.
    pub undecided: Vec<StoredCapture>,
    pub advance: Advance,
}

/// The stored captures of a pool, newest first.
pub(super) struct Captures {
    pub going: Vec<StoredCapture>,
    pub staying: Vec<StoredCapture>,
    /// Those that go, and whose removal is not decided yet.
    pub undecided: Vec<StoredCapture>,
}

impl Captures {
    pub fn of(plan: &Plan) -> Self {
        let those = |is_it: &dyn Fn(Option<RemovalReason>) -> bool| {
            let those = plan.captures.iter().filter(|planned| is_it(planned.removal));
            those.map(|planned| planned.capture.clone()).collect()
        };
        Self {
            going: those(&|removal| removal.is_some()),
            staying: those(&|removal| removal.is_none()),
            undecided: those(&|removal| removal.is_some_and(|why| why != RemovalReason::Begun)),
        }
    }
}
