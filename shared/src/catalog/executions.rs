//! Which run each execution carries out.

use super::{Catalog, keys};
use crate::Result;
use crate::model::{Execution, RunId, RunKind, StartedRun, Stop};
use crate::ports::vault::{Key, ReadVault, Vault};

fn key(operation: RunKind, execution: &Execution) -> Key {
    keys::execution(operation, &RunId::of(execution))
}

impl<V: ReadVault> Catalog<V> {
    /// The run that an execution of the state machine for `operation` began. None if it took no lease.
    pub async fn started_run(&self, operation: RunKind, execution: &Execution) -> Result<Option<StartedRun>> {
        self.read(&key(operation, execution)).await
    }
}

impl<V: Vault> Catalog<V> {
    /// Writes which run an execution carries out, unless the table knows it. Returns what the table says.
    pub async fn note_started(&self, run: &StartedRun) -> Result<StartedRun> {
        self.change_or_create(&key(run.operation, &run.execution), run, |_| ()).await
    }

    /// Writes that an execution was stopped, unless a stop of it is recorded. Returns what the table says. `run` is the
    /// run if the table does not know it.
    pub async fn note_stop(&self, run: &StartedRun, stop: &Stop) -> Result<StartedRun> {
        let note = |run: &mut StartedRun| {
            if run.stop.as_ref().is_none_or(|known| !known.recorded && known.at <= stop.at) {
                run.stop = Some(stop.clone());
            }
        };
        self.change_or_create(&key(run.operation, &run.execution), run, note).await
    }

    /// Writes that the stop of an execution is recorded and announced.
    pub async fn note_stop_recorded(&self, run: &StartedRun) -> Result<()> {
        let note = |run: &mut StartedRun| {
            if let Some(stop) = &mut run.stop {
                stop.recorded = true;
            }
        };
        self.change_or_create(&key(run.operation, &run.execution), run, note).await.map(drop)
    }
}
