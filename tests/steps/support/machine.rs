//! The state machines: enumerate, pages until there are no more, finalize until there is no more; on an error, finalize with it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use shared::pacing::Budget;
use shared::ports::Backend;
use shared::steps;
use shared::{Error, Result};
use shared_memory::{Calls, MemoryBackend};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::manifest;

/// How an execution is carried out.
#[derive(Debug, Clone)]
pub struct Machine {
    pub backend: MemoryBackend,
    /// The time that each invocation believes it has.
    pub budget: Duration,
    /// The time after which an invocation is killed.
    pub timeout: Duration,
    /// How often a task is tried again after a passing error or a death.
    pub retries: u32,
    /// Whether the execution is stopped, and nothing recorded, once a function dies.
    pub stop_at_death: bool,
    /// Each invocation takes place a second time, so much later than the first; none afterwards.
    pub twins: Vec<Duration>,
    /// How long the execution rests before each of its tasks; not at all afterwards.
    pub rests: Vec<Duration>,
    pub running_twins: Arc<Mutex<Vec<JoinHandle<()>>>>,
    pub ended: Arc<Mutex<Vec<Invocation>>>,
    /// The calls of all invocations, by the function whose role must allow them.
    pub called: Arc<Mutex<BTreeMap<&'static str, Calls>>>,
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
    /// With the report of finalize.
    Finished(Value),
    /// With an error, and the report of the finalize that recorded it.
    Failed { error: String, cause: String, recorded: Value },
    /// Stopped from outside.
    Stopped,
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

/// What a `Catch` hands on.
type Caught = Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Enumerate,
    ExportPage,
    ImportPage,
    Finalize,
}

/// The wait before a retry: the state machines wait longer, and at least a second.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// More invocations than any case needs.
const MAX_INVOCATIONS: usize = 20_000;

impl Machine {
    pub fn new(backend: &MemoryBackend) -> Self {
        Self {
            backend: backend.clone(),
            budget: Duration::from_secs(900),
            timeout: Duration::from_secs(900),
            retries: 100,
            stop_at_death: false,
            twins: Vec::new(),
            rests: Vec::new(),
            running_twins: Arc::default(),
            ended: Arc::default(),
            called: Arc::default(),
        }
    }

    /// Invocations with little time: many of them, none of them ever killed.
    pub fn with_budget(self, budget: Duration) -> Self {
        Self { budget, timeout: Duration::from_secs(24 * 3600), ..self }
    }

    pub async fn export(&self, input: Value, name: &str) -> End {
        self.execute("export", Function::ExportPage, input, name).await
    }

    pub async fn import(&self, input: Value, name: &str) -> End {
        self.execute("import", Function::ImportPage, input, name).await
    }

    /// Asks finalize how old the newest snapshots are.
    pub async fn watch(&self, pools: Value) -> Value {
        let event = json!({"operation": "watch", "userPoolIds": pools});
        self.invoke(Function::Finalize, event).await.1.expect("it lives").expect("it answers")
    }

    /// How the invocations so far ended.
    pub fn invocations(&self) -> Vec<Invocation> {
        self.ended.lock().unwrap().clone()
    }

    /// Waits for the second invocations that are still going on.
    pub async fn join_twins(&self) {
        let twins = std::mem::take(&mut *self.running_twins.lock().unwrap());
        for twin in twins {
            twin.await.unwrap();
        }
    }

    async fn execute(&self, operation: &str, page: Function, input: Value, name: &str) -> End {
        let execution = json!({
            "id": format!("arn:aws:states:eu-west-1:123456789012:execution:{operation}:{name}"),
            "startedAt": self.backend.clock().now(),
        });
        let machine = Self { rests: self.rests.clone(), twins: self.twins.clone(), ..self.clone() };
        let begin = json!({"operation": operation, "input": input, "execution": execution});
        let caught = match machine.play(page, begin.clone()).await {
            Ok(report) => return End::Finished(report),
            Err(None) => return End::Stopped,
            Err(Some(caught)) => caught,
        };
        let mut event = begin;
        event["error"] = caught.clone();
        let recorded = machine.task(Function::Finalize, event, &mut 0).await.expect("recording the failure succeeds");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        End::Failed { error: text(&recorded["error"]), cause: text(&recorded["cause"]), recorded }
    }

