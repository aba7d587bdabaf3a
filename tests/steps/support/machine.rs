//! The deployed state machines, run on the steps in memory, with disturbances: deaths, second invocations
//! and rests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared::Result;
use shared::machine::{
    Answer, Definition, End as Ending, Event, Function, Host, Invocation as Wanted, failure_of,
};
use shared::model::{BusEvent, EVENT_SOURCE, Execution, Failure, PoolId, RunKind};
use shared::pacing::Budget;
use shared::ports::{Backend, Clock};
use shared_memory::{Calls, DeathOrder, MemoryBackend};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::manifest;
use super::random::Random;

/// Runs executions, with the disturbances of a case.
#[derive(Debug, Clone)]
pub struct Machine {
    pub backend: MemoryBackend,
    /// The time that each invocation believes it has.
    pub budget: Duration,
    /// The time after which an invocation is killed.
    pub timeout: Duration,
    /// The attempts of a task for each of its retriers. The definitions allow more.
    pub retries: u32,
    /// Whether its executions have the ARNs of a deployment. Finalize refuses events about others.
    pub is_of_deployment: bool,
    /// The longest time of an execution. None for that of the definitions.
    pub time_limit: Option<Duration>,
    /// Whether tasks are tried again as deployed. Then `retries` counts for nothing.
    pub retries_as_deployed: bool,
    /// Whether the death of a function stops the execution, so that no failure is recorded.
    pub stop_at_death: bool,
    /// Whether a failure may stay unrecorded, because the items of the run cannot be read.
    pub may_lose_failures: bool,
    /// The delays after which invocations run a second time, one for each task. Later tasks run once.
    pub twins: Vec<Duration>,
    /// The rests before tasks, one for each task. Later tasks have none.
    pub rests: Vec<Duration>,
    /// Invocations for which no execution waits: twins, and those of executions that an operator aborted.
    pub running_on: Arc<Mutex<Vec<JoinHandle<()>>>>,
    /// Invocations that the executions wait for now.
    pub under_way: Arc<AtomicUsize>,
    /// The twins that began while an invocation of their execution was under way.
    pub overlapping_twins: Arc<AtomicUsize>,
    /// Whether an operator may abort the execution. Its invocation then runs on, as on AWS.
    pub may_be_aborted: bool,
    pub ended: Arc<Mutex<Vec<Invocation>>>,
    /// What the functions answered, as the history of an execution shows it: outputs, errors and causes.
    pub history: Arc<Mutex<Vec<String>>>,
    /// What the functions were given, as the history shows it.
    pub payloads: Arc<Mutex<Vec<String>>>,
    /// The calls of all invocations, by the function whose role must allow them.
    pub called: Arc<Mutex<BTreeMap<&'static str, Calls>>>,
    /// The calls at which invocations died, by the same function.
    pub died: Arc<Mutex<BTreeSet<(&'static str, String)>>>,
    /// At which calls an invocation of each function dies.
    pub deaths: Vec<(&'static str, DeathOrder)>,
    /// Which invocations run on a computer whose clock is wrong.
    pub jumps: Option<Jumps>,
}

/// Wrong clocks of some invocations.
#[derive(Debug, Clone)]
pub struct Jumps {
    pub random: Arc<Mutex<Random>>,
    /// One of so many invocations has a wrong clock.
    pub one_in: u64,
    pub max: SignedDuration,
    /// How many had one so far.
    pub count: Arc<AtomicUsize>,
}

impl Jumps {
    /// The backend of the next invocation.
    fn shift(&self, backend: MemoryBackend) -> MemoryBackend {
        let mut random = self.random.lock().unwrap();
        if !random.one_in(self.one_in) {
            return backend;
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        let max = self.max.as_millis() as u64;
        let jump = SignedDuration::from_millis(random.below(2 * max + 1) as i64 - max as i64);
        let now = backend.clock().now();
        backend.with_clock(Clock::starting_at(now + jump))
    }
}

/// How one invocation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invocation {
    Returned,
    Refused,
    Died,
    TimedOut,
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// With the report of finalize. The execution of a partial restore fails, but also has a
    /// report.
    Finished(Value),
    /// With an error, and the report of the finalize that recorded it.
    Failed { error: String, cause: String, recorded: Value },
    /// Stopped by an operator.
    Stopped,
    /// Stopped by Step Functions, because it took too long.
    TimedOut,
}

impl End {
    /// The report of an execution that finished.
    pub fn report(self) -> Value {
        match self {
            Self::Finished(report) => report,
            other => panic!("{other:?}"),
        }
    }

    /// The name of the error of an execution that failed, and its cause.
    pub fn error(&self) -> (&str, &str) {
        match self {
            Self::Failed { error, cause, .. } => (error, cause),
            other => panic!("{other:?}"),
        }
    }
}

/// The wait before a retry. The definitions wait longer, at least two seconds.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// More invocations than any case needs.
const MAX_INVOCATIONS: usize = 20_000;

static EXPORT: LazyLock<Definition> = LazyLock::new(|| Definition::of(RunKind::Export).unwrap());
static COPY: LazyLock<Definition> = LazyLock::new(|| Definition::of_copy().unwrap());
static REMOVAL: LazyLock<Definition> = LazyLock::new(|| Definition::of_removal().unwrap());
static IMPORT: LazyLock<Definition> = LazyLock::new(|| Definition::of(RunKind::Import).unwrap());

impl Machine {
    pub fn new(backend: &MemoryBackend) -> Self {
        Self {
            backend: backend.clone(),
            budget: Duration::from_secs(900),
            timeout: Duration::from_secs(900),
            retries: 100,
            is_of_deployment: false,
            time_limit: None,
            retries_as_deployed: false,
            stop_at_death: false,
            may_lose_failures: false,
            twins: Vec::new(),
            rests: Vec::new(),
            running_on: Arc::default(),
            under_way: Arc::default(),
            overlapping_twins: Arc::default(),
            may_be_aborted: false,
            ended: Arc::default(),
            history: Arc::default(),
            payloads: Arc::default(),
            called: Arc::default(),
            died: Arc::default(),
            deaths: Vec::new(),
            jumps: None,
        }
    }

    /// Invocations with little time: many of them, and none is killed.
    pub fn with_budget(self, budget: Duration) -> Self {
        Self { budget, timeout: Duration::from_secs(24 * 3600), ..self }
    }

    /// Exports. If the deployment has rules of retention, the event about the sealed snapshot starts a removal, as the
    /// rule of EventBridge does. The report of the export then has that of the removal as the member `removal`.
    pub async fn export(&self, input: Value, name: &str) -> End {
        let mut end = self.execute("export", &EXPORT, input, name).await;
        if let End::Finished(report) = &mut end
            && self.backend.retention().is_some()
            && report["status"] == "SEALED"
            && let Some(sealed) = self.sealed_event(&report["snapshotId"])
        {
            let removed = self.remove(&sealed, name).await;
            report["removal"] = removed.unwrap_or_default();
        }
        end
    }

    /// The detail of the event that finalize has put about a sealed snapshot. None if it was lost.
    fn sealed_event(&self, snapshot: &Value) -> Option<Value> {
        let events = self.backend.events();
        let sealed = events.iter().filter(|event| matches!(event, BusEvent::SnapshotSealed(_)));
        sealed.map(|event| json!(event)).find(|detail| detail["snapshotId"] == *snapshot)
    }

    /// Starts the removal for an event about a sealed snapshot. Its detail may also be the report of an export, which has
    /// the same ids. Returns the report of the removal. None if it was stopped, or if an error ended it.
    pub async fn remove(&self, detail: &Value, name: &str) -> Option<Value> {
        let event = json!({"source": EVENT_SOURCE, "detail-type": "Snapshot Sealed", "detail": detail});
        match self.execute("removal", &REMOVAL, event, name).await {
            End::Finished(report) => Some(report),
            End::Failed { .. } | End::Stopped | End::TimedOut => None,
        }
    }

    /// Copies the new snapshots of a pool from another account, as the state machine does for each pool. Each event about a
    /// copied snapshot starts no removal.
    pub async fn copy(&self, pool: PoolId, name: &str) -> End {
        self.execute("copy", &COPY, json!({"userPoolId": pool}), name).await
    }

    pub async fn import(&self, input: Value, name: &str) -> End {
        self.execute("import", &IMPORT, input, name).await
    }

    /// Asks finalize how old the newest snapshots are.
    pub async fn watch(&self, pools: Value) -> Value {
        let event = json!({"operation": "watch", "userPoolIds": pools});
        self.invoke(Function::Finalize, event).await.1.expect("it lives").expect("it answers")
    }

    /// Asks the function of copies the same.
    pub async fn watch_copies(&self, pools: Value) -> Value {
        let event = json!({"operation": "watch", "userPoolIds": pools});
        self.invoke(Function::Copy, event).await.1.expect("it lives").expect("it answers")
    }

    /// Sends the event of EventBridge about an execution that was stopped to finalize. Returns its report.
    pub async fn finalize_stopped(&self, event: Value) -> Value {
        self.try_to_finalize_stopped(event).await.expect("it lives")
    }

    /// The same. None if the invocation died.
    pub async fn try_to_finalize_stopped(&self, event: Value) -> Option<Value> {
        self.invoke(Function::Finalize, event).await.1.map(|report| report.expect("it answers"))
    }

    /// How the invocations so far ended.
    pub fn invocations(&self) -> Vec<Invocation> {
        self.ended.lock().unwrap().clone()
    }

    /// Waits for the invocations that still run although no execution waits for them.
    pub async fn join_twins(&self) {
        let running_on = std::mem::take(&mut *self.running_on.lock().unwrap());
        for invocation in running_on {
            invocation.await.unwrap();
        }
    }

    /// Invokes a function. If the execution is aborted meanwhile, the invocation runs on.
    async fn invoke_to_the_end(
        &self,
        function: Function,
        payload: Value,
    ) -> (Invocation, Option<Result<Value>>) {
        let (answer, answered) = oneshot::channel();
        let machine = self.clone();
        let invocation = tokio::spawn(async move {
            // Nothing waits for the answer if the execution was aborted.
            let _ = answer.send(machine.invoke(function, payload).await);
        });
        let mut running = Running { invocation: Some(invocation), running_on: Arc::clone(&self.running_on) };
        match answered.await {
            Ok(answer) => {
                running.invocation = None;
                answer
            }
            Err(_) => match running.invocation.take().expect("it runs").await {
                Err(failed) => std::panic::resume_unwind(failed.into_panic()),
                Ok(()) => unreachable!("it answers before it ends"),
            },
        }
    }

    async fn execute(&self, operation: &str, definition: &Definition, input: Value, name: &str) -> End {
        let execution = Execution {
            id: if self.is_of_deployment || ["removal", "copy"].contains(&operation) {
                execution_arn(operation, name)
            } else {
                format!("arn:aws:states:eu-west-1:123456789012:execution:{operation}:{name}")
            },
            started_at: self.backend.clock().now(),
        };
        let definition = if self.retries_as_deployed {
            definition.clone()
        } else {
            definition.clone().with_retries(self.retries, RETRY_AFTER)
        };
        let definition = match self.time_limit {
            Some(limit) => definition.with_time_limit(limit),
            None => definition,
        };
        let stage = Stage { machine: self, tasks: AtomicUsize::new(0), recorded: Mutex::default() };
        match definition.play(&execution, input, &stage).await.unwrap() {
            Ending::Stopped(Killed) => End::Stopped,
            Ending::TimedOut => End::TimedOut,
            Ending::Succeeded { output, .. } => {
                let statuses: &[_] = match operation {
                    "export" => &["SEALED", "SKIPPED"],
                    "removal" => &["APPLIED", "SKIPPED"],
                    // The definition takes a failure for the result of one pool.
                    "copy" => &["COPIED", "SKIPPED", "FAILED"],
                    _ => &["SUCCEEDED", "PLANNED"],
                };
                assert!(statuses.iter().any(|status| output["status"] == *status), "{output}");
                End::Finished(output)
            }
            Ending::Failed { input, failure, .. } if failure.error == "RestorePartial" => {
                assert_eq!(input["status"], "PARTIAL", "no way on for {input}");
                End::Finished(input)
            }
            Ending::Failed { input, .. } if input["status"] == "FAILED" && operation == "removal" => {
                End::Finished(input)
            }
            // No state records the failure of a removal: the next sealed snapshot starts another one.
            Ending::Failed { failure: Failure { error, cause }, .. } if operation == "removal" => {
                End::Failed { error, cause, recorded: Value::Null }
            }
            Ending::Failed { state, failure: Failure { error, cause }, .. } => {
                let recorded = stage.recorded.lock().unwrap().take();
                // With the deployed retriers, faults can outlast the finalize that records the failure.
                assert!(
                    recorded.is_some() || self.may_lose_failures || self.retries_as_deployed,
                    "{state}: recording the failure succeeds"
                );
                let recorded = recorded.unwrap_or_default();
                End::Failed { error, cause, recorded }
            }
        }
    }

    async fn invoke(&self, function: Function, payload: Value) -> (Invocation, Option<Result<Value>>) {
        let backend = self.backend.invocation();
        let backend = match &self.jumps {
            Some(jumps) => jumps.shift(backend),
            None => backend,
        };
        let role = role(function, &payload, &backend);
        let deaths = self.deaths.iter().filter(|(function, _)| *function == role);
        let backend = backend.dying_by(deaths.map(|(_, order)| order.clone()).collect());
        let target = target_of(&payload);
        self.payloads.lock().unwrap().push(payload.to_string());
        let budget = Budget::for_work(self.budget, self.timeout);
        let step = backend.carry_out(function, payload, budget);
        let (ended, result) = tokio::select! {
            biased;
            result = step => (if result.is_ok() { Invocation::Returned } else { Invocation::Refused }, Some(result)),
            () = backend.death() => (Invocation::Died, None),
            () = sleep(self.timeout) => (Invocation::TimedOut, None),
        };
        self.history.lock().unwrap().extend(result.as_ref().map(|result| match result {
            Ok(answer) => answer.to_string(),
            Err(error) => format!("{:?}", failure_of(error)),
        }));
        let calls = backend.calls();
        manifest::assert_allowed(role, &calls);
        if role.starts_with("import") {
            // The roles of imports may write no item of another pool.
            assert!(
                calls.written_pools.iter().all(|pool| Some(pool) == target.as_ref()),
                "{role}: {calls:?}"
            );
        }
        self.called.lock().unwrap().entry(role).or_default().extend(calls);
        let site = backend.died_at().map(|site| (role, site.to_string()));
        self.died.lock().unwrap().extend(site);
        let mut invocations = self.ended.lock().unwrap();
        invocations.push(ended);
        assert!(invocations.len() < MAX_INVOCATIONS, "the execution does not come to an end");
        (ended, result)
    }
}

/// An invocation that an execution waits for. If the execution is dropped, the invocation runs on.
struct Running {
    invocation: Option<JoinHandle<()>>,
    running_on: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.running_on.lock().unwrap().extend(self.invocation.take());
    }
}

/// The ARN of an execution of the deployment with the table of the backend in memory.
pub fn execution_arn(operation: &str, name: &str) -> String {
    format!("arn:aws:states:eu-west-1:123456789012:execution:cognito-backup-{operation}:{name}")
}

/// The event of EventBridge about an execution that was stopped. An execution that is encrypted with a customer's key
/// has an event without `input`.
pub fn stopped_event(
    (operation, name): (&str, &str),
    status: &str,
    (started, stopped): (Timestamp, Timestamp),
    input: Option<&Value>,
) -> Value {
    let arn = execution_arn(operation, name);
    json!({
        "version": "0",
        "id": "315c1398-40ff-a850-213b-158f73e60175",
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "account": "123456789012",
        "time": stopped,
        "region": "eu-west-1",
        "resources": [arn],
        "detail": {
            "executionArn": arn,
            "stateMachineArn":
                format!("arn:aws:states:eu-west-1:123456789012:stateMachine:cognito-backup-{operation}"),
            "name": name,
            "status": status,
            "startDate": started.as_millisecond(),
            "stopDate": stopped.as_millisecond(),
            "input": input.map(Value::to_string),
            "inputDetails": input.map(|_| json!({"included": true})),
            "output": null,
            "outputDetails": null,
            "redriveCount": 0,
        },
        // The test knows the only pool whose items an import may write, even if the event does not.
        "targetOfTheTest": crate::target_id(),
    })
}

/// Begins a run as an execution does. Returns the event that enumerate passes to the page function.
pub async fn begin(backend: &MemoryBackend, operation: &str, input: Value) -> Value {
    let execution = json!({"id": format!("execution:{operation}:1"), "startedAt": backend.clock().now()});
    let event = json!({"operation": operation, "input": input, "execution": execution});
    let budget = Budget::for_invocation(Duration::from_secs(900));
    backend.carry_out(Function::Enumerate, event, budget).await.unwrap()
}

/// The function in `operations.json` that an invocation belongs to.
fn role(function: Function, event: &Value, backend: &MemoryBackend) -> &'static str {
    let machine = event["detail"]["stateMachineArn"].as_str().unwrap_or_default();
    let is_import = event["operation"] == "import" || machine.ends_with("-import");
    match function {
        Function::Enumerate if is_import => "importEnumerate",
        Function::Enumerate => "exportEnumerate",
        Function::ExportPage if backend.captures_configuration() => "exportCapture",
        Function::ExportPage => "exportPage",
        Function::ImportPage => "importPage",
        Function::Finalize if is_import => "importFinalize",
        Function::Removal => "removal",
        Function::Copy => "copy",
        Function::Finalize => "exportFinalize",
    }
}

