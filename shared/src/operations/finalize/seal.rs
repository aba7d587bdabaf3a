//! The end of an export: checks and seals its snapshot.

use super::announce::announce;
use super::configuration_changes::configuration_changes;
use super::publish::publish_sealed;
use crate::catalog::{Catalog, LeaseKey};
use crate::model::{
    Counts, Listing, Metrics, Progress, RecordKind, RunId, RunKind, Seal, SealBuilder, Snapshot,
    SnapshotState, SubPrefix, Unit, UnitState, UserListing,
};
use crate::operations::run::{keep_lease, seconds_since};
use crate::ports::vault::Vault;
use crate::ports::{Announcement, Backend};
use crate::report::{ConfigurationReport, ExportReport, LargeUsers, RunReport, SplitEnd};
use crate::{Error, ErrorKind, Guidance, Result};

/// The guidance if a snapshot is incomplete.
const START_A_NEW_EXPORT: &str = "Only a complete snapshot is sealed: start a new export.";

/// Seals a snapshot. The event about it starts the removal of those that no rule keeps.
pub(super) async fn seal<B: Backend>(
    backend: &B,
    catalog: &Catalog<B::Vault>,
    progress: Progress,
) -> Result<RunReport> {
    let (pool, id) = (&progress.user_pool_id, &progress.run_id);
    let mut snapshot = catalog.snapshot(pool, id).await?.ok_or_else(|| missing(&progress))?;
    if snapshot.state == SnapshotState::Running
        && let Err(error) = keep_lease(catalog, &progress, false, backend.clock()).await
    {
        // Another invocation may have sealed the snapshot and released the lease since.
        snapshot = catalog.snapshot(pool, id).await?.ok_or_else(|| missing(&progress))?;
        if error.kind() != ErrorKind::RunEnded || snapshot.state != SnapshotState::Sealed {
            return Err(error);
        }
    }
    let units = catalog.units(id).await?;
    let sealed = match snapshot.state {
        SnapshotState::Sealed => snapshot,
        SnapshotState::Failed | SnapshotState::Pruning => return Err(given_up(id)),
        SnapshotState::Running => {
            require_complete(catalog, &snapshot, &units).await?;
            put_seal(backend, catalog, &progress, &snapshot, &units).await?
        }
    };
    catalog
        .release_lease(
            &LeaseKey::of_pool(pool, RunKind::Export),
            &progress.execution.id,
            backend.clock().now(),
        )
        .await?;
    let vanished = units.iter().filter(|unit| unit.state == UnitState::Vanished).count() as u64;
    let large_users = LargeUsers::of(&units);
    let configuration = captured(catalog, &sealed).await;
    let facts = Facts { vanished, large_users, configuration };
    Ok(RunReport::Export(report(backend, &progress, sealed, facts).await))
}

/// What the report tells beside the header.
struct Facts {
    /// Groups that were deleted during the export.
    vanished: u64,
    large_users: Option<LargeUsers>,
    configuration: Option<ConfigurationReport>,
}

/// What the snapshot holds of the configuration. None if it holds none. An error here must not fail the export,
/// because the snapshot is sealed.
async fn captured<V: Vault>(catalog: &Catalog<V>, sealed: &Snapshot) -> Option<ConfigurationReport> {
    match catalog.captured_list(sealed).await {
        Ok(Some(Ok(list))) => {
            let changes = sealed.seal.as_ref().and_then(|seal| seal.configuration_changes.clone());
            Some(ConfigurationReport::of(&list, changes))
        }
        Ok(Some(Err(_))) | Err(_) => {
            tracing::warn!(run = %sealed.id, "the list of the configuration cannot be read");
            Some(ConfigurationReport::unreadable())
        }
        Ok(None) => None,
    }
}

/// Checks that every unit is listed to its end and that the units together list all users.
async fn require_complete<V: Vault>(catalog: &Catalog<V>, snapshot: &Snapshot, units: &[Unit]) -> Result<()> {
    let id = &snapshot.id;
    let incomplete = |kind, what| Err(Error::new(kind, what, START_A_NEW_EXPORT));
    if let Some(unit) = units.iter().find(|unit| unit.is_open() || unit.awaits_planning()) {
        let what = format!("The export did not list unit {} of snapshot {id} to its end.", unit.id());
        return incomplete(ErrorKind::ListingFailed, what);
    }
    let counts = |listing: Listing| units.iter().any(|unit| unit.listing == listing && !unit.is_superseded());
    let by_sub = || SubPrefix::ALL.into_iter().map(|prefix| counts(Listing::UsersBySub { prefix }));
    // The export writes a failed split listing to the header first. So its units may not be
    // superseded yet.
    let listing = if counts(Listing::Users) {
        (!by_sub().any(|counts| counts)).then_some(UserListing::One)
    } else {
        (by_sub().all(|counts| counts) && !snapshot.split_has_failed()).then_some(UserListing::Split)
    };
    if listing.is_none() {
        let what = format!("The units of snapshot {id} do not list all users.");
        return incomplete(ErrorKind::ListingFailed, what);
    }
    if listing != snapshot.listing {
        let what = format!("The export did not check the listing of users of snapshot {id}.");
        return incomplete(ErrorKind::ListingFailed, what);
    }
    let is_trusting =
        |unit: &&Unit| unit.listing.kind() == RecordKind::User && !unit.is_superseded() && !unit.looks_up_all;
    if snapshot.look_ups.all
        && let Some(unit) = units.iter().find(is_trusting)
    {
        let what =
            format!("Records of earlier snapshots are missing, and unit {} did not look up all.", unit.id());
        return incomplete(ErrorKind::ListingFailed, what);
    }
    if let Some(key) = catalog.unit_without_end(id, units).await? {
        let what = format!("Page {key} is missing or altered, or is not the end of its listing.");
        return incomplete(ErrorKind::SnapshotDamaged, what);
    }
    Ok(())
}

