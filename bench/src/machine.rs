//! The state machines, played from the definitions that are deployed, on the steps themselves: states and events are counted, payloads
//! weighed. Only what the two definitions use is understood; anything else is an error, so that a definition cannot grow past the bench. An
//! error that no retry mends ends the bench: what the definitions do after it is nothing to measure.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Map, Value, json};
use shared::pacing::Budget;
use shared::steps;

use crate::backend::SimulatedBackend;

/// The longest a Lambda function may take.
pub const INVOCATION: Duration = Duration::from_secs(900);
/// Time that passes between a task and the next.
const BETWEEN_TASKS: Duration = Duration::from_millis(50);
/// More states than any execution here needs.
const MAX_STATES: u64 = 1_000_000;

/// Which definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// `statemachines/export.asl.json`.
    Export,
    /// `statemachines/import.asl.json`.
    Import,
}

/// What an execution came to.
#[derive(Debug, Clone, Default)]
pub struct Execution {
    /// The output of the state before the last.
    pub output: Value,
    /// State transitions, retries included: what Step Functions charges for.
    pub transitions: u64,
    /// Events of its history.
    pub events: u64,
    /// The largest input or output of a state, bytes.
    pub largest_payload: usize,
    /// Invocations by function.
    pub invocations: BTreeMap<String, u64>,
    /// The most memory on the heap by function, bytes.
    pub memory: BTreeMap<String, usize>,
}

impl Execution {
    /// Invocations of all functions.
    pub fn all_invocations(&self) -> u64 {
        self.invocations.values().sum()
    }
}

/// An error as `ErrorEquals` sees it.
struct Failed {
    name: String,
    cause: String,
}

impl Machine {
    fn definition(self) -> Result<Value> {
        let text = match self {
            Self::Export => include_str!("../../statemachines/export.asl.json"),
            Self::Import => include_str!("../../statemachines/import.asl.json"),
        };
        Ok(serde_json::from_str(text)?)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Export => "export",
            Self::Import => "import",
        }
    }

    /// Carries out an execution.
    ///
    /// # Errors
    /// When it fails, and when the definition holds what the bench does not understand.
    pub async fn execute(self, backend: &SimulatedBackend, input: Value, number: usize) -> Result<Execution> {
        let definition = self.definition()?;
        let id = format!("arn:aws:states:eu-west-1:123456789012:execution:{}:{number}", self.name());
        let context = json!({"Execution": {"Input": input, "Id": id, "StartTime": backend.0.clock().now()}});
        // ExecutionStarted, and ExecutionSucceeded in the end.
        let mut run = Execution { output: input, events: 2, ..Execution::default() };
        let mut state = text(&definition["StartAt"])?;
        loop {
            run.transitions += 1;
            run.weigh();
            if run.transitions > MAX_STATES {
                bail!("the execution does not come to an end");
            }
            let body = &definition["States"][&state];
            state = match text(&body["Type"])?.as_str() {
                "Task" => {
                    tokio::time::sleep(BETWEEN_TASKS).await;
                    run.task(backend, body, &context).await.with_context(|| format!("in state {state:?}"))?
                }
                "Choice" => {
                    run.events += 2;
                    let rules = body["Choices"].as_array().context("a choice without rules")?;
                    let mut next = text(&body["Default"]).ok();
                    for rule in rules {
                        if holds(rule, &run.output)? {
                            next = Some(text(&rule["Next"])?);
                            break;
                        }
                    }
                    next.with_context(|| format!("no way on from {state:?}"))?
                }
                "Wait" => {
                    run.events += 2;
                    let seconds = select(&text(&body["SecondsPath"])?, &run.output, &context)?;
                    tokio::time::sleep(Duration::from_secs(seconds.as_u64().context("no seconds to wait")?)).await;
                    text(&body["Next"])?
                }
                "Succeed" => {
                    run.events += 2;
                    return Ok(run);
                }
                "Fail" => bail!("the execution failed: {}", run.output),
                other => bail!("the bench does not know states of type {other:?}"),
            };
        }
    }
}

