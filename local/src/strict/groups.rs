//! The operations on groups: their limits, and the optional fields of a group that no client set.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value, json};

use super::Shared;
use super::call::Call;
use super::refusal::{CallError, Refusal};
use super::schema::MAX_VALUE_CHARACTERS;
use crate::http::{self, Reply};

/// The optional fields of a group. The emulator returns default values for them. Cognito returns
/// none.
const OPTIONAL: [&str; 3] = ["Description", "RoleArn", "Precedence"];

/// The optional fields that clients set through the proxy, by pool and group.
#[derive(Debug, Default)]
pub(super) struct CreatedGroups(Mutex<HashMap<(String, String), Map<String, Value>>>);

impl CreatedGroups {
    /// Changes a group that the emulator returned into the group that Cognito would return: with the optional fields
    /// that clients set, and no others. The proxy leaves groups unchanged that were not created through it.
    pub fn show(&self, pool: &str, group: &mut Value) {
        let key = (pool.to_owned(), group["GroupName"].as_str().unwrap_or_default().to_owned());
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(set), Some(fields)) = (known.get(&key), group.as_object_mut()) {
            fields.retain(|name, _| !OPTIONAL.contains(&name.as_str()));
            fields.extend(set.clone());
        }
    }

    /// Remembers the optional fields of a call, on top of those that the group had before.
    fn remember(&self, pool: &str, input: &Value, before: &Value) {
        let name = input["GroupName"].as_str().unwrap_or_default().to_owned();
        let fields = [before, input].into_iter().flat_map(|fields| {
            OPTIONAL
                .into_iter()
                .filter(|name| !fields[*name].is_null())
                .map(|name| (name.to_owned(), fields[name].clone()))
        });
        let fields = fields.collect();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((pool.to_owned(), name), fields);
    }
}

/// CreateGroup.
pub(super) async fn create(shared: &Shared, call: &Call) -> Result<Reply, CallError> {
    let pool = call.pool()?;
    call.require("GroupName")?;
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
