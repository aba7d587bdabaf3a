//! `export` and `import`: starting, watching and reporting.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use serde_json::json;
use shared::model::{
    ExpiresAt, GroupRoles, ImportInput, LedgerPage, Listing, Note, Outcome, PoolTag, ReasonCode, RecordKind,
    Restore, RestoreState, RunKind, SelectionId, Sub, Totals,
};
use shared::ports::Backend;
use shared::ports::vault::expiry_of;

use super::fixture::Fixture;
use crate::aws::{ExecutionArn, ExecutionView, RunInput, RunStatus};
use crate::exit::ExitStatus;
use crate::testing;

fn export(status: RunStatus) -> ExecutionView {
    let snapshot = testing::snapshot(1, 0);
    ExecutionView {
        arn: ExecutionArn::parse(&snapshot.execution.id).unwrap(),
        input: RunInput::parse(&json!({"userPoolId": "eu-west-1_a"})),
        ..testing::execution(status)
    }
}

const IMPORT: &str = "import --pool eu-west-1_a --into eu-west-1_b";

/// A deployment with a snapshot to import.
async fn importing(looks: impl Into<VecDeque<ExecutionView>>) -> Fixture {
    Fixture::new(looks).with_snapshots([testing::snapshot(1, 400_000)]).await
}

