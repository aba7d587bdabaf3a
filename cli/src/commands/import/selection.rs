//! The selection of an import. It goes into the backup table, and the input of the execution has its id: Step Functions
//! keeps inputs for 90 days, and shows them to each reader of executions.

use serde_json::Value;
use shared::catalog::Catalog;
use shared::model::{ImportInput, SelectionId, SelectionSource, StoredSelection};
use shared::ports::vault::Vault;
use shared::{Error, ErrorKind, Guidance};

use crate::problem::{Problem, Result};

/// What an operator must be allowed to do to select users.
const GRANT: &str = "The names of a selection go into the backup table. Allow dynamodb:PutItem on its partitions SELECTION#*: \
    the deployment's policy for operators does (docs/guides/deploy.md, permissions of people).";

/// The input with its selection, and `json`, the same input, without it.
///
/// # Errors
/// If the input names a stored selection, which no option does.
pub fn taken_out(input: ImportInput<SelectionSource>, mut json: Value) -> Result<(ImportInput, Value)> {
    let SelectionSource::Input(selection) = input.selection.clone() else {
        return Err(Problem::internal("The input of the import names a stored selection.".to_owned()));
    };
    if let Some(members) = json.as_object_mut() {
        ["select", "except"].iter().for_each(|member| drop(members.remove(*member)));
    }
    Ok((input.with_selection(selection), json))
}

/// Stores the selection of `input`. Returns `json` with its id. If the import restores all users, nothing is stored.
///
/// If no execution starts after that, the stored selection expires unused.
///
/// # Errors
/// If the selection is too large, or if the operator may not write it.
pub async fn stored<V: Vault>(catalog: &Catalog<V>, input: &ImportInput, mut json: Value) -> Result<Value> {
    if input.selection.digest().is_none() {
        return Ok(json);
    }
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).map_err(|error| {
        let message = format!("The system gives no random numbers: {error}.");
        Error::new(ErrorKind::Internal, message, "Start the command again.")
    })?;
    let id = SelectionId::of_random(u128::from_be_bytes(bits));
    let selection = StoredSelection { source: input.source.clone(), selection: input.selection.clone() };
    catalog.store_selection(&id, &selection).await.map_err(with_grant)?;
    json["selectionId"] = id.as_str().into();
    Ok(json)
}

/// `error` with the permission that the operator lacks, if the table denied access.
fn with_grant(error: Error) -> Error {
    if error.kind() != ErrorKind::AccessDenied {
        return error;
    }
    let guidance = Guidance::from(GRANT).and(error.guidance().clone());
    Error::new(error.kind(), error.message(), guidance)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::exit::ExitStatus;

    #[test]
    fn an_operator_who_may_not_store_a_selection_learns_the_permission() {
        let denied = Error::new(ErrorKind::AccessDenied, "DynamoDB denied access.", Guidance::GrantTable);
        let problem = Problem::from(with_grant(denied));
        assert_eq!((problem.error.as_str(), problem.status), ("AccessDenied", ExitStatus::Refused));
        assert!(problem.guidance.contains("dynamodb:PutItem on its partitions SELECTION#*"), "{problem}");
        let later = Error::new(ErrorKind::ServiceUnavailable, "DynamoDB did not answer.", Guidance::TryLater);
        assert_eq!(with_grant(later.clone()), later);
    }

    #[test]
    fn an_input_that_names_a_stored_selection_is_no_input_of_the_command() {
        let mut json = json!({"sourceUserPoolId": "eu-west-1_a", "targetUserPoolId": "eu-west-1_b"});
        json["selectionId"] = SelectionId::of_random(1).as_str().into();
        let input = ImportInput::parse(&json).unwrap();
        assert_eq!(taken_out(input, json).unwrap_err().error, "Internal");
    }
}
