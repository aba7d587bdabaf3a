//! The configuration that a pool has now. It is held in memory, and nothing is stored.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::{Capturing, End, Found, Keeper};
use crate::model::configuration::{
    Asset, CapturedList, CapturedObject, NotCaptured, NotCapturedReason, ObjectKind, ObjectName, Uncaptured,
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

/// How often a reading looks at the pool. After the first two looks, it waits for 5 and 10 seconds.
const LOOKS: usize = 3;

/// Reads the configuration of a pool. It changes nothing. The calls are those of a capture, after one
/// DescribeUserPool. `earlier` is the list that the configuration is compared with: Cognito hides some secrets that
/// it names, and these are looked for.
///
/// What Cognito does not answer is asked for again, [a few times](LOOKS). What else cannot be read is not captured, as
/// in an export.
///
/// # Errors
/// The error of DescribeUserPool: `PoolNotFound`, `AccessDenied`, or Cognito does not answer. `ServiceUnavailable` if
/// the pool is deleted meanwhile.
pub async fn live_configuration<P: Pool>(
    pool: &PacedPool<P>,
    earlier: &CapturedList,
) -> Result<LiveConfiguration> {
    pool.describe().await.map_err(|error| refused(pool.id(), error))?;
    let memory = Memory { earlier, objects: Mutex::default() };
    let mut checkpoints = Vec::new();
    let mut look = 0;
    let list = loop {
        look += 1;
        let found = Found::resuming(checkpoints.clone());
        let capturing = Capturing::resuming(pool, None, &memory, found);
        capturing.read_all().await?;
        if look < LOOKS
            && capturing.lacks_answers().await
            && let Some(left) = capturing.leave(End::WithoutAnswers).await?
        {
            tokio::time::sleep(capturing.wait().await).await;
            checkpoints.extend(left);
            continue;
        }
        break capturing.end().await?.into_list();
    };
    // The pool may be deleted, or a permission withdrawn, after the first call. Without the pool, nothing could be
    // compared, and nothing would differ.
    let of_pool = Uncaptured::One(ObjectName::single(ObjectKind::UserPool));
    let is_lost = |lacking: &&NotCaptured| {
        let is_whole_pool = lacking.object == of_pool && lacking.member.is_none();
        is_whole_pool || lacking.reason == NotCapturedReason::PoolDeleted
    };
    match list.not_captured().iter().find(is_lost) {
        Some(lacking) => Err(not_readable(pool, lacking)),
        None => Ok(LiveConfiguration { list, objects: memory.into_objects() }),
    }
}

fn not_readable<P: Pool>(pool: &PacedPool<P>, lacking: &NotCaptured) -> Error {
    let reason =
        lacking.code.as_ref().map_or_else(|| lacking.reason.as_str().to_owned(), ToString::to_string);
    Error::new(
        ErrorKind::ServiceUnavailable,
        format!("The configuration of user pool {} could not be read to its end ({reason}).", pool.id()),
        Guidance::TryLater,
    )
}

/// The objects by name: a listing that starts again finds objects twice.
struct Memory<'a> {
    earlier: &'a CapturedList,
    objects: Mutex<BTreeMap<ObjectName, CapturedObject>>,
}

impl Memory<'_> {
    fn into_objects(self) -> Vec<CapturedObject> {
        self.objects.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
    }
}

impl Keeper for &Memory<'_> {
    /// The digest in the object is enough to compare it.
    async fn keep_asset(&self, _: Asset) -> Result<()> {
        Ok(())
    }

    async fn keep_objects(&self, objects: Vec<CapturedObject>) -> Result<()> {
        let named = objects.into_iter().map(|object| (object.name.clone(), object));
        self.objects.lock().unwrap_or_else(PoisonError::into_inner).extend(named);
        Ok(())
    }

    async fn had(&self, name: &ObjectName) -> Result<bool> {
        Ok(self.earlier.has(name))
    }
}
