//! Goal: `import --into new:NAME` makes one pool, imports once and finishes it, wherever it stops.
//!
//! Method: a state machine in memory carries the imports out. The command is interrupted, refused and killed at each of
//! its calls of Cognito, the table and Step Functions, and starts again.

use insta::assert_snapshot;
use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::{GroupRecord, PoolId, PoolTag, RunKind};
use shared::operations::rebuild::MARKER;
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared::{Error, ErrorKind};
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool};
use tokio::time::{Duration, sleep};

use super::fixture::{Fixture, Imports, export, lose_record};
use super::pool_create::{LAMBDA, captured_pool, creations};
use crate::exit::ExitStatus;

pub(super) const IMPORT: &str = "import --pool eu-west-1_a --into new:new --tps 100 --yes";
/// Longer than a lease without renewal.
pub(super) const LEASE: Duration = Duration::from_secs(301);

/// A deployment whose state machine imports, the pool of the snapshot, and the id of the snapshot.
pub(super) async fn importing() -> (Fixture, MemoryPool, String) {
    let (mut fixture, pool, id) = captured_pool().await;
    // The roles of the deployment open only pools with a tag.
    let backend = fixture.backend.clone().with_pool_tag_required();
    fixture.deployment.executions.imports = Some(Imports::new(backend));
    (fixture, pool, id)
}

pub(super) fn imports(fixture: &Fixture) -> &Imports {
    fixture.deployment.executions.imports.as_ref().unwrap()
}

pub(super) fn started(fixture: &Fixture) -> Vec<Value> {
    let started = fixture.deployment.executions.started.lock().unwrap();
    started.iter().map(|(.., input)| input.clone()).collect()
}

/// The pools with the name of the new one.
pub(super) fn new_pools(source: &MemoryPool) -> Vec<PoolId> {
    let pools = source.change_configuration("ListUserPools", json!({"MaxResults": 60}));
    let named = pools["UserPools"].as_array().unwrap().iter().filter(|pool| pool["Name"] == "new");
    named.map(|pool| PoolId::parse(pool["Id"].as_str().unwrap()).unwrap()).collect()
}

pub(super) fn described(backend: &MemoryBackend, pool: &PoolId) -> Value {
    backend.pool(pool).change_configuration("DescribeUserPool", json!({}))["UserPool"].clone()
}

