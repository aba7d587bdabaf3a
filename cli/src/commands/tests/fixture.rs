//! A deployment in memory, and command lines that run on it.

use std::collections::VecDeque;
use std::future::{Future, pending};
use std::io::Write;
use std::sync::Mutex;
use std::time::Duration;

use clap::Parser;
use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::{
    GroupName, GroupRecord, PoolDescription, PoolId, Restore, RunId, RunKind, Snapshot, Sub, UserRecord,
    UserStatus, Username,
};
use shared::pacing::Budget;
use shared::ports::vault::{Key, ReadVault};
use shared::ports::{Backend, Clock};
use shared::steps;
use shared::{Error, ErrorKind};
use shared_memory::{MemoryBackend, MemoryPool, MemoryVault};
use tokio::sync::oneshot::Sender;

use super::super::{
    Deployment, Session, completions, copy, export as export_verb, import, man, pool, prune, snapshots,
    status, sub_map, verify,
};
use crate::args::{Cli, Command};
use crate::aws::{Caller, ExecutionArn, ExecutionView, Executions, Machine, RunInput, RunStatus, Table};
use crate::output::Answer;
use crate::output::flags::repeat_places;
use crate::problem::Problem;
use crate::testing;

/// State machines with one execution. A script lists the answers about it. The last answer is
/// repeated.
#[derive(Default)]
pub struct FakeExecutions {
    looks: Mutex<VecDeque<ExecutionView>>,
    pub started: Mutex<Vec<(String, String, Value)>>,
    /// Carries imports out, instead of the script.
    pub imports: Option<Imports>,
    /// The state machines that do not exist. If there are any, the execution of the script has no other name.
    pub missing: Vec<RunKind>,
    /// The vault of a command that may die. Its script numbers the calls of Step Functions: once before the effect, and once
    /// before the answer.
    pub numbered: Option<MemoryVault>,
}

impl FakeExecutions {
    /// A place at which the command may die.
    async fn pass(&self) {
        if let Some(vault) = &self.numbered {
            let call = Key { pk: "STEP_FUNCTIONS".to_owned(), sk: "CALL".to_owned() };
            // Only the number counts.
            let _ = vault.get(&call).await;
        }
    }

    fn check(&self, machine: &Machine) -> Result<(), Error> {
        if self.missing.contains(&machine.operation) { Err(machine.missing()) } else { Ok(()) }
    }
}

fn no_execution() -> Error {
    let what = "Step Functions refused DescribeExecution (ExecutionDoesNotExist).";
    Error::new(ErrorKind::InvalidInput, what, "Check the ARN.")
}

/// The operator of the deployment.
fn caller() -> Caller {
    Caller { account: "123456789012".to_owned(), partition: "aws".to_owned() }
}

/// Imports that a state machine in memory carries out.
pub struct Imports {
    pub backend: MemoryBackend,
    runs: Mutex<Vec<ExecutionView>>,
    /// How often an import is looked at before it goes on.
    pub looks: Mutex<u32>,
    /// The calls of the imports, by their numbers in the script: the first and the last one.
    pub calls: Mutex<Vec<(u64, u64)>>,
    /// The error of the next start.
    pub refusal: Mutex<Option<Error>>,
    /// Hears of the next list.
    pub listed: Mutex<Option<Sender<()>>>,
    /// How many lists lack an execution that was just started.
    pub hidden: u32,
    /// How often Step Functions still describes imports before it denies access. None if it never does.
    pub descriptions: Mutex<Option<u32>>,
    /// The lists since the last start.
    lists: Mutex<u32>,
}

impl Imports {
    pub fn new(backend: MemoryBackend) -> Self {
        let (runs, calls, refusal, listed, descriptions) = Default::default();
        let (looks, lists) = (Mutex::new(2), Mutex::default());
        Self { backend, runs, looks, calls, refusal, listed, hidden: 0, descriptions, lists }
    }

    fn start(&self, machine: &str, name: &str, input: &Value) -> Result<ExecutionArn, Error> {
        if let Some(refusal) = self.refusal.lock().unwrap().take() {
            return Err(refusal);
        }
        let arn = ExecutionArn::of(machine, name)?;
        let view = testing::execution(RunStatus::Running);
        let view = ExecutionView { arn: arn.clone(), input: RunInput::parse(input), ..view };
        self.runs.lock().unwrap().push(view);
        *self.lists.lock().unwrap() = 0;
        Ok(arn)
    }

    /// The running executions, as a list shows them.
    fn running(&self) -> Vec<ExecutionArn> {
        let mut lists = self.lists.lock().unwrap();
        *lists += 1;
        let mut runs = self.runs.lock().unwrap().clone();
        if *lists <= self.hidden {
            runs.pop();
        }
        let running = runs.iter().filter(|view| view.status == RunStatus::Running);
        running.map(|view| view.arn.clone()).collect()
    }

