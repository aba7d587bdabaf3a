//! A definition in the Amazon States Language, read strictly: an unknown state, field or transition is an
//! error.
//!
//! Source: the Amazon States Language specification, <https://states-language.net/spec.html>.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::broken;
use super::function::Function;
use super::path::{Path, Template};
use crate::Result;
use crate::model::{Failure, RunKind};

const EXPORT: &str = include_str!("../../../statemachines/export.asl.json");
const REMOVAL: &str = include_str!("../../../statemachines/removal.asl.json");
const COPY: &str = include_str!("../../../statemachines/copy.asl.json");
const IMPORT: &str = include_str!("../../../statemachines/import.asl.json");
/// The only resource that the player knows. A deployment substitutes its partition, such as `aws` or `aws-us-gov`.
const LAMBDA_INVOKE: &str = "arn:${Partition}:states:::lambda:invoke";

/// A state machine.
#[derive(Debug, Clone)]
pub struct Definition {
    pub(super) start_at: String,
    /// The longest time of an execution. None if it may run for a year, the limit of Step Functions.
    pub(super) time_limit: Option<Duration>,
    states: BTreeMap<String, State>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawDefinition {
    #[serde(rename = "Comment")]
    _comment: Option<IgnoredAny>,
    start_at: String,
    timeout_seconds: Option<u64>,
    states: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "Type")]
pub(super) enum State {
    Task(Task),
    Choice(Choice),
    Wait(Wait),
    Pass(Pass),
    Succeed(Succeed),
    Fail(Fail),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Task {
    #[serde(rename = "Comment")]
    _comment: Option<IgnoredAny>,
    resource: String,
    pub timeout_seconds: u64,
    pub parameters: Parameters,
    pub result_selector: Option<Template>,
    #[serde(default = "Path::whole")]
    pub result_path: Path,
    #[serde(default = "Path::whole")]
    pub output_path: Path,
    #[serde(default)]
    pub retry: Vec<Retrier>,
    #[serde(default)]
    pub catch: Vec<Catcher>,
    pub next: String,
}

/// The parameters with which a task invokes Lambda.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Template")]
pub(super) struct Parameters {
    pub function: Function,
    pub template: Template,
}

impl TryFrom<Template> for Parameters {
    type Error = String;

