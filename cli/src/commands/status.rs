//! `status`: show what runs now and how the last runs ended.

use std::future::Future;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use shared::catalog::Catalog;
use shared::model::{PoolId, Restore, RestoreState, RunKind, SnapshotState, TableName};
use shared::ports::vault::Vault;
use shared::{Error, ErrorKind};

use super::run::{exit_status, has_begun, names_table};
use super::snapshots::rows as snapshot_rows;
use super::{Deployment, Session};
use crate::arguments;
use crate::aws::{ExecutionArn, ExecutionView, Executions, RunInput, RunStatus};
use crate::exit::ExitStatus;
use crate::losses::first_losses;
use crate::output::{Answer, ExecutionRow, RemovalRow, Report, RestoreRow, SnapshotRow, snapshot_table};
use crate::problem::{Problem, Result};
use crate::watch::{DeployedRun, Meter, Watched, lost_sight, watch};

/// How many ended executions of each state machine are shown. Running ones are all shown.
const MAX_ENDED: usize = 5;
/// How many ended executions are searched for those of one pool. A state machine serves many pools.
const MAX_ENDED_TO_SEARCH: usize = 25;
/// How many snapshots and restores of a pool are shown.
const MAX_ROWS: u32 = 5;

/// The arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Only this user pool, with its newest snapshots, their last removal, and the newest restores into it
    #[arg(long, value_name = "POOL_ID")]
    pub pool: Option<String>,
    /// Only this execution: its ARN, or the name that `status` shows
    #[arg(long, value_name = "ARN")]
    pub execution: Option<String>,
    /// Watch the execution to its end
    #[arg(long, requires = "execution")]
    pub wait: bool,
}

/// A question to answer.
#[derive(Debug)]
pub struct Request {
    pool: Option<PoolId>,
    execution: Option<Wanted>,
    wait: bool,
    /// Whether the settings name a table.
    names_table: bool,
}

/// An execution, as an argument names it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    Arn(ExecutionArn),
    /// The name of an execution of one of the two state machines.
    Name(String),
}

impl Wanted {
    /// Reads an ARN or a name. Source of the form of names: `StartExecution`, Step Functions API reference.
    fn parse(text: &str) -> Result<Self, Error> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if (1..=80).contains(&text.len()) && text.bytes().all(is_allowed) {
            Ok(Self::Name(text.to_owned()))
        } else {
            ExecutionArn::parse(text).map(Self::Arn)
        }
    }

    /// The execution. A name begins with its verb if the command line started the execution.
    async fn find<E: Executions>(&self, executions: &E) -> Result<ExecutionView, Error> {
        let name = match self {
            Self::Arn(arn) => return executions.describe(arn).await,
            Self::Name(name) => name,
        };
        let (first, second) = if name.starts_with("import-") {
            (RunKind::Import, RunKind::Export)
        } else {
            (RunKind::Export, RunKind::Import)
        };
        let of = async |operation| {
            let machine = executions.machine(operation).await?;
            executions.describe(&ExecutionArn::of(&machine.arn, name)?).await
        };
        match of(first).await {
            Err(error) if error.kind() == ErrorKind::InvalidInput => {}
            found => return found,
        }
        match of(second).await {
            Err(error) if error.kind() == ErrorKind::InvalidInput => {
                Err(missing(executions).await.unwrap_or(error))
            }
            found => found,
        }
    }
}

/// The error of the state machines if neither exists. An execution of a missing one is only said not to exist.
async fn missing<E: Executions>(executions: &E) -> Option<Error> {
    let mut missing = None;
    for operation in [RunKind::Import, RunKind::Export] {
        let machine = executions.machine(operation).await.ok()?;
        match executions.require(&machine).await {
            Err(error) if error.kind() == ErrorKind::InvalidConfiguration => missing = Some(error),
            _ => return None,
        }
    }
    missing
}

