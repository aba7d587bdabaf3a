//! Builds a pool again from a captured configuration, and finishes it after its users are imported.
//!
//! One command at a time creates a pool of one name: it holds a lease. Each step is written to a journal before the
//! next one begins. If a reply is lost, or the command dies, a tag leads to the pool again. A read shows which objects
//! the pool has. So nothing is created twice. No call leaves after another command has taken the lease.

mod account;
mod domains;
mod finish;
mod pool;
mod requests;
mod sending;
mod steps;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use account::Account;
pub use finish::{FinishPlan, finish, finish_plan};

use steps::Work;

use super::HeldLease;
use super::sending::{RefusedWrite, WatchWriting};
use crate::catalog::{Catalog, RebuildId, RebuildJournal};
use crate::model::configuration::rebuild::RebuildPlan;
use crate::model::{DigestBuilder, PoolId, RunId};
use crate::pacing::{Lapsed, PacedPool, Tenure};
use crate::ports::Clock;
use crate::ports::pool::ConfigurablePool;
use crate::ports::vault::Vault;
use crate::{Error, ErrorKind, Guidance, Result};

/// The tag that marks a pool that is not finished.
pub const MARKER: &str = "cognito-backup-rebuild";

/// Follows a creation, which can take an hour.
pub trait WatchRebuild: WatchWriting {
    /// A step begins.
    fn makes(&mut self, label: &str);

    /// The creation waits until a domain is active.
    fn waits_for_domain(&mut self, domains: &str, wait: Duration);
}

/// What to create.
#[derive(Debug)]
pub struct Rebuild<'a> {
    pub id: &'a RebuildId,
    pub snapshot: &'a RunId,
    pub plan: &'a RebuildPlan,
    /// The [name](super::holder_name) of the command that holds the lease. No other command has it.
    pub holder: &'a str,
    /// Whether an import follows at once. Then the new pool gets the tag that opens it to imports.
    pub is_import_target: bool,
}

/// What a creation has made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rebuilt {
    /// The new pool. None if it was not created.
    pub pool: Option<PoolId>,
    /// The old and the new ids of clients.
    pub clients: BTreeMap<String, String>,
    /// The labels of the objects that the new pool has, in the order of their creation.
    pub made: Vec<String>,
    /// What the creation left out although the plan had it.
    pub left_out: Vec<LeftByCreation>,
}

/// One object, or one member of it, that the plan had and the new pool lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftByCreation {
    /// The label of the object.
    pub object: String,
    /// None if the whole object is left out.
    pub field: Option<String>,
    pub reason: CreationReason,
}

/// Why a creation left something out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreationReason {
    /// Cognito refused the call.
    Refused(RefusedWrite),
    /// It needs an object that was refused.
    NeedsRefused,
    /// The domain was not active in time.
    DomainNotActive,
    /// The pool has the object already, and the plan has other values for it. An earlier command made it, or the operator.
    MadeBefore,
}

/// A creation that stopped, and what it has made until then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    pub error: Error,
    pub made: Rebuilt,
}

/// The journal of a creation that the next command continues. None if the next command begins a creation.
///
/// # Errors
/// If the table or the pool cannot be read.
pub async fn begun<V: Vault, P: ConfigurablePool, F: Fn(&PoolId) -> PacedPool<P>>(
    catalog: &Catalog<V>,
    id: &RebuildId,
    account: &Account<P, F>,
) -> Result<Option<RebuildJournal>> {
    let Some(journal) = catalog.rebuild_journal(id).await? else { return Ok(None) };
    let is_going_on = match &journal.pool {
        _ if journal.is_finished => false,
        None => journal.is_sent,
        // The operator may have deleted the pool to begin again.
        Some(id) => account.has(id).await?,
    };
    Ok(is_going_on.then_some(journal))
}

