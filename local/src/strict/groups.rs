//! The operations on groups, and their limits.

use serde_json::{Value, json};

use super::call::Call;
use super::refusal::{CallError, Refusal};
use super::schema::MAX_VALUE_CHARACTERS;
use super::shared::Shared;
use crate::http::{self, Reply};

/// CreateGroup.
pub(super) async fn create(shared: &Shared, call: &Call) -> Result<Reply, CallError> {
    let pool = call.pool()?;
    call.require("GroupName")?;
    check_role(shared, call)?;
    check_fields(call)?;
    let _lock = shared.lock_creation(pool).await;
    let groups = shared
        .emulator
        .list(&call.caller(), "ListGroups", &json!({"UserPoolId": pool}), "Groups", "NextToken")
        .await?;
    let is_new = !groups.iter().any(|group| group["GroupName"] == call.input["GroupName"]);
    if is_new && groups.len() >= shared.settings().max_groups_per_pool {
        let message = "The maximum number of groups of this user pool is reached";
        return Err(Refusal::new("LimitExceededException", message).into());
    }
    let mut output = shared.emulator.request(&call.caller(), &call.operation, &call.input).await?;
    shared.groups.remember(pool, &call.input, &Value::Null);
    shared.groups.show(pool, &mut output["Group"]);
    Ok(http::json_reply(200, None, &output))
}

/// Checks that the caller can pass the role. IAM does so before Cognito looks at the group.
/// Source: "Granting a user permissions to pass a role to an AWS service", IAM user guide.
fn check_role(shared: &Shared, call: &Call) -> Result<(), Refusal> {
    let Some(role) = call.text("RoleArn") else { return Ok(()) };
    if shared.settings().denied_roles.iter().any(|denied| denied == role) {
        let message = format!("User is not authorized to perform: iam:PassRole on resource: {role}");
        return Err(Refusal::new("AccessDeniedException", message));
    }
    Ok(())
}

/// Checks the optional fields of a call that creates or changes a group.
fn check_fields(call: &Call) -> Result<(), Refusal> {
    if call.text("Description").is_some_and(|text| text.chars().count() > MAX_VALUE_CHARACTERS) {
        let message = format!("A description has at most {MAX_VALUE_CHARACTERS} characters");
        return Err(Refusal::invalid(message));
    }
    if call.input["Precedence"].as_i64().is_some_and(|precedence| precedence < 0) {
        return Err(Refusal::invalid("A precedence is not negative"));
    }
    Ok(())
}

/// UpdateGroup, which the emulator lacks. Fields that the call leaves out stay as they are.
pub(super) async fn update(shared: &Shared, call: &Call) -> Result<Reply, CallError> {
    let (pool, name) = (call.pool()?, call.require("GroupName")?);
    check_role(shared, call)?;
    check_fields(call)?;
    let input = json!({"UserPoolId": pool, "GroupName": name});
    let mut output = shared.emulator.request(&call.caller(), "GetGroup", &input).await?;
    shared.groups.show(pool, &mut output["Group"]);
    shared.groups.remember(pool, &call.input, &output["Group"]);
    shared.groups.show(pool, &mut output["Group"]);
    Ok(http::json_reply(200, None, &output))
}

/// GetGroup.
pub(super) async fn get(shared: &Shared, call: &Call) -> Result<Reply, CallError> {
    let mut output = shared.emulator.request(&call.caller(), &call.operation, &call.input).await?;
    shared.groups.show(call.pool()?, &mut output["Group"]);
    Ok(http::json_reply(200, None, &output))
}

/// AdminAddUserToGroup.
///
/// Cognito's API model names no error for a user in too many groups. LimitExceededException is a guess.
pub(super) async fn add_user(shared: &Shared, call: &Call) -> Result<Reply, CallError> {
    let input = json!({"UserPoolId": call.pool()?, "Username": call.require("Username")?});
    let output = shared.emulator.request(&call.caller(), "AdminListGroupsForUser", &input).await?;
    let groups = output["Groups"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_new = !groups.iter().any(|group| group["GroupName"] == call.input["GroupName"]);
    if is_new && groups.len() >= shared.settings().max_groups_per_user {
        let message = "The maximum number of groups of this user is reached";
        return Err(Refusal::new("LimitExceededException", message).into());
    }
    shared.forward(call).await
}
