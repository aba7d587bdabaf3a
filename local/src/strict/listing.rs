//! Listings of users, members and groups: their parameters, tokens and pages.
//!
//! The emulator's tokens are offsets. If a user is deleted during a listing, the emulator therefore skips
//! another user. The strict proxy continues a listing after the last entry that it returned. If that entry
//! was deleted, the proxy continues after the entry before it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::call::{Call, Caller};
use super::filter::{self, Filter};
use super::refusal::{CallError, Refusal};
use super::shared::Shared;
use super::tokens::{Cursor, ListedNames};
use crate::http::{self, Reply};

/// The maximum number of users or groups on a page.
const MAX_PAGE_SIZE: usize = 60;

/// The operations with a parameter for the page size, the parameter's name, its minimum and its maximum. The
/// sizes of configuration listings are in `strict-configuration`.
const SIZES: [(&str, &str, i64, i64); 6] = [
    ("ListUsers", "Limit", 0, 60),
    ("ListUsersInGroup", "Limit", 0, 60),
    ("ListGroups", "Limit", 0, 60),
    ("AdminListGroupsForUser", "Limit", 0, 60),
    ("ListUserPools", "MaxResults", 1, 60),
    ("ListUserImportJobs", "MaxResults", 1, 60),
];

pub(super) fn check_page_size(call: &Call) -> Result<(), Refusal> {
    let Some((_, name, min, max)) = SIZES.iter().find(|(operation, ..)| *operation == call.operation) else {
        return Ok(());
    };
    match call.input[name].as_i64() {
        Some(size) if !(*min..=*max).contains(&size) => Err(Refusal::invalid(format!(
            "1 validation error detected: Value '{size}' at '{name}' failed to satisfy constraint: \
             Member must have value between {min} and {max}"
        ))),
        _ => Ok(()),
    }
}

/// The names of the parameters and fields of a listing.
#[derive(Debug, Clone, Copy)]
pub(super) struct ListingFields {
    /// The token, both as a parameter and as a field of the output.
    pub token: &'static str,
    /// The parameter for the page size.
    pub size: &'static str,
    /// The field with the entries.
    pub items: &'static str,
    /// The field that identifies an entry.
    pub name: &'static str,
}

const USERS: ListingFields =
    ListingFields { token: "PaginationToken", size: "Limit", items: "Users", name: "Username" };
const MEMBERS: ListingFields =
    ListingFields { token: "NextToken", size: "Limit", items: "Users", name: "Username" };
const GROUPS: ListingFields =
    ListingFields { token: "NextToken", size: "Limit", items: "Groups", name: "GroupName" };

/// The source of the entries of a listing.
enum Source<'a> {
    /// The emulator, page by page.
    Emulator { call: &'a Call, caller: Caller, fields: ListingFields },
    /// A complete list.
    Collected(Vec<Value>),
}

/// Answers a call that lists users, members or groups.
pub(super) async fn answer(shared: &Shared, call: &Call) -> Result<Reply, CallError> {
    call.pool()?;
    let fields = match call.operation.as_str() {
        "ListUsers" => USERS,
        "ListUsersInGroup" => MEMBERS,
        _ => GROUPS,
    };
    let caller = call.caller();
    let filter = Filter::parse(call.text("Filter").unwrap_or_default())?;
    let source = match filter {
        Some(filter) => {
            let users = shared.users(&caller, call.pool()?).await?;
            Source::Collected(users.into_iter().filter(|user| filter.matches(user)).collect())
        }
        None => Source::Emulator { call, caller, fields },
    };
    let (mut entries, token) = page(shared, call, fields, &source).await?;
    if fields.items == "Users" {
        let pool = call.pool()?;
        entries.iter_mut().for_each(|user| shared.overlay.apply(pool, user, "Attributes"));
    }
    if call.operation == "ListUsers" {
        keep_attributes(call, &mut entries)?;
    }
    if fields.items == "Groups" {
        let pool = call.pool()?;
        entries.iter_mut().for_each(|group| shared.groups.show(pool, group));
    }
    Ok(page_reply(fields, entries, token))
}

/// Answers a call with one page of a complete list, by the same rules.
pub(super) async fn answer_from(
    shared: &Shared,
    call: &Call,
    fields: ListingFields,
    entries: Vec<Value>,
) -> Result<Reply, CallError> {
    let (entries, token) = page(shared, call, fields, &Source::Collected(entries)).await?;
    Ok(page_reply(fields, entries, token))
}

fn page_reply(fields: ListingFields, entries: Vec<Value>, token: Option<String>) -> Reply {
    let mut output = json!({ fields.items: entries });
    if let Some(token) = token {
        output[fields.token] = token.into();
    }
    http::json_reply(200, None, &output)
}

