//! The course of a run, task by task, without the player of the state machines: a case begins with any task.

use std::time::Duration;

use serde_json::{Value, json};
use shared::machine::Function;
use shared::model::Execution;
use shared::pacing::Budget;
use shared::ports::Backend;
use shared::{Error, Result};
use shared_memory::MemoryBackend;
use tokio::time::sleep;

use crate::machine::execution_arn;

/// The time of an invocation.
const TIME: Duration = Duration::from_secs(900);
/// The wait before a task is tried again. It doubles, as in the definitions.
const FIRST_RETRY_AFTER: Duration = Duration::from_secs(5);
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);
/// More tries of a task than any case without faults needs. The definitions allow more.
const MAX_TRIES: usize = 12;
/// More tasks than any case needs.
const MAX_TASKS: usize = 400;

/// A task that a run has reached.
#[derive(Debug, Clone)]
pub struct Task {
    pub function: Function,
    pub payload: Value,
}

impl Task {
    /// The first task of a run.
    pub fn first(backend: &MemoryBackend, operation: &str, input: &Value, name: &str) -> Self {
        let execution =
            Execution { id: format!("execution:{operation}:{name}"), started_at: backend.clock().now() };
        let payload = json!({"operation": operation, "input": input, "execution": execution});
        Self { function: Function::Enumerate, payload }
    }

    /// The first task of the removal that the snapshot in the report of an export starts.
    pub fn removal(backend: &MemoryBackend, sealed: &Value, name: &str) -> Self {
        let execution = Execution { id: execution_arn("removal", name), started_at: backend.clock().now() };
        let (pool, id) = (&sealed["userPoolId"], &sealed["snapshotId"]);
        let payload =
            json!({"operation": "removal", "userPoolId": pool, "snapshotId": id, "execution": execution});
        Self { function: Function::Removal, payload }
    }

    /// The task that records the failure of a run that began with `first`.
    pub fn failure(first: &Self) -> Self {
        let mut payload = first.payload.clone();
        payload["error"] = json!({"Error": "Lambda.Unknown", "Cause": "lost"});
        Self { function: Function::Finalize, payload }
    }

    /// Invokes the function once. If the script orders the death of the invocation, it never returns.
    pub async fn once(&self, backend: &MemoryBackend) -> Result<Value> {
        self.within(backend, TIME).await
    }

    /// Invokes the function once, with so much time for its work.
    pub async fn within(&self, backend: &MemoryBackend, work: Duration) -> Result<Value> {
        let budget = Budget::for_work(work, TIME);
        backend.invocation().carry_out(self.function, self.payload.clone(), budget).await
    }

    /// Invokes the function until it succeeds, or fails for good.
    pub async fn until_done(&self, backend: &MemoryBackend) -> Result<Value> {
        let (mut last, mut wait): (Option<Error>, _) = (None, FIRST_RETRY_AFTER);
        for _ in 0..MAX_TRIES {
            match self.once(backend).await {
                Err(error) if error.kind().retryable() => last = Some(error),
                ended => return ended,
            }
            sleep(wait).await;
            wait = (wait * 2).min(MAX_RETRY_AFTER);
        }
        panic!("{:?} does not end: {last:?}", self.function)
    }

    /// The task after this one. None if the run has ended with `answer`.
    pub fn next(&self, answer: &Value) -> Option<Self> {
        let is_more = answer["more"] == true;
        let function = match (self.function, answer["operation"].as_str()) {
            (Function::Finalize | Function::Removal, _) if !is_more => return None,
            (Function::ExportPage | Function::ImportPage, _) if !is_more => Function::Finalize,
            (Function::Finalize | Function::Removal, _) => self.function,
            (_, Some("export")) => Function::ExportPage,
            (_, Some("import")) => Function::ImportPage,
            (_, other) => panic!("no task follows {other:?}"),
        };
        Some(Self { function, payload: answer.clone() })
    }

    /// Carries out this task and all that follow it. Returns the report of the run.
    pub async fn to_the_end(&self, backend: &MemoryBackend) -> Result<Value> {
        let mut task = self.clone();
        for _ in 0..MAX_TASKS {
            let answer = task.until_done(backend).await?;
            match task.next(&answer) {
                Some(next) => task = next,
                None => return Ok(answer),
            }
        }
        panic!("the run does not end")
    }

    /// The first task of the run that invokes `function`, after the tasks before it.
    pub async fn reached(self, backend: &MemoryBackend, function: Function) -> Self {
        let mut task = self;
        while task.function != function {
            let answer = task.until_done(backend).await.expect("the tasks before succeed");
            task = task.next(&answer).expect("the run has the task");
        }
        task
    }
}
