//! Groups: their names and numbers, and what the emulator shows of them that was never set.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::Shared;
use super::call::Call;
use super::refusal::{Halt, Refusal};
use super::schema::LONGEST_VALUE;
use crate::http::{self, Reply};

/// What a group may have and what the emulator shows in its place.
const OPTIONAL: [&str; 3] = ["Description", "RoleArn", "Precedence"];

/// What is known of the groups that were created here.
#[derive(Debug, Default)]
pub(super) struct Groups(Mutex<HashMap<(String, String), Vec<&'static str>>>);

impl Groups {
    /// Takes out of a group, as the emulator shows it, what nobody has set. Groups that were created elsewhere stay as they
    /// are.
    pub fn tidy(&self, pool: &str, group: &mut Value) {
        let key = (pool.to_owned(), group["GroupName"].as_str().unwrap_or_default().to_owned());
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(set), Some(fields)) = (known.get(&key), group.as_object_mut()) {
            fields.retain(|name, _| !OPTIONAL.contains(&name.as_str()) || set.contains(&name.as_str()));
        }
    }

    fn created(&self, pool: &str, input: &Value) {
        let name = input["GroupName"].as_str().unwrap_or_default().to_owned();
        let set = OPTIONAL.into_iter().filter(|name| !input[name].is_null()).collect();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((pool.to_owned(), name), set);
    }
}

/// CreateGroup.
pub(super) async fn create(shared: &Shared, call: &Call) -> Result<Reply, Halt> {
    let pool = call.pool()?;
    call.require("GroupName")?;
    if call.text("Description").is_some_and(|text| text.chars().count() > LONGEST_VALUE) {
        return Err(Refusal::invalid(format!("A description is no longer than {LONGEST_VALUE} characters")).into());
    }
    if call.input["Precedence"].as_i64().is_some_and(|precedence| precedence < 0) {
        return Err(Refusal::invalid("A precedence is not negative").into());
    }
    let _turn = shared.turn(pool).await;
    let groups = shared.backend.list(&call.caller(), "ListGroups", &json!({"UserPoolId": pool}), "Groups", "NextToken").await?;
    let is_new = !groups.iter().any(|group| group["GroupName"] == call.input["GroupName"]);
    if is_new && groups.len() >= shared.settings().groups_per_pool {
        return Err(Refusal::new("LimitExceededException", "The maximum number of groups of this user pool is reached").into());
    }
    let mut output = shared.backend.ask(&call.caller(), &call.operation, &call.input).await?;
    shared.groups.created(pool, &call.input);
    shared.groups.tidy(pool, &mut output["Group"]);
    Ok(http::json_reply(200, None, &output))
}

/// GetGroup.
pub(super) async fn get(shared: &Shared, call: &Call) -> Result<Reply, Halt> {
    let mut output = shared.backend.ask(&call.caller(), &call.operation, &call.input).await?;
    shared.groups.tidy(call.pool()?, &mut output["Group"]);
    Ok(http::json_reply(200, None, &output))
}

/// AdminAddUserToGroup.
///
/// Cognito's API model names no error for a user with too many groups; LimitExceededException is a guess.
pub(super) async fn add_user(shared: &Shared, call: &Call) -> Result<Reply, Halt> {
    let input = json!({"UserPoolId": call.pool()?, "Username": call.require("Username")?});
    let output = shared.backend.ask(&call.caller(), "AdminListGroupsForUser", &input).await?;
    let groups = output["Groups"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_new = !groups.iter().any(|group| group["GroupName"] == call.input["GroupName"]);
    if is_new && groups.len() >= shared.settings().groups_per_user {
        return Err(Refusal::new("LimitExceededException", "The maximum number of groups of this user is reached").into());
    }
    shared.forward(call).await
}
