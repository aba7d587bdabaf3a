//! `import`: restore a snapshot into another user pool or a new one, or repair its own.

mod args;
mod group_roles;
mod importing;
mod introduction;
mod new_pool;
mod selection;
mod way_on;

use std::future::Future;

use serde_json::Value;
use shared::ErrorKind;
use shared::model::{ImportInput, PoolId, RunId, RunKind, SnapshotSelector};
use shared::ports::vault::Vault;

use super::run::{self, RunRequest};
use super::{Deployment, Session};
use crate::arguments;
use crate::aws::{Executions, Machine};
use crate::guidance::of_input_in_options;
use crate::output::{Answer, next_import};
use crate::problem::{Problem, Result};
pub use args::ImportArgs;
use args::input_json;
use group_roles::RolesFile;
use introduction::introduction;

/// What to restore into.
#[derive(Debug)]
pub enum Target {
    /// A pool that exists.
    Existing(Box<Request>),
    /// A pool that the command creates.
    New(Box<new_pool::Request>),
}

impl Target {
    /// Reads and checks the arguments. `table` is the backup table, if the settings name one.
    ///
    /// # Errors
    /// Those of [`Request::read`]. If an option makes no sense for the target.
    pub fn read(args: &ImportArgs, table: Option<&str>) -> Result<Self> {
        if let Some(name) = args.into.strip_prefix("new:") {
            return Ok(Self::New(Box::new(new_pool::Request::read(args, name, table)?)));
        }
        match args.new_pool.given().next() {
            Some(option) => Err(Problem::refused(
                ErrorKind::InvalidInput.name(),
                format!("{option} is about a new user pool, and --into names one that exists."),
                format!("Leave {option} out. Or create a user pool with --into new:NAME."),
            )),
            None => Ok(Self::Existing(Box::new(Request::read(args, table)?))),
        }
    }
}

/// An import to start.
#[derive(Debug, Clone)]
pub struct Request {
    input: ImportInput,
    /// The same input, in the form that the state machine reads, and without the selection.
    json: Value,
    no_wait: bool,
    group_roles: Option<RolesFile>,
}

impl Request {
    /// Reads and checks the arguments. `table` is the backup table, if the settings name one.
    ///
    /// # Errors
    /// If a pool id, a snapshot id or a limit cannot be read. If source and target are the same, and the arguments do
    /// not say what happens to existing users.
    pub fn read(args: &ImportArgs, table: Option<&str>) -> Result<Self> {
        arguments::read("--into", &args.into, PoolId::parse)?;
        Self::of(input_json(args)?, args, table)
    }

    /// The request with this input, to which the limits and the table are added.
    fn of(json: Value, args: &ImportArgs, table: Option<&str>) -> Result<Self> {
        arguments::read("--pool", &args.pool, PoolId::parse)?;
        arguments::read("--snapshot", &args.snapshot, SnapshotSelector::parse)?;
        let json = run::with_table(run::with_limits(json, &args.run)?, table);
        let input = ImportInput::parse(&json).map_err(|error| of_input_in_options(&error))?;
        let (input, json) = selection::taken_out(input, json)?;
        let path = args.options.group_roles.clone();
        let group_roles = path.map(|path| RolesFile { path, option: "--group-roles" });
        Ok(Self { input, json, no_wait: args.run.no_wait, group_roles })
    }

    /// The same import into `target`, of the snapshot `snapshot`.
    fn with(&self, target: &PoolId, snapshot: &RunId) -> Self {
        let mut with = self.clone();
        with.json["targetUserPoolId"] = target.as_str().into();
        with.json["snapshot"] = snapshot.as_str().into();
        with.input.target = target.clone();
        with.input.snapshot = SnapshotSelector::Id(snapshot.clone());
        with
    }

    /// The command of this import, or of one that changes the input so.
    fn line(&self, change: impl FnOnce(&mut ImportInput)) -> String {
        let mut input = self.input.clone();
        change(&mut input);
        next_import(&input, self.roles())
    }

    /// The file of the roles of groups.
    fn roles(&self) -> Option<&str> {
        self.group_roles.as_ref().map(|file| file.path.as_str())
    }

    /// The pool to restore into.
    pub fn target(&self) -> &PoolId {
        &self.input.target
    }

    /// Says what the import will do, starts it and watches it.
    ///
    /// # Errors
    /// If the import is refused or fails. A partial restore is no error, but an answer.
    pub async fn run<E: Executions, V: Vault, S: Future<Output = ()>>(
        &self,
        deployment: &Deployment<E, V>,
        session: Session<'_, S>,
    ) -> Result<Answer> {
        let (catalog, place) = (&deployment.catalog, deployment.place());
        let words = introduction(&self.input, None, catalog, &place, (session.now)()).await?;
        session.meter.note(&words);
        let machine = run::machine_of(deployment, RunKind::Import).await?;
        self.start(deployment, &machine, session).await
    }

    /// Stores the selection, starts the import on its state machine, and watches it.
    ///
    /// # Errors
    /// If the selection cannot be stored. If the import is refused or fails.
    async fn start<E: Executions, V: Vault, S: Future<Output = ()>>(
        &self,
        deployment: &Deployment<E, V>,
        machine: &Machine,
        session: Session<'_, S>,
    ) -> Result<Answer> {
        let json = selection::stored(&deployment.catalog, &self.input, self.json.clone()).await?;
        let (input, roles) = (self.input.clone(), self.roles().map(str::to_owned));
        let request = RunRequest::import(input, json, self.no_wait, roles);
        let ended = run::carry_out_on(deployment, machine, request, session).await;
        ended.map_err(|problem| self.with_line(problem))
    }

    /// `problem`, with the line of the file of roles that it is about.
    fn with_line(&self, mut problem: Problem) -> Problem {
        let role = self.input.options.group_roles.entry_of(&problem.message);
        let place = self.group_roles.as_ref().zip(role).and_then(|(file, role)| file.place_of(role));
        if let Some(place) = place {
            problem.message += &format!(" {place}");
        }
        problem
    }
}

#[cfg(test)]
mod tests;