/// Writes the seal into the header. Returns the sealed snapshot.
async fn put_seal<B: Backend>(
    backend: &B,
    catalog: &Catalog<B::Vault>,
    progress: &Progress,
    snapshot: &Snapshot,
    units: &[Unit],
) -> Result<Snapshot> {
    let (pool, id) = (&progress.user_pool_id, &progress.run_id);
    let mut sum = SealBuilder::new(snapshot);
    units.iter().for_each(|unit| sum.add(unit));
    let (counts, digest) = sum.finish();
    let sealed_at = backend.clock().now();
    let seal = Seal {
        sealed_at,
        digest,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        calls: progress.calls,
        // Retention may remove the snapshot before this one. The seal keeps its counts.
        before: catalog.newest_sealed(pool, Some(id), sealed_at).await?.map(|before| before.counts),
        configuration_changes: configuration_changes(catalog, snapshot).await,
    };
    let checked = |of: &Snapshot| {
        let captured = of.captured_configuration;
        (of.listing, of.split.failed_at, of.split.is_discarded, of.look_ups.all, captured)
    };
    let checked_before = checked(snapshot);
    let seal_it = |snapshot: &mut Snapshot| {
        // If the split listing failed after the units were read, or a record was missing, other units or other attempts
        // count now. The seal also covers the captured configuration.
        let is_changed = checked(snapshot) != checked_before;
        if snapshot.state != SnapshotState::Running || is_changed {
            return;
        }
        if snapshot.listing == Some(UserListing::Split) {
            snapshot.split.uncompared += 1;
        }
        snapshot.look_ups.written_again = units.iter().map(|unit| unit.lost.count()).sum();
        snapshot.state = SnapshotState::Sealed;
        snapshot.counts = counts;
        snapshot.seal = Some(seal.clone());
    };
    let sealed = catalog.change_snapshot(pool, id, seal_it).await?.ok_or_else(|| missing(progress))?;
    match sealed.state {
        SnapshotState::Sealed => Ok(sealed),
        SnapshotState::Running => Err(Error::new(
            ErrorKind::ServiceUnavailable,
            format!("The units of snapshot {id} changed while it was being sealed."),
            Guidance::TryLater,
        )),
        SnapshotState::Failed | SnapshotState::Pruning => Err(given_up(id)),
    }
}

/// Reports, measures and announces a sealed snapshot.
async fn report<B: Backend>(
    backend: &B,
    progress: &Progress,
    sealed: Snapshot,
    Facts { vanished, large_users, configuration }: Facts,
) -> ExportReport {
    let (pool, id) = (&progress.user_pool_id, &progress.run_id);
    let before = sealed.seal.as_ref().and_then(|seal| seal.before);
    let calls = sealed.seal.as_ref().map_or(progress.calls, |seal| seal.calls);
    let mut report = ExportReport {
        operation: RunKind::Export,
        status: SnapshotState::Sealed,
        more: false,
        snapshot_id: id.clone(),
        user_pool_id: pool.clone(),
        counts: sealed.counts,
        listing: sealed.listing.unwrap_or(UserListing::One),
        members_without_user: sealed.members_without_user,
        members_without_user_subs: sealed.subs_without_user.clone(),
        split_listing: SplitEnd::of(&sealed),
        records_written_again: sealed.look_ups.written_again,
        large_users,
        calls,
        summary: ExportReport::summary(&sealed, vanished, large_users, configuration.as_ref()),
        configuration: configuration.map(Box::new),
        notified: false,
    };
    let seconds = seconds_since(backend, id);
    let metrics = Metrics::of_sealed(pool.clone(), id.clone(), report.counts, before, report.calls, seconds)
        .with_members_without_user(report.members_without_user);
    let metrics = match &report.configuration {
        Some(configuration) => {
            let changes = configuration.changes.as_ref().filter(|changes| !changes.is_failed);
            let changed = changes.map(|changes| changes.count);
            metrics.with_configuration(configuration.attention_count, changed)
        }
        None => metrics,
    };
    backend.measure(&metrics);
    report.notified = announce(backend, &Announcement::sealed(&report)).await;
    publish_sealed(backend, &sealed).await;
    let Counts { users, groups, memberships, pages, .. } = report.counts;
    tracing::info!(run = %id, users, groups, memberships, pages, "snapshot sealed");
    report
}

fn missing(progress: &Progress) -> Error {
    let what = format!("User pool {} has no snapshot {}.", progress.user_pool_id, progress.run_id);
    Error::new(ErrorKind::RunEnded, what, Guidance::NEW_EXPORT)
}

fn given_up(id: &RunId) -> Error {
    Error::new(
        ErrorKind::RunEnded,
        format!("Snapshot {id} failed or is being removed."),
        Guidance::NEW_EXPORT,
    )
}
