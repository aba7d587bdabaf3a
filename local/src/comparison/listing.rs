//! Everything in a pool, as the referee sees it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::types::{GroupType, UserType};
use futures::stream::{self, StreamExt, TryStreamExt};

/// The largest page Cognito gives.
const PAGE: i32 = 60;

/// What a pool holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// The users, by username.
    pub users: BTreeMap<String, User>,
    /// The groups, by name.
    pub groups: BTreeMap<String, Group>,
    /// Who is in which group: (group name, username).
    pub memberships: BTreeSet<(String, String)>,
}

impl Contents {
    /// The same with the users called by what they sign in with, in a pool where that is an e-mail address or phone number: their
    /// usernames are different in every pool.
    #[must_use]
    pub fn by_address(self) -> Self {
        let address = |user: &User| {
            let value = |name: &str| user.attributes.get(name).filter(|value| !value.is_empty()).cloned();
            value("email").or_else(|| value("phone_number")).unwrap_or_default()
        };
        let names: BTreeMap<&String, String> = self.users.iter().map(|(name, user)| (name, address(user))).collect();
        let called = |name: &String| names.get(name).cloned().unwrap_or_default();
        let memberships = self.memberships.iter().map(|(group, name)| (group.clone(), called(name))).collect();
        let users = self.users.iter().map(|(name, user)| (called(name), user.clone())).collect();
        Self { users, groups: self.groups, memberships }
    }
}

/// A user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// The attributes, `sub` among them.
    pub attributes: BTreeMap<String, String>,
    /// Whether the user can sign in.
    pub enabled: bool,
    /// The status, in Cognito's words.
    pub status: String,
}

impl User {
    /// The `sub`, which stands for the user wherever a person reads.
    pub fn sub(&self) -> &str {
        self.attributes.get("sub").map_or("without sub", String::as_str)
    }
}

/// A group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// The description; empty where there is none.
    pub description: String,
    /// The precedence, where there is one. (The emulator reads 0 where there is none.)
    pub precedence: Option<i32>,
    /// The role; empty where there is none.
    pub role_arn: String,
}

/// Lists users, groups and memberships of a pool that nobody changes meanwhile.
///
/// # Errors
/// When a call fails, or a listing names the same user or group twice.
pub async fn read(client: &Client, pool: &str) -> Result<Contents> {
    let users = users(client, pool).await.with_context(|| format!("cannot list the users of {pool}"))?;
    let groups = groups(client, pool).await.with_context(|| format!("cannot list the groups of {pool}"))?;
    let memberships: Vec<BTreeSet<(String, String)>> =
        stream::iter(groups.keys().map(|group| members(client, pool, group))).buffer_unordered(4).try_collect().await?;
    Ok(Contents { users, groups, memberships: memberships.into_iter().flatten().collect() })
}

async fn users(client: &Client, pool: &str) -> Result<BTreeMap<String, User>> {
    let mut found = BTreeMap::new();
    let mut token = None;
    loop {
        let page = client.list_users().user_pool_id(pool).limit(PAGE).set_pagination_token(token).send().await?;
        for user in page.users.unwrap_or_default() {
            let (name, user) = user_of(user)?;
            let sub = user.sub().to_owned();
            ensure!(found.insert(name, user).is_none(), "the user {sub} is listed twice");
        }
        token = page.pagination_token;
        if token.is_none() {
            return Ok(found);
        }
    }
}

fn user_of(user: UserType) -> Result<(String, User)> {
    let attributes = user.attributes.unwrap_or_default().into_iter();
    let status = user.user_status.map(|status| status.as_str().to_owned());
    Ok((
        user.username.context("a user has no username")?,
        User {
            attributes: attributes.map(|attribute| (attribute.name, attribute.value.unwrap_or_default())).collect(),
            enabled: user.enabled,
            status: status.unwrap_or_default(),
        },
    ))
}

async fn groups(client: &Client, pool: &str) -> Result<BTreeMap<String, Group>> {
    let mut found = BTreeMap::new();
    let mut token = None;
    loop {
        let page = client.list_groups().user_pool_id(pool).limit(PAGE).set_next_token(token).send().await?;
        for group in page.groups.unwrap_or_default() {
            let name = group.group_name.clone().context("a group has no name")?;
            ensure!(found.insert(name.clone(), group_of(group)).is_none(), "the group {name} is listed twice");
        }
        token = page.next_token;
        if token.is_none() {
            return Ok(found);
        }
    }
}

fn group_of(group: GroupType) -> Group {
    Group {
        description: group.description.unwrap_or_default(),
        precedence: group.precedence,
        role_arn: group.role_arn.unwrap_or_default(),
    }
}

async fn members(client: &Client, pool: &str, group: &str) -> Result<BTreeSet<(String, String)>> {
    let mut found = BTreeSet::new();
    let mut token = None;
    loop {
        let page = client.list_users_in_group().user_pool_id(pool).group_name(group).limit(PAGE);
        let page = page.set_next_token(token).send().await;
        let page = page.with_context(|| format!("cannot list the members of {group} in {pool}"))?;
        for user in page.users.unwrap_or_default() {
            found.insert((group.to_owned(), user.username.context("a member has no username")?));
        }
        token = page.next_token;
        if token.is_none() {
            return Ok(found);
        }
    }
}