    fn try_from(template: Template) -> std::result::Result<Self, String> {
        let Template::Object(members) = &template else { return Err("parameters are no object".to_owned()) };
        let mut function = None;
        for (name, value) in members {
            match (name.as_str(), value) {
                ("FunctionName", Template::Literal(Value::String(name))) => {
                    function = Function::substituted(name)
                }
                ("Payload", _) => {}
                _ => return Err(format!("the parameter {name:?} is not understood")),
            }
        }
        let function =
            function.ok_or("the parameter FunctionName is no substitution for a known function")?;
        Ok(Self { function, template })
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Retrier {
    error_equals: Vec<ErrorName>,
    #[serde(default = "defaults::interval")]
    pub interval_seconds: f64,
    #[serde(default = "defaults::attempts")]
    pub max_attempts: u32,
    #[serde(default = "defaults::backoff")]
    pub backoff_rate: f64,
    pub max_delay_seconds: Option<f64>,
}

mod defaults {
    pub fn interval() -> f64 {
        1.0
    }

    pub fn attempts() -> u32 {
        3
    }

    pub fn backoff() -> f64 {
        2.0
    }
}

impl Retrier {
    pub fn matches(&self, failure: &Failure) -> bool {
        self.error_equals.iter().any(|name| name.matches(failure))
    }

    /// The wait before the retry that follows `retries` others.
    pub fn wait(&self, retries: u32) -> Duration {
        let seconds = self.interval_seconds * self.backoff_rate.powf(f64::from(retries));
        Duration::from_secs_f64(seconds.min(self.max_delay_seconds.unwrap_or(f64::from(u32::MAX))))
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Catcher {
    error_equals: Vec<ErrorName>,
    #[serde(default = "Path::whole")]
    pub result_path: Path,
    pub next: String,
}

impl Catcher {
    pub fn matches(&self, failure: &Failure) -> bool {
        self.error_equals.iter().any(|name| name.matches(failure))
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(super) enum ErrorName {
    All,
    /// Any error of a task except `States.Timeout`. Source: "Error handling in Step Functions".
    TaskFailed,
    Named(String),
}

impl TryFrom<String> for ErrorName {
    type Error = String;

    fn try_from(name: String) -> std::result::Result<Self, String> {
        match name.as_str() {
            "States.ALL" => Ok(Self::All),
            "States.TaskFailed" => Ok(Self::TaskFailed),
            "States.Timeout" => Ok(Self::Named(name)),
            reserved if reserved.starts_with("States.") => {
                Err(format!("the error {reserved} is not understood"))
            }
            _ => Ok(Self::Named(name)),
        }
    }
}

impl ErrorName {
    fn matches(&self, failure: &Failure) -> bool {
        match self {
            Self::All => true,
            Self::TaskFailed => failure.error != "States.Timeout",
            Self::Named(name) => *name == failure.error,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Choice {
    #[serde(rename = "Comment")]
    _comment: Option<IgnoredAny>,
    pub choices: Vec<Rule>,
    pub default: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "RawRule")]
pub(super) struct Rule {
    variable: Path,
    comparison: Comparison,
    pub next: String,
}

#[derive(Debug, Clone)]
enum Comparison {
    Boolean(bool),
    Text(String),
    IsPresent(bool),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawRule {
    variable: Path,
    boolean_equals: Option<bool>,
    string_equals: Option<String>,
    is_present: Option<bool>,
    next: String,
}

impl TryFrom<RawRule> for Rule {
    type Error = String;

    fn try_from(raw: RawRule) -> std::result::Result<Self, String> {
        let comparison = match (raw.boolean_equals, raw.string_equals, raw.is_present) {
            (Some(wanted), None, None) => Comparison::Boolean(wanted),
            (None, Some(wanted), None) => Comparison::Text(wanted),
            (None, None, Some(wanted)) => Comparison::IsPresent(wanted),
            _ => return Err(format!("the rule about {} does not hold exactly one comparison", raw.variable)),
        };
        Ok(Self { variable: raw.variable, comparison, next: raw.next })
    }
}

impl Rule {
    /// Whether the rule holds for `input`.
    ///
    /// # Errors
    /// If a comparison finds no value. Step Functions fails such an execution with
    /// `States.Runtime`.
    pub fn holds(&self, input: &Value, context: &Value) -> Result<bool> {
        Ok(match &self.comparison {
            Comparison::IsPresent(wanted) => self.variable.find(input, context).is_some() == *wanted,
            Comparison::Boolean(wanted) => self.variable.select(input, context)?.as_bool() == Some(*wanted),
            Comparison::Text(wanted) => self.variable.select(input, context)?.as_str() == Some(wanted),
        })
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Wait {
    #[serde(rename = "Comment")]
    _comment: Option<IgnoredAny>,
    pub seconds_path: Path,
    pub next: String,
}

/// A state that ends with a constant result.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Pass {
    #[serde(rename = "Comment")]
    _comment: Option<IgnoredAny>,
    pub result: Value,
    #[serde(rename = "End")]
    _end: True,
}

/// The member `End`, which can only be true.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "bool")]
struct True;

impl TryFrom<bool> for True {
    type Error = &'static str;

    fn try_from(value: bool) -> std::result::Result<Self, &'static str> {
        if value { Ok(Self) } else { Err("a state does not end, and names no next one") }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Succeed {
    #[serde(rename = "Comment")]
    _comment: Option<IgnoredAny>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Fail {
    #[serde(rename = "Comment")]
    _comment: Option<IgnoredAny>,
    error: Option<String>,
    error_path: Option<Path>,
    cause: Option<String>,
    cause_path: Option<Path>,
}

impl Fail {
    /// The failure of an execution that ends here.
    ///
    /// # Errors
    /// If a path leads to no text.
    pub fn failure(&self, input: &Value, context: &Value) -> Result<Failure> {
        let text = |literal: &Option<String>, path: &Option<Path>| match (literal, path) {
            (Some(literal), _) => Ok(literal.clone()),
            (None, None) => Ok(String::new()),
            (None, Some(path)) => {
                let value = path.select(input, context)?.as_str();
                value.map(str::to_owned).ok_or_else(|| broken(format_args!("no text is at {path}")))
            }
        };
        Ok(Failure {
            error: text(&self.error, &self.error_path)?,
            cause: text(&self.cause, &self.cause_path)?,
        })
    }
}

impl State {
    fn following(&self) -> Vec<&String> {
        match self {
            Self::Task(task) => task.catch.iter().map(|catcher| &catcher.next).chain([&task.next]).collect(),
            Self::Choice(choice) => {
                choice.choices.iter().map(|rule| &rule.next).chain([&choice.default]).collect()
            }
            Self::Wait(wait) => vec![&wait.next],
            Self::Pass(_) | Self::Succeed(Succeed { .. }) | Self::Fail(_) => Vec::new(),
        }
    }
}

impl Definition {
    /// The definition of the state machine that a deployment runs for `operation`.
    ///
    /// # Errors
    /// If the definition cannot be played.
    pub fn of(operation: RunKind) -> Result<Self> {
        match operation {
            RunKind::Export => Self::parse(EXPORT),
            RunKind::Import => Self::parse(IMPORT),
        }
    }

    /// The definition of the state machine that removes snapshots.
    ///
    /// # Errors
    /// If the definition cannot be played.
    pub fn of_removal() -> Result<Self> {
        Self::parse(REMOVAL)
    }

    /// The part of the definition of copies that a copy carries out for each pool. Its input is
    /// `{"userPoolId": "…"}`.
    ///
    /// # Errors
    /// If the definition cannot be played.
    pub fn of_copy() -> Result<Self> {
        let mut whole: Value = serde_json::from_str(COPY).map_err(broken)?;
        let mut part = whole["States"]["Copy the pools"]["ItemProcessor"].take();
        if let Some(members) = part.as_object_mut() {
            members.remove("ProcessorConfig");
        }
        Self::parse(&part.to_string())
    }

    /// Reads a definition.
    ///
    /// # Errors
    /// If it holds anything that the player does not understand, or leads to a state that does not exist.
    pub fn parse(text: &str) -> Result<Self> {
        let raw: RawDefinition = serde_json::from_str(text).map_err(broken)?;
        let state = |(name, state)| match serde_json::from_value(state) {
            Ok(state) => Ok((name, state)),
            Err(error) => Err(broken(format_args!("state {name:?}: {error}"))),
        };
        let states = raw.states.into_iter().map(state).collect::<Result<_>>()?;
        let time_limit = raw.timeout_seconds.map(Duration::from_secs);
        let definition = Self { start_at: raw.start_at, time_limit, states };
        definition.state(&definition.start_at)?;
        for (name, state) in &definition.states {
            match state {
                State::Task(task) if task.resource != LAMBDA_INVOKE => {
                    return Err(broken(format_args!("state {name:?} calls {}", task.resource)));
                }
                State::Fail(Fail { error: Some(_), error_path: Some(_), .. })
                | State::Fail(Fail { cause: Some(_), cause_path: Some(_), .. }) => {
                    return Err(broken(format_args!("state {name:?} has a text and a path to it")));
                }
                _ => {}
            }
            state.following().into_iter().try_for_each(|next| definition.state(next).map(drop))?;
        }
        Ok(definition)
    }

    /// The same definition with another number of retries and the same wait before each, of the
    /// errors that it retries. Tests disturb executions more often than the deployed definitions
    /// tolerate.
    pub fn with_retries(mut self, attempts: u32, wait: Duration) -> Self {
        for state in self.states.values_mut() {
            let State::Task(task) = state else { continue };
            for retrier in task.retry.iter_mut().filter(|retrier| retrier.max_attempts > 0) {
                retrier.max_attempts = attempts;
                (retrier.interval_seconds, retrier.backoff_rate) = (wait.as_secs_f64(), 1.0);
            }
        }
        self
    }

    /// The same definition with another limit of the time of an execution, as a deployment may write it into
    /// `TimeoutSeconds`.
    pub fn with_time_limit(self, limit: Duration) -> Self {
        Self { time_limit: Some(limit), ..self }
    }

    /// The longest time of an execution. None if the definition sets no limit.
    pub fn time_limit(&self) -> Option<Duration> {
        self.time_limit
    }

    /// The state of that name.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn state(&self, name: &str) -> Result<&State> {
        self.states.get(name).ok_or_else(|| broken(format_args!("it has no state {name:?}")))
    }
}