/// What runs, and what the table holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The pool, if the question names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_pool_id: Option<PoolId>,
    /// Executions, newest first.
    pub executions: Vec<ExecutionRow>,
    /// The newest snapshots of the pool, or the snapshot of the execution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshots: Option<Vec<SnapshotRow>>,
    /// The last removal of snapshots of the pool that the deployment started, if one has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removal: Option<RemovalRow>,
    /// The newest restores into the pool, or the restore of the execution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restores: Option<Vec<RestoreRow>>,
    /// The table and its Region.
    #[serde(skip)]
    place: String,
    /// Why the table shows nothing of the execution, if it does not.
    #[serde(skip)]
    absence: String,
}

/// Why the table at `place` shows nothing of an execution.
fn absence(view: &ExecutionView, place: &str) -> String {
    let or_elsewhere = "many newer runs exist, or --table names another table than its own.";
    match (&view.input, view.status) {
        (RunInput::Import(input), _) if input.dry_run => {
            "The execution makes a plan, which leaves no restore in the table.".to_owned()
        }
        (_, RunStatus::Running) => {
            format!("The run has started. Nothing of it is in {place} yet: look again in some seconds.")
        }
        (_, RunStatus::Skipped) => "The execution was skipped, so nothing of it is in the table.".to_owned(),
        (_, RunStatus::Succeeded | RunStatus::Partial) => {
            format!("Nothing of this run is in {place}: {or_elsewhere}")
        }
        (_, RunStatus::Failed | RunStatus::Aborted | RunStatus::TimedOut) => {
            format!("Nothing of this run is in {place}: it ended before it began to work, {or_elsewhere}")
        }
    }
}

impl Request {
    /// Reads and checks the arguments. `table` is the backup table, if the settings name one.
    ///
    /// # Errors
    /// If the pool id or the ARN cannot be read.
    pub fn read(args: &StatusArgs, table: Option<&str>) -> Result<Self> {
        Ok(Self {
            names_table: table.is_some(),
            pool: arguments::read_if_given("--pool", args.pool.as_deref(), PoolId::parse)?,
            execution: arguments::read_if_given("--execution", args.execution.as_deref(), Wanted::parse)?,
            wait: args.wait,
        })
    }

    pub fn execution_region(&self) -> Option<&str> {
        match &self.execution {
            Some(Wanted::Arn(arn)) => Some(arn.region()),
            Some(Wanted::Name(_)) | None => None,
        }
    }

    pub fn pool_region(&self) -> Option<&str> {
        self.pool.as_ref().map(PoolId::region)
    }

    /// Answers the question.
    ///
    /// # Errors
    /// If Step Functions or the table cannot be read.
    pub async fn run<E: Executions, V: Vault, S: Future<Output = ()>>(
        &self,
        deployment: &Deployment<E, V>,
        session: Session<'_, S>,
    ) -> Result<Answer> {
        let now = session.now;
        let mut status = Status {
            user_pool_id: self.pool.clone(),
            executions: Vec::new(),
            snapshots: None,
            removal: None,
            restores: None,
            place: deployment.place(),
            absence: String::new(),
        };
        let mut exit = ExitStatus::Done;
        match &self.execution {
            Some(wanted) => {
                let view = self.look(deployment, wanted, session).await?;
                require_table(deployment, &view)?;
                exit = exit_status(&view, has_begun(deployment, &view).await);
                status.absence = absence(&view, &deployment.place());
                if self.pool.is_none() {
                    status.add_run(&deployment.catalog, &view, now()).await?;
                }
                status.executions.push(view.into());
            }
            None => {
                if self.pool.is_none() && self.names_table {
                    deployment.catalog.require_table().await?;
                }
                status.executions = executions(deployment, self.pool.as_ref(), session.meter).await?;
            }
        }
        if let Some(pool) = &self.pool {
            status.add_pool(&deployment.catalog, pool, now()).await?;
        }
        status.find_stopped(&deployment.executions).await;
        Ok(Answer::new(&status, exit, now()))
    }

