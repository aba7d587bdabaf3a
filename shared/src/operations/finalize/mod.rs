//! Finalize: ends a run. Between runs it measures how old the newest snapshots are.
//!
//! | event | file | what it does |
//! |---|---|---|
//! | an export has listed everything | [`seal`] | seals the snapshot |
//! | a snapshot is sealed, and the deployment has rules | [`remove`] | removes the snapshots that no rule keeps |
//! | a schedule asks for new snapshots of another account | [`copy_new`] | copies them |
//! | an import has restored everything | [`close`] | adds up the ledger and closes the restore |
//! | a dry run has its forecast | `import::plan_report` | reports what the import would do |
//! | a run has failed | [`fail`] | records the failure |
//! | an execution was stopped from outside | [`stop`] | records the failure |
//! | a schedule asks for ages | [`watch`] | measures them |
//!
//! Each end of a run releases its lease and is announced ([`announce`]). Other programs learn of it by events and the
//! heartbeat ([`publish`]).

mod announce;
mod close;
mod configuration_changes;
mod copy_new;
mod fail;
mod publish;
mod remove;
mod seal;
mod stop;
mod watch;

use serde_json::Value;

use super::event::{self, EndEvent};
use super::import;
use super::patience::patient;
use crate::Result;
use crate::catalog::Catalog;
use crate::model::RunKind;
use crate::pacing::Budget;
use crate::ports::Backend;
use crate::report::RunReport;

/// Ends a run. If that takes longer than one invocation, it does a part and asks to be called
/// again.
pub async fn finalize<B: Backend>(backend: &B, event: Value, budget: Budget) -> Result<RunReport> {
    let catalog = Catalog::new(backend.vault());
    match event::read("finalize", event)? {
        EndEvent::Failed(failed) => fail::record(backend, &catalog, failed).await,
        EndEvent::Stopped(event) => {
            stop::record(backend, &catalog, event.detail).await.map(RunReport::Stopped)
        }
        EndEvent::Watch(event) => watch::watch(backend, event).await.map(RunReport::Watched),
        EndEvent::Removal(progress) => remove::remove(backend, &catalog, progress, budget).await,
        EndEvent::Copy(progress) => copy_new::copy_new(backend, &catalog, progress, budget).await,
        EndEvent::Finished(progress) => match progress.operation {
            RunKind::Export => {
                let (pool, execution) = (progress.user_pool_id.clone(), progress.execution.clone());
                let sealed = seal::seal(backend, &catalog, progress).await;
                patient(backend, &pool, &execution, sealed).await
            }
            RunKind::Import if progress.dry_run => {
                let report = import::plan_report(&catalog, &progress).await?;
                Ok(RunReport::Plan(Box::new(report)))
            }
            RunKind::Import => close::close(backend, &catalog, progress, budget).await,
        },
    }
}