impl Execution {
    fn weigh(&mut self) {
        self.largest_payload = self.largest_payload.max(self.output.to_string().len());
    }

    /// Carries out a task with its retries; returns the next state.
    async fn task(&mut self, backend: &SimulatedBackend, body: &Value, context: &Value) -> Result<String> {
        let parameters = fill_in(&body["Parameters"], &self.output, context)?;
        let function = function_of(&text(&parameters["FunctionName"])?)?;
        let payload = &parameters["Payload"];
        self.largest_payload = self.largest_payload.max(parameters.to_string().len());
        // TaskStateEntered and TaskStateExited.
        self.events += 2;
        let mut tries = BTreeMap::new();
        loop {
            // TaskScheduled, TaskStarted, and TaskSucceeded or TaskFailed.
            self.events += 3;
            let failed = match self.invoke(backend, &function, payload.clone()).await? {
                Ok(answer) => {
                    if text(&body["OutputPath"]).ok().as_deref() != Some("$.Payload") {
                        bail!("the bench knows no other output than $.Payload");
                    }
                    self.output = answer;
                    return text(&body["Next"]);
                }
                Err(failed) => failed,
            };
            let retriers = body["Retry"].as_array().map(Vec::as_slice).unwrap_or_default();
            let retrier = retriers.iter().enumerate().find(|(_, retrier)| names(retrier, &failed.name));
            let Some((at, retrier)) = retrier else { bail!("{}: {}", failed.name, failed.cause) };
            let tried: &mut i32 = tries.entry(at).or_default();
            if i64::from(*tried) >= retrier["MaxAttempts"].as_i64().unwrap_or(3) {
                bail!("{} again and again: {}", failed.name, failed.cause);
            }
            let number = |name: &str, default: f64| retrier[name].as_f64().unwrap_or(default);
            let longest = number("MaxDelaySeconds", f64::MAX);
            let seconds = (number("IntervalSeconds", 1.0) * number("BackoffRate", 2.0).powi(*tried)).min(longest);
            *tried += 1;
            self.transitions += 1;
            tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        }
    }

    async fn invoke(
        &mut self,
        backend: &SimulatedBackend,
        function: &str,
        event: Value,
    ) -> Result<std::result::Result<Value, Failed>> {
        let budget = Budget::for_invocation(INVOCATION);
        let (started, is_known) =
            (tokio::time::Instant::now(), matches!(function, "Enumerate" | "ExportPage" | "ImportPage" | "Finalize"));
        if !is_known {
            bail!("the bench knows no function {function}");
        }
        let step = async {
            match function {
                "Enumerate" => steps::enumerate(backend, event).await.map(|progress| json!(progress)),
                "ExportPage" => steps::export_pages(backend, event, budget).await.map(|progress| json!(progress)),
                "ImportPage" => steps::import_pages(backend, event, budget).await.map(|progress| json!(progress)),
                _ => steps::finalize(backend, event, budget).await.map(|report| json!(report)),
            }
        };
        let (answer, peak) = heap::measured(step).await;
        *self.invocations.entry(function.to_owned()).or_default() += 1;
        let memory = self.memory.entry(function.to_owned()).or_default();
        *memory = peak.max(*memory);
        if started.elapsed() > INVOCATION {
            bail!("{function} took {} seconds, longer than Lambda lets it", started.elapsed().as_secs());
        }
        Ok(answer.map_err(|error| Failed { name: error.kind().name().to_owned(), cause: error.to_string() }))
    }
}

fn text(value: &Value) -> Result<String> {
    value.as_str().map(str::to_owned).with_context(|| format!("{value} is no text"))
}

