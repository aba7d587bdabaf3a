//! The configuration that a pool has now. It is held in memory, and nothing is stored.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::{Capturing, End, Found, Keeper, KeptSecret};
use crate::model::ErrorCode;
use crate::model::configuration::{
    Asset, CapturedList, CapturedObject, NotCaptured, NotCapturedReason, ObjectKind, ObjectName, Uncaptured,
    Withheld,
};
use crate::operations::refusals::{pool_not_found, refused};
use crate::pacing::PacedPool;
use crate::ports::pool::{Operation, Pool, PoolError, PoolErrorKind};
use crate::{Error, ErrorKind, Guidance, Result};

/// The configuration of a pool at one moment, as an export would capture it.
#[derive(Debug)]
pub struct LiveConfiguration {
    pub list: CapturedList,
    /// The objects, in the order of their names. The bytes of assets are replaced by their digests.
    pub objects: Vec<CapturedObject>,
    /// The same objects as Cognito answers them, with all secrets. They are for requests that need them, and are never
    /// stored or shown.
    pub answers: Vec<CapturedObject>,
}

/// How often a reading looks at the pool. After the first two looks, it waits for 5 and 10 seconds.
const LOOKS: usize = 3;
/// How often a reading says how many objects it has.
const SAID_EVERY: Duration = Duration::from_secs(10);

/// Follows a reading, which can take minutes.
pub trait WatchReading {
    /// The reading goes on. It has read so many objects.
    fn reads(&mut self, objects: usize);

    /// Cognito did not answer a call, and the reading waits before it asks again.
    fn waits(&mut self, operation: Operation, wait: Duration);
}

/// Reads the configuration of a pool. It changes nothing. The calls are those of a capture, after one
/// DescribeUserPool. `earlier` is the list that the configuration is compared with: Cognito hides some secrets that
/// it names, and these are looked for.
///
/// What Cognito does not answer is asked for again, [a few times](LOOKS). What the pool does not have, or the caller
/// may not read, is not captured, as in an export.
///
/// # Errors
/// The error of a call that Cognito did not answer to the end: without it, differences would be missed. `PoolNotFound` if
/// the pool is deleted meanwhile, and `AccessDenied` if the pool itself may not be described.
pub async fn live_configuration<P: Pool>(
    pool: &PacedPool<P>,
    earlier: &CapturedList,
    watch: &mut impl WatchReading,
) -> Result<LiveConfiguration> {
    let memory = Memory::after(earlier);
    let list = read_live(pool, &memory, &memory, watch).await?;
    let (objects, answers) = memory.into_objects();
    Ok(LiveConfiguration { list, objects, answers })
}

/// Reads the configuration of a pool into a keeper, which also keeps the objects in `memory`.
///
/// # Errors
/// Those of [`live_configuration`], and those of the keeper.
pub(in crate::operations) async fn read_live<P: Pool, K: Keeper + Copy>(
    pool: &PacedPool<P>,
    keeper: K,
    memory: &Memory<'_>,
    watch: &mut impl WatchReading,
) -> Result<CapturedList> {
    pool.describe().await.map_err(|error| refused(pool.id(), error))?;
    let mut checkpoints = Vec::new();
    let mut look = 0;
    let (list, unanswered) = loop {
        look += 1;
        let found = Found::resuming(checkpoints.clone());
        let capturing = Capturing::resuming(pool, None, keeper, found);
        watched(capturing.read_all(), || watch.reads(memory.lock().len())).await?;
        let unanswered = capturing.unanswered();
        if look < LOOKS
            && capturing.lacks_answers().await
            && let Some(left) = capturing.leave(End::WithoutAnswers).await?
        {
            let wait = capturing.wait().await;
            unanswered.iter().for_each(|error| watch.waits(error.operation, wait));
            sleep(wait).await;
            checkpoints.extend(left);
            continue;
        }
        break (capturing.end().await?.into_list(), unanswered);
    };
    let lost = || list.not_captured().iter().filter(|lacking| is_lost(lacking));
    let is_deleted = |lacking: &&NotCaptured| lacking.reason == NotCapturedReason::PoolDeleted;
    match lost().find(is_deleted).or_else(|| lost().next()) {
        Some(lacking) => Err(not_readable(pool, lacking, unanswered)),
        None => Ok(list),
    }
}

