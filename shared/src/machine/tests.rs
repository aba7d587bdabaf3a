//! The player follows the Amazon States Language. The host of these tests answers from a list.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;
use crate::model::{Execution, Failure, RunKind};

/// What the host does with an invocation.
enum Reply {
    Answer(Value),
    Fail(&'static str),
    /// No answer for longer than any task waits.
    Silence,
    Stop,
}

/// Answers invocations in the order of a list, and notes what it sees.
#[derive(Default)]
struct Replies {
    replies: Mutex<VecDeque<Reply>>,
    invoked: Mutex<Vec<(Function, u32, Value)>>,
    entered: Mutex<Vec<String>>,
}

impl Replies {
    fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self { replies: Mutex::new(replies.into_iter().collect()), ..Self::default() }
    }

    fn entered(&self) -> Vec<String> {
        self.entered.lock().unwrap().clone()
    }
}

impl Host for Replies {
    type Stop = ();

    async fn invoke(&self, invocation: Invocation<'_>) -> std::result::Result<Answer, ()> {
        let Invocation { function, retries, payload, .. } = invocation;
        self.invoked.lock().unwrap().push((function, retries, payload));
        let reply = self.replies.lock().unwrap().pop_front().expect("the execution invokes too often");
        match reply {
            Reply::Answer(answer) => Ok(Ok(answer)),
            Reply::Fail(error) => Ok(Err(Failure { error: error.to_owned(), cause: "why".to_owned() })),
            Reply::Silence => std::future::pending().await,
            Reply::Stop => Err(()),
        }
    }

    async fn observe(&self, event: Event<'_>) {
        if let Event::Entered { state, .. } = event {
            self.entered.lock().unwrap().push(state.to_owned());
        }
    }
}

fn execution() -> Execution {
    Execution { id: "execution:1".to_owned(), started_at: "2026-11-21T02:00:00Z".parse().unwrap() }
}

/// Plays the deployed definition of an operation with these replies.
async fn play(operation: RunKind, replies: impl IntoIterator<Item = Reply>) -> (End<()>, Replies) {
    let host = Replies::new(replies);
    let end = Definition::of(operation).unwrap().play(&execution(), json!({"tps": 5}), &host).await.unwrap();
    (end, host)
}

fn answer(value: Value) -> Reply {
    Reply::Answer(value)
}