/// The name of the function that a placeholder stands for: `${EnumerateFunctionArn}`.
fn function_of(placeholder: &str) -> Result<String> {
    let name = placeholder.strip_prefix("${").and_then(|name| name.strip_suffix("FunctionArn}"));
    name.map(str::to_owned).ok_or_else(|| anyhow!("{placeholder:?} names no function"))
}

fn names(retrier: &Value, error: &str) -> bool {
    let names = retrier["ErrorEquals"].as_array().map(Vec::as_slice).unwrap_or_default();
    names.iter().any(|name| name == error || name == "States.ALL")
}

/// The value at a reference path: `$`, `$.more`, `$$.Execution.Id`.
fn select(path: &str, input: &Value, context: &Value) -> Result<Value> {
    let (root, rest) = match path.strip_prefix("$$") {
        Some(rest) => (context, rest),
        None => (input, path.strip_prefix('$').with_context(|| format!("{path:?} is no path"))?),
    };
    let pointer = rest.replace('.', "/");
    root.pointer(&pointer).cloned().with_context(|| format!("there is nothing at {path}"))
}

/// A template with its paths followed.
fn fill_in(template: &Value, input: &Value, context: &Value) -> Result<Value> {
    let Value::Object(members) = template else { return Ok(template.clone()) };
    let mut filled = Map::new();
    for (name, value) in members {
        match name.strip_suffix(".$") {
            Some(name) => filled.insert(name.to_owned(), select(&text(value)?, input, context)?),
            None => filled.insert(name.clone(), fill_in(value, input, context)?),
        };
    }
    Ok(Value::Object(filled))
}

/// Whether a rule of a choice holds.
fn holds(rule: &Value, input: &Value) -> Result<bool> {
    let path = text(&rule["Variable"])?;
    let there = select(&path, input, &Value::Null).ok();
    let comparisons = ["BooleanEquals", "StringEquals", "IsPresent"];
    let Some(comparison) = comparisons.into_iter().find(|comparison| !rule[comparison].is_null()) else {
        bail!("the bench does not understand the rule {rule}");
    };
    Ok(match comparison {
        "IsPresent" => rule[comparison] == there.is_some(),
        // What is not there equals nothing; the real ones would fail on it.
        _ => there.as_ref() == Some(&rule[comparison]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_into_input_and_context() {
        let context = json!({"Execution": {"Id": "x"}});
        let input = json!({"more": true});
        let template =
            json!({"FunctionName": "${FinalizeFunctionArn}", "Payload": {"id.$": "$$.Execution.Id", "all.$": "$", "one": 1}});
        let filled = fill_in(&template, &input, &context).unwrap();
        assert_eq!(filled["Payload"], json!({"id": "x", "all": {"more": true}, "one": 1}));
        assert_eq!(function_of("${FinalizeFunctionArn}").unwrap(), "Finalize");
        assert!(select("$.less", &input, &context).is_err());
    }

    #[test]
    fn rules_compare_what_is_there() {
        let input = json!({"more": false, "status": "PLANNED"});
        let rule = |rule: Value| holds(&rule, &input).unwrap();
        assert!(!rule(json!({"Variable": "$.more", "BooleanEquals": true})));
        assert!(rule(json!({"Variable": "$.status", "StringEquals": "PLANNED"})));
        assert!(!rule(json!({"Variable": "$.waitSeconds", "IsPresent": true})));
        assert!(holds(&json!({"Variable": "$.more", "NumericEquals": 1}), &input).is_err());
    }

    #[test]
    fn every_state_of_the_definitions_is_understood() {
        for machine in [Machine::Export, Machine::Import] {
            let definition = machine.definition().unwrap();
            for (name, state) in definition["States"].as_object().unwrap() {
                let kind = state["Type"].as_str().unwrap();
                assert!(["Task", "Choice", "Wait", "Succeed", "Fail"].contains(&kind), "{name}");
                for rule in state["Choices"].as_array().into_iter().flatten() {
                    assert!(holds(rule, &json!({})).is_ok(), "{name}: {rule}");
                }
            }
        }
    }
}