/// Creates the pool, or continues its creation.
///
/// # Errors
/// If another command creates the pool, the name or a domain is taken, the table cannot be used, or Cognito refuses the
/// pool itself. The same call continues. A refusal of another object is no error: the result names it.
pub async fn rebuild<V: Vault + Clone + 'static, P: ConfigurablePool, F: Fn(&PoolId) -> PacedPool<P>>(
    catalog: &Catalog<V>,
    wanted: &Rebuild<'_>,
    account: &Account<P, F>,
    clock: Clock,
    watch: &mut impl WatchRebuild,
) -> Result<Rebuilt, Box<Stopped>> {
    let mut made = Rebuilt::default();
    let stopped = |error: Error, made: Rebuilt| Box::new(Stopped { error, made });
    let lease = HeldLease::take_for_rebuild(catalog, wanted.id, wanted.holder, clock).await;
    let mut lease = lease.map_err(|error| stopped(error, Rebuilt::default()))?;
    let tenure = Arc::new(lease.tenure());
    let account = account.during(tenure.clone());
    let work = Box::pin(under_lease(catalog, wanted, &account, tenure, watch, &mut made));
    let ended = lease.during(work).await;
    // If the lease cannot be released, it ends by itself within minutes.
    let released = lease.give_back_after_calls().await;
    match ended.and(released) {
        Ok(()) => Ok(made),
        Err(error) => Err(stopped(error, made)),
    }
}

async fn under_lease<V: Vault, P: ConfigurablePool, F: Fn(&PoolId) -> PacedPool<P>>(
    catalog: &Catalog<V>,
    wanted: &Rebuild<'_>,
    account: &Account<P, F>,
    tenure: Arc<Tenure>,
    watch: &mut impl WatchRebuild,
    made: &mut Rebuilt,
) -> Result<()> {
    // The command before this one may still write its last note.
    tenure.prepare().await.map_err(lapsed)?;
    let stored = catalog.rebuild_journal(wanted.id).await?;
    let begun = begun(catalog, wanted.id, account).await?;
    let is_new = begun.is_none();
    let journal = match begun {
        Some(journal) if journal.snapshot != *wanted.snapshot => return Err(of_another_snapshot(&journal)),
        Some(journal) => {
            let now = wanted.updated(journal.clone());
            catalog.write_rebuild_journal(Some(&journal), &now).await?;
            now
        }
        None => {
            account.require_free(&wanted.id.name, wanted.plan).await?;
            let journal = wanted.journal();
            catalog.write_rebuild_journal(stored.as_ref(), &journal).await?;
            journal
        }
    };
    let mut work = Work::new(catalog, wanted.plan, journal, tenure, made).await?;
    let id = work.pool(account, watch).await?;
    Box::pin(work.all_steps(&account.connect(&id), is_new, watch)).await
}

impl Rebuild<'_> {
    /// The journal of a creation that begins.
    fn journal(&self) -> RebuildJournal {
        self.updated(RebuildJournal {
            id: self.id.clone(),
            snapshot: self.snapshot.clone(),
            // No other creation begins with this command.
            marker: DigestBuilder::new("marker of a creation").text(self.holder).finish().to_string(),
            holder: String::new(),
            is_import_target: false,
            is_sent: false,
            pool: None,
            triggers: String::new(),
            is_protected: false,
            is_created: false,
            is_finished: false,
        })
    }

    /// The journal of this command, with what the end of the creation needs by its plan.
    fn updated(&self, journal: RebuildJournal) -> RebuildJournal {
        let (triggers, is_protected) = (self.plan.triggers.to_string(), self.plan.is_protected);
        // A pool that exists keeps the tags with which it was created.
        let is_import_target = journal.is_import_target || (self.is_import_target && journal.pool.is_none());
        let holder = self.holder.to_owned();
        RebuildJournal { triggers, is_protected, is_import_target, holder, ..journal }
    }
}

/// The refusal to continue a creation with another snapshot than its own.
pub fn of_another_snapshot(journal: &RebuildJournal) -> Error {
    let what = format!(
        "The creation of user pool {:?} has begun from snapshot {}, and is not finished.",
        journal.id.name, journal.snapshot
    );
    let next = match &journal.pool {
        Some(pool) => format!(
            "Name that snapshot to continue, or give another name. To begin again under this name, delete user pool {pool} \
             first, if no users were imported into it."
        ),
        None => "Name that snapshot to continue, or give another name.".to_owned(),
    };
    Error::new(ErrorKind::InvalidInput, what, next)
}

/// The error of a command that may neither call nor write notes any more.
fn lapsed(lapsed: Lapsed) -> Error {
    match lapsed {
        Lapsed::Overtaken => Error::new(
            ErrorKind::Overtaken,
            "Another command took the lease. This one made no more calls.",
            Guidance::WaitForLease,
        ),
        Lapsed::Unreadable => Error::new(
            ErrorKind::ServiceUnavailable,
            "The lease cannot be read, so no more calls were made.",
            Guidance::TryLater,
        ),
    }
}