#[tokio::test(start_paused = true)]
async fn an_export_goes_from_its_units_through_its_pages_to_its_seal() {
    let replies = [
        answer(json!({"more": true})),
        answer(json!({"more": true, "at": 1})),
        answer(json!({"more": false, "at": 2})),
        answer(json!({"more": false, "status": "SEALED"})),
    ];
    let (end, host) = play(RunKind::Export, replies).await;
    let output = json!({"more": false, "status": "SEALED"});
    assert_eq!(end, End::Succeeded { state: "The snapshot is sealed".to_owned(), output });
    let begin = json!({
        "operation": "export",
        "input": {"tps": 5},
        "execution": {"id": "execution:1", "startedAt": "2026-11-21T02:00:00Z"},
    });
    let expected = [
        (Function::Enumerate, 0, begin),
        (Function::ExportPage, 0, json!({"more": true})),
        (Function::ExportPage, 0, json!({"more": true, "at": 1})),
        (Function::Finalize, 0, json!({"more": false, "at": 2})),
    ];
    assert_eq!(*host.invoked.lock().unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_removal_goes_on_until_nothing_is_left_and_ends_by_its_status() {
    let event = json!({"detail": {"userPoolId": "eu-west-1_A", "snapshotId": "s", "users": 3}});
    for status in ["APPLIED", "SKIPPED", "FAILED"] {
        let report = json!({"more": false, "status": status, "error": "SnapshotDamaged", "summary": "A page is missing."});
        let host = Replies::new([answer(json!({"more": true, "at": 1})), answer(report.clone())]);
        let end = Definition::of_removal().unwrap().play(&execution(), event.clone(), &host).await.unwrap();
        if status == "FAILED" {
            assert!(
                matches!(&end, End::Failed { failure, .. } if failure.error == "SnapshotDamaged" && failure.cause == "A page is missing."),
                "{end:?}"
            );
        } else {
            assert_eq!(end, End::Succeeded { state: "The removal has ended".to_owned(), output: report });
        }
        let begin = json!({
            "operation": "removal",
            "userPoolId": "eu-west-1_A",
            "snapshotId": "s",
            "execution": {"id": "execution:1", "startedAt": "2026-11-21T02:00:00Z"},
        });
        let expected =
            [(Function::Removal, 0, begin), (Function::Removal, 0, json!({"more": true, "at": 1}))];
        assert_eq!(*host.invoked.lock().unwrap(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_import_waits_for_its_job_and_ends_by_the_status_of_its_restore() {
    for (status, state) in [
        ("SUCCEEDED", "The snapshot is restored"),
        ("PLANNED", "The forecast is complete"),
        ("PARTIAL", "The snapshot is restored in part"),
    ] {
        let began = Instant::now();
        let report = json!({"more": false, "status": status, "summary": "5 users."});
        let replies = [
            answer(json!({"more": true})),
            answer(json!({"more": true, "waitSeconds": 30})),
            answer(json!({"more": false})),
            answer(report.clone()),
        ];
        let (end, _) = play(RunKind::Import, replies).await;
        assert_eq!(began.elapsed(), Duration::from_secs(30));
        let state = state.to_owned();
        assert_eq!(
            end,
            if status == "PARTIAL" {
                let failure = Failure { error: "RestorePartial".to_owned(), cause: "5 users.".to_owned() };
                End::Failed { state, input: report, failure }
            } else {
                End::Succeeded { state, output: report }
            }
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_is_tried_again_as_often_as_its_retrier_says() {
    let began = Instant::now();
    // 5 + 10 + 20 seconds of one retrier, 5 + 10 of another.
    let errors =
        ["Runtime.ExitError", "Throttled", "Sandbox.Timedout", "ServiceUnavailable", "Runtime.ExitError"];
    let last =
        [answer(json!({"more": false})), answer(json!({"more": false})), answer(json!({"more": false}))];
    let (end, host) = play(RunKind::Export, errors.map(Reply::Fail).into_iter().chain(last)).await;
    assert!(matches!(end, End::Succeeded { .. }), "{end:?}");
    assert_eq!(began.elapsed(), Duration::from_secs(50));
    let retries: Vec<_> = host.invoked.lock().unwrap().iter().map(|(_, retries, _)| *retries).collect();
    assert_eq!(retries, [0, 1, 2, 3, 4, 5, 0, 0]);

    let began = Instant::now();
    let fails = std::iter::repeat_with(|| Reply::Fail("Throttled")).take(30);
    let report = answer(json!({"error": "Throttled", "cause": "Recorded."}));
    let (end, host) = play(RunKind::Export, fails.chain([report])).await;
    assert_eq!(host.entered().last().map(String::as_str), Some("The export failed"));
    let End::Failed { failure, .. } = end else { panic!("{end:?}") };
    assert_eq!(failure, Failure { error: "Throttled".to_owned(), cause: "Recorded.".to_owned() });
    // 5, 10, 20, 40, 80 and 160 seconds, then the longest wait.
    assert_eq!(began.elapsed(), Duration::from_secs(315 + 23 * 300));
}

#[tokio::test(start_paused = true)]
async fn an_error_is_tried_again_if_its_kind_says_so() {
    for run in [RunKind::Export, RunKind::Import] {
        for kind in ErrorKind::ALL {
            let (_, host) = play(run, [Reply::Fail(kind.name()), Reply::Stop]).await;
            let next = if kind.retryable() { Function::Enumerate } else { Function::Finalize };
            assert_eq!(host.invoked.lock().unwrap()[1].0, next, "{}", kind.name());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_error_of_a_task_is_tried_twice_again_and_ours_is_not() {
    for (error, attempts) in [("Runtime.InvalidEntrypoint", 3), ("Internal", 1), ("SnapshotDamaged", 1)] {
        let fails = std::iter::repeat_with(|| Reply::Fail(error)).take(attempts);
        let (_, host) = play(RunKind::Import, fails.chain([Reply::Stop])).await;
        let invoked = host.invoked.lock().unwrap();
        let functions: Vec<_> = invoked.iter().map(|(function, ..)| *function).collect();
        assert_eq!(functions.iter().filter(|function| **function == Function::Enumerate).count(), attempts);
        assert_eq!(functions.last(), Some(&Function::Finalize), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_ours_that_is_permanent_is_recorded_at_once() {
    let replies =
        [Reply::Fail("PoolNotFound"), answer(json!({"error": "PoolNotFound", "cause": "No pool."}))];
    let (_, host) = play(RunKind::Import, replies).await;
    let invoked = host.invoked.lock().unwrap();
    let (function, _, payload) = &invoked[1];
    assert_eq!(*function, Function::Finalize);
    assert_eq!(payload["error"], json!({"Error": "PoolNotFound", "Cause": "why"}));
    assert_eq!((&payload["operation"], &payload["input"]), (&json!("import"), &json!({"tps": 5})));
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_cannot_be_recorded_ends_with_the_original_error() {
    let (end, _) = play(RunKind::Import, [Reply::Fail("PoolNotFound"), Reply::Fail("Internal")]).await;
    let End::Failed { state, input, failure } = end else { panic!("{end:?}") };
    assert_eq!(state, "The import failed and could not be recorded as failed");
    assert_eq!(failure, Failure { error: "PoolNotFound".to_owned(), cause: "why".to_owned() });
    assert_eq!(input["recording"]["Error"], "Internal");
}

#[tokio::test(start_paused = true)]
async fn a_task_times_out_and_is_tried_again() {
    let replies = [Reply::Silence, Reply::Stop];
    let began = Instant::now();
    let (end, host) = play(RunKind::Export, replies).await;
    assert_eq!(end, End::Stopped(()));
    assert_eq!(began.elapsed(), Duration::from_secs(960 + 5));
    assert_eq!(host.invoked.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_definition_can_be_played_with_other_retries() {
    let began = Instant::now();
    let definition = Definition::of(RunKind::Export).unwrap().with_retries(20, Duration::from_secs(1));
    let host = Replies::new(
        std::iter::repeat_with(|| Reply::Fail("Runtime.ExitError")).take(20).chain([Reply::Stop]),
    );
    assert_eq!(definition.play(&execution(), json!({}), &host).await.unwrap(), End::Stopped(()));
    assert_eq!(began.elapsed(), Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn a_choice_about_a_missing_value_breaks_the_definition() {
    let host = Replies::new([answer(json!({"more": false})), answer(json!({}))]);
    let error =
        Definition::of(RunKind::Export).unwrap().play(&execution(), json!({}), &host).await.unwrap_err();
    assert!(error.message().contains("nothing is at $.more"), "{error}");
}

/// A definition of one task with `members`, and what the player says about it.
fn refusal(members: Value) -> String {
    let mut task = json!({
        "Type": "Task",
        "Resource": "arn:${Partition}:states:::lambda:invoke",
        "TimeoutSeconds": 1,
        "Parameters": {"FunctionName": "${FinalizeFunctionArn}", "Payload.$": "$"},
        "Next": "Done",
    });
    for (name, value) in members.as_object().unwrap() {
        task[name] = value.clone();
    }
    let definition = json!({"StartAt": "Work", "States": {"Work": task, "Done": {"Type": "Succeed"}}});
    match Definition::parse(&definition.to_string()) {
        Ok(_) => String::new(),
        Err(error) => error.message().to_owned(),
    }
}

#[test]
fn an_unknown_state_field_or_transition_is_refused_by_name() {
    assert_eq!(refusal(json!({})), "");
    for (members, named) in [
        (json!({"HeartbeatSeconds": 3}), "HeartbeatSeconds"),
        (json!({"Type": "Map"}), "Map"),
        (json!({"Type": null}), "\"Work\""),
        (json!({"Next": "Nowhere"}), "Nowhere"),
        (json!({"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Elsewhere"}]}), "Elsewhere"),
        (json!({"Retry": [{"ErrorEquals": ["X"], "JitterStrategy": "FULL"}]}), "JitterStrategy"),
        (json!({"Retry": [{"ErrorEquals": ["States.HeartbeatTimeout"]}]}), "States.HeartbeatTimeout"),
        (json!({"Resource": "arn:${Partition}:states:::sns:publish"}), "sns:publish"),
        (json!({"Resource": "arn:aws:states:::lambda:invoke"}), "arn:aws:states"),
        (json!({"OutputPath": "$.Payload[0]"}), "$.Payload[0]"),
        (json!({"OutputPath": "States.Format('{}', $)"}), "States.Format"),
        (json!({"ResultSelector": {"all": [1]}}), "array"),
        (json!({"ResultSelector": {"all.$": 1}}), "all"),
        (json!({"Parameters": {"FunctionName": "${OtherFunctionArn}"}}), "FunctionName"),
        (json!({"Parameters": {"FunctionName": "${FinalizeFunctionArn}", "Qualifier": "1"}}), "Qualifier"),
    ] {
        let refusal = refusal(members.clone());
        assert!(refusal.contains(named), "{members}: {refusal:?}");
    }
}

#[test]
fn a_rule_and_a_failure_hold_one_thing_each() {
    let parse = |states: Value| Definition::parse(&json!({"StartAt": "A", "States": states}).to_string());
    let choice = |rule: Value| {
        parse(json!({"A": {"Type": "Choice", "Choices": [rule], "Default": "B"}, "B": {"Type": "Succeed"}}))
    };
    assert!(choice(json!({"Variable": "$.a", "IsPresent": true, "Next": "B"})).is_ok());
    for rule in [
        json!({"Variable": "$.a", "Next": "B"}),
        json!({"Variable": "$.a", "IsPresent": true, "BooleanEquals": true, "Next": "B"}),
        json!({"Variable": "$.a", "NumericEquals": 1, "Next": "B"}),
        json!({"Not": {"Variable": "$.a", "IsPresent": true}, "Next": "B"}),
    ] {
        assert!(choice(rule.clone()).is_err(), "{rule}");
    }
    assert!(parse(json!({"A": {"Type": "Fail", "Error": "E", "ErrorPath": "$.e"}})).is_err());
    assert!(parse(json!({"B": {"Type": "Succeed"}})).is_err(), "StartAt leads nowhere");
}

#[test]
fn a_result_goes_to_its_path() {
    use super::path::Path;
    let path = |text: &str| Path::try_from(text.to_owned()).unwrap();
    let input = json!({"a": {"b": 1}});
    assert_eq!(path("$").insert(input.clone(), json!(2)).unwrap(), json!(2));
    assert_eq!(path("$.a.c").insert(input.clone(), json!(2)).unwrap(), json!({"a": {"b": 1, "c": 2}}));
    assert_eq!(path("$.d.e").insert(input.clone(), json!(2)).unwrap(), json!({"a": {"b": 1}, "d": {"e": 2}}));
    assert!(path("$.a.b.c").insert(input.clone(), json!(2)).is_err());
    assert!(path("$$.a").insert(input.clone(), json!(2)).is_err());
    assert_eq!(path("$$.a.b").select(&json!({}), &input).unwrap(), &json!(1));
    for wrong in ["", "a", "$a", "$.", "$..a", "$.a b", "$$$"] {
        assert!(Path::try_from(wrong.to_owned()).is_err(), "{wrong:?}");
    }
}