    /// The execution. With `--wait`, the execution at its end.
    async fn look<E: Executions, V: Vault, S: Future<Output = ()>>(
        &self,
        deployment: &Deployment<E, V>,
        wanted: &Wanted,
        session: Session<'_, S>,
    ) -> Result<ExecutionView> {
        let view = wanted.find(&deployment.executions).await?;
        if !self.wait || view.status != RunStatus::Running {
            return Ok(view);
        }
        let arn = &view.arn;
        let mut run = DeployedRun::new(&deployment.executions, &deployment.catalog, arn, &view.input);
        match watch(&mut run, session.meter, session.interrupted).await {
            Ok(Watched::Ended(ended)) => Ok(*ended),
            Ok(Watched::StillRunning) => Ok(view),
            Err(error) => Err(lost_sight(&error, arn)),
        }
    }
}

/// Refuses to look for a run in another table than the one that its input names.
fn require_table<E, V>(deployment: &Deployment<E, V>, view: &ExecutionView) -> Result<()> {
    let named = match &view.input {
        RunInput::Export(input) => input.table.as_ref(),
        RunInput::Import(input) => input.table.as_ref(),
        RunInput::Unreadable => None,
    };
    // An ARN names a table, too.
    let is_other = |named: &&TableName| !names_table(&deployment.table, named.as_str());
    let Some(other) = named.filter(is_other) else { return Ok(()) };
    let message =
        format!("Execution {} works on table {other}, not on {}.", view.arn.name(), deployment.place());
    Err(Problem::refused(ErrorKind::InvalidInput.name(), message, format!("Give --table {other}.")))
}

/// The executions of both state machines, or those of one pool.
async fn executions<E: Executions, V>(
    deployment: &Deployment<E, V>,
    pool: Option<&PoolId>,
    meter: &mut Meter,
) -> Result<Vec<ExecutionRow>> {
    let ended = if pool.is_some() { MAX_ENDED_TO_SEARCH } else { MAX_ENDED };
    let mut rows: Vec<ExecutionRow> = Vec::new();
    // A deployment has an import state machine in each of its Regions.
    for operation in [RunKind::Import, RunKind::Export] {
        let machine = deployment.executions.machine(operation).await?;
        let listed = match deployment.executions.list(&machine, ended).await {
            Err(error) if error.kind() == ErrorKind::InvalidConfiguration && machine.is_dispensable() => {
                meter.note(&format!(
                    "{error} The list shows only imports. In the second Region of a deployment, there are no exports."
                ));
                continue;
            }
            listed => listed?,
        };
        for arn in listed {
            rows.push(deployment.executions.describe(&arn).await?.into());
        }
    }
    rows.retain(|row| pool.is_none_or(|pool| row.is_about(pool)));
    rows.sort_by_key(|row| std::cmp::Reverse(row.started_at));
    Ok(rows)
}

async fn restore_row<V: Vault>(catalog: &Catalog<V>, restore: Restore) -> shared::Result<RestoreRow> {
    let losses = match &restore.totals {
        Some(totals) if restore.state == RestoreState::Partial => {
            first_losses(catalog, &restore, totals).await?
        }
        _ => Vec::new(),
    };
    Ok(RestoreRow::new(restore, losses))
}

impl Status {
    /// Adds the snapshot or restore of an execution.
    async fn add_run<V: Vault>(
        &mut self,
        catalog: &Catalog<V>,
        view: &ExecutionView,
        now: Timestamp,
    ) -> Result<()> {
        match &view.input {
            RunInput::Export(input) => {
                let found = catalog.snapshot_of_execution(&input.pool, view.arn.as_str()).await?;
                self.snapshots = Some(snapshot_rows(catalog, found.into_iter().collect(), now).await?);
            }
            RunInput::Import(input) => {
                let mut rows = Vec::new();
                if let Some(restore) = catalog.restore_of_execution(&input.target, view.arn.as_str()).await? {
                    rows.push(restore_row(catalog, restore).await?);
                }
                self.restores = Some(rows);
            }
            RunInput::Unreadable => {}
        }
        Ok(())
    }

