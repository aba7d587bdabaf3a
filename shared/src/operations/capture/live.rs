//! The configuration that a pool has now. It is held in memory, and nothing is stored.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::{Capturing, Found, Keeper};
use crate::model::configuration::{
    Asset, CapturedList, CapturedObject, NotCaptured, ObjectKind, ObjectName, Uncaptured,
};
use crate::operations::refusals::refused;
use crate::pacing::PacedPool;
use crate::ports::pool::Pool;
use crate::{Error, ErrorKind, Guidance, Result};

/// The configuration of a pool at one moment, as an export would capture it.
#[derive(Debug)]
pub struct LiveConfiguration {
    pub list: CapturedList,
    /// The objects, in the order of their names. The bytes of assets are replaced by their digests.
    pub objects: Vec<CapturedObject>,
}

/// Reads the configuration of a pool. It changes nothing. The calls are those of a capture, after one
/// DescribeUserPool.
///
/// What else cannot be read is not captured, as in an export.
///
/// # Errors
/// The error of DescribeUserPool: `PoolNotFound`, `AccessDenied`, or Cognito does not answer.
pub async fn live_configuration<P: Pool>(pool: &PacedPool<P>) -> Result<LiveConfiguration> {
    pool.describe().await.map_err(|error| refused(pool.id(), error))?;
    let memory = Memory::default();
    let capturing = Capturing::resuming(pool, None, &memory, Found::default());
    capturing.read_all().await?;
    let list = capturing.end().await?.into_list();
    // The pool may be deleted, or a permission withdrawn, after the first call. Without the pool, nothing could be
    // compared, and nothing would differ.
    let of_pool = Uncaptured::One(ObjectName::single(ObjectKind::UserPool));
    match list.not_captured().iter().find(|lacking| lacking.object == of_pool) {
        Some(lacking) => Err(not_readable(pool, lacking)),
        None => Ok(LiveConfiguration { list, objects: memory.into_objects() }),
    }
}

fn not_readable<P: Pool>(pool: &PacedPool<P>, lacking: &NotCaptured) -> Error {
    let reason = lacking.code.as_ref().map_or_else(|| lacking.reason.name().to_owned(), ToString::to_string);
    Error::new(
        ErrorKind::ServiceUnavailable,
        format!("The configuration of user pool {} could not be read to its end ({reason}).", pool.id()),
        Guidance::TryLater,
    )
}

/// The objects by name: a listing that starts again finds objects twice.
#[derive(Default)]
struct Memory(Mutex<BTreeMap<ObjectName, CapturedObject>>);

impl Memory {
    fn into_objects(self) -> Vec<CapturedObject> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
    }
}

impl Keeper for &Memory {
    /// The digest in the object is enough to compare it.
    async fn keep_asset(&self, _: Asset) -> Result<()> {
        Ok(())
    }

    async fn keep_objects(&self, objects: Vec<CapturedObject>) -> Result<()> {
        let named = objects.into_iter().map(|object| (object.name.clone(), object));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(named);
        Ok(())
    }
}
