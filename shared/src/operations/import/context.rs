//! What all phases of an import share in one invocation. No phase changes it.

use std::fmt::Display;

use crate::catalog::{Catalog, CheckpointKey, TakenLease, selection_key};
use crate::identity::{EarlierRepairs, UserMatcher};
use crate::model::{
    Ceilings, ForecastCheckpoint, ListingPosition, Progress, Restore, RestoreState, Selection, Tps,
};
use crate::operations::patience::tag_may_be_new;
use crate::operations::refusals::refused;
use crate::operations::run::{keep_lease, paced_pool, require_sealed, run_ended};
use crate::pacing::{Budget, PacedPool, PagedListing};
use crate::ports::pool::{Pool, PoolError};
use crate::ports::vault::Vault;
use crate::ports::{Backend, Clock};
use crate::{Error, ErrorKind, Result};

pub struct Context<B: Backend> {
    pub mode: Mode,
    pub lease: TakenLease<B::Vault>,
    pub pool: PacedPool<B::Pool>,
    pub catalog: Catalog<B::Vault>,
    pub files: B::JobFiles,
    /// The restore as it was when the invocation began. In a dry run, the restore that the input
    /// would begin.
    pub restore: Restore,
    /// The bytes of the largest user of the snapshot. None if users of any size may come.
    pub largest_user: Option<u64>,
    /// The repairs of the target. None if the target is not the source.
    pub repairs: EarlierRepairs,
    /// The users to restore. None for all users.
    pub selection: Option<Selection>,
    pub tps: Tps,
    pub ceilings: Ceilings,
    pub budget: Budget,
    pub clock: Clock,
    /// Whether the role has access to the target only by its tag.
    requires_pool_tag: bool,
}

/// Whether an import changes its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The import ends with its forecast.
    DryRun,
    Import,
}

impl<B: Backend> Context<B> {
    /// Opens what an invocation works with. None if the restore is closed already.
    pub async fn open(backend: &B, progress: &Progress, budget: Budget) -> Result<Option<Self>> {
        let catalog = Catalog::new(backend.vault());
        let (mode, restore) = if progress.dry_run {
            let planned = catalog.forecast(&progress.run_id).await?.ok_or_else(|| run_ended(progress))?;
            (Mode::DryRun, planned.restore)
        } else {
            let restore = match catalog.restore(&progress.user_pool_id, &progress.run_id).await? {
                Some(restore) if restore.state == RestoreState::Running => restore,
                Some(Restore { state: RestoreState::Succeeded | RestoreState::Partial, .. }) => {
                    return Ok(None);
                }
                _ => return Err(run_ended(progress)),
            };
            (Mode::Import, restore)
        };
        // A run that has ended must not take its lease again. So check the state first.
        let lease = keep_lease(&catalog, progress, true, backend.clock()).await?;
        let mut largest_user = None;
        if mode == Mode::Import {
            // The snapshot may have been removed while no run held the lease.
            let snapshot = require_sealed(backend, &catalog, &restore).await?;
            // If the invocation before died, it may have met larger users.
            largest_user = snapshot.largest_user.filter(|_| !lease.follows_a_death());
        }
        Ok(Some(Self {
            mode,
            lease: lease.clone(),
            pool: paced_pool(backend, progress, budget, &lease),
            files: backend.job_files(),
            repairs: EarlierRepairs::before(&catalog, &restore).await?,
            selection: selection_of(&catalog, &restore).await?,
            catalog,
            restore,
            largest_user,
            tps: progress.tps,
            ceilings: progress.ceilings.clone(),
            budget,
            clock: backend.clock(),
            requires_pool_tag: backend.requires_pool_tag(),
        }))
    }

    /// Whether IAM may not know the tag of the target yet, so that a denied call may be allowed soon.
    pub fn tag_may_be_new(&self) -> bool {
        tag_may_be_new(self.requires_pool_tag, &self.restore.execution, self.clock.now())
    }

    pub async fn forecast(&self) -> Result<ForecastCheckpoint> {
        let id = &self.restore.id;
        self.catalog.forecast(id).await?.ok_or_else(|| {
            let key = CheckpointKey::forecast(id);
            let what = format!("The forecast of restore {id} (item {}) is missing.", key.item());
            Error::new(ErrorKind::RunEnded, what, "Start a new import.")
        })
    }

    pub fn user_matcher(&self) -> UserMatcher<'_, B::Vault> {
        UserMatcher::new(&self.catalog, &self.restore, &self.repairs)
    }

    /// A listing of the target that continues at `position`. The error of a failed listing contains
    /// `name`.
    pub fn resume_listing(&self, name: impl Display, position: ListingPosition) -> PagedListing<'_> {
        self.new_listing(name).resume(position, &self.restore.execution)
    }

    /// A listing of the target that no checkpoint stores.
    pub fn new_listing(&self, name: impl Display) -> PagedListing<'_> {
        PagedListing::new(self.pool.id(), name, refused)
    }

    /// The error of the run whose call Cognito refused.
    pub fn refused(&self, error: PoolError) -> Error {
        refused(self.pool.id(), error)
    }
}

async fn selection_of<V: Vault>(catalog: &Catalog<V>, restore: &Restore) -> Result<Option<Selection>> {
    if restore.selection.is_none() {
        return Ok(None);
    }
    match catalog.selection(&restore.id).await? {
        Some(selection) => Ok(Some(selection)),
        None => {
            let item = selection_key(&restore.id);
            let what = format!("The selection of restore {} (item {item}) is missing.", restore.id);
            Err(Error::new(ErrorKind::RunEnded, what, "Start a new import."))
        }
    }
}
