//! Plays the deployed definitions of the state machines on the steps. Counts states and events, and
//! measures payloads.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Error, Result, anyhow, bail};
use serde_json::Value;
use shared::machine::{Answer, Definition, End, Event, Function, Host, Invocation, carry_out, failure_of};
use shared::model::{self, RunKind};
use shared::pacing::Budget;

use crate::backend::SimulatedBackend;

/// The time limit of a Lambda function.
pub const INVOCATION: Duration = Duration::from_secs(900);
/// The time between two tasks.
const BETWEEN_TASKS: Duration = Duration::from_millis(50);
/// More states than any execution of the bench needs.
const MAX_STATES: u64 = 1_000_000;

/// The measurements of an execution.
#[derive(Debug, Clone, Default)]
pub struct Execution {
    /// The output of the execution.
    pub output: Value,
    /// State transitions with retries, which Step Functions charges for.
    pub transitions: u64,
    /// Events of its history.
    pub events: u64,
    /// The largest input or output of a state, in bytes.
    pub largest_payload: usize,
    /// Invocations by function.
    pub invocations: BTreeMap<Function, u64>,
    /// The most memory on the heap by function, in bytes.
    pub memory: BTreeMap<Function, usize>,
}

impl Execution {
    /// Invocations of all functions.
    pub fn all_invocations(&self) -> u64 {
        self.invocations.values().sum()
    }
}

/// Carries out an execution on the service.
///
/// # Errors
/// If the execution fails, because its measurements would be worthless.
pub async fn execute(
    operation: RunKind,
    backend: &SimulatedBackend,
    input: Value,
    number: usize,
) -> Result<Execution> {
    let name = match operation {
        RunKind::Export => "export",
        RunKind::Import => "import",
    };
    let execution = model::Execution {
        id: format!("arn:aws:states:eu-west-1:123456789012:execution:{name}:{number}"),
        started_at: backend.0.clock().now(),
    };
    // ExecutionStarted and ExecutionSucceeded.
    let counted = Execution { events: 2, ..Execution::default() };
    let stage = Stage { backend, counted: Mutex::new(counted) };
    match Definition::of(operation)?.play(&execution, input, &stage).await? {
        End::Succeeded { output, .. } => {
            let counted = stage.counted.into_inner().unwrap_or_else(PoisonError::into_inner);
            Ok(Execution { output, ..counted })
        }
        End::Failed { state, failure, .. } => {
            bail!("the execution failed in state {state:?}: {}: {}", failure.error, failure.cause)
        }
        End::Stopped(why) => Err(why),
        End::TimedOut => bail!("the execution took longer than its definition allows"),
    }
}

struct Stage<'a> {
    backend: &'a SimulatedBackend,
    counted: Mutex<Execution>,
}

impl Stage<'_> {
    fn counted(&self) -> MutexGuard<'_, Execution> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host for Stage<'_> {
    type Stop = Error;

    async fn invoke(&self, invocation: Invocation<'_>) -> Result<Answer> {
        let Invocation { function, payload, .. } = invocation;
        let step = carry_out(function, self.backend, payload, Budget::for_invocation(INVOCATION));
        let measured = tokio::time::timeout(INVOCATION, heap::measured(step)).await;
        let too_long = || anyhow!("{} took longer than Lambda lets it", function.name());
        let (answer, peak) = measured.map_err(|_| too_long())?;
        let mut counted = self.counted();
        if counted.transitions > MAX_STATES {
            bail!("the execution does not come to an end");
        }
        *counted.invocations.entry(function).or_default() += 1;
        let memory = counted.memory.entry(function).or_default();
        *memory = peak.max(*memory);
        Ok(answer.map_err(|error| failure_of(&error)))
    }

    async fn observe(&self, event: Event<'_>) {
        if let Event::Scheduled { retries: 0, .. } = event {
            tokio::time::sleep(BETWEEN_TASKS).await;
        }
        let mut counted = self.counted();
        let payload = match event {
            Event::Entered { input, .. } => {
                counted.transitions += 1;
                // The events of entering and leaving a state.
                counted.events += 2;
                input
            }
            Event::Scheduled { parameters, retries, .. } => {
                counted.transitions += u64::from(retries > 0);
                // TaskScheduled, TaskStarted, and TaskSucceeded or TaskFailed.
                counted.events += 3;
                parameters
            }
        };
        counted.largest_payload = counted.largest_payload.max(payload.to_string().len());
    }
}