/// The partition of the pool into which an event of an import restores.
fn target_of(event: &Value) -> Option<String> {
    let pool = [&event["userPoolId"], &event["input"]["targetUserPoolId"], &event["targetOfTheTest"]];
    let pool = pool.into_iter().find_map(Value::as_str);
    pool.map(|pool| format!("TARGET#{pool}"))
}

struct Stage<'a> {
    machine: &'a Machine,
    tasks: AtomicUsize,
    /// The answer of finalize after it recorded the failure of the run.
    recorded: Mutex<Option<Value>>,
}

/// The execution was stopped because a function died.
#[derive(Debug, PartialEq)]
struct Killed;

impl Stage<'_> {
    /// If the case says so, makes a task rest, and run a second time.
    async fn disturb(&self, function: Function, payload: &Value) {
        // An operator may give a long input.
        let [event, input] = [payload, &payload["input"]].map(|value| value.to_string().len());
        assert!(event - input < 5_000, "an event grows: {payload}");
        // The task that records a failure is disturbed like the first task of the execution.
        let task = if is_recording(payload) { 0 } else { self.tasks.fetch_add(1, Ordering::Relaxed) };
        if let Some(rest) = self.machine.rests.get(task) {
            sleep(*rest).await;
        }
        if let Some(&delay) = self.machine.twins.get(task) {
            let (machine, payload) = (self.machine.clone(), payload.clone());
            let twin = tokio::spawn(async move {
                sleep(delay).await;
                let overlaps = machine.under_way.load(Ordering::Relaxed) > 0;
                machine.overlapping_twins.fetch_add(usize::from(overlaps), Ordering::Relaxed);
                // It may fail, but not because of a fault of the program.
                if let (_, Some(Err(error))) = machine.invoke(function, payload).await {
                    assert_ne!(error.kind(), shared::ErrorKind::Internal, "{error}");
                }
            });
            self.machine.running_on.lock().unwrap().push(twin);
        }
    }
}