    async fn describe(&self, arn: &ExecutionArn, started: &Value) -> ExecutionView {
        let view = self.runs.lock().unwrap().iter().find(|view| view.arn == *arn).unwrap().clone();
        let is_waiting = std::mem::replace(&mut *self.looks.lock().unwrap(), 0);
        if view.status != RunStatus::Running || is_waiting > 0 {
            *self.looks.lock().unwrap() = is_waiting.saturating_sub(1);
            return view;
        }
        let runs = self.runs.lock().unwrap().clone();
        let mut earlier = runs.iter().take_while(|run| run.arn != *arn);
        if earlier.any(|run| run.status == RunStatus::Running) {
            // That one has the lease, although no function of it has run in this test.
            let error = Some(ErrorKind::ImportAlreadyRunning.name().to_owned());
            let ended = ExecutionView { status: RunStatus::Failed, error, ..view };
            *self.runs.lock().unwrap().iter_mut().find(|run| run.arn == *arn).unwrap() = ended.clone();
            return ended;
        }
        let first = self.backend.script().calls() + 1;
        let ended = match Box::pin(carried_out(&self.backend, started, arn.as_str())).await {
            Ok(report) => {
                let is_partial = report["status"] == "PARTIAL";
                let status = if is_partial { RunStatus::Partial } else { RunStatus::Succeeded };
                ExecutionView { status, output: Some(report), ..view }
            }
            Err(error) => {
                let (name, cause) = (error.kind().name().to_owned(), error.to_string());
                let execution = json!({"id": arn.as_str(), "startedAt": self.backend.clock().now()});
                let caught = json!({"Error": name, "Cause": json!({"errorMessage": cause}).to_string()});
                let event =
                    json!({"operation": "import", "input": started, "execution": execution, "error": caught});
                // It gives the lease back. If it fails, too, the lease ends by itself.
                let budget = Budget::for_invocation(Duration::from_secs(900));
                let _ = Box::pin(steps::finalize(&self.backend, event, budget)).await;
                ExecutionView { status: RunStatus::Failed, error: Some(name), cause: Some(cause), ..view }
            }
        };
        self.calls.lock().unwrap().push((first, self.backend.script().calls()));
        *self.runs.lock().unwrap().iter_mut().find(|view| view.arn == *arn).unwrap() = ended.clone();
        ended
    }
}

impl Executions for FakeExecutions {
    async fn machine(&self, operation: RunKind) -> Result<Machine, Error> {
        Ok(Machine::of_deployment(operation, &caller(), "eu-west-1", "backup"))
    }

    async fn require(&self, machine: &Machine) -> Result<(), Error> {
        self.check(machine)
    }

    async fn start(&self, machine: &Machine, name: &str, input: &Value) -> Result<ExecutionArn, Error> {
        self.check(machine)?;
        if let Some(imports) = &self.imports {
            self.pass().await;
            let arn = imports.start(&machine.arn, name, input)?;
            self.started.lock().unwrap().push((machine.arn.clone(), arn.to_string(), input.clone()));
            self.pass().await;
            return Ok(arn);
        }
        self.started.lock().unwrap().push((machine.arn.clone(), name.to_owned(), input.clone()));
        Ok(self.looks.lock().unwrap()[0].arn.clone())
    }

    async fn describe(&self, arn: &ExecutionArn) -> Result<ExecutionView, Error> {
        if let Some(imports) = &self.imports {
            let started = self.started.lock().unwrap().clone();
            let Some((.., input)) = started.iter().find(|(_, started, _)| started == arn.as_str()) else {
                return Err(no_execution());
            };
            match &mut *imports.descriptions.lock().unwrap() {
                Some(0) => {
                    let what = "Step Functions denied DescribeExecution.";
                    return Err(Error::new(ErrorKind::AccessDenied, what, "Allow it."));
                }
                Some(left) => *left -= 1,
                None => {}
            }
            self.pass().await;
            let view = imports.describe(arn, input).await;
            self.pass().await;
            return Ok(view);
        }
        let mut looks = self.looks.lock().unwrap();
        if !self.missing.is_empty() && looks[0].arn != *arn {
            return Err(no_execution());
        }
        Ok(if looks.len() > 1 { looks.pop_front().unwrap() } else { looks[0].clone() })
    }

