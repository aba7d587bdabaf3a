//! An execution, from its first state to its end.

use std::future::Future;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::broken;
use super::definition::{Definition, State, Task};
use super::function::Function;
use crate::Result;
use crate::model::{Execution, Failure};

/// What a function answers: its result, or the error that `Retry` and `Catch` see.
pub type Answer = std::result::Result<Value, Failure>;

/// The environment of an execution: it invokes the functions.
pub trait Host: Sync {
    /// Why the host stops an execution from outside. Then nothing is recorded.
    type Stop: Send;

    /// Invokes a function once. The player drops the invocation when the time of its task is over.
    fn invoke(
        &self,
        invocation: Invocation<'_>,
    ) -> impl Future<Output = std::result::Result<Answer, Self::Stop>> + Send;

    /// Observes a step of the execution, which waits until the host is done. The time of a task has
    /// not begun then.
    fn observe(&self, event: Event<'_>) -> impl Future<Output = ()> + Send {
        let _ = event;
        std::future::ready(())
    }
}

/// An invocation to make.
#[derive(Debug)]
pub struct Invocation<'a> {
    /// The state that asks for it.
    pub state: &'a str,
    pub function: Function,
    pub payload: Value,
    /// The attempts of this task before this one.
    pub retries: u32,
}

/// A step of an execution.
#[derive(Debug)]
pub enum Event<'a> {
    /// The execution enters a state.
    Entered {
        state: &'a str,
        /// Its input.
        input: &'a Value,
    },
    /// A task asks Lambda for an invocation.
    Scheduled {
        function: Function,
        /// The function and its payload, as Lambda receives them.
        parameters: &'a Value,
        /// The attempts of this task before this one.
        retries: u32,
    },
}

/// How an execution ends.
#[derive(Debug, Clone, PartialEq)]
pub enum End<Stop> {
    /// In a state of type Succeed or Pass.
    Succeeded {
        state: String,
        /// The output of the execution.
        output: Value,
    },
    /// In a state of type Fail, or with an error that no state catches.
    Failed {
        state: String,
        /// The input of the state.
        input: Value,
        /// The error of the execution.
        failure: Failure,
    },
    /// By the host.
    Stopped(Stop),
    /// By Step Functions, because it took longer than its definition allows. No state catches this.
    TimedOut,
}

/// Where a task leads.
enum Turn {
    On(String, Value),
    Uncaught(Failure),
}

/// The constants of an execution.
struct Course<'a, H> {
    host: &'a H,
    context: Value,
}

impl Definition {
    /// Plays an execution to its end.
    ///
    /// # Errors
    /// If the definition breaks its own rules, for example because a path leads nowhere. Step
    /// Functions fails such an execution with `States.Runtime`, which no `Catch` sees.
    pub async fn play<H: Host>(&self, execution: &Execution, input: Value, host: &H) -> Result<End<H::Stop>> {
        let context = json!({
            "Execution": {"Id": execution.id, "StartTime": execution.started_at, "Input": input},
        });
        let course = Course { host, context };
        let played = self.play_states(&course, input);
        match self.time_limit {
            Some(limit) => timeout(limit, played).await.unwrap_or(Ok(End::TimedOut)),
            None => played.await,
        }
    }

    /// Plays the states, without regard to the time limit.
    async fn play_states<H: Host>(&self, course: &Course<'_, H>, input: Value) -> Result<End<H::Stop>> {
        let host = course.host;
        let (mut state, mut input) = (self.start_at.clone(), input);
        loop {
            host.observe(Event::Entered { state: &state, input: &input }).await;
            (state, input) = match self.state(&state)? {
                State::Task(task) => match course.carry_out(&state, task, input.clone()).await? {
                    Ok(Turn::On(next, output)) => (next, output),
                    Ok(Turn::Uncaught(failure)) => return Ok(End::Failed { state, input, failure }),
                    Err(stop) => return Ok(End::Stopped(stop)),
                },
                State::Choice(choice) => {
                    let mut next = &choice.default;
                    for rule in &choice.choices {
                        if rule.holds(&input, &course.context)? {
                            next = &rule.next;
                            break;
                        }
                    }
                    (next.clone(), input)
                }
                State::Wait(wait) => {
                    let seconds = wait.seconds_path.select(&input, &course.context)?.as_u64();
                    let seconds =
                        seconds.ok_or_else(|| broken(format_args!("state {state:?} has no seconds")))?;
                    sleep(Duration::from_secs(seconds)).await;
                    (wait.next.clone(), input)
                }
                State::Pass(pass) => return Ok(End::Succeeded { state, output: pass.result.clone() }),
                State::Succeed(_) => return Ok(End::Succeeded { state, output: input }),
                State::Fail(fail) => {
                    let failure = fail.failure(&input, &course.context)?;
                    return Ok(End::Failed { state, input, failure });
                }
            };
        }
    }
}

impl<H: Host> Course<'_, H> {
    /// Carries out a task with its retries.
    async fn carry_out(
        &self,
        state: &str,
        task: &Task,
        input: Value,
    ) -> Result<std::result::Result<Turn, H::Stop>> {
        let parameters = task.parameters.template.fill(&input, &self.context)?;
        // How often each retrier was used since the execution entered the state.
        let mut used = vec![0; task.retry.len()];
        loop {
            let failure = match self.invoke(state, task, &parameters, used.iter().sum()).await {
                Ok(Ok(answer)) => return self.leave(task, input, answer).map(Ok),
                Ok(Err(failure)) => failure,
                Err(stop) => return Ok(Err(stop)),
            };
            let retrier = task.retry.iter().zip(&mut used).find(|(retrier, _)| retrier.matches(&failure));
            if let Some((retrier, used)) = retrier.filter(|(retrier, used)| **used < retrier.max_attempts) {
                sleep(retrier.wait(*used)).await;
                *used += 1;
                continue;
            }
            let Some(catcher) = task.catch.iter().find(|catcher| catcher.matches(&failure)) else {
                return Ok(Ok(Turn::Uncaught(failure)));
            };
            let caught = json!({"Error": failure.error, "Cause": failure.cause});
            return Ok(Ok(Turn::On(catcher.next.clone(), catcher.result_path.insert(input, caught)?)));
        }
    }

    async fn invoke(
        &self,
        state: &str,
        task: &Task,
        parameters: &Value,
        retries: u32,
    ) -> std::result::Result<Answer, H::Stop> {
        let function = task.parameters.function;
        self.host.observe(Event::Scheduled { function, parameters, retries }).await;
        let payload = parameters.get("Payload").cloned().unwrap_or_default();
        let invocation = Invocation { state, function, payload, retries };
        let time = Duration::from_secs(task.timeout_seconds);
        timeout(time, self.host.invoke(invocation)).await.unwrap_or_else(|_| {
            let cause = format!("The function did not answer within {} seconds.", time.as_secs());
            Ok(Err(Failure { error: "States.Timeout".to_owned(), cause }))
        })
    }

    /// Makes the output of a task from the answer of the function.
    fn leave(&self, task: &Task, input: Value, answer: Value) -> Result<Turn> {
        let result = json!({"ExecutedVersion": "$LATEST", "Payload": answer, "StatusCode": 200});
        let result = match &task.result_selector {
            Some(template) => template.fill(&result, &self.context)?,
            None => result,
        };
        let output = task.result_path.insert(input, result)?;
        Ok(Turn::On(task.next.clone(), task.output_path.select(&output, &self.context)?.clone()))
    }
}