/// Asserts that there is one new pool, with the users, the triggers and the protection of the old one. Another execution
/// may have been started and refused.
pub(super) fn assert_restored(fixture: &Fixture, source: &MemoryPool, case: &str) {
    let pools = new_pools(source);
    assert_eq!(pools.len(), 1, "{case}");
    assert_eq!(imports(fixture).calls.lock().unwrap().len(), 1, "{case}");
    assert_eq!(fixture.backend.pool(&pools[0]).user_count(), 3, "{case}");
    let live = described(&fixture.backend, &pools[0]);
    assert_eq!(live["LambdaConfig"]["PreSignUp"], LAMBDA, "{case}");
    assert_eq!(live["DeletionProtection"], "ACTIVE", "{case}");
    for tag in [MARKER, PoolTag::KEY] {
        assert!(live["UserPoolTags"][tag].is_null(), "{case}: {tag}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_command_creates_a_pool_imports_its_users_and_finishes_it() {
    let (fixture, source, id) = importing().await;
    let (answer, said) = fixture.run(IMPORT).await;
    let answer = answer.unwrap();
    assert_eq!(answer.status, ExitStatus::Done, "{}", answer.human);
    assert_restored(&fixture, &source, "");
    let pool = &new_pools(&source)[0];
    assert_eq!(answer.json["creation"]["userPoolId"], pool.as_str());
    assert_eq!(
        (&answer.json["import"]["status"], &answer.json["import"]["snapshotId"]),
        (&json!("SUCCEEDED"), &json!(id))
    );
    assert_eq!(answer.json["finish"]["triggers"], json!(["PreSignUp"]));
    assert!(answer.json["import"]["untagWith"].is_null(), "the command has taken the tag away");
    assert!(!answer.human.contains("untag-resource"), "{}", answer.human);
    let input = &started(&fixture)[0];
    let expected = json!({
        "sourceUserPoolId": "eu-west-1_a", "targetUserPoolId": pool.as_str(), "snapshot": id, "tps": 100,
    });
    assert_eq!(*input, expected);
    for words in ["Would create user pool", "Then the import:", "At the end, if nothing is missing:"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(creations(&said), ["userPool", "clients/web", "mfa"], "{said}");
    // Again: nothing is left to do.
    let again = fixture.run(IMPORT).await.0.unwrap();
    assert_eq!((again.status, &again.json["creation"]), (ExitStatus::Done, &Value::Null));
    assert_eq!(
        (&again.json["import"]["status"], &again.json["finish"]["changed"]),
        (&json!("SUCCEEDED"), &json!(false))
    );
    assert_restored(&fixture, &source, "again");
}

#[tokio::test(start_paused = true)]
async fn without_an_import_state_machine_no_pool_is_created() {
    let (mut fixture, source, _) = importing().await;
    fixture.deployment.executions.missing = vec![RunKind::Import];
    let problem = fixture.run(IMPORT).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("InvalidConfiguration", ExitStatus::Refused));
    assert!(problem.message.contains("stateMachine:backup-import."), "{problem}");
    assert_eq!((new_pools(&source).len(), started(&fixture).len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_plan_shows_the_creation_the_import_and_the_finish_and_changes_nothing() {
    let (fixture, source, id) = importing().await;
    let before = fixture.backend.vault().items();
    let answer = fixture.run(&IMPORT.replace("--yes", "--plan")).await.0.unwrap();
    assert_eq!(answer.status, ExitStatus::Done);
    assert_snapshot!(answer.human.replace(&id, "SNAPSHOT"));
    assert_eq!(answer.json["import"]["users"], 3);
    assert_eq!(answer.json["finish"], json!({"triggers": ["PreSignUp"], "deletionProtection": "ACTIVE"}));
    let unasked = fixture.run(&IMPORT.replace(" --yes", "")).await.0.unwrap_err();
    assert!(unasked.message.contains("without a terminal or --yes"), "{unasked}");
    assert_eq!((fixture.backend.vault().items(), new_pools(&source).len()), (before, 0));
}

#[tokio::test(start_paused = true)]
async fn options_that_make_no_sense_are_refused_by_name_before_any_call() {
    let (fixture, ..) = importing().await;
    let calls = fixture.backend.script().calls();
    let map = std::env::temp_dir().join(format!("cognito-backup-new-pool-{}.yaml", std::process::id()));
    let roles = "groupRoles: {'arn:aws:iam::111111111111:role/old': 'arn:aws:iam::222222222222:role/new'}\n";
    std::fs::write(&map, roles).unwrap();
    let into_old = "import --pool eu-west-1_a --into eu-west-1_b";
    for (line, option) in [
        (format!("{IMPORT} --existing update"), "--existing"),
        (format!("{IMPORT} --no-wait"), "--no-wait"),
        (format!("{IMPORT} --map {} --group-roles skip", map.display()), "--group-roles"),
        (format!("{into_old} --map {}", map.display()), "--map"),
        (format!("{into_old} --account 123456789012"), "--account"),
        (format!("{into_old} --strict"), "--strict"),
        (format!("{into_old} --no-secrets"), "--no-secrets"),
        (format!("{into_old} --yes"), "--yes"),
        (
            "import --pool eu-west-1_a --into new:".to_owned(),
            "The name of the new user pool has 0 characters",
        ),
        (format!("{IMPORT} --federated all"), "--federated"),
    ] {
        let problem = fixture.run(&line).await.0.unwrap_err();
        assert_eq!((problem.error.as_str(), problem.status), ("InvalidInput", ExitStatus::Refused), "{line}");
        assert!(problem.message.starts_with(option), "{problem}");
    }
    std::fs::remove_file(&map).unwrap();
    assert_eq!(fixture.backend.script().calls(), calls);
}

#[tokio::test(start_paused = true)]
async fn a_map_gives_the_import_the_roles_of_groups() {
    let (fixture, source, _) = importing().await;
    let (old, new) = ("arn:aws:iam::111111111111:role/old", "arn:aws:iam::222222222222:role/new");
    let (group, _) = source.groups().remove(0);
    source.put_group(GroupRecord { role_arn: Some(old.to_owned()), ..group });
    export(&fixture, "with a role").await;
    let file = std::env::temp_dir().join(format!("cognito-backup-roles-{}.yaml", std::process::id()));
    std::fs::write(&file, format!("groupRoles: {{'{old}': '{new}'}}\n")).unwrap();
    let answer = fixture.run(&format!("{IMPORT} --map {}", file.display())).await.0.unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(answer.status, ExitStatus::Done, "{}", answer.human);
    assert_eq!(started(&fixture)[0]["groupRoles"], json!({"map": {old: new}}));
    let (group, _) = fixture.backend.pool(&new_pools(&source)[0]).groups().remove(0);
    assert_eq!(group.role_arn.as_deref(), Some(new));
}

#[tokio::test(start_paused = true)]
async fn a_partial_import_is_reported_and_the_pool_is_not_finished() {
    let (fixture, source, _) = importing().await;
    let lost = source.users()[0].sub.clone();
    lose_record(&fixture, &lost);
    let answer = fixture.run(&format!("{IMPORT} --profile p")).await.0.unwrap();
    assert_eq!((answer.status, &answer.json["finish"]), (ExitStatus::Partial, &Value::Null));
    assert_eq!(answer.json["import"]["status"], "PARTIAL");
    let pool = new_pools(&source).remove(0);
    let line = format!("cognito-backup pool finish --pool {pool} --profile p");
    assert!(answer.human.contains(&line), "{}", answer.human);
    assert_eq!(described(&fixture.backend, &pool)["LambdaConfig"], json!({}));
    // The same command tries again. The operator then finishes the pool as it is.
    let again = fixture.run(&format!("{IMPORT} --profile p")).await.0.unwrap();
    assert_eq!((again.status, started(&fixture).len()), (ExitStatus::Partial, 2));
    fixture.run(&format!("pool finish --pool {pool} --yes")).await.0.unwrap();
    assert_eq!(described(&fixture.backend, &pool)["LambdaConfig"]["PreSignUp"], LAMBDA);
    let refused = fixture.run(&format!("{IMPORT} --profile p")).await.0.unwrap_err();
    assert!(refused.message.contains("is finished already, and no import"), "{refused}");
    assert!(refused.guidance.contains(&format!("--into {pool} --snapshot ")), "{refused}");
    assert!(refused.guidance.contains(" --tps 100 --profile p`"), "{refused}");
    assert!(refused.guidance.contains("also for each user that an import creates: PreSignUp."), "{refused}");
    assert_eq!(new_pools(&source).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_creation_that_lacks_an_object_imports_and_does_not_finish() {
    let (fixture, source, _) = importing().await;
    let limited = Fault::RefuseWith(PoolErrorKind::Refused, "LimitExceededException");
    fixture.backend.script().always(Operation::CreateUserPoolClient, Some(limited));
    let answer = fixture.run(IMPORT).await.0.unwrap();
    assert_eq!((answer.status, &answer.json["finish"]), (ExitStatus::Partial, &Value::Null));
    assert_eq!(answer.json["import"]["status"], "SUCCEEDED");
    let untag = answer.json["import"]["untagWith"].as_str().unwrap();
    assert!(
        untag.contains(new_pools(&source)[0].as_str()) && answer.human.contains(untag),
        "{}",
        answer.human
    );
    fixture.backend.script().always(Operation::CreateUserPoolClient, None);
    let again = fixture.run(IMPORT).await.0.unwrap();
    assert_eq!(again.status, ExitStatus::Done, "{}", again.human);
    assert_restored(&fixture, &source, "");
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_command_leaves_the_import_running_and_the_next_one_waits_for_it() {
    let (fixture, source, _) = importing().await;
    *imports(&fixture).looks.lock().unwrap() = 30;
    let interrupted = async {
        while started(&fixture).is_empty() {
            sleep(Duration::from_millis(100)).await
        }
    };
    let answer = fixture.run_until(IMPORT, interrupted).await.0.unwrap();
    assert_eq!((answer.status, &answer.json["import"]["status"]), (ExitStatus::Running, &json!("RUNNING")));
    assert!(answer.human.contains("The same command waits for the import"), "{}", answer.human);
    let (again, said) = fixture.run(IMPORT).await;
    assert_eq!(again.unwrap().status, ExitStatus::Done);
    assert!(said.contains("imports already. The command waits for its end."), "{said}");
    assert_restored(&fixture, &source, "");
}

#[tokio::test(start_paused = true)]
async fn an_import_that_is_refused_or_fails_after_the_creation_is_continued() {
    let (fixture, source, _) = importing().await;
    let refused = Error::new(ErrorKind::AccessDenied, "Step Functions denied access.", "Allow it.");
    *imports(&fixture).refusal.lock().unwrap() = Some(refused);
    let problem = fixture.run(IMPORT).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("AccessDenied", ExitStatus::Failed));
    let pool = new_pools(&source).remove(0);
    assert!(
        problem.message.starts_with(&format!("User pool {pool} is created, and not finished.")),
        "{problem}"
    );
    assert!(problem.guidance.contains("run this command again: it continues."), "{problem}");
    assert!(problem.guidance.contains("aws cognito-idp untag-resource "), "the tag stays: {problem}");

    // The finish is denied after the import.
    let denied = Some(Fault::Refuse(PoolErrorKind::AccessDenied));
    fixture.backend.script().always(Operation::UpdateUserPool, denied);
    let problem = fixture.run(IMPORT).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), started(&fixture).len()), ("AccessDenied", 1));
    fixture.backend.script().always(Operation::UpdateUserPool, None);
    assert_eq!(fixture.run(IMPORT).await.0.unwrap().status, ExitStatus::Done);
    assert_restored(&fixture, &source, "");
}

/// AWS does not document whether an update without tags takes the last ones away.
#[tokio::test(start_paused = true)]
async fn a_pool_that_keeps_its_tag_after_it_is_finished_is_a_problem_with_the_line_that_takes_it_away() {
    let (fixture, source, _) = importing().await;
    source.configure_configuration(|settings| settings.keeps_omitted_tags = true);
    let problem = fixture.run(IMPORT).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("PoolStillTagged", ExitStatus::Failed));
    let pool = new_pools(&source).remove(0);
    let arn = format!("arn:aws:cognito-idp:eu-west-1:123456789012:userpool/{pool}");
    let line = format!(
        "`aws cognito-idp untag-resource --resource-arn {arn} --tag-keys {} --region eu-west-1`",
        PoolTag::KEY
    );
    assert!(problem.guidance.contains(&line), "{problem}");
    let by_hand = format!("pool finish --pool {pool} --yes");
    let still = fixture.run(&by_hand).await.0.unwrap_err();
    assert_eq!((still.error.as_str(), still.status), ("PoolStillTagged", ExitStatus::Failed));
    assert!(still.guidance.contains(&line), "{still}");
    // The operator runs the line.
    source.change_configuration("UntagResource", json!({"ResourceArn": arn, "TagKeys": [PoolTag::KEY]}));
    assert_eq!(fixture.run(IMPORT).await.0.unwrap().status, ExitStatus::Done);
    assert_eq!((started(&fixture).len(), fixture.backend.pool(&pool).user_count()), (1, 3));
    let live = described(&fixture.backend, &pool);
    assert_eq!(
        (&live["LambdaConfig"]["PreSignUp"], &live["UserPoolTags"][PoolTag::KEY]),
        (&json!(LAMBDA), &Value::Null)
    );
}

#[tokio::test(start_paused = true)]
async fn a_newer_snapshot_changes_nothing_in_a_creation_and_an_import_that_have_begun() {
    let (fixture, source, id) = importing().await;
    let denied = Some(Fault::Refuse(PoolErrorKind::AccessDenied));
    fixture.backend.script().always(Operation::CreateUserPoolClient, denied);
    fixture.run(IMPORT).await.0.unwrap_err();
    fixture.backend.script().always(Operation::CreateUserPoolClient, None);
    let newer = export(&fixture, "newer").await;
    let answer = fixture.run(IMPORT).await.0.unwrap();
    assert_eq!((&answer.json["import"]["snapshotId"], answer.status), (&json!(id), ExitStatus::Done));
    assert_restored(&fixture, &source, "");
    // The pool is finished. It does not hold what another snapshot holds.
    for line in [&format!("{IMPORT} --snapshot {newer}"), IMPORT] {
        let refused = fixture.run(line).await.0.unwrap_err();
        assert_eq!(refused.status, ExitStatus::Refused, "{refused}");
        assert!(refused.message.contains(&format!("It was created from snapshot {id}.")), "{refused}");
    }
    let named = fixture.run(&format!("{IMPORT} --snapshot {id}")).await.0.unwrap();
    assert_eq!(named.status, ExitStatus::Done, "{}", named.human);
}

#[tokio::test(start_paused = true)]
async fn no_pool_is_created_for_a_snapshot_that_the_import_would_refuse() {
    let (fixture, source, _) = importing().await;
    for user in source.users().into_iter().skip(1) {
        source.delete_user(&user.sub);
    }
    export(&fixture, "emptied").await;
    let plan = fixture.run(&IMPORT.replace("--yes", "--plan")).await.0.unwrap();
    assert_eq!(plan.json["import"]["refusal"], "SnapshotShrunk");
    assert!(plan.human.contains("This import would be refused: SnapshotShrunk"), "{}", plan.human);
    let problem = fixture.run(IMPORT).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("SnapshotShrunk", ExitStatus::Refused));
    assert_eq!(new_pools(&source), []);
    let accepted = fixture.run(&format!("{IMPORT} --accept-shrunk")).await.0.unwrap();
    assert_eq!(accepted.status, ExitStatus::Done, "{}", accepted.human);
}

/// Plays the command, which dies at one of its calls, and the same command once more. Returns the numbers of the calls
/// that an unharmed command makes itself.
async fn played(fault: Option<(u64, Fault)>) -> Vec<u64> {
    let (mut fixture, source, _) = importing().await;
    // The first list after a start does not show the execution.
    fixture.deployment.executions.imports.as_mut().unwrap().hidden = 1;
    let backend = fixture.backend.clone();
    let before = backend.script().calls();
    if let Some((call, fault)) = fault {
        backend.script().fault(before + call, fault);
    }
    let dying = backend.invocation();
    fixture.backend = dying.clone();
    fixture.deployment.catalog = Catalog::new(dying.vault());
    fixture.deployment.executions.numbered = Some(dying.vault());
    // With a selection of all users, the command has one more call.
    let line = format!("{IMPORT} --group all");
    let first = tokio::select! {
        biased;
        () = dying.death() => None,
        answer = Box::pin(fixture.run(&line)) => Some(answer.0),
    };
    let calls = 1..=backend.script().calls() - before;
    let of_imports = imports(&fixture).calls.lock().unwrap().clone();
    let is_of_import =
        |call: &u64| of_imports.iter().any(|(from, to)| (*from..=*to).contains(&(before + call)));
    fixture.backend = backend.invocation();
    fixture.deployment.catalog = Catalog::new(fixture.backend.vault());
    fixture.deployment.executions.numbered = None;
    let case = format!("{fault:?}");
    if fault.is_some() {
        sleep(LEASE).await;
        let again =
            fixture.run(&line).await.0.unwrap_or_else(|problem| panic!("{case}: {first:?} {problem}"));
        assert_eq!(again.status, ExitStatus::Done, "{case}: {}", again.human);
    }
    assert_restored(&fixture, &source, &case);
    calls.filter(|call| !is_of_import(call)).collect()
}

/// A test has a small stack, and the futures of whole commands are large without optimisation.
const STACK: usize = 32 << 20;

#[test]
fn a_command_that_dies_at_any_of_its_calls_continues_and_makes_nothing_twice() {
    let play = |fault: Option<(u64, Fault)>| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(Box::pin(played(fault)))
    };
    let test = move || {
        let calls = play(None);
        assert!(calls.len() > 40, "{}", calls.len());
        for call in calls {
            for fault in [Fault::Die(Applied::Nothing), Fault::Die(Applied::All)] {
                play(Some((call, fault)));
            }
        }
    };
    std::thread::Builder::new().stack_size(STACK).spawn(test).unwrap().join().unwrap();
}