    async fn list(&self, machine: &Machine, _: usize) -> Result<Vec<ExecutionArn>, Error> {
        self.check(machine)?;
        if let Some(imports) = &self.imports {
            if let Some(listed) = imports.listed.lock().unwrap().take() {
                // The test may have dropped the receiver.
                let _ = listed.send(());
            }
            self.pass().await;
            return Ok(imports.running());
        }
        let looks = self.looks.lock().unwrap();
        let mine = looks.iter().filter(|look| look.input.operation() == Some(machine.operation));
        Ok(mine.map(|look| look.arn.clone()).collect())
    }
}

/// A deployment, its pools and table, and the table of another account.
pub struct Fixture {
    pub deployment: Deployment<FakeExecutions, MemoryVault>,
    pub backend: MemoryBackend,
    /// The table of the other account.
    pub destination: MemoryVault,
}

impl Fixture {
    pub fn new(looks: impl Into<VecDeque<ExecutionView>>) -> Self {
        let executions = FakeExecutions { looks: Mutex::new(looks.into()), ..FakeExecutions::default() };
        let clock = Clock::starting_at(testing::now());
        let backend = MemoryBackend::new(clock);
        Self {
            deployment: Deployment {
                executions,
                catalog: Catalog::new(backend.vault()),
                table: "backup".into(),
                region: "eu-west-1".into(),
            },
            backend,
            destination: MemoryVault::new(clock),
        }
    }

    pub async fn with_snapshots(self, snapshots: impl IntoIterator<Item = Snapshot>) -> Self {
        for snapshot in snapshots {
            self.deployment.catalog.begin_snapshot(&snapshot).await.unwrap();
        }
        self
    }

    pub async fn with_restore(self, restore: Restore) -> Self {
        self.deployment.catalog.begin_restore(&restore, &[]).await.unwrap();
        self
    }

    /// Runs a command line to its end. Returns its result and the text on stderr.
    pub async fn run(&self, line: &str) -> (Result<Answer, Problem>, String) {
        self.run_until(line, pending()).await
    }

    pub async fn run_until(
        &self,
        line: &str,
        interrupted: impl Future<Output = ()>,
    ) -> (Result<Answer, Problem>, String) {
        self.run_into(line, interrupted, &mut std::io::sink()).await
    }

    pub async fn run_into(
        &self,
        line: &str,
        interrupted: impl Future<Output = ()>,
        lines: &mut dyn Write,
    ) -> (Result<Answer, Problem>, String) {
        let cli = Cli::parse_from(format!("cognito-backup {line}").split(' '));
        let (mut meter, written) = testing::meter();
        let session = Session { meter: &mut meter, lines, interrupted, now: testing::now };
        repeat_places(&cli.settings);
        let table = cli.settings.table.as_deref();
        let result = match &cli.command {
            Command::Export(args) => {
                export_verb::Request::read(args, table).unwrap().run(&self.deployment, session).await
            }
            Command::Import(args) => match import::Target::read(args, table) {
                Err(problem) => Err(problem),
                Ok(import::Target::Existing(request)) => request.run(&self.deployment, session).await,
                Ok(import::Target::New(request)) => {
                    let caller = async || Ok(caller());
                    let pool_at = |id: &PoolId| self.backend.pool(id);
                    let (keys, clock) = (self.backend.keys(), self.backend.clock());
                    Box::pin(request.run(&self.deployment, pool_at, &keys, caller, clock, session)).await
                }
            },
            Command::Status(args) => {
                status::Request::read(args, table).unwrap().run(&self.deployment, session).await
            }
            Command::Snapshots(args) => {
                snapshots::Request::read(args).unwrap().run(&self.deployment, testing::now()).await
            }
            Command::SubMap(args) => {
                sub_map::Request::read(args, cli.settings.json).unwrap().run(&self.deployment, session).await
            }
            Command::Verify(args) => {
                let request = verify::Request::read(args, &cli.settings).unwrap();
                request.run(&self.deployment, self.backend.pool(request.pool()), session).await
            }
            Command::Pool(args) => {
                let request = pool::Request::read(args).unwrap();
                let caller = async || Ok(caller());
                let pool_at = |id: &PoolId| self.backend.pool(id);
                let (keys, clock) = (self.backend.keys(), self.backend.clock());
                request.run(&self.deployment, pool_at, &keys, caller, clock, session).await
            }
            Command::Copy(args) => {
                let table = |vault, account: &str| Table {
                    catalog: Catalog::new(vault),
                    place: testing::place(account),
                };
                let source = table(self.backend.vault(), "111111111111");
                let destination = match args.to.to_table.as_str() {
                    "itself" => table(self.backend.vault(), "111111111111"),
                    "replica" => {
                        let mut replica = table(self.destination.clone(), "222222222222");
                        "eu-central-1".clone_into(&mut replica.place.region);
                        replica
                    }
                    _ => table(self.destination.clone(), "222222222222"),
                };
                let replicas = ["eu-central-1", "eu-west-1"].map(str::to_owned);
                let kms = copy::BothKeys {
                    source: self.backend.keys(),
                    destination: self.backend.keys_of("222222222222"),
                };
                copy::Request::read(args)
                    .unwrap()
                    .run(&source, &destination, &replicas, kms, self.backend.clock(), session)
                    .await
            }
            Command::Prune(args) => {
                let table = Table {
                    catalog: Catalog::new(self.backend.vault()),
                    place: testing::place("111111111111"),
                };
                let replicas = ["eu-central-1".to_owned()];
                prune::Request::read(args)
                    .unwrap()
                    .run(&table, &replicas, self.backend.clock(), session)
                    .await
            }
            Command::Completions(args) => Ok(completions::run(args, testing::now())),
            Command::Man(args) => man::run(args, testing::now()),
        };
        (result, written.text())
    }
}

