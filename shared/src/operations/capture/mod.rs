//! The capture of the configuration of a pool: by an export, which stores it, or by a comparison with the pool.
//!
//! A capture lacks only what the pool may not have, or Cognito does not give out. It names each of these with
//! the reason ([`NotCaptured`](crate::model::configuration::NotCaptured)). Only DescribeUserPool can fail a
//! capture. If any other read failed the export, the snapshot would lack its users.
//!
//! | file | what it does |
//! |---|---|
//! | [`reading`] | one read or listing: which answers are objects, and which are reasons |
//! | [`failures`] | which operations are not called again |
//! | [`found`] | what is captured so far, kept in groups, and the checkpoints between two looks |
//! | [`pool`] | the objects of the pool itself |
//! | [`listed`] | the objects that Cognito lists |
//! | [`clients`] | the objects of each client |
//! | [`live`] | a capture of a live pool for a command, held in memory and perhaps stored |
//!
//! The reads of different operations overlap, because Cognito limits each operation to 5 calls a second. If Cognito
//! does not answer for a part, the capture looks again. An export does that in its next invocations.

mod clients;
mod failures;
mod found;
mod listed;
mod live;
mod pool;
mod reading;

use std::sync::atomic::AtomicBool;

use serde_json::Value;

pub(super) use self::clients::has_choice;
use self::failures::Failures;
pub(super) use self::found::{End, Found};
pub use self::live::{LiveConfiguration, WatchReading, live_configuration};
pub(super) use self::live::{Memory, read_live};
use crate::Result;
use crate::model::configuration::{Asset, CapturedObject, CapturedSecret, ObjectName, Withheld};
use crate::pacing::{Budget, PacedPool};
use crate::ports::keys::KeyError;
use crate::ports::pool::{Pool, PoolError};

/// The place where a capture keeps objects.
pub(super) trait Keeper: Sync {
    fn keep_asset(&self, asset: Asset) -> impl Future<Output = Result<()>> + Send;

    fn keep_objects(&self, objects: Vec<CapturedObject>) -> impl Future<Output = Result<()>> + Send;

    /// Keeps a secret of an object, encrypted.
    fn keep_secret(
        &self,
        object: &ObjectName,
        secret: &Withheld,
    ) -> impl Future<Output = Result<KeptSecret>> + Send;

    /// Sees an object as Cognito answers it, before its secrets are taken out. A capture that stores objects does not
    /// look.
    fn sees(&self, _: &ObjectName, _: &Value) {}

    /// Whether the capture before holds the object.
    fn had(&self, name: &ObjectName) -> impl Future<Output = Result<bool>> + Send;

    /// Whether Cognito had an answer about the object when the capture before read `beside`.
    fn was_answered(
        &self,
        name: &ObjectName,
        beside: &ObjectName,
    ) -> impl Future<Output = Result<bool>> + Send;
}

/// What became of a secret.
pub(super) enum KeptSecret {
    Kept(CapturedSecret),
    /// The capture keeps no secrets.
    LeftOut,
    TooLarge,
    Refused(KeyError),
}

/// A capture under work.
pub(super) struct Capturing<'a, P, K> {
    pool: &'a PacedPool<P>,
    /// None if the capture may last as long as it takes.
    budget: Option<Budget>,
    keeper: K,
    found: tokio::sync::Mutex<Found>,
    /// One group of objects is kept at a time.
    flushing: tokio::sync::Mutex<()>,
    failures: Failures,
    /// Whether Cognito did not find something. Then the pool may be deleted.
    has_missed: AtomicBool,
}

impl<'a, P: Pool, K: Keeper> Capturing<'a, P, K> {
    /// Continues a capture that has found something.
    pub fn resuming(pool: &'a PacedPool<P>, budget: Option<Budget>, keeper: K, found: Found) -> Self {
        Self {
            pool,
            budget,
            keeper,
            found: tokio::sync::Mutex::new(found),
            flushing: tokio::sync::Mutex::default(),
            failures: Failures::default(),
            has_missed: AtomicBool::new(false),
        }
    }

    /// Reads all objects that the capture does not have yet.
    pub async fn read_all(&self) -> Result<()> {
        let Some(pool) = self.read_pool().await? else { return Ok(()) };
        // On the heap: all at once, they are large.
        futures::try_join!(
            Box::pin(self.read_single()),
            Box::pin(self.read_domains(&pool)),
            Box::pin(self.read_web_acl(&pool)),
            Box::pin(self.read_listed()),
            Box::pin(self.read_clients(&pool)),
        )?;
        self.look_for_deletion().await
    }

    /// The last call that Cognito did not answer.
    pub fn unanswered(&self) -> Option<PoolError> {
        self.failures.unanswered()
    }

    /// What the capture has found, all of it kept.
    pub async fn end(self) -> Result<Found> {
        self.give_secrets_up().await;
        self.flush().await?;
        Ok(self.found.into_inner())
    }
}
