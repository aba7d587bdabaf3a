//! What keeps a configuration as it is while it works on the pool.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::catalog::Catalog;
use crate::model::{PoolId, RunKind};
use crate::operations::refusals::refused;
use crate::operations::sending::{IMPORT_JOB, RECOVERY};
use crate::pacing::PacedPool;
use crate::ports::pool::{Operation, Pool, PoolError, PoolResult};
use crate::ports::vault::ReadVault;
use crate::{Error, ErrorKind, Result};

/// The most pages of a list that are read. A pool with more recoveries than that has none at work that is older.
const MAX_PAGES: usize = 50;

/// The states of a point-in-time recovery that no longer keeps its pool as it is.
pub const ENDED_RECOVERIES: [&str; 4] =
    ["RESTORE_COMPLETED", "PREVIEW_CANCELLED", "PREVIEW_GENERATION_FAILED", "PREVIEW_EXPIRED"];

/// The states in which a user import job works.
pub const JOBS_AT_WORK: [&str; 3] = ["Pending", "InProgress", "Stopping"];

/// A list of what works on a pool.
struct Listing {
    operation: Operation,
    token: &'static str,
    entries: &'static str,
    status: &'static str,
    /// The states in which Cognito refuses changes of the pool, or all states but these.
    states: States,
}

enum States {
    AtWork(&'static [&'static str]),
    /// A state that Cognito adds later may be one in which it works.
    Ended(&'static [&'static str]),
}

/// Source: `UserImportJobStatusType`, Amazon Cognito user pools API.
const JOBS: Listing = Listing {
    operation: Operation::ListUserImportJobs,
    token: "PaginationToken",
    entries: "UserImportJobs",
    status: "Status",
    states: States::AtWork(&JOBS_AT_WORK),
};
/// Writes are blocked from the preview of a recovery on. After a failure of AWS, the pool may stay as it is.
///
/// Source: `RestoreStatusType`, Amazon Cognito user pools API. The list also has recoveries that ended long ago.
const RECOVERIES: Listing = Listing {
    operation: Operation::ListPointInTimeRecoveries,
    token: "NextToken",
    entries: "Restorations",
    status: "RestoreStatus",
    states: States::Ended(&ENDED_RECOVERIES),
};

/// Refuses a pool on which an import or a point-in-time recovery works: Cognito would refuse a part of the changes.
///
/// # Errors
/// `ImportAlreadyRunning` if one works. The error of a call that Cognito refuses.
pub async fn require_idle<V: ReadVault, P: Pool>(
    catalog: &Catalog<V>,
    pool: &PacedPool<P>,
    now: Timestamp,
) -> Result<()> {
    let id = pool.id();
    require_no_import(catalog, id, now).await?;
    let Some(what) = at_work(pool).await? else { return Ok(()) };
    let text = format!("A {} works on user pool {id}, so Cognito refuses changes of it.", what.words());
    Err(Error::new(ErrorKind::ImportAlreadyRunning, text, what.next()))
}

/// Refuses a pool into which an import of this product works.
///
/// # Errors
/// `ImportAlreadyRunning` if its lease is held. If the table cannot be read.
pub async fn require_no_import<V: ReadVault>(
    catalog: &Catalog<V>,
    pool: &PoolId,
    now: Timestamp,
) -> Result<()> {
    let lease = catalog.lease(pool, RunKind::Import).await?;
    let Some(lease) = lease.filter(|lease| lease.expires > now) else { return Ok(()) };
    let what = format!("{} imports into user pool {pool}.", lease.shown_holder());
    let next = format!("Wait until it has ended. Its lease ends {}.", lease.end(now));
    Err(Error::new(ErrorKind::ImportAlreadyRunning, what, next))
}

/// What of Cognito works on a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtWork {
    ImportJob,
    Recovery,
}

impl AtWork {
    fn words(self) -> &'static str {
        match self {
            Self::ImportJob => IMPORT_JOB,
            Self::Recovery => RECOVERY,
        }
    }

    /// What ends it.
    fn next(self) -> &'static str {
        match self {
            Self::ImportJob => "Wait until it has ended. Then run the command again.",
            // Its preview waits until an operator decides.
            Self::Recovery => {
                "Start or cancel the recovery: `DescribePointInTimeRecovery` shows its state. Then run the command again."
            }
        }
    }
}

/// What of Cognito works on the pool.
///
/// # Errors
/// The error of a call that Cognito refuses.
pub(super) async fn at_work<P: Pool>(pool: &PacedPool<P>) -> Result<Option<AtWork>> {
    for (listing, what) in [(&JOBS, AtWork::ImportJob), (&RECOVERIES, AtWork::Recovery)] {
        match listing.is_at_work(pool).await {
            Ok(true) => return Ok(Some(what)),
            Ok(false) => {}
            Err(error) if is_unavailable(&error) => {}
            Err(error) => return Err(refused(pool.id(), error)),
        }
    }
    Ok(None)
}

/// Whether the pool, its tier or its Region has no such work.
fn is_unavailable(error: &PoolError) -> bool {
    let codes = [
        "FeatureUnavailableInTierException",
        "OperationNotEnabledException",
        "UnknownOperationException",
        "InvalidAction",
    ];
    codes.contains(&error.code.as_str())
}

impl Listing {
    async fn is_at_work<P: Pool>(&self, pool: &PacedPool<P>) -> PoolResult<bool> {
        let mut request = json!({"UserPoolId": pool.id().as_str(), "MaxResults": 60});
        for _ in 0..MAX_PAGES {
            let mut answer = pool.read_configuration(self.operation, &request).await?.into_json();
            let mut entries = answer[self.entries].as_array().into_iter().flatten();
            if entries.any(|entry| self.is_of_work(entry)) {
                return Ok(true);
            }
            match answer[self.token].take() {
                Value::String(token) if !token.is_empty() => request[self.token] = token.into(),
                _ => break,
            }
        }
        Ok(false)
    }

    fn is_of_work(&self, entry: &Value) -> bool {
        let status = entry[self.status].as_str().unwrap_or_default();
        match self.states {
            States::AtWork(states) => states.contains(&status),
            States::Ended(states) => !states.contains(&status),
        }
    }
}
