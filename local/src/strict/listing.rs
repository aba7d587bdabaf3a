//! Listings: their parameters, and pages as Cognito cuts them.
//!
//! The emulator's tokens are offsets, so that a deletion makes its listing skip somebody. Here a listing goes on after the
//! last entry it has shown; when that one is gone, after the one before.

use std::sync::Arc;

use http_body_util::Full;
use hyper::Response;
use serde_json::{Value, json};

use super::Shared;
use super::call::{Call, Caller};
use super::filter::{self, Filter};
use super::refusal::{Halt, Refusal};
use super::tokens::{Bookmark, Trail};
use crate::http::{self, Reply};

/// The largest page of users and groups.
const LARGEST: usize = 60;

/// Operations with a size parameter, its name and its range.
const SIZES: [(&str, &str, i64, i64); 9] = [
    ("ListUsers", "Limit", 0, 60),
    ("ListUsersInGroup", "Limit", 0, 60),
    ("ListGroups", "Limit", 0, 60),
    ("AdminListGroupsForUser", "Limit", 0, 60),
    ("ListIdentityProviders", "MaxResults", 0, 60),
    ("ListUserPools", "MaxResults", 1, 60),
    ("ListUserPoolClients", "MaxResults", 1, 60),
    ("ListResourceServers", "MaxResults", 1, 50),
    ("ListUserImportJobs", "MaxResults", 1, 60),
];

/// Checks the size that a listing asks for.
pub(super) fn check_size(call: &Call) -> Result<(), Refusal> {
    let Some((_, name, least, most)) = SIZES.iter().find(|(operation, ..)| *operation == call.operation) else {
        return Ok(());
    };
    match call.input[name].as_i64() {
        Some(size) if !(*least..=*most).contains(&size) => Err(Refusal::invalid(format!(
            "1 validation error detected: Value '{size}' at '{name}' failed to satisfy constraint: Member must have value \
             between {least} and {most}"
        ))),
        _ => Ok(()),
    }
}

/// How a listing is spelled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spelling {
    /// The parameter and the field of the token.
    pub token: &'static str,
    /// The parameter of the size.
    pub size: &'static str,
    /// The field of the entries.
    pub items: &'static str,
    /// What tells one entry from another.
    pub name: &'static str,
}

const USERS: Spelling = Spelling { token: "PaginationToken", size: "Limit", items: "Users", name: "Username" };
const MEMBERS: Spelling = Spelling { token: "NextToken", size: "Limit", items: "Users", name: "Username" };
const GROUPS: Spelling = Spelling { token: "NextToken", size: "Limit", items: "Groups", name: "GroupName" };

/// Where the entries of a listing come from.
enum Source<'a> {
    /// The emulator, page by page.
    Emulator { call: &'a Call, caller: Caller, spelling: Spelling },
    /// A list that is here already.
    Collected(Vec<Value>),
}

/// Answers a call that lists users, members or groups.
pub(super) async fn answer(shared: &Shared, call: &Call) -> Result<Reply, Halt> {
    call.pool()?;
    let spelling = match call.operation.as_str() {
        "ListUsers" => USERS,
        "ListUsersInGroup" => MEMBERS,
        _ => GROUPS,
    };
    let caller = call.caller();
    let filter = Filter::parse(call.text("Filter").unwrap_or_default())?;
    let source = match filter {
        Some(filter) => {
            let users = shared.users(&caller, call.pool()?).await?;
            Source::Collected(users.into_iter().filter(|user| filter.admits(user)).collect())
        }
        None => Source::Emulator { call, caller, spelling },
    };
    let (mut entries, token) = page(shared, call, spelling, &source).await?;
    if call.operation == "ListUsers" {
        keep_attributes(call, &mut entries)?;
    }
    if spelling.items == "Groups" {
        entries.iter_mut().for_each(|group| shared.groups.tidy(call.text("UserPoolId").unwrap_or_default(), group));
    }
    Ok(shown(spelling, entries, token))
}

/// Answers a call that lists what is here already, by the same rules.
pub(super) async fn answer_from(shared: &Shared, call: &Call, spelling: Spelling, entries: Vec<Value>) -> Result<Reply, Halt> {
    let (entries, token) = page(shared, call, spelling, &Source::Collected(entries)).await?;
    Ok(shown(spelling, entries, token))
}

fn shown(spelling: Spelling, entries: Vec<Value>, token: Option<String>) -> Reply {
    let mut output = json!({ spelling.items: entries });
    if let Some(token) = token {
        output[spelling.token] = token.into();
    }
    http::json_reply(200, None, &output)
}