/// A pool `a` with users, all of them in the group `all`, and a snapshot of it.
pub async fn exported(users: usize) -> (Fixture, MemoryPool, RunId) {
    let fixture = Fixture::new([]);
    let pool = fixture.backend.create_pool(&testing::pool("a"), PoolDescription::with_defaults(&[]));
    let all = GroupName::new("all");
    let group = GroupRecord {
        name: all.clone(),
        description: None,
        precedence: None,
        role_arn: None,
        created: None,
        modified: None,
    };
    pool.put_group(group);
    for number in 0..users {
        let record = UserRecord {
            username: Username::new(format!("person-{number:03}")),
            attributes: [("email".to_owned(), format!("person-{number}@example.com"))].into(),
            enabled: true,
            status: UserStatus::Confirmed,
            mfa_options: Vec::new(),
            mfa: None,
            created: None,
            modified: None,
        };
        pool.join(&pool.put_user(record), &all);
    }
    let id = export(&fixture, "first").await;
    (fixture, pool, id)
}

/// Takes a snapshot of pool `a` in the execution `name`.
pub async fn export(fixture: &Fixture, name: &str) -> RunId {
    let backend = &fixture.backend;
    let id = format!("arn:aws:states:eu-west-1:123456789012:execution:export:{name}");
    let execution = json!({"id": id, "startedAt": backend.clock().now()});
    let begin = json!({"operation": "export", "input": {"userPoolId": "eu-west-1_a", "tps": 200}, "execution": execution});
    let budget = || Budget::for_invocation(Duration::from_secs(900));
    let progress = steps::enumerate(backend, begin, budget()).await.unwrap();
    let progress = steps::export_pages(backend, json!(progress), budget()).await.unwrap();
    let report = json!(steps::finalize(backend, json!(progress), budget()).await.unwrap());
    assert_eq!(report["status"], "SEALED", "{report}");
    RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap()
}

/// Carries out an import. Returns its report.
pub async fn imported(fixture: &Fixture, input: Value) -> Value {
    carried_out(&fixture.backend, &input, testing::arn().as_str()).await.unwrap()
}

async fn carried_out(backend: &MemoryBackend, input: &Value, arn: &str) -> Result<Value, Error> {
    let execution = json!({"id": arn, "startedAt": backend.clock().now()});
    let begin = json!({"operation": "import", "input": input, "execution": execution});
    let budget = || Budget::for_invocation(Duration::from_secs(900));
    let begun = Box::pin(steps::enumerate(backend, begin, budget())).await?;
    let mut progress = begun.run().unwrap();
    loop {
        progress = Box::pin(steps::import_pages(backend, json!(progress), budget())).await?;
        if !progress.more {
            break;
        }
    }
    Ok(json!(Box::pin(steps::finalize(backend, json!(progress), budget())).await?))
}

/// Makes the plan of an import, and lets the state machine answer with its report.
pub async fn plan(fixture: &Fixture, mut input: Value) {
    input["dryRun"] = true.into();
    let report = imported(fixture, input.clone()).await;
    assert_eq!(report["status"], "PLANNED", "{report}");
    let view = testing::execution(RunStatus::Succeeded);
    let look = ExecutionView { input: RunInput::parse(&input), output: Some(report), ..view };
    fixture.deployment.executions.looks.lock().unwrap().push_back(look);
}

/// Removes the record of a user of pool `a` from the table.
pub fn lose_record(fixture: &Fixture, sub: &Sub) {
    let vault = fixture.backend.vault();
    let partition = format!("USER#eu-west-1_a#{sub}");
    let key = vault.items().into_keys().find(|key| key.pk == partition).unwrap();
    vault.remove(&key);
}

/// A stdout that cannot be written.
pub struct Closed(pub std::io::ErrorKind);

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
