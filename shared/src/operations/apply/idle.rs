//! What keeps a configuration as it is while it works on the pool.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::catalog::Catalog;
use crate::model::RunKind;
use crate::operations::refusals::refused;
use crate::pacing::PacedPool;
use crate::ports::pool::{Operation, Pool, PoolError, PoolResult};
use crate::ports::vault::ReadVault;
use crate::{Error, ErrorKind, Result};

/// The most pages of a list that are read. A pool with more recoveries than that has none at work that is older.
const MAX_PAGES: usize = 50;

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
    states: States::AtWork(&["Pending", "InProgress", "Stopping"]),
};
/// Writes are blocked from the preview of a recovery on.
const RECOVERIES: Listing = Listing {
    operation: Operation::ListPointInTimeRecoveries,
    token: "NextToken",
    entries: "Restorations",
    status: "RestoreStatus",
    states: States::Ended(&["COMPLETED", "SUCCEEDED", "FAILED", "CANCELLED", "CANCELED", "EXPIRED"]),
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
    let lease = catalog.lease(id, RunKind::Import).await?;
    if let Some(lease) = lease.filter(|lease| lease.expires > now) {
        let what = format!("{} imports into user pool {id}.", lease.shown_holder());
        let next =
            format!("Nothing was changed. Wait until it has ended. Its lease ends {}.", lease.end(now));
        return Err(Error::new(ErrorKind::ImportAlreadyRunning, what, next));
    }
    for (listing, what) in [(&JOBS, "A user import job"), (&RECOVERIES, "A point-in-time recovery")] {
        let is_at_work = match listing.is_at_work(pool).await {
            Ok(is_at_work) => is_at_work,
            Err(error) if is_unavailable(&error) => false,
            Err(error) => return Err(refused(id, error)),
        };
        if is_at_work {
            let what = format!("{what} runs in user pool {id}, so Cognito refuses changes of it.");
            return Err(Error::new(
                ErrorKind::ImportAlreadyRunning,
                what,
                "Nothing was changed. Wait until it has ended. Then start the command again.",
            ));
        }
    }
    Ok(())
}

/// Whether the pool, its tier or its Region has no such work.
fn is_unavailable(error: &PoolError) -> bool {
    ["FeatureUnavailableInTierException", "UnknownOperationException", "InvalidAction"]
        .contains(&error.code.as_str())
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
