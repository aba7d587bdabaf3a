//! Goal: after each end of `import --into new:NAME` the operator has the new ids, and a next step that leads on.
//!
//! Method: partial and refused imports, changed options, deleted pools, and interruptions between the phases.

use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::catalog::LeaseKey;
use shared::model::{GroupRecord, Lease, PoolId, RunKind};
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared::{Error, ErrorKind, Guidance};
use shared_memory::{Fault, MemoryBackend};
use tokio::sync::oneshot;
use tokio::time::{Duration, sleep};

use super::fixture::export;
use super::new_pool::{IMPORT, LEASE, assert_restored, described, importing, imports, new_pools, started};
use super::pool_create::LAMBDA;
use crate::exit::ExitStatus;

/// Lets Cognito refuse all memberships, or accept them again.
fn refuse_members(backend: &MemoryBackend, refuses: bool) {
    let limited = Fault::RefuseWith(PoolErrorKind::Refused, "LimitExceededException");
    backend.script().always(Operation::AdminAddUserToGroup, refuses.then_some(limited));
}

fn has_triggers(backend: &MemoryBackend, pool: &PoolId) -> bool {
    described(backend, pool)["LambdaConfig"]["PreSignUp"] == LAMBDA
}

/// A file that no other test writes.
fn file(name: &str, text: &str) -> String {
    let path = std::env::temp_dir().join(format!("cognito-backup-again-{name}-{}", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[tokio::test(start_paused = true)]
async fn the_command_finishes_the_pool_after_an_import_with_existing_update() {
    let (fixture, source, id) = importing().await;
    refuse_members(&fixture.backend, true);
    let partial = fixture.run(IMPORT).await.0.unwrap();
    assert_eq!(partial.json["import"]["status"], "PARTIAL");
    refuse_members(&fixture.backend, false);
    let pool = new_pools(&source).remove(0);
    let by_hand = format!(
        "import --pool eu-west-1_a --snapshot {id} --into {pool} --existing update --accept-losses --tps 100"
    );
    let by_hand = fixture.run(&by_hand).await.0.unwrap();
    assert_eq!(by_hand.json["status"], "SUCCEEDED");
    let again = fixture.run(IMPORT).await.0.unwrap();
    assert_eq!((again.status, started(&fixture).len()), (ExitStatus::Done, 2), "{}", again.human);
    assert!(has_triggers(&fixture.backend, &pool));
}

#[tokio::test(start_paused = true)]
async fn other_options_after_a_partial_import_lead_to_the_import_that_uses_them() {
    let (fixture, source, id) = importing().await;
    refuse_members(&fixture.backend, true);
    fixture.run(IMPORT).await.0.unwrap();
    refuse_members(&fixture.backend, false);
    let pool = new_pools(&source).remove(0);
    let linked = format!("{IMPORT} --federated link --profile p");
    let problem = fixture.run(&linked).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("TargetNotEmpty", ExitStatus::Failed));
    let line = format!(
        "import --pool eu-west-1_a --into {pool} --snapshot {id} --existing update --federated link --tps 100"
    );
    for says in [
        &*format!("`cognito-backup {line} --profile p`"),
        &format!("`cognito-backup pool finish --pool {pool} --profile p`"),
    ] {
        assert!(problem.guidance.contains(says), "{says}: {problem}");
    }
    for misleads in ["Create an empty user pool", "it continues"] {
        assert!(!problem.guidance.contains(misleads), "{problem}");
    }
    // The printed line leads to the end.
    fixture.run(&line).await.0.unwrap();
    let again = fixture.run(&linked).await.0.unwrap();
    assert_eq!(again.status, ExitStatus::Done, "{}", again.human);
    assert!(has_triggers(&fixture.backend, &pool));
}

#[tokio::test(start_paused = true)]
async fn the_new_ids_and_what_to_do_elsewhere_are_said_before_the_import() {
    let (fixture, source, _) = importing().await;
    let (answer, said) = fixture.run(IMPORT).await;
    answer.unwrap();
    let pool = &new_pools(&source)[0];
    let import = said.find("Started execution").unwrap();
    for words in [&*format!("--statement-id cognito-{pool} "), " is now ", "are set when the import ends"] {
        assert!(said[..import].contains(words), "{words}: {said}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_problem_of_an_import_into_a_created_pool_holds_the_creation() {
    let (fixture, source, _) = importing().await;
    let refused = Error::new(ErrorKind::AccessDenied, "Step Functions denied access.", "Allow it.");
    *imports(&fixture).refusal.lock().unwrap() = Some(refused);
    let problem = fixture.run(IMPORT).await.0.unwrap_err();
    let created = fixture.run("pool create --pool eu-west-1_a --name new --yes").await.0.unwrap();
    let json = serde_json::to_value(&problem).unwrap();
    assert_eq!(json["creation"], created.json);
    assert_eq!(json["creation"]["userPoolId"], new_pools(&source)[0].as_str());
    // A reader sees it, too, although `--quiet` shows no notes.
    let text = problem.to_string();
    let error = text.find("error: AccessDenied").unwrap();
    for words in [" is now ", "--action lambda:InvokeFunction"] {
        assert!(text[..error].contains(words), "{words}: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_says_that_only_the_operator_finishes_a_pool_with_an_object_of_another_map() {
    let (fixture, source, _) = importing().await;
    let denied = Some(Fault::Refuse(PoolErrorKind::AccessDenied));
    fixture.backend.script().always(Operation::UpdateUserPool, denied);
    fixture.run(IMPORT).await.0.unwrap_err();
    fixture.backend.script().always(Operation::UpdateUserPool, None);
    let secret = file("secret", "supplied0secret0of0the0client0web");
    let map = file("map", &format!("secrets:\n  clients/web: {{file: {secret}}}\n"));
    let answer = fixture.run(&format!("{IMPORT} --map {map}")).await.0.unwrap();
    assert_eq!((answer.status, &answer.json["finish"]), (ExitStatus::Partial, &Value::Null));
    assert_eq!(answer.json["creation"]["left"].as_array().unwrap().last().unwrap()["reason"], "madeBefore");
    let (text, pool) = (&answer.human, &new_pools(&source)[0]);
    assert!(!text.contains("If nothing is missing then, it finishes"), "{text}");
    for says in ["does not finish the user pool", &format!("cognito-backup pool finish --pool {pool}")] {
        assert!(text.contains(says), "{says}: {text}");
    }
    assert!(!text.contains("delete the user pool"), "its users are imported: {text}");
    [secret, map].iter().for_each(|file| std::fs::remove_file(file).unwrap());
}

#[tokio::test(start_paused = true)]
async fn the_plan_after_the_deletion_of_the_pool_is_about_a_new_one() {
    let (fixture, source, _) = importing().await;
    for user in source.users().into_iter().skip(1) {
        source.delete_user(&user.sub);
    }
    export(&fixture, "emptied").await;
    let limited = Fault::RefuseWith(PoolErrorKind::Refused, "LimitExceededException");
    fixture.backend.script().always(Operation::CreateUserPoolClient, Some(limited));
    fixture.run(&format!("{IMPORT} --accept-shrunk")).await.0.unwrap();
    let deleted = new_pools(&source).remove(0);
    fixture.backend.pool(&deleted).change_configuration("DeleteUserPool", json!({}));
    let plan = fixture.run(&IMPORT.replace("--yes", "--plan")).await.0.unwrap();
    assert!(!plan.human.contains(deleted.as_str()), "{}", plan.human);
    assert!(plan.human.contains("into the new user pool"), "{}", plan.human);
    let problem = fixture.run(IMPORT).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("SnapshotShrunk", ExitStatus::Refused));
    assert_eq!(new_pools(&source), []);
}

#[tokio::test(start_paused = true)]
async fn an_interruption_between_the_phases_starts_no_import() {
    let (fixture, source, _) = importing().await;
    let (send, listed) = oneshot::channel();
    *imports(&fixture).listed.lock().unwrap() = Some(send);
    let interrupted = async { listed.await.unwrap() };
    let problem = fixture.run_until(IMPORT, interrupted).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("Interrupted", ExitStatus::Failed));
    assert!(problem.guidance.contains("it continues"), "{problem}");
    assert_eq!((started(&fixture).len(), new_pools(&source).len()), (0, 1));
    assert_eq!(fixture.run(IMPORT).await.0.unwrap().status, ExitStatus::Done);
    assert_restored(&fixture, &source, "");
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_finish_is_continued_at_once() {
    let (fixture, source, _) = importing().await;
    let backend = fixture.backend.clone();
    let denied = Some(Fault::Refuse(PoolErrorKind::AccessDenied));
    backend.script().always(Operation::UpdateUserPool, denied);
    fixture.run(IMPORT).await.0.unwrap_err();
    backend.script().always(Operation::UpdateUserPool, None);
    backend.script().set_latency(Duration::from_secs(1), Duration::ZERO);
    let updates =
        || backend.script().log().iter().filter(|(_, call)| *call == Operation::UpdateUserPool).count();
    let before = updates();
    let interrupted = async {
        while updates() == before {
            sleep(Duration::from_millis(10)).await;
        }
    };
    let problem = fixture.run_until(IMPORT, interrupted).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("Interrupted", ExitStatus::Failed));
    // Nothing waits for the end of the lease.
    assert_eq!(fixture.run(IMPORT).await.0.unwrap().status, ExitStatus::Done);
    assert_restored(&fixture, &source, "");
}

#[tokio::test(start_paused = true)]
async fn a_printed_import_has_the_options_and_the_map_of_this_one() {
    let (fixture, source, _) = importing().await;
    let (old, new) = ("arn:aws:iam::111111111111:role/old", "arn:aws:iam::222222222222:role/new");
    let (group, _) = source.groups().remove(0);
    source.put_group(GroupRecord { role_arn: Some(old.to_owned()), ..group });
    let id = export(&fixture, "with a role").await;
    let map = file("roles", &format!("groupRoles: {{'{old}': '{new}'}}\n"));
    refuse_members(&fixture.backend, true);
    let line = format!("{IMPORT} --map {map} --except-user person-002 --accept-losses");
    let partial = fixture.run(&line).await.0.unwrap();
    let pool = new_pools(&source).remove(0);
    let options = format!("--group-roles {map} --accept-losses --except-user person-002 --tps 100");
    let next = format!("cognito-backup import --pool eu-west-1_a --into {pool} --snapshot {id}");
    assert!(partial.human.contains(&format!("{next} {options}")), "{}", partial.human);
    let refused = Error::new(ErrorKind::UsersNotAccepted, "1 user.", Guidance::AcceptLosses);
    *imports(&fixture).refusal.lock().unwrap() = Some(refused);
    let problem = fixture.run(&line).await.0.unwrap_err();
    assert!(problem.guidance.contains(&format!("`{next} {options} --plan`")), "{problem}");
    fixture.run(&format!("pool finish --pool {pool} --yes")).await.0.unwrap();
    let finished = fixture.run(&line).await.0.unwrap_err();
    assert!(finished.guidance.contains(&format!("`{next} {options}`")), "{finished}");
    std::fs::remove_file(&map).unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_cannot_be_described_keeps_no_import_from_its_own_refusal() {
    let (fixture, source, _) = importing().await;
    let refused = || Error::new(ErrorKind::AccessDenied, "Step Functions denied access.", "Allow it.");
    *imports(&fixture).refusal.lock().unwrap() = Some(refused());
    fixture.run(IMPORT).await.0.unwrap_err();
    let pool = new_pools(&source).remove(0);
    let now = fixture.backend.clock().now();
    let holder = "arn:aws:states:eu-west-1:123456789012:execution:of-another-deployment:x";
    let lease = Lease::with_duration(SignedDuration::from_mins(5), holder, now);
    let key = LeaseKey::of_pool(&pool, RunKind::Import);
    fixture.deployment.catalog.take_lease(&key, &lease, false, now).await.unwrap();
    let problem = fixture.run(IMPORT).await.0.unwrap_err();
    assert_eq!(problem.error, "ImportAlreadyRunning", "{problem}");
    sleep(LEASE).await;
    assert_eq!(fixture.run(IMPORT).await.0.unwrap().status, ExitStatus::Done);
    assert_eq!(new_pools(&source), [pool]);
}

#[tokio::test(start_paused = true)]
async fn the_plan_of_a_command_that_continues_names_the_pool_and_does_not_say_that_it_would_create_it() {
    let (fixture, source, id) = importing().await;
    let first = fixture.run(&IMPORT.replace("--yes", "--plan")).await.0.unwrap();
    assert!(first.human.starts_with("Would create user pool \"new\" in account"), "{}", first.human);
    let refused = Error::new(ErrorKind::AccessDenied, "Step Functions denied access.", "Allow it.");
    *imports(&fixture).refusal.lock().unwrap() = Some(refused);
    fixture.run(IMPORT).await.0.unwrap_err();
    let pool = &new_pools(&source)[0];
    for line in [IMPORT, "pool create --pool eu-west-1_a --name new --yes"] {
        let plan = fixture.run(&line.replace("--yes", "--plan")).await.0.unwrap();
        let words = format!("Would continue the creation of user pool {pool} (\"new\") in account");
        assert!(plan.human.starts_with(&words), "{}", plan.human);
        assert!(!plan.human.contains("NEW_POOL_ID"), "{}", plan.human);
    }
    let newer = export(&fixture, "newer").await;
    let other = IMPORT.replace("--yes", &format!("--plan --snapshot {newer}"));
    let refused = fixture.run(&other).await.0.unwrap_err();
    assert!(refused.message.contains(&format!("has begun from snapshot {id}")), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn no_pool_is_created_for_roles_that_no_group_of_the_snapshot_has() {
    let (fixture, source, _) = importing().await;
    let (old, new) = ("arn:aws:iam::111111111111:role/old", "arn:aws:iam::222222222222:role/new");
    let map = file("unknown-roles", &format!("groupRoles:\n  {old}: {new}\n"));
    let line = format!("{IMPORT} --map {map}");
    let plan = fixture.run(&line.replace("--yes", "--plan")).await.0.unwrap();
    assert_eq!(plan.json["import"]["refusal"], "InvalidInput");
    let problem = fixture.run(&line).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("InvalidInput", ExitStatus::Refused));
    let says = format!("The entry maps {old}. Line 2 of the file {map:?} of --map has the entry.");
    assert!(problem.message.ends_with(&says) && !problem.to_string().contains("--group-roles"), "{problem}");
    assert_eq!(new_pools(&source), []);
    std::fs::remove_file(&map).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_second_command_waits_for_the_import_of_the_first_and_starts_none() {
    for selection in ["", " --group all"] {
        second_command_waits(&format!("{IMPORT}{selection}")).await;
    }
}

/// The two commands store their selections under different ids.
async fn second_command_waits(line: &str) {
    let (fixture, source, _) = importing().await;
    *imports(&fixture).looks.lock().unwrap() = 30;
    let later = async {
        while started(&fixture).is_empty() {
            sleep(Duration::from_millis(100)).await;
        }
        Box::pin(fixture.run(line)).await
    };
    let (first, (second, said)) = tokio::join!(Box::pin(fixture.run(line)), later);
    assert!(said.contains("imports already. The command waits for its end."), "{said}");
    // Only one of them finishes the pool. The other one finds it finished, or is told to wait.
    let ends = [first.0, second];
    assert!(ends.iter().flatten().any(|answer| answer.status == ExitStatus::Done), "{ends:?}");
    for problem in ends.iter().filter_map(|end| end.as_ref().err()) {
        assert_eq!(problem.error, "Overtaken", "{problem}");
    }
    assert_eq!((started(&fixture).len(), fixture.run(line).await.0.unwrap().status), (1, ExitStatus::Done));
    assert_restored(&fixture, &source, line);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_loses_sight_of_another_import_starts_none_beside_it() {
    let (fixture, source, id) = importing().await;
    let refused = Error::new(ErrorKind::AccessDenied, "Step Functions denied access.", "Allow it.");
    *imports(&fixture).refusal.lock().unwrap() = Some(refused);
    fixture.run(IMPORT).await.0.unwrap_err();
    let pool = new_pools(&source).remove(0);
    *imports(&fixture).looks.lock().unwrap() = 30;
    let by_hand =
        format!("import --pool eu-west-1_a --snapshot {id} --into {pool} --existing update --no-wait");
    assert_eq!(fixture.run(&by_hand).await.0.unwrap().status, ExitStatus::Running);
    *imports(&fixture).descriptions.lock().unwrap() = Some(1);
    let (ended, said) = fixture.run(IMPORT).await;
    let problem = ended.unwrap_err();
    assert!(said.contains("imports already. The command waits for its end."), "{said}");
    assert_eq!(started(&fixture).len(), 1, "{problem}");
    assert!(problem.guidance.contains("The run continues."), "{problem}");
    *imports(&fixture).descriptions.lock().unwrap() = None;
    assert_eq!(fixture.run(IMPORT).await.0.unwrap().status, ExitStatus::Done);
    assert_restored(&fixture, &source, "");
}
