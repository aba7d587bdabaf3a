//! Goal: every task of the state machines retries the errors that another attempt may help against, and no
//! other error of ours.
//!
//! Method: make the retriers from the kinds of errors, and compare them with the definitions.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use shared::ErrorKind;
use shared::machine::Definition;
use shared::model::RunKind;

/// Faults of Lambda before or around an invocation. The first four are in "Handle Lambda service exceptions"
/// of the Step Functions guide. `Lambda.Unknown` and `Runtime.OutOfMemory` are what Lambda reports if a
/// function ends without an answer.
const LAMBDA: [&str; 6] = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.Unknown",
    "Runtime.OutOfMemory",
];
/// An invocation that ended before its answer.
const CUT_OFF: [&str; 3] = ["States.Timeout", "Sandbox.Timedout", "Runtime.ExitError"];
const UPDATE: &str =
    "Run `UPDATE_DEFINITIONS=1 cargo test -p step-tests definitions::` and review what changes.";

/// A retrier. The waits double from `first`, up to `longest`, both in seconds.
struct Retrier {
    errors: Vec<&'static str>,
    first: u64,
    attempts: u64,
    longest: Option<u64>,
}

/// The retriers of every task, in their order: the first that names an error counts.
fn retriers() -> Vec<Retrier> {
    let kinds = |retryable: bool| {
        let kinds = ErrorKind::ALL.iter().filter(move |kind| kind.retryable() == retryable);
        kinds.map(|kind| kind.name()).collect()
    };
    vec![
        Retrier { errors: LAMBDA.into(), first: 2, attempts: 6, longest: Some(60) },
        Retrier {
            errors: vec!["Lambda.TooManyRequestsException"],
            first: 5,
            attempts: 24,
            longest: Some(60),
        },
        Retrier { errors: kinds(true), first: 5, attempts: 29, longest: Some(300) },
        Retrier { errors: CUT_OFF.into(), first: 5, attempts: 3, longest: None },
        // Another attempt does not help, so the retriers below must not see them.
        Retrier { errors: kinds(false), first: 2, attempts: 0, longest: None },
        // Errors that no documentation names.
        Retrier { errors: vec!["States.TaskFailed"], first: 5, attempts: 2, longest: None },
    ]
}

/// The retriers as the text of a definition whose tasks are indented by `more` blanks more than those of an export.
fn text(more: usize) -> String {
    let retriers: Vec<String> = retriers().iter().map(Retrier::text).collect();
    let text = format!("      \"Retry\": [\n{}\n      ],\n", retriers.join(",\n"));
    text.lines().map(|line| format!("{:more$}{line}\n", "")).collect()
}

impl Retrier {
    fn text(&self) -> String {
        let names: Vec<String> = self.errors.iter().map(|name| format!("            \"{name}\"")).collect();
        let mut members = vec![
            format!("          \"ErrorEquals\": [\n{}\n          ]", names.join(",\n")),
            format!("          \"IntervalSeconds\": {}", self.first),
            format!("          \"MaxAttempts\": {}", self.attempts),
            "          \"BackoffRate\": 2.0".to_owned(),
        ];
        members.extend(self.longest.map(|longest| format!("          \"MaxDelaySeconds\": {longest}")));
        format!("        {{\n{}\n        }}", members.join(",\n"))
    }

    /// The time from the first error to the last attempt, if each attempt fails at once.
    fn seconds(&self) -> u64 {
        let wait = |attempt: u64| (self.first << attempt.min(32)).min(self.longest.unwrap_or(u64::MAX));
        (0..self.attempts).map(wait).sum()
    }
}

/// A definition with these retriers in every task.
fn with_retriers(definition: &str) -> String {
    let line =
        definition.lines().find(|line| line.trim_start() == "\"Retry\": [").expect("a task has retriers");
    let indent = line.len() - line.trim_start().len();
    let (begin, end) = (format!("{line}\n"), format!("\n{:indent$}],\n", ""));
    let mut parts = definition.split(begin.as_str());
    let mut rewritten = parts.next().unwrap().to_owned();
    for part in parts {
        let (_, rest) = part.split_once(end.as_str()).expect("the list of retriers ends");
        rewritten.push_str(&text(indent - 6));
        rewritten.push_str(rest);
    }
    rewritten
}

fn definitions() -> Vec<(PathBuf, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../statemachines");
    ["export.asl.json", "import.asl.json", "removal.asl.json", "copy.asl.json"]
        .map(|name| folder.join(name))
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
        .into()
}

#[test]
fn every_task_has_the_retriers_that_the_kinds_of_errors_make() {
    for (path, definition) in definitions() {
        let expected = with_retriers(&definition);
        if std::env::var_os("UPDATE_DEFINITIONS").is_some() {
            std::fs::write(&path, &expected).unwrap();
        } else {
            assert!(definition == expected, "{} is stale. {UPDATE}", path.display());
        }
        let parsed: Value = serde_json::from_str(&expected).unwrap();
        let of_a_pool = &parsed["States"]["Copy the pools"]["ItemProcessor"]["States"];
        let states = of_a_pool.as_object().or(parsed["States"].as_object()).unwrap();
        for (name, task) in states.iter().filter(|(_, state)| state["Type"] == "Task") {
            assert_eq!(task["Retry"].as_array().map(Vec::len), Some(retriers().len()), "{name}");
        }
    }
}

#[test]
fn an_export_and_a_copy_may_take_a_week_an_import_sixty_days_and_a_removal_a_day() {
    let days = |days: u64| Some(Duration::from_secs(days * 24 * 3_600));
    let limit = |operation| Definition::of(operation).unwrap().time_limit();
    assert_eq!([RunKind::Export, RunKind::Import].map(limit), [days(7), days(60)]);
    assert_eq!(Definition::of_removal().unwrap().time_limit(), days(1));
    for (path, definition) in definitions() {
        // A deployment replaces the number, so it is JSON without a substitution.
        let parsed: Value = serde_json::from_str(&definition).unwrap();
        assert!(parsed["TimeoutSeconds"].is_u64(), "{}", path.display());
    }
}

#[test]
fn throttling_and_outages_are_retried_for_two_hours() {
    let retriers = retriers();
    let of = |name: &str| retriers.iter().find(|retrier| retrier.errors.contains(&name)).unwrap();
    for name in ["Throttled", "ServiceUnavailable"] {
        assert!((7_200..7_500).contains(&of(name).seconds()), "{name}: {}", of(name).seconds());
    }
    assert_eq!(of("Internal").attempts, 0);
}