    async fn play(&self, page: Function, begin: Value) -> std::result::Result<Value, Option<Caught>> {
        let mut tasks = 0;
        let mut event = self.task(Function::Enumerate, begin, &mut tasks).await?;
        for function in [page, Function::Finalize] {
            event = self.task(function, event, &mut tasks).await?;
            while event["more"] == true {
                sleep(Duration::from_secs(event["waitSeconds"].as_u64().unwrap_or(0))).await;
                event = self.task(function, event, &mut tasks).await?;
            }
        }
        // What the last choice of the definitions looks at.
        let statuses = ["SEALED", "SUCCEEDED", "PARTIAL", "PLANNED"];
        assert!(statuses.iter().any(|status| event["status"] == *status), "no way on for {event}");
        Ok(event)
    }

    /// A task with its retries.
    async fn task(&self, function: Function, event: Value, tasks: &mut usize) -> std::result::Result<Value, Option<Caught>> {
        assert!(event.to_string().len() < 5_000, "an event grows: {event}");
        if let Some(rest) = self.rests.get(*tasks) {
            sleep(*rest).await;
        }
        if let Some(&delay) = self.twins.get(*tasks) {
            let (machine, event) = (self.clone(), event.clone());
            let twin = tokio::spawn(async move {
                sleep(delay).await;
                let _ = machine.invoke(function, event).await;
            });
            self.running_twins.lock().unwrap().push(twin);
        }
        *tasks += 1;
        let mut tries = 0;
        loop {
            let (ended, result) = self.invoke(function, event.clone()).await;
            let died = matches!(ended, Invocation::Died | Invocation::TimedOut);
            if died && self.stop_at_death {
                return Err(None);
            }
            let caught = match result {
                Some(Ok(answer)) => return Ok(answer),
                Some(Err(error)) if !error.kind().retryable() => return Err(Some(caught(&error))),
                Some(Err(error)) => caught(&error),
                None => json!({"Error": "Runtime.ExitError", "Cause": "RequestId: 1 Error: Runtime exited"}),
            };
            if tries == self.retries {
                return Err(Some(caught));
            }
            tries += 1;
            sleep(RETRY_AFTER).await;
        }
    }

    async fn invoke(&self, function: Function, event: Value) -> (Invocation, Option<Result<Value>>) {
        let backend = self.backend.invocation();
        let role = role(function, &event, &backend);
        let budget = Budget::for_invocation(self.budget);
        let step = async {
            match function {
                Function::Enumerate => steps::enumerate(&backend, event).await.map(|progress| json!(progress)),
                Function::ExportPage => steps::export_pages(&backend, event, budget).await.map(|progress| json!(progress)),
                Function::ImportPage => steps::import_pages(&backend, event, budget).await.map(|progress| json!(progress)),
                Function::Finalize => steps::finalize(&backend, event, budget).await.map(|report| json!(report)),
            }
        };
        let (ended, result) = tokio::select! {
            biased;
            result = step => (if result.is_ok() { Invocation::Returned } else { Invocation::Refused }, Some(result)),
            () = backend.death() => (Invocation::Died, None),
            () = sleep(self.timeout) => (Invocation::TimedOut, None),
        };
        let calls = backend.calls();
        manifest::assert_allowed(role, &calls);
        self.called.lock().unwrap().entry(role).or_default().extend(calls);
        let mut invocations = self.ended.lock().unwrap();
        invocations.push(ended);
        assert!(invocations.len() < MAX_INVOCATIONS, "the execution does not come to an end");
        (ended, result)
    }
}

/// The function of `operations.json` that the calls of an invocation belong to.
fn role(function: Function, event: &Value, backend: &MemoryBackend) -> &'static str {
    let is_import = event["operation"] == "import";
    match function {
        Function::Enumerate if is_import => "importEnumerate",
        Function::Enumerate => "exportEnumerate",
        Function::ExportPage => "exportPage",
        Function::ImportPage => "importPage",
        Function::Finalize if is_import => "importFinalize",
        Function::Finalize if backend.retention().is_some() => "exportRetention",
        Function::Finalize => "exportFinalize",
    }
}

fn caught(error: &Error) -> Caught {
    let cause = json!({"errorType": error.kind().name(), "errorMessage": error.to_string()});
    json!({"Error": error.kind().name(), "Cause": cause.to_string()})
}
