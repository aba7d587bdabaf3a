//! Goal: a user whose creation Cognito refuses because of a setting of the target fails alone, with Cognito's reason, and
//! is restored once the setting is changed.
//!
//! Method: answer the creation of one user with each error that AWS documents for AdminCreateUser. The page
//! `docs/concepts/restored-users.md` has a row for each of them.

use serde_json::{Value, json};
use shared::model::Username;
use shared::ports::pool::PoolErrorKind;
use shared_memory::MemoryBackend;

use crate::support::machine::Machine;
use crate::support::{backend, in_paused_time, people, source_id, target_id};

/// The errors of a creation that concern one user, in the order of the page.
/// Source: AdminCreateUser, Amazon Cognito user pools API reference, and "Quotas in Amazon Cognito".
const REFUSALS: [(PoolErrorKind, &str); 12] = [
    (PoolErrorKind::InvalidParameter, "InvalidParameterException"),
    (PoolErrorKind::UserNotFound, "UserNotFoundException"),
    (PoolErrorKind::Refused, "UserLambdaValidationException"),
    (PoolErrorKind::Refused, "UnexpectedLambdaException"),
    (PoolErrorKind::Refused, "InvalidLambdaResponseException"),
    (PoolErrorKind::Refused, "InvalidSmsRoleAccessPolicyException"),
    (PoolErrorKind::Refused, "InvalidSmsRoleTrustRelationshipException"),
    (PoolErrorKind::Refused, "InvalidPasswordException"),
    (PoolErrorKind::Refused, "LimitExceededException"),
    (PoolErrorKind::Refused, "NotAuthorizedException"),
    (PoolErrorKind::Refused, "PreconditionNotMetException"),
    (PoolErrorKind::Refused, "UnsupportedUserStateException"),
];

async fn import(backend: &MemoryBackend) -> Value {
    let input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 100});
    let name = format!("import-{}", backend.script().calls());
    Machine::new(backend).import(input, &name).await.report()
}

#[test]
fn a_user_that_a_setting_of_the_target_refuses_fails_alone_with_the_reason_of_cognito() {
    for (kind, code) in REFUSALS {
        in_paused_time(async {
            let (backend, source, target) = backend();
            people::plain(4, 2).fill(&source);
            Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
            target.refuse_creation(Some((Username::new("anna0"), kind, code)));
            let report = import(&backend).await;
            let reasons = json!({ format!("refused: AdminCreateUser {code}"): 1 });
            assert_eq!(
                (&report["status"], &report["users"]["reasons"]),
                (&json!("PARTIAL"), &reasons),
                "{report}"
            );
            assert_eq!((&report["users"]["created"], target.user_count()), (&json!(3), 3), "{code}");

            target.refuse_creation(None);
            let report = import(&backend).await;
            assert_eq!(
                (&report["status"], target.user_count()),
                (&json!("SUCCEEDED"), 4),
                "{code}: {report}"
            );
        });
    }
}

#[test]
fn the_page_has_a_row_for_each_error_of_a_creation() {
    let page = include_str!("../../docs/concepts/restored-users.md");
    let others = ["AliasExistsException", "UsernameExistsException", "CodeDeliveryFailureException"];
    for code in REFUSALS.iter().map(|(_, code)| *code).chain(others) {
        assert!(page.lines().any(|line| line.starts_with('|') && line.contains(code)), "{code}");
    }
}