async fn page(
    shared: &Shared,
    call: &Call,
    fields: ListingFields,
    source: &Source<'_>,
) -> Result<(Vec<Value>, Option<String>), CallError> {
    let settings = shared.settings();
    let now = shared.clock.now();
    let binding = binding(call, fields);
    let start = Cursor { listed: Arc::new(ListedNames::default()), last_page: Arc::default(), pages: 0 };
    let cursor = match call.text(fields.token) {
        Some(token) => shared.tokens.redeem(token, &binding, now, settings.token_expires_after)?,
        None => start,
    };
    let requested =
        call.input[fields.size].as_u64().and_then(|size| usize::try_from(size).ok()).filter(|size| *size > 0);
    let requested = requested.unwrap_or(MAX_PAGE_SIZE);
    let configured = settings.pages.sizes.get(cursor.pages % settings.pages.sizes.len().max(1));
    let size = configured.map_or(requested, |configured| requested.min(*configured));
    let (new, mut more) = match size {
        0 => (Vec::new(), true),
        _ => source.after(shared, &cursor.listed, fields, size).await?,
    };
    more |= configured.is_some() && new.len() == size;

    let first_repeated = cursor.last_page.len().saturating_sub(settings.pages.repeats);
    let mut entries = cursor.last_page[first_repeated..].to_vec();
    let names = new.iter().map(|entry| entry[fields.name].as_str().unwrap_or_default().to_owned()).collect();
    entries.extend(new.iter().cloned());
    let next =
        Cursor { listed: cursor.listed.with_page(names), last_page: Arc::new(new), pages: cursor.pages + 1 };
    let token = more.then(|| shared.tokens.issue(&binding, next, now));
    Ok((entries, token))
}

/// The operation and all parameters except the token: a token is valid only together with them.
fn binding(call: &Call, fields: ListingFields) -> String {
    let mut parameters = call.input.clone();
    if let Some(parameters) = parameters.as_object_mut() {
        parameters.remove(fields.token);
    }
    format!("{} {parameters}", call.operation)
}

impl Source<'_> {
    /// Returns at most `size` entries that follow the listed ones, and whether more entries follow.
    async fn after(
        &self,
        shared: &Shared,
        listed: &ListedNames,
        fields: ListingFields,
        size: usize,
    ) -> Result<(Vec<Value>, bool), CallError> {
        let all = match self {
            Self::Collected(all) => all.clone(),
            Self::Emulator { call, caller, fields } if call.operation == "AdminListGroupsForUser" => {
                let mut output = shared.emulator.request(caller, &call.operation, &call.input).await?;
                serde_json::from_value(output[fields.items].take()).unwrap_or_default()
            }
            Self::Emulator { call, caller, fields } => {
                let page = |offset: usize, limit: usize| {
                    let mut input = call.input.clone();
                    input[fields.size] = limit.into();
                    input[fields.token] = if offset == 0 { Value::Null } else { offset.to_string().into() };
                    async move { shared.emulator.request(caller, &call.operation, &input).await }
                };
                let mut found = page(listed.count(), size).await?;
                // If an entry was deleted, the emulator's offsets have moved: read the whole list then.
                let has_moved = match listed.latest_first().next() {
                    None => false,
                    Some(last) => page(listed.count() - 1, 1).await?[fields.items][0][fields.name] != last,
                };
                if !has_moved {
                    let more = !found[fields.token].is_null();
                    return Ok((
                        serde_json::from_value(found[fields.items].take()).unwrap_or_default(),
                        more,
                    ));
                }
                let mut input = call.input.clone();
                input[fields.size] = MAX_PAGE_SIZE.into();
                input[fields.token] = Value::Null;
                shared.emulator.list(caller, &call.operation, &input, fields.items, fields.token).await?
            }
        };
        let index_of = |name: &str| all.iter().position(|entry| entry[fields.name] == name);
        let start = listed.latest_first().find_map(index_of).map_or(0, |index| index + 1);
        let page: Vec<Value> = all[start..].iter().take(size).cloned().collect();
        let more = start + page.len() < all.len();
        Ok((page, more))
    }
}

/// Keeps only the attributes that `AttributesToGet` names.
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
            attributes
                .retain(|attribute| attribute["Name"].as_str().is_some_and(|name| wanted.contains(&name)));
        }
    }
    Ok(())
}

impl Shared {
    /// All users of a pool.
    pub async fn users(&self, caller: &Caller, pool: &str) -> Result<Vec<Value>, CallError> {
        let input = json!({"UserPoolId": pool, "Limit": MAX_PAGE_SIZE});
        self.emulator.list(caller, "ListUsers", &input, USERS.items, USERS.token).await
    }
}
