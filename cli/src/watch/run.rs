//! A run of a deployment: its execution in Step Functions, and its header in the table.

use shared::catalog::Catalog;
use shared::model::RunId;
use shared::ports::vault::Vault;
use shared::{Error, Result};

use super::Run;
use super::position::Position;
use crate::aws::{ExecutionArn, ExecutionView, Executions, RunInput};

/// A run that Step Functions carries out.
pub struct DeployedRun<'a, E, V> {
    executions: &'a E,
    catalog: &'a Catalog<V>,
    arn: &'a ExecutionArn,
    input: &'a RunInput,
    /// The id of the snapshot or restore. None until it is found.
    id: Option<RunId>,
    /// Whether the forecast of an import is complete, and the operator knows it.
    is_forecast_known: bool,
}

impl<'a, E: Executions, V: Vault> DeployedRun<'a, E, V> {
    /// The run of execution `arn`, which was started with `input`.
    pub fn new(
        executions: &'a E,
        catalog: &'a Catalog<V>,
        arn: &'a ExecutionArn,
        input: &'a RunInput,
    ) -> Self {
        Self { executions, catalog, arn, input, id: None, is_forecast_known: false }
    }
}

impl<E: Executions, V: Vault> Run for DeployedRun<'_, E, V> {
    async fn execution(&self) -> Result<ExecutionView, Error> {
        self.executions.describe(self.arn).await
    }

    async fn position(&mut self) -> Result<Option<Position>, Error> {
        match self.input {
            RunInput::Export(input) => {
                let snapshot = match &self.id {
                    Some(id) => self.catalog.snapshot(&input.pool, id).await?,
                    None => self.catalog.snapshot_of_execution(&input.pool, self.arn.as_str()).await?,
                };
                self.id = snapshot.as_ref().map(|snapshot| snapshot.id.clone());
                Ok(snapshot.as_ref().map(Position::from))
            }
            RunInput::Import(input) => {
                let restore = match &self.id {
                    Some(id) => self.catalog.restore(&input.target, id).await?,
                    None => self.catalog.restore_of_execution(&input.target, self.arn.as_str()).await?,
                };
                self.id = restore.as_ref().map(|restore| restore.id.clone());
                Ok(restore.as_ref().map(Position::from))
            }
            RunInput::Unreadable => Ok(None),
        }
    }

    /// The losses of a first pass, as soon as the forecast is complete. That is before the import writes to the target.
    async fn news(&mut self) -> Result<Option<String>, Error> {
        let (RunInput::Import(input), Some(id)) = (self.input, &self.id) else { return Ok(None) };
        if self.is_forecast_known || input.dry_run {
            return Ok(None);
        }
        let Some(state) = self.catalog.forecast(id).await? else { return Ok(None) };
        self.is_forecast_known = state.is_complete();
        let restore = self.catalog.restore(&input.target, id).await?;
        // A later pass tries only what failed, and its causes may be removed.
        if restore.is_some_and(|restore| restore.pass > 1) {
            return Ok(None);
        }
        // A refused import says its reason as its error.
        Ok(state.allows_writing().then(|| state.forecast.losses_ahead()).flatten())
    }
}