/// Whether finalize is to record that the run failed.
fn is_recording(payload: &Value) -> bool {
    payload.get("error").is_some()
}

impl Host for Stage<'_> {
    type Stop = Killed;

    async fn observe(&self, event: Event<'_>) {
        if let Event::Scheduled { function, parameters, retries: 0 } = event {
            self.disturb(function, &parameters["Payload"]).await;
        }
    }

    async fn invoke(&self, wanted: Wanted<'_>) -> std::result::Result<Answer, Killed> {
        let Wanted { function, payload, .. } = wanted;
        let is_recording = is_recording(&payload);
        self.machine.under_way.fetch_add(1, Ordering::Relaxed);
        let (ended, result) = if self.machine.may_be_aborted {
            self.machine.invoke_to_the_end(function, payload).await
        } else {
            self.machine.invoke(function, payload).await
        };
        self.machine.under_way.fetch_sub(1, Ordering::Relaxed);
        let failure = match result {
            Some(Ok(answer)) => {
                if is_recording {
                    *self.recorded.lock().unwrap() = Some(answer.clone());
                }
                return Ok(Ok(answer));
            }
            Some(Err(error)) => failure_of(&error),
            None if self.machine.stop_at_death => return Err(Killed),
            None => {
                let error =
                    if ended == Invocation::TimedOut { "Sandbox.Timedout" } else { "Runtime.ExitError" };
                Failure { error: error.to_owned(), cause: "RequestId: 1 Error: Runtime exited".to_owned() }
            }
        };
        Ok(Err(failure))
    }
}
