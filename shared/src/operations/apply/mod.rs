//! Rolls a live pool back to a captured configuration.
//!
//! The caller holds the export lease of the pool: no export captures a pool that is half changed, and no two roll backs
//! work on one pool. [`planned`] reads the pool and plans. [`apply`] carries the plan out.
//!
//! Each object is read again right before it is written. If it is not as the plan saw it, the roll back stops: the
//! operator has not seen that change. If a reply is lost, the object is read, and only sent again if nothing has
//! changed. So nothing is created twice. At the end, the pool is read and compared again.
//!
//! | file | what it does |
//! |---|---|
//! | [`idle`] | refuses a pool in which something else works |
//! | [`reading`] | one object, as Cognito answers it |
//! | [`work`] | the writes |

mod idle;
mod reading;
mod work;

use std::collections::{BTreeMap, BTreeSet};

pub use idle::{ENDED_RECOVERIES, JOBS_AT_WORK, require_idle, require_no_import};
use serde::{Serialize, Serializer};

use super::HeldLease;
use super::capture::{LiveConfiguration, WatchReading, live_configuration};
use super::sending::{RefusedWrite, WatchWriting};
use crate::catalog::Catalog;
use crate::model::configuration::apply::{
    Action, ApplyChoices, ApplyPlan, ApplyReason, ApplyRefusal, ApplyStep, Side, plan, plan_after,
};
use crate::model::configuration::difference::{Difference, NotCompared};
use crate::model::configuration::{CapturedList, CapturedObject};
use crate::pacing::PacedPool;
use crate::ports::Clock;
use crate::ports::pool::{ConfigurablePool, Pool};
use crate::ports::vault::Vault;
use crate::{Error, ErrorKind, Guidance, Result};

use work::Work;

/// Follows a roll back.
pub trait WatchApply: WatchWriting {
    /// A step goes on. A step can have several parts.
    fn applies(&mut self, label: &str, action: Action);
}

/// What a roll back wants of a pool.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub list: &'a CapturedList,
    /// The captured objects, with their secrets where these are known, and with the bytes of assets.
    pub objects: &'a [CapturedObject],
    pub choices: &'a ApplyChoices,
}

/// What a roll back has done.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// The steps that are done, in their order.
    pub done: Vec<ApplyStep>,
    /// What differs from the snapshot at the end. Empty if the roll back stopped.
    pub left: Vec<LeftByApply>,
    /// What could not be compared at the end.
    pub not_compared: Vec<NotCompared>,
    /// The old and the new ids of clients that were created again, now or before.
    pub clients: BTreeMap<String, String>,
    /// The labels of clients, by their old ids. It has those of `clients`, and of clients that are not created yet.
    #[serde(skip)]
    pub client_labels: BTreeMap<String, String>,
    /// Whether a request has left that changes the pool.
    #[serde(skip)]
    pub has_sent: bool,
    /// The labels of objects of which a request has left, and which are not done.
    #[serde(skip)]
    pub unsure: BTreeSet<String>,
    /// The labels of objects that were not rolled back, and why.
    #[serde(skip)]
    pub refused: Vec<(String, AfterReason)>,
}

/// A difference that a roll back left.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftByApply {
    pub difference: Difference,
    pub reason: AfterReason,
}

/// Why a difference is left at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AfterReason {
    /// The plan left it.
    Planned(ApplyReason),
    /// Cognito refused the call.
    Refused(RefusedWrite),
    /// The roll back has deleted the object to replace it, and Cognito refused the replacement and the old object.
    NotPutBack(RefusedWrite),
    /// The roll back has deleted the object to replace it, and Cognito took only a part of the new one, or of the old one.
    PartlyReplaced(RefusedWrite),
    /// It belongs to an object that was refused, or has to come after it.
    NeedsRefused,
    /// Cognito took the request, and the difference is there all the same.
    NotTaken,
}

impl AfterReason {
    /// The name in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Planned(reason) => reason.name(),
            Self::Refused(_) => "refused",
            Self::NotPutBack(_) => "notPutBack",
            Self::PartlyReplaced(_) => "partlyReplaced",
            Self::NeedsRefused => "needsRefused",
            Self::NotTaken => "notTaken",
        }
    }
}

