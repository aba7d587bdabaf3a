//! Goal: a roll back that stops says what it knows, and one way to go on.
//!
//! Method: faults at chosen calls.

use serde_json::json;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::Fault;

use super::pool_apply::{APPLY, captured, captures, drift, lease_is_free};
use crate::exit::ExitStatus;

#[tokio::test(start_paused = true)]
async fn a_change_of_another_program_before_the_first_request_leaves_an_unused_capture() {
    let (fixture, pool, _, client) = captured(false).await;
    drift(&pool, &client);
    let other = pool.clone();
    fixture.backend.script().change_before(Operation::ListPointInTimeRecoveries, 2, move || {
        other.change_configuration("UpdateUserPool", json!({"UserPoolTags": {"team": "third"}}));
    });
    let problem = fixture.run(&format!("{APPLY} --yes")).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("Overtaken", ExitStatus::Refused), "{problem}");
    let [capture] = &captures(&fixture).await[..] else { panic!("a capture") };
    let expected = format!(
        "Another program or operator changed userPool after the plan. The command stopped before its first change.\n\
         Stored capture {capture} is not needed. To remove it:\n  cognito-backup prune --pool eu-west-1_a --snapshot {capture}"
    );
    assert_eq!(problem.message, expected);
}

#[tokio::test(start_paused = true)]
async fn a_recovery_that_begins_after_the_plan_is_told_once() {
    let (fixture, pool, _, client) = captured(false).await;
    drift(&pool, &client);
    let other = pool.clone();
    fixture.backend.script().change_before(Operation::ListPointInTimeRecoveries, 2, move || {
        other.set_recovery_running(true);
    });
    let problem = fixture.run(&format!("{APPLY} --yes")).await.0.unwrap_err();
    assert_eq!(problem.status, ExitStatus::Refused, "{problem}");
    let text = problem.to_string();
    assert_eq!(text.matches("Nothing was changed").count(), 0, "{text}");
    assert_eq!(text.matches("The command stopped before its first change.").count(), 1, "{text}");
    assert!(text.contains("DescribePointInTimeRecovery"), "{text}");
    assert!(!text.contains("If you want the state from before"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_stop_in_the_middle_names_what_is_done_and_one_next_step() {
    let (fixture, pool, _, client) = captured(false).await;
    drift(&pool, &client);
    let script = fixture.backend.script();
    script.always(Operation::UpdateUserPoolClient, Some(Fault::Refuse(PoolErrorKind::Throttled)));
    let problem = fixture.run(&format!("{APPLY} --yes")).await.0.unwrap_err();
    assert_eq!(problem.status, ExitStatus::Failed, "{problem}");
    let [capture] = &captures(&fixture).await[..] else { panic!("a capture") };
    assert!(problem.message.contains("The roll back stopped at clients/web."), "{problem}");
    let expected = format!(
        "Done so far:\n  change userPool\n\
         The command does not know whether it changed clients/web. The next command looks.\n\
         Stored capture {capture} holds the configuration from before."
    );
    assert!(problem.message.contains(&expected), "{problem}");
    let back = format!(
        "If you want the state from before instead, run:\n  cognito-backup pool apply --pool eu-west-1_a --snapshot {capture}"
    );
    assert!(problem.message.contains(&back), "{problem}");
    assert!(problem.guidance.ends_with("To go on, run the command again."), "{problem}");
    assert!(lease_is_free(&fixture).await);
    script.always(Operation::UpdateUserPoolClient, None);
    let answer = fixture.run(&format!("{APPLY} --allow deletion-protection-off --yes")).await.0.unwrap();
    assert_eq!(answer.status, ExitStatus::Done, "{}", answer.human);
}

#[tokio::test(start_paused = true)]
async fn a_stop_after_a_client_returned_names_it_with_its_old_and_its_new_id() {
    let (fixture, pool, _, client) = captured(false).await;
    let policy = json!({
        "ClientId": client, "PolicyName": "agents", "URLPatterns": ["https://agent.example.com/*"],
    });
    let made = pool.change_configuration("CreateCIMDPolicy", policy);
    super::fixture::export(&fixture, "with a policy").await;
    let policy = json!({"CIMDPolicyId": made["CIMDPolicy"]["CIMDPolicyId"]});
    pool.change_configuration("DeleteCIMDPolicy", policy);
    pool.change_configuration("DeleteUserPoolClient", json!({"ClientId": client}));
    let script = fixture.backend.script();
    script.always(Operation::CreateCIMDPolicy, Some(Fault::Refuse(PoolErrorKind::Throttled)));
    let problem = fixture.run(&format!("{APPLY} --recreate-clients --yes")).await.0.unwrap_err();
    let listed = pool.change_configuration("ListUserPoolClients", json!({"MaxResults": 60}));
    let new = listed["UserPoolClients"][0]["ClientId"].as_str().unwrap();
    let expected = format!("Done so far:\n  create clients/web\n  clients/web ({client}) is now {new}\n");
    assert!(problem.message.contains(&expected), "{problem}");
}

#[tokio::test(start_paused = true)]
async fn if_cognito_refuses_all_changes_no_object_is_rolled_back_completely() {
    let (fixture, pool, _, client) = captured(false).await;
    drift(&pool, &client);
    let script = fixture.backend.script();
    for operation in [Operation::UpdateUserPoolClient, Operation::UpdateUserPool] {
        script.always(operation, Some(Fault::Refuse(PoolErrorKind::AccessDenied)));
    }
    let answer = fixture.run(&format!("{APPLY} --yes")).await.0.unwrap();
    assert_eq!(answer.status, ExitStatus::Partial);
    assert!(
        answer.human.starts_with("No object of user pool eu-west-1_a is rolled back completely."),
        "{}",
        answer.human
    );
}

#[tokio::test(start_paused = true)]
async fn the_first_line_names_an_object_that_was_deleted_and_not_put_back() {
    let (fixture, pool, _, client) = captured(false).await;
    let style = json!({"ClientId": client, "Settings": {"components": {"radius": 8}}});
    let style = pool.change_configuration("CreateManagedLoginBranding", style);
    super::fixture::export(&fixture, "with a login style").await;
    let id = &style["ManagedLoginBranding"]["ManagedLoginBrandingId"];
    let other =
        json!({"ManagedLoginBrandingId": id, "Settings": {"components": {"radius": 9, "extra": true}}});
    pool.change_configuration("UpdateManagedLoginBranding", other);
    let refused = Some(Fault::Refuse(PoolErrorKind::AccessDenied));
    fixture.backend.script().always(Operation::CreateManagedLoginBranding, refused);
    let answer = fixture.run(&format!("{APPLY} --yes")).await.0.unwrap();
    assert_eq!(answer.status, ExitStatus::Partial);
    let first = "ATTENTION: user pool eu-west-1_a has lost branding/web. Remove the cause that the list names, and run the \
                 command again.\n";
    assert!(answer.human.starts_with(first), "{}", answer.human);
    fixture.backend.script().always(Operation::CreateManagedLoginBranding, None);
    let again = fixture.run(&format!("{APPLY} --yes")).await.0.unwrap();
    assert_eq!(again.status, ExitStatus::Done, "{}", again.human);
    // Other changes that succeed do not hide it.
    let described = json!({"ClientId": client});
    let style = pool.change_configuration("DescribeManagedLoginBrandingByClient", described);
    let id = &style["ManagedLoginBranding"]["ManagedLoginBrandingId"];
    let other =
        json!({"ManagedLoginBrandingId": id, "Settings": {"components": {"radius": 9, "extra": true}}});
    pool.change_configuration("UpdateManagedLoginBranding", other);
    pool.change_configuration("UpdateUserPool", json!({"UserPoolTags": {"team": "other"}}));
    fixture
        .backend
        .script()
        .always(Operation::CreateManagedLoginBranding, Some(Fault::Refuse(PoolErrorKind::AccessDenied)));
    let answer = fixture.run(&format!("{APPLY} --yes")).await.0.unwrap();
    assert!(answer.human.starts_with(&format!("{first}Rolled 1 object of")), "{}", answer.human);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_cannot_be_released_does_not_hide_the_result() {
    // The release is the last call.
    let mut last = None;
    loop {
        let (fixture, pool, _, client) = captured(false).await;
        drift(&pool, &client);
        if let Some(call) = last {
            fixture.backend.script().fault(call, Fault::Refuse(PoolErrorKind::Throttled));
        }
        let (answer, said) = fixture.run(&format!("{APPLY} --allow deletion-protection-off --yes")).await;
        let answer = answer.unwrap();
        assert_eq!(answer.status, ExitStatus::Done, "{}", answer.human);
        assert!(answer.human.contains("change clients/web"), "{}", answer.human);
        if last.is_some() {
            assert!(said.contains("The lease was not released"), "{said}");
            assert!(!lease_is_free(&fixture).await);
            break;
        }
        last = Some(fixture.backend.script().calls());
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_aws_made_and_the_pool_lacks_makes_the_command_partial() {
    let (fixture, pool, _, _) = captured(false).await;
    let made = json!({"ClientName": "AmazonOpenSearchService-domain"});
    let made = pool.change_configuration("CreateUserPoolClient", made);
    super::fixture::export(&fixture, "with a client of a service").await;
    let id = made["UserPoolClient"]["ClientId"].as_str().unwrap();
    pool.change_configuration("DeleteUserPoolClient", json!({"ClientId": id}));
    let answer = fixture.run(&format!("{APPLY} --recreate-clients --yes")).await.0.unwrap();
    assert_eq!(answer.status, ExitStatus::Partial, "{}", answer.human);
    assert!(answer.human.contains("Stays different:"), "{}", answer.human);
    assert!(
        answer.human.contains("clients/AmazonOpenSearchService-domain: only the snapshot has it"),
        "{}",
        answer.human
    );
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_was_created_again_is_no_difference_for_ever() {
    let (fixture, pool, _, client) = captured(false).await;
    let policy = json!({
        "ClientId": client, "PolicyName": "agents", "URLPatterns": ["https://agent.example.com/*"],
    });
    let made = pool.change_configuration("CreateCIMDPolicy", policy);
    super::fixture::export(&fixture, "with a policy").await;
    let id = made["CIMDPolicy"]["CIMDPolicyId"].clone();
    assert!(id.is_string(), "{made}");
    pool.change_configuration("DeleteCIMDPolicy", json!({"CIMDPolicyId": id}));
    for _ in 0..2 {
        let answer = fixture.run(&format!("{APPLY} --yes")).await.0.unwrap();
        assert_eq!(answer.status, ExitStatus::Done, "{}", answer.human);
        assert!(!answer.human.contains("Stays different"), "{}", answer.human);
    }
    assert_eq!(fixture.run(&format!("{APPLY} --yes")).await.0.unwrap().json["changed"], json!(false));
}

#[test]
fn a_list_of_what_was_done_repeats_no_odd_name() {
    use shared::operations::apply::{AfterReason, Applied};
    let odd = "clients/a\u{1b}[31mb".to_owned();
    let applied = Applied {
        has_sent: true,
        unsure: [odd.clone()].into(),
        refused: vec![(odd, AfterReason::NeedsRefused)],
        ..Applied::default()
    };
    let text = crate::output::applied_so_far(&applied);
    assert!(!text.contains('\u{1b}'), "{text:?}");
}
