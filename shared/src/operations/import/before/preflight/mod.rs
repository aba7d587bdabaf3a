//! Preflight: finds all known obstacles before the import writes anything. `enumerate` makes it.

mod continuation;
mod restore_start;
mod shrunk;
mod target_check;

pub use self::continuation::EarlierRestore;
pub use self::restore_start::RestoreStart;
pub use self::shrunk::check as check_shrunk;

use jiff::Timestamp;

use crate::Result;
use crate::catalog::Catalog;
use crate::model::{
    Counts, ExpiresAt, ImportInput, PoolDescription, Progress, Restore, RestoreState, RestoreUnit, Snapshot,
    SnapshotSelector, SubMapRetention, TargetSettings, UnmatchedNames, ValueRules,
};
use crate::pacing::PacedPool;
use crate::ports::pool::Pool;
use crate::ports::vault::Vault;

use self::target_check::CheckedTarget;

/// An import before it begins.
pub struct Preflight<'a, P, V> {
    /// The target.
    pub pool: &'a PacedPool<P>,
    pub target: &'a PoolDescription,
    pub catalog: &'a Catalog<V>,
    pub input: &'a ImportInput,
    pub progress: &'a Progress,
    /// How long the sub map is kept, by the input or the deployment.
    pub sub_map_retention: Option<SubMapRetention>,
    pub now: Timestamp,
}

impl<P: Pool, V: Vault> Preflight<'_, P, V> {
    /// How the import starts.
    ///
    /// # Errors
    /// The reason why it cannot start.
    pub async fn check(&self) -> Result<RestoreStart> {
        let Self { catalog, input, now, .. } = *self;
        let continued = continuation::find(self).await?;
        let selector = match &continued {
            Some(restore) => &SnapshotSelector::Id(restore.snapshot.clone()),
            None => &input.snapshot,
        };
        let (snapshot, units) = catalog.sealed_snapshot(&input.source, selector, now).await?;
        let shrunk = match &continued {
            Some(restore) => restore.shrunk.clone(),
            None => shrunk::check(catalog, input, &snapshot).await?,
        };
        let checked = target_check::check(catalog, input, self.target, &snapshot).await?;
        if let Some(restore) = continued.filter(|_| !input.dry_run) {
            let (sub_map_retention, execution) = (self.sub_map_retention, self.progress.execution.clone());
            let sub_map_lifetime = input.sub_map_lifetime;
            let tag = self.target.tag;
            let restore = Box::new(Restore { sub_map_retention, sub_map_lifetime, tag, ..restore });
            return Ok(RestoreStart::Continued { restore, execution, to_declare: checked.to_declare });
        }
        let at_work =
            if input.dry_run { continuation::at_work(catalog, &input.target, now).await? } else { None };
        let restore = Box::new(Restore { shrunk, at_work, ..self.new_restore(&snapshot, checked) });
        Ok(RestoreStart::New { restore, units: RestoreUnit::plan(&units) })
    }

    fn new_restore(&self, snapshot: &Snapshot, checked: CheckedTarget) -> Restore {
        let Self { input, progress, .. } = *self;
        Restore {
            id: progress.run_id.clone(),
            source: input.source.clone(),
            target: input.target.clone(),
            selector: input.snapshot.clone(),
            snapshot: snapshot.id.clone(),
            state: RestoreState::Running,
            execution: progress.execution.clone(),
            expires_at: ExpiresAt::of_header(progress.run_id.time()),
            sub_map_retention: self.sub_map_retention,
            sub_map_lifetime: input.sub_map_lifetime,
            retention_changed: false,
            pass: 1,
            has_succeeded: false,
            unmatched_names: UnmatchedNames::default(),
            tag: self.target.tag,
            settings: TargetSettings::of(self.target),
            options: input.options.clone(),
            selection: input.selection.digest(),
            value_rules: input.options.accept_losses.then(|| ValueRules::of(self.target)),
            to_declare: checked.to_declare,
            collides_by: checked.collides_by,
            new_aliases: checked.new_aliases,
            expected: snapshot.counts,
            shrunk: None,
            at_work: None,
            handled: Counts::default(),
            jobs: None,
            verified_pages: 0,
            totals: None,
            verification: None,
            calls: None,
            failure: None,
        }
    }
}