impl Serialize for LeftByApply {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Shown<'a> {
            #[serde(flatten)]
            difference: &'a Difference,
            reason: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            allow: Option<crate::model::configuration::apply::Allow>,
            #[serde(skip_serializing_if = "Option::is_none")]
            operation: Option<&'static str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            code: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            member: Option<&'static str>,
        }
        let refused = match &self.reason {
            AfterReason::Refused(write)
            | AfterReason::NotPutBack(write)
            | AfterReason::PartlyReplaced(write) => Some(write),
            _ => None,
        };
        let allow = if let AfterReason::Planned(reason) = &self.reason { reason.allow() } else { None };
        Shown {
            difference: &self.difference,
            reason: self.reason.name(),
            allow,
            operation: refused.map(|write| write.call.operation.name()),
            code: refused.map(|write| write.call.code.as_str()),
            member: refused.and_then(|write| write.member),
        }
        .serialize(serializer)
    }
}

/// A roll back that stopped, and what it had done until then.
#[derive(Debug, Clone, PartialEq)]
pub struct StoppedApply {
    pub error: Error,
    pub applied: Applied,
}

/// Reads the pool and plans its roll back. It changes nothing.
///
/// # Errors
/// Those of [`live_configuration`]. `InvalidInput` if the capture is of another pool, or the choices name a part that
/// neither side has.
pub async fn planned<P: Pool>(
    pool: &PacedPool<P>,
    wanted: Wanted<'_>,
    watch: &mut impl WatchReading,
) -> Result<ApplyPlan> {
    let live = live(pool, wanted, watch).await?;
    plan_of(&live, wanted)
}

async fn live<P: Pool>(
    pool: &PacedPool<P>,
    wanted: Wanted<'_>,
    watch: &mut impl WatchReading,
) -> Result<LiveConfiguration> {
    // The future is large, and callers hold it several times.
    Box::pin(live_configuration(pool, wanted.list, watch)).await
}

/// Plans the roll back of a pool that was read before.
///
/// # Errors
/// `InvalidInput` if the capture is of another pool, or the choices name a part that neither side has.
pub fn plan_of(live: &LiveConfiguration, wanted: Wanted<'_>) -> Result<ApplyPlan> {
    let [wanted_side, live_side] = sides(live, wanted);
    plan(wanted_side, live_side, wanted.choices).map_err(refusal)
}

fn sides<'a>(live: &'a LiveConfiguration, wanted: Wanted<'a>) -> [Side<'a>; 2] {
    [Side { list: wanted.list, objects: wanted.objects }, Side { list: &live.list, objects: &live.answers }]
}

/// Carries a plan out, while `lease` is held. The lease is the export lease of the pool.
///
/// # Errors
/// Those of [`apply`], and `LeaseLost`. The error comes with what was done until then.
pub async fn apply_under<V: Vault, P: ConfigurablePool>(
    lease: &mut HeldLease<'_, V>,
    catalog: &Catalog<V>,
    pool: &PacedPool<P>,
    plan: &ApplyPlan,
    wanted: Wanted<'_>,
    clock: Clock,
    watch: &mut impl WatchApply,
) -> Result<Applied, Box<StoppedApply>> {
    let mut applied = Applied::default();
    let work = Box::pin(apply(catalog, pool, plan, wanted, clock, &mut applied, watch));
    match lease.during(work).await {
        Ok(()) => Ok(applied),
        Err(error) => Err(Box::new(StoppedApply { error, applied })),
    }
}