#[tokio::test(start_paused = true)]
async fn an_import_of_a_snapshot_that_the_table_lacks_starts_no_execution() {
    for (options, says) in [
        ("", "There is no sealed snapshot of user pool eu-west-1_a in table backup in Region eu-west-1."),
        (
            " --snapshot 20200101T000000000Z-00000000",
            "There is no snapshot 20200101T000000000Z-00000000 of user pool eu-west-1_a in table backup",
        ),
    ] {
        let fixture = Fixture::new([testing::execution(RunStatus::Running)]);
        let problem = fixture.run(&format!("{IMPORT}{options}")).await.0.unwrap_err();
        assert_eq!((problem.error.as_str(), problem.status), ("SnapshotNotFound", ExitStatus::Refused));
        assert!(problem.message.contains(says), "{problem}");
        assert!(fixture.deployment.executions.started.lock().unwrap().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_without_its_state_machine_is_refused_with_what_gives_the_arn() {
    for (line, missing) in [("export --pool eu-west-1_a", RunKind::Export), (IMPORT, RunKind::Import)] {
        let mut fixture = importing([testing::execution(RunStatus::Running)]).await;
        fixture.deployment.executions.missing = vec![missing];
        let problem = fixture.run(line).await.0.unwrap_err();
        assert_eq!((problem.error.as_str(), problem.status), ("InvalidConfiguration", ExitStatus::Refused));
        assert!(problem.message.starts_with("There is no state machine arn:aws:states:eu-west-1:"), "{line}");
        assert!(problem.guidance.starts_with("Check --table, --region and --profile"), "{problem}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_import_of_selected_users_does_not_say_how_long_all_users_take() {
    let fixture = importing([testing::execution(RunStatus::Running)]).await;
    let said = async |options: &str| fixture.run(&format!("{IMPORT} --tps 9 --no-wait{options}")).await.1;
    assert!(said("").await.contains("this takes"));
    let selected = said(" --user anna").await;
    assert!(selected.contains("only the selected users") && !selected.contains("this takes"), "{selected}");
}

const SELECTION: &str = " --user anna --except-email anna@example.com";

/// Step Functions keeps inputs for 90 days, and shows them to each reader of executions.
#[tokio::test(start_paused = true)]
async fn the_names_of_a_selection_go_into_the_table_and_not_into_the_input() {
    let fixture = importing([testing::execution(RunStatus::Running)]).await;
    for options in [SELECTION.to_owned(), SELECTION.to_owned(), format!("{SELECTION} --plan"), String::new()]
    {
        fixture.run(&format!("{IMPORT} --no-wait{options}")).await.0.unwrap();
    }
    let started = fixture.deployment.executions.started.lock().unwrap().clone();
    let inputs: Vec<_> = started.into_iter().map(|(.., input)| input).collect();
    assert!(inputs.iter().all(|input| !input.to_string().contains("anna")), "{inputs:?}");
    let ids: BTreeSet<_> = inputs.iter().filter_map(|input| input["selectionId"].as_str()).collect();
    assert_eq!((ids.len(), inputs[3].get("selectionId")), (3, None), "each start has its own: {inputs:?}");
    for input in &inputs[..3] {
        let given = ImportInput::parse(input).unwrap();
        let input = fixture.deployment.catalog.with_selection(given).await.unwrap();
        let selection = serde_json::to_value(input.selection).unwrap();
        let expected = json!({"select": {"usernames": ["anna"]}, "except": {"emails": ["anna@example.com"]}});
        assert_eq!(selection, expected);
    }
    let items = fixture.backend.vault().items();
    let stored = items.iter().filter(|(key, _)| key.pk.starts_with("SELECTION#"));
    let expires = ExpiresAt::of_item(fixture.backend.clock().now());
    assert!(stored.clone().count() == 3 && stored.clone().all(|(_, item)| expiry_of(item) == Some(expires)));
}

#[tokio::test(start_paused = true)]
async fn a_selection_that_no_item_holds_is_refused_before_anything_starts() {
    let fixture = importing([testing::execution(RunStatus::Running)]).await;
    let names: String = (0..300).map(|n| format!(" --user {n}{}", "x".repeat(1_200))).collect();
    let problem = fixture.run(&format!("{IMPORT}{names}")).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("InvalidInput", ExitStatus::Refused));
    assert!(problem.message.contains("and an import can have 358400"), "{problem}");
    assert!(fixture.deployment.executions.started.lock().unwrap().is_empty());
}

/// The command knows its selection. Another command reads it from the table.
#[tokio::test(start_paused = true)]
async fn a_partial_import_of_a_selection_says_the_same_selection_for_the_next_one() {
    let totals = Some(testing::partial_totals());
    let restore = Restore { totals, ..testing::restore(RestoreState::Partial) };
    let stored = json!({
        "sourceUserPoolId": "eu-west-1_a", "targetUserPoolId": "eu-west-1_b",
        "selectionId": SelectionId::of_random(1).as_str(),
    });
    let partial = ExecutionView { input: RunInput::parse(&stored), ..testing::execution(RunStatus::Partial) };
    let fixture = importing([partial]).await.with_restore(restore).await;
    let answer = fixture.run(&format!("{IMPORT}{SELECTION}")).await.0.unwrap();
    assert_eq!(answer.status, ExitStatus::Partial);
    assert!(answer.human.contains(SELECTION), "{}", answer.human);
}

/// The forecast is complete before the import writes to the target.
#[tokio::test(start_paused = true)]
async fn an_import_says_what_it_will_lose_before_it_loses_it() {
    // A later pass tries only what failed, and the forecast is that of the first one.
    for (pass, times) in [(1, 1), (2, 0)] {
        let restore = Restore { pass, ..testing::restore(RestoreState::Running) };
        let running = testing::execution(RunStatus::Running);
        let aborted = testing::execution(RunStatus::Aborted);
        let executions = [running.clone(), running, aborted];
        let fixture = importing(executions).await.with_restore(restore.clone()).await;
        let catalog = &fixture.deployment.catalog;
        let mut state = testing::forecast(&restore);
        state.forecast.count_objection(Sub::new("sub-1"), ReasonCode::UsernameCollides);
        catalog.begin_forecast(&state).await.unwrap();
        let said = fixture.run(IMPORT).await.1;
        let losses = "ATTENTION: the import will end PARTIAL. Not: 1 user (usernameCollides).";
        assert_eq!(said.matches(losses).count(), times, "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_export_is_started_watched_and_reported() {
    let ended = ExecutionView {
        output: serde_json::to_value(testing::export_report()).ok(),
        ..export(RunStatus::Succeeded)
    };
    let fixture = Fixture::new([export(RunStatus::Running), ended])
        .with_snapshots([testing::snapshot(1, 400_000)])
        .await;
    let (result, stderr) = fixture.run("export --pool eu-west-1_a --tps 25").await;
    let answer = result.unwrap();
    assert_eq!((answer.status, answer.json["status"].as_str()), (ExitStatus::Done, Some("SEALED")));
    assert_eq!(answer.json["users"], 400_000);
    let started = fixture.deployment.executions.started.lock().unwrap();
    let (machine, name, input) = &started[0];
    assert!(machine.ends_with("-export") && name.starts_with("export-eu-west-1_a-"), "{machine} {name}");
    assert_eq!(*input, json!({"userPoolId": "eu-west-1_a", "tps": 25}));
    assert!(
        stderr.contains("at 25 calls per second") && stderr.contains("400,000 of about 400,000 users"),
        "{stderr}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_partial_import_ends_with_3_and_names_what_is_missing() {
    let mut restore = testing::restore(RestoreState::Partial);
    restore.totals = Some(testing::partial_totals());
    let fixture =
        Fixture::new([testing::execution(RunStatus::Running), testing::execution(RunStatus::Partial)])
            .with_snapshots([testing::snapshot(1, 400_000)])
            .await
            .with_restore(restore.clone())
            .await;
    let ledger = testing::lossy_page();
    fixture
        .deployment
        .catalog
        .change_ledger_page(&restore.id, &Listing::Users.unit_id(), 1, &ledger, |_| ())
        .await
        .unwrap();
    let (result, stderr) = fixture.run(IMPORT).await;
    let answer = result.unwrap();
    assert_eq!((answer.status, answer.json["status"].as_str()), (ExitStatus::Partial, Some("PARTIAL")));
    let named: Vec<_> =
        answer.json["losses"].as_array().unwrap().iter().map(|loss| loss["key"].as_str().unwrap()).collect();
    assert_eq!(named, ["sub-4", "sub-3"]);
    insta::assert_snapshot!(stderr);
}

#[tokio::test(start_paused = true)]
async fn a_refused_import_ends_with_4_and_an_aborted_one_with_1() {
    let mut refused = testing::execution(RunStatus::Failed);
    refused.error = Some("TargetNotEmpty".into());
    refused.cause = Some("User pool eu-west-1_b already holds users. Create an empty one.".into());
    let problem = importing([refused]).await.run(IMPORT).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("TargetNotEmpty", ExitStatus::Refused));
    assert_eq!(problem.execution_arn.as_deref(), Some(testing::arn().as_str()));
    let aborted = importing([testing::execution(RunStatus::Aborted)]).await;
    assert_eq!(aborted.run(IMPORT).await.0.unwrap_err().status, ExitStatus::Failed);
}

/// The tag opens the target to every import of the deployment.
#[tokio::test(start_paused = true)]
async fn an_import_that_failed_says_that_its_target_is_still_open() {
    for status in [RunStatus::Failed, RunStatus::Aborted, RunStatus::TimedOut] {
        for tag in [Some(PoolTag::Target), None] {
            let restore = Restore { tag, ..testing::restore(RestoreState::Failed) };
            let fixture = importing([testing::execution(status)]).await.with_restore(restore.clone()).await;
            let problem = fixture.run(IMPORT).await.0.unwrap_err();
            assert_eq!(problem.untag_with.as_deref(), restore.untag_line().as_deref(), "{status}");
            let json = serde_json::to_value(&problem).unwrap();
            assert_eq!(json.get("untagWith").is_some(), tag.is_some(), "{json}");
            let line = "aws cognito-idp untag-resource --resource-arn arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_b";
            assert_eq!(problem.to_string().contains(line), tag.is_some(), "{problem}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_import_of_a_snapshot_that_shrunk_ends_with_4() {
    let mut refused = testing::execution(RunStatus::Failed);
    refused.error = Some("SnapshotShrunk".into());
    refused.cause = Some("The snapshot holds 7 users, and an earlier one 10.".into());
    let problem = importing([refused]).await.run(IMPORT).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("SnapshotShrunk", ExitStatus::Refused));
    assert_eq!(problem.status.code(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_complete_import_ends_with_0() {
    let output = serde_json::to_value(testing::import_report()).ok();
    let fixture = importing([ExecutionView { output, ..testing::execution(RunStatus::Succeeded) }]).await;
    let answer = fixture.run(IMPORT).await.0.unwrap();
    assert_eq!((answer.status, &answer.json["users"]["created"]), (ExitStatus::Done, &json!(400_000)));
    let fixture = importing([testing::execution(RunStatus::Succeeded)]).await;
    let problem = fixture.run(IMPORT).await.0.unwrap_err();
    assert_eq!(
        (problem.error.as_str(), problem.status),
        ("Internal", ExitStatus::Failed),
        "a report that cannot be read"
    );
}

#[tokio::test(start_paused = true)]
async fn a_command_that_does_not_wait_for_its_run_ends_with_5() {
    let fixture = Fixture::new([export(RunStatus::Running)]);
    let answer = fixture.run("export --pool eu-west-1_a --no-wait").await.0.unwrap();
    assert_eq!(answer.status, ExitStatus::Running);
    let ctrl_c = tokio::time::sleep(Duration::from_secs(3));
    let answer = fixture.run_until("export --pool eu-west-1_a", ctrl_c).await.0.unwrap();
    assert_eq!((answer.status, answer.json["status"].as_str()), (ExitStatus::Running, Some("RUNNING")));
    assert!(answer.human.contains("cognito-backup status --execution arn:aws:states:"), "{}", answer.human);
}

#[tokio::test(start_paused = true)]
async fn a_run_starts_no_execution_if_its_table_does_not_exist() {
    for line in ["export --pool eu-west-1_a --table backup", IMPORT, &format!("{IMPORT} --plan --no-wait")] {
        let fixture = importing([testing::execution(RunStatus::Running)]).await;
        fixture.backend.vault().delete_table();
        let (result, said) = fixture.run(line).await;
        let problem = result.unwrap_err();
        assert_eq!(
            (problem.error.as_str(), problem.status),
            ("TableNotFound", ExitStatus::Refused),
            "{line}"
        );
        assert!(fixture.deployment.executions.started.lock().unwrap().is_empty(), "{line}");
        assert!(problem.guidance.contains("--table") && !said.contains("There is no backup table"), "{said}");
    }
}

/// No later pass tries such users again.
#[tokio::test(start_paused = true)]
async fn a_partial_import_names_the_users_that_it_restored_without_a_part() {
    let mut ledger = LedgerPage::untouched((0..7).map(|n| format!("sub-{n}")), 1);
    (0..6).for_each(|place| ledger.record(place, Outcome::Created, &[Note::ValueNotRestored]));
    ledger.record(6, Outcome::AlreadyThere, &[Note::StatusNotKept]);
    let mut totals = Totals::default();
    totals.add(RecordKind::User, &ledger);
    let restore = Restore { totals: Some(totals), ..testing::restore(RestoreState::Partial) };
    let fixture =
        importing([testing::execution(RunStatus::Partial)]).await.with_restore(restore.clone()).await;
    let catalog = &fixture.deployment.catalog;
    catalog.change_ledger_page(&restore.id, &Listing::Users.unit_id(), 1, &ledger, |_| ()).await.unwrap();
    let answer = fixture.run(&format!("{IMPORT} --accept-losses")).await.0.unwrap();
    assert_eq!(answer.status, ExitStatus::Partial);
    let losses = answer.json["losses"].as_array().unwrap();
    let named: Vec<_> = losses.iter().map(|loss| (&loss["key"], &loss["reason"])).collect();
    let reason = json!("valueNotRestored");
    let subs: Vec<_> = (0..5).map(|n| json!(format!("sub-{n}"))).collect();
    assert_eq!(named, subs.iter().map(|sub| (sub, &reason)).collect::<Vec<_>>());
    for says in ["\n    6  users  valueNotRestored  ", "\nuser          sub-4        valueNotRestored"] {
        assert!(answer.human.contains(says), "{}", answer.human);
    }
    let (_, next) = answer.human.split_once("Next: ").unwrap();
    assert!(!next.contains("missing entries") && next.contains(" --existing update"), "{next}");
    let status = fixture.run("status --pool eu-west-1_b").await.0.unwrap();
    assert!(status.human.contains("valueNotRestored"), "{}", status.human);
}

#[tokio::test(start_paused = true)]
async fn a_role_that_no_group_has_is_named_with_its_line_of_the_file() {
    let role = |name: &str| format!("arn:aws:iam::111122223333:role/{name}");
    let file = std::env::temp_dir().join(format!("unknown-role-{}.yaml", std::process::id()));
    for (head, line) in [("", 2), ("# roles\nmap:\n", 4)] {
        let indent = if head.is_empty() { "" } else { "  " };
        let [b, a] = ["b", "a"].map(|name| format!("{indent}{}: {}\n", role(name), role("new")));
        std::fs::write(&file, format!("{head}{b}{a}")).unwrap();
        let option = format!("--group-roles {}", file.display());
        let mut refused = testing::execution(RunStatus::Failed);
        let map = json!({"map": {role("a"): role("new"), role("b"): role("new")}});
        let input =
            json!({"sourceUserPoolId": "eu-west-1_a", "targetUserPoolId": "eu-west-1_b", "groupRoles": map});
        refused.input = RunInput::parse(&input);
        refused.error = Some("InvalidInput".into());
        refused.cause = Some(format!(
            "The map of group roles names a role that no group of snapshot x has: {}.",
            GroupRoles::entry_name(0, 2)
        ));
        let problem = importing([refused]).await.run(&format!("{IMPORT} {option}")).await.0.unwrap_err();
        let place = format!("Line {line} of the file {:?}", file.display().to_string());
        assert!(problem.message.contains(&place) && problem.message.contains(&role("a")), "{problem}");
    }
    std::fs::remove_file(&file).unwrap();
}