    /// Adds the newest snapshots of a pool, the last removal of them, and the newest restores into it.
    async fn add_pool<V: Vault>(
        &mut self,
        catalog: &Catalog<V>,
        pool: &PoolId,
        now: Timestamp,
    ) -> Result<()> {
        let snapshots = catalog.snapshots(pool, None, MAX_ROWS).await?;
        self.snapshots = Some(snapshot_rows(catalog, snapshots, now).await?);
        let removal = catalog.last_removal(pool).await?;
        self.removal = removal.map(|(snapshot, report)| RemovalRow::new(pool, snapshot, report));
        let mut rows = Vec::new();
        for restore in catalog.restores(pool, MAX_ROWS).await? {
            rows.push(restore_row(catalog, restore).await?);
        }
        self.restores = Some(rows);
        Ok(())
    }
}

impl Status {
    /// Finds the snapshots and restores that the table calls `RUNNING`, although their execution has ended. An aborted
    /// execution leaves them so. Executions that Step Functions does not show are left out.
    async fn find_stopped<E: Executions>(&mut self, executions: &E) {
        let snapshots =
            self.snapshots.iter_mut().flatten().filter(|row| row.status == SnapshotState::Running);
        let restores = self.restores.iter_mut().flatten().filter(|row| row.status == RestoreState::Running);
        let of_snapshots = snapshots.map(|row| (&row.execution_arn, &mut row.execution_status));
        let of_restores = restores.map(|row| (&row.execution_arn, &mut row.execution_status));
        for (arn, status) in of_snapshots.chain(of_restores) {
            let Ok(arn) = ExecutionArn::parse(arn) else { continue };
            let known = self.executions.iter().find(|row| row.execution_arn == arn).map(|row| row.status);
            let found = match known {
                Some(known) => Some(known),
                None => executions.describe(&arn).await.ok().map(|view| view.status),
            };
            *status = found.filter(|found| *found != RunStatus::Running);
        }
    }
}

impl Report for Status {
    fn human(&self, now: Timestamp) -> String {
        let mut parts = Vec::new();
        if self.executions.is_empty() {
            parts.push("Nothing runs, and Step Functions shows no ended execution.".to_owned());
        } else {
            parts.push(ExecutionRow::table(&self.executions, now));
        }
        let none = |of_pool: &str| match &self.user_pool_id {
            Some(pool) => format!("There is no {of_pool} user pool {pool} in {}.", self.place),
            None => self.absence.clone(),
        };
        match self.snapshots.as_deref() {
            Some([]) => parts.push(none("snapshot of")),
            Some(rows) => parts.push(format!("Snapshots, newest first\n{}", snapshot_table(rows, now))),
            None => {}
        }
        parts.extend(self.removal.as_ref().map(RemovalRow::human));
        match self.restores.as_deref() {
            Some([]) => parts.push(none("restore into")),
            Some(rows) => {
                let rows: Vec<_> = rows.iter().map(|row| row.human(now)).collect();
                parts.push(format!("Restores, newest first\n{}", rows.join("\n\n")));
            }
            None => {}
        }
        parts.join("\n\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn an_execution_has_an_arn_or_a_name() {
        let name = "export-eu-west-1_a-20261121T020000Z-1a2b3c4d";
        assert_eq!(Wanted::parse(name), Ok(Wanted::Name(name.to_owned())));
        let arn = testing::arn();
        assert_eq!(Wanted::parse(arn.as_str()), Ok(Wanted::Arn(arn)));
        for wrong in ["", "two words", "arn:aws:states:eu-west-1", &"a".repeat(81)] {
            assert_eq!(Wanted::parse(wrong).unwrap_err().kind(), ErrorKind::InvalidInput, "{wrong}");
        }
    }
}