async fn page(
    shared: &Shared,
    call: &Call,
    spelling: Spelling,
    source: &Source<'_>,
) -> Result<(Vec<Value>, Option<String>), Halt> {
    let settings = shared.settings();
    let now = shared.clock.now();
    let binding = binding(call, spelling);
    let start = Bookmark { trail: Arc::new(Trail::default()), last: Arc::default(), pages: 0 };
    let bookmark = match call.text(spelling.token) {
        Some(token) => shared.tokens.redeem(token, &binding, now, settings.token_lifetime)?,
        None => start,
    };
    let asked = call.input[spelling.size].as_u64().and_then(|size| usize::try_from(size).ok()).filter(|size| *size > 0);
    let asked = asked.unwrap_or(LARGEST);
    let planned = settings.pages.sizes.get(bookmark.pages % settings.pages.sizes.len().max(1));
    let size = planned.map_or(asked, |planned| asked.min(*planned));
    let (new, mut more) = match size {
        0 => (Vec::new(), true),
        _ => source.after(shared, &bookmark.trail, spelling, size).await?,
    };
    more |= planned.is_some() && new.len() == size;

    let again = bookmark.last.len().saturating_sub(settings.pages.repeats);
    let mut entries = bookmark.last[again..].to_vec();
    let names = new.iter().map(|entry| entry[spelling.name].as_str().unwrap_or_default().to_owned()).collect();
    entries.extend(new.iter().cloned());
    let next = Bookmark { trail: bookmark.trail.and(names), last: Arc::new(new), pages: bookmark.pages + 1 };
    let token = more.then(|| shared.tokens.issue(&binding, next, now));
    Ok((entries, token))
}

/// A token goes with the operation and with every parameter but itself.
fn binding(call: &Call, spelling: Spelling) -> String {
    let mut parameters = call.input.clone();
    if let Some(parameters) = parameters.as_object_mut() {
        parameters.remove(spelling.token);
    }
    format!("{} {parameters}", call.operation)
}

impl Source<'_> {
    /// At most `size` entries after those of a trail, and whether there are more.
    async fn after(&self, shared: &Shared, trail: &Trail, spelling: Spelling, size: usize) -> Result<(Vec<Value>, bool), Halt> {
        let all = match self {
            Self::Collected(all) => all.clone(),
            Self::Emulator { call, caller, spelling } if call.operation == "AdminListGroupsForUser" => {
                let mut output = shared.backend.ask(caller, &call.operation, &call.input).await?;
                serde_json::from_value(output[spelling.items].take()).unwrap_or_default()
            }
            Self::Emulator { call, caller, spelling } => {
                let page = |offset: usize, limit: usize| {
                    let mut input = call.input.clone();
                    input[spelling.size] = limit.into();
                    input[spelling.token] = if offset == 0 { Value::Null } else { offset.to_string().into() };
                    async move { shared.backend.ask(caller, &call.operation, &input).await }
                };
                let mut found = page(trail.shown(), size).await?;
                let moved = match trail.latest_first().next() {
                    None => false,
                    Some(last) => page(trail.shown() - 1, 1).await?[spelling.items][0][spelling.name] != last,
                };
                if !moved {
                    let more = !found[spelling.token].is_null();
                    return Ok((serde_json::from_value(found[spelling.items].take()).unwrap_or_default(), more));
                }
                let mut input = call.input.clone();
                input[spelling.size] = LARGEST.into();
                input[spelling.token] = Value::Null;
                shared.backend.list(caller, &call.operation, &input, spelling.items, spelling.token).await?
            }
        };
        let place = |name: &str| all.iter().position(|entry| entry[spelling.name] == name);
        let start = trail.latest_first().find_map(place).map_or(0, |place| place + 1);
        let page: Vec<Value> = all[start..].iter().take(size).cloned().collect();
        let more = start + page.len() < all.len();
        Ok((page, more))
    }
}

/// Keeps the attributes that `AttributesToGet` names.
fn keep_attributes(call: &Call, users: &mut [Value]) -> Result<(), Refusal> {
    let wanted: Vec<&str> = match call.input["AttributesToGet"].as_array() {
        Some(names) => names.iter().filter_map(Value::as_str).collect(),
        None => return Ok(()),
    };
    for user in users {
        if wanted.iter().any(|name| filter::attribute(user, name).is_none()) {
            return Err(Refusal::invalid("One or more requested attributes do not exist."));
        }
        if let Some(attributes) = user["Attributes"].as_array_mut() {
            attributes.retain(|attribute| attribute["Name"].as_str().is_some_and(|name| wanted.contains(&name)));
        }
    }
    Ok(())
}

impl Shared {
    /// All users of a pool.
    pub async fn users(&self, caller: &Caller, pool: &str) -> Result<Vec<Value>, Halt> {
        let input = json!({"UserPoolId": pool, "Limit": LARGEST});
        self.backend.list(caller, "ListUsers", &input, USERS.items, USERS.token).await
    }
}

/// A reply of the emulator, as it is.
pub(super) fn as_it_is(reply: Response<hyper::body::Bytes>) -> Reply {
    reply.map(Full::new)
}
