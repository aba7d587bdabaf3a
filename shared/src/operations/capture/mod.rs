//! The capture of the configuration of a pool: by an export, which stores it, or by a comparison with the pool.
//!
//! Only what the pool may not have, or Cognito does not give out, is missing from a capture, and it is named with
//! its reason ([`NotCaptured`](crate::model::configuration::NotCaptured)). Only DescribeUserPool can fail a
//! capture.
//!
//! | file | what it does |
//! |---|---|
//! | [`reading`] | one read or listing: which answers are objects, and which are reasons |
//! | [`found`] | what is captured so far, kept in groups, and the checkpoint between two invocations |
//! | [`pool`] | the objects of the pool itself |
//! | [`listed`] | the objects that Cognito lists |
//! | [`clients`] | the objects of each client |
//! | [`live`] | a capture that is only held in memory |
//!
//! The reads of different operations overlap, because Cognito limits each operation to 5 calls a second.

mod clients;
mod found;
mod listed;
mod live;
mod pool;
mod reading;

use std::collections::BTreeMap;
use std::sync::Mutex;

pub(super) use self::found::Found;
pub use self::live::{LiveConfiguration, live_configuration};
use self::reading::GivenUp;
use crate::Result;
use crate::model::configuration::{Asset, CapturedObject};
use crate::pacing::{Budget, PacedPool};
use crate::ports::pool::{Operation, Pool};

/// The place where a capture keeps objects.
pub(super) trait Keeper: Sync {
    fn keep_asset(&self, asset: Asset) -> impl Future<Output = Result<()>> + Send;

    fn keep_objects(&self, objects: Vec<CapturedObject>) -> impl Future<Output = Result<()>> + Send;
}

/// A capture under work.
pub(super) struct Capturing<'a, P, K> {
    pool: &'a PacedPool<P>,
    /// None if the capture may last as long as it takes.
    budget: Option<Budget>,
    keeper: K,
    found: tokio::sync::Mutex<Found>,
    /// Operations that are not called again in this capture, and why.
    given_up: Mutex<BTreeMap<Operation, GivenUp>>,
}

impl<'a, P: Pool, K: Keeper> Capturing<'a, P, K> {
    /// Continues a capture that has found something.
    pub fn resuming(pool: &'a PacedPool<P>, budget: Option<Budget>, keeper: K, found: Found) -> Self {
        Self { pool, budget, keeper, found: tokio::sync::Mutex::new(found), given_up: Mutex::default() }
    }

    /// Reads all objects that the capture does not have yet.
    pub async fn read_all(&self) -> Result<()> {
        let Some(pool) = self.read_pool().await? else { return Ok(()) };
        futures::try_join!(
            self.read_single(),
            self.read_domains(&pool),
            self.read_listed(),
            self.read_clients(&pool),
        )?;
        Ok(())
    }

    /// What the capture has found, all of it kept.
    pub async fn end(self) -> Result<Found> {
        self.flush().await?;
        Ok(self.found.into_inner())
    }
}