/// Reads to the end, and calls `say` now and then.
async fn watched(reading: impl Future<Output = Result<()>>, mut say: impl FnMut()) -> Result<()> {
    let mut reading = pin!(reading);
    loop {
        match timeout(SAID_EVERY, reading.as_mut()).await {
            Ok(end) => return end,
            Err(_) => say(),
        }
    }
}

/// Whether the reading is of no use. If it lacks the pool or an answer, the comparison would miss
/// differences.
fn is_lost(lacking: &NotCaptured) -> bool {
    let of_pool = Uncaptured::One(ObjectName::single(ObjectKind::UserPool));
    let is_whole_pool = lacking.object == of_pool && lacking.member.is_none();
    is_whole_pool || matches!(lacking.reason, NotCapturedReason::PoolDeleted | NotCapturedReason::Unavailable)
}

fn not_readable<P: Pool>(pool: &PacedPool<P>, lacking: &NotCaptured, unanswered: Option<PoolError>) -> Error {
    let pool = pool.id();
    match (&lacking.reason, unanswered) {
        (NotCapturedReason::PoolDeleted, _) => pool_not_found(pool),
        (NotCapturedReason::Unavailable, Some(error)) => refused(pool, error),
        (NotCapturedReason::AccessDenied, _) => {
            let code = lacking.code.as_ref().map_or("", ErrorCode::as_str);
            refused(pool, PoolError::new(Operation::DescribeUserPool, PoolErrorKind::AccessDenied, code))
        }
        (reason, _) => {
            let reason =
                lacking.code.as_ref().map_or_else(|| reason.as_str().to_owned(), ToString::to_string);
            let what =
                format!("The configuration of user pool {pool} could not be read to its end ({reason}).");
            Error::new(ErrorKind::ServiceUnavailable, what, Guidance::TryLater)
        }
    }
}

/// The objects by name: a listing that starts again finds objects twice.
pub(in crate::operations) struct Memory<'a> {
    earlier: &'a CapturedList,
    objects: Mutex<BTreeMap<ObjectName, CapturedObject>>,
    answers: Mutex<BTreeMap<ObjectName, Value>>,
}

impl<'a> Memory<'a> {
    /// `earlier` is the list that the configuration is compared with.
    pub fn after(earlier: &'a CapturedList) -> Self {
        Self { earlier, objects: Mutex::default(), answers: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ObjectName, CapturedObject>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The objects without their secrets, and as they were answered.
    pub fn into_objects(self) -> (Vec<CapturedObject>, Vec<CapturedObject>) {
        let objects = self.objects.into_inner().unwrap_or_else(PoisonError::into_inner);
        let answers = self.answers.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter();
        let answers = answers.filter(|(name, _)| objects.contains_key(name));
        let answers = answers.map(|(name, document)| CapturedObject { name, document }).collect();
        (objects.into_values().collect(), answers)
    }
}

impl Keeper for &Memory<'_> {
    /// The digest in the object is enough to compare it.
    async fn keep_asset(&self, _: Asset) -> Result<()> {
        Ok(())
    }

    async fn keep_objects(&self, objects: Vec<CapturedObject>) -> Result<()> {
        let named = objects.into_iter().map(|object| (object.name.clone(), object));
        self.lock().extend(named);
        Ok(())
    }

    async fn keep_secret(&self, _: &ObjectName, _: &Withheld) -> Result<KeptSecret> {
        Ok(KeptSecret::LeftOut)
    }

    fn sees(&self, name: &ObjectName, answer: &Value) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.insert(name.clone(), answer.clone());
    }

    async fn had(&self, name: &ObjectName) -> Result<bool> {
        Ok(self.earlier.has_or_had(name))
    }

    async fn was_answered(&self, name: &ObjectName, beside: &ObjectName) -> Result<bool> {
        Ok(self.earlier.was_answered(name, beside))
    }
}