/// Carries a plan out. `applied` has what is done, at each moment.
///
/// A refusal of one object is no error: the result names it, and the others go on.
///
/// # Errors
/// `ImportAlreadyRunning` if an import or a recovery works on the pool, before anything is written. `Overtaken` if the
/// pool was changed since the plan. The error of a call that Cognito did not answer. The next command continues.
pub async fn apply<V: Vault, P: ConfigurablePool>(
    catalog: &Catalog<V>,
    pool: &PacedPool<P>,
    plan: &ApplyPlan,
    wanted: Wanted<'_>,
    clock: Clock,
    applied: &mut Applied,
    watch: &mut impl WatchApply,
) -> Result<()> {
    applied.clients.clone_from(&plan.clients);
    applied.client_labels.clone_from(&plan.client_labels);
    let mut failures = BTreeMap::new();
    let steps = &plan.steps;
    if !plan.writes.is_empty() {
        require_idle(catalog, pool, clock.now()).await?;
        let mut work = Work::new(pool, plan, &mut *applied);
        Box::pin(work.all(watch)).await?;
        failures = work.into_failures();
    }
    let now = plan_of_end(pool, wanted, watch).await;
    let now = now.map_err(|error| if applied.has_sent { not_compared(&error) } else { error })?;
    let left = now.left.into_iter().map(|left| {
        let (difference, reason) = (left.difference, left.reason);
        // The plan may say that a client is missing whose creation was refused.
        let reason = failure(steps, &failures, &difference).unwrap_or(AfterReason::Planned(reason));
        LeftByApply { difference, reason }
    });
    let mut left: Vec<_> = left.collect();
    for difference in now.steps.into_iter().flat_map(|step| step.differences) {
        let reason = failure(steps, &failures, &difference)
            .or_else(|| failure_of_object(steps, &failures, &difference))
            .unwrap_or(AfterReason::NotTaken);
        left.push(LeftByApply { difference, reason });
    }
    left.sort_by(|a, b| {
        let key = |left: &LeftByApply| (left.difference.object.clone(), left.difference.field.clone());
        key(a).cmp(&key(b))
    });
    applied.left = left;
    applied.not_compared = now.not_compared;
    Ok(())
}

/// What still differs. An object that the operator has named may be gone now.
async fn plan_of_end<P: Pool>(
    pool: &PacedPool<P>,
    wanted: Wanted<'_>,
    watch: &mut impl WatchReading,
) -> Result<ApplyPlan> {
    let live = live(pool, wanted, watch).await?;
    let [wanted_side, live_side] = sides(&live, wanted);
    plan_after(wanted_side, live_side, wanted.choices).map_err(refusal)
}

/// The error of a comparison after the last change.
fn not_compared(error: &Error) -> Error {
    let what = format!("All changes were sent. The comparison after them failed: {}", error.message());
    Error::new(error.kind(), what, error.guidance().clone())
}

/// Why the step that removes a difference was not carried out.
fn failure(
    steps: &[ApplyStep],
    failures: &BTreeMap<usize, AfterReason>,
    found: &Difference,
) -> Option<AfterReason> {
    let removes = |known: &Difference| {
        let is_same_field = known.field == found.field || known.field.is_none() || found.field.is_none();
        is_same_field && is_of_same_object(known, found)
    };
    let mut failures = failures.iter();
    let failed = failures.find(|(step, _)| steps[**step].differences.iter().any(removes));
    failed.map(|(_, reason)| reason.clone())
}

/// Why a step of the object was not carried out: a comparison may name a difference in another way than the plan.
fn failure_of_object(
    steps: &[ApplyStep],
    failures: &BTreeMap<usize, AfterReason>,
    found: &Difference,
) -> Option<AfterReason> {
    let is_of = |step: usize| steps[step].differences.iter().any(|known| is_of_same_object(known, found));
    failures.iter().find(|(step, _)| is_of(**step)).map(|(_, reason)| reason.clone())
}

fn is_of_same_object(one: &Difference, other: &Difference) -> bool {
    let names = |found: &Difference| [found.object.old.clone(), found.object.new.clone()];
    names(one).into_iter().flatten().any(|name| names(other).contains(&Some(name)))
}

fn refusal(refusal: ApplyRefusal) -> Error {
    match refusal {
        ApplyRefusal::NoUserPool => Error::new(
            ErrorKind::InvalidInput,
            "The snapshot lacks the user pool itself, so nothing can be rolled back.",
            Guidance::UseAnotherSnapshot,
        ),
        ApplyRefusal::OtherPool => Error::new(
            ErrorKind::SnapshotOfAnotherPool,
            "The snapshot was taken of another user pool.",
            Guidance::UseAnotherSnapshot,
        ),
        ApplyRefusal::UnknownPart { part } => {
            let what = format!(
                "Neither the snapshot nor the user pool has {}.",
                crate::model::object_name(&part.to_string())
            );
            Error::new(ErrorKind::InvalidInput, what, "Name a part that one of them has.")
        }
        ApplyRefusal::Answer(_) => Error::new(
            ErrorKind::Internal,
            "Cognito answered the configuration of the user pool in an unknown form.",
            Guidance::REPORT_THIS,
        ),
        ApplyRefusal::Document(error) => {
            Error::new(ErrorKind::SnapshotDamaged, error.to_string(), Guidance::NEW_EXPORT)
        }
    }
}
