//! The contents of a pool: its users, groups and memberships, read for a comparison.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::types::{GroupType, UserType};
use futures::stream::{self, StreamExt, TryStreamExt};

/// The maximum page size of Cognito.
const PAGE_SIZE: i32 = 60;

/// The contents of a pool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// The users, by username.
    pub users: BTreeMap<String, User>,
    /// The groups, by name.
    pub groups: BTreeMap<String, Group>,
    /// The memberships, as pairs of group name and username.
    pub memberships: BTreeSet<(String, String)>,
}

impl Contents {
    /// Replaces the usernames by the users' e-mail addresses or phone numbers. If users sign in with these,
    /// their usernames differ in every pool.
    #[must_use]
    pub fn keyed_by_address(self) -> Self {
        let address = |user: &User| {
            let value = |name: &str| user.attributes.get(name).filter(|value| !value.is_empty()).cloned();
            value("email").or_else(|| value("phone_number")).unwrap_or_default()
        };
        let addresses: BTreeMap<&String, String> =
            self.users.iter().map(|(name, user)| (name, address(user))).collect();
        let address_of = |name: &String| addresses.get(name).cloned().unwrap_or_default();
        let memberships =
            self.memberships.iter().map(|(group, name)| (group.clone(), address_of(name))).collect();
        let users = self.users.iter().map(|(name, user)| (address_of(name), user.clone())).collect();
        Self { users, groups: self.groups, memberships }
    }
}

/// A user of a pool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// All attributes, `sub` included.
    pub attributes: BTreeMap<String, String>,
    pub enabled: bool,
    /// `UserStatus` of the API, such as `CONFIRMED`.
    pub status: String,
}

impl User {
    /// The `sub`. It is the only name of a user that reports may show.
    pub fn sub(&self) -> &str {
        self.attributes.get("sub").map_or("without sub", String::as_str)
    }
}

/// A group of a pool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// The description. Empty if the group has none.
    pub description: String,
    /// The precedence, if the group has one. The emulator returns 0 for a group without one.
    pub precedence: Option<i32>,
    /// The IAM role. Empty if the group has none.
    pub role_arn: String,
}

/// Lists the users, groups and memberships of a pool. No client may change the pool at the same time.
///
/// # Errors
/// If a call fails, or if a listing names a user or group twice.
pub async fn read(client: &Client, pool: &str) -> Result<Contents> {
    let users = users(client, pool).await.with_context(|| format!("cannot list the users of {pool}"))?;
    let groups = groups(client, pool).await.with_context(|| format!("cannot list the groups of {pool}"))?;
    let memberships: Vec<BTreeSet<(String, String)>> =
        stream::iter(groups.keys().map(|group| members(client, pool, group)))
            .buffer_unordered(4)
            .try_collect()
            .await?;
    Ok(Contents { users, groups, memberships: memberships.into_iter().flatten().collect() })
}

async fn users(client: &Client, pool: &str) -> Result<BTreeMap<String, User>> {
    let mut found = BTreeMap::new();
    let mut token = None;
    loop {
        let page = client
            .list_users()
            .user_pool_id(pool)
            .limit(PAGE_SIZE)
            .set_pagination_token(token)
            .send()
            .await?;
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
            attributes: attributes
                .map(|attribute| (attribute.name, attribute.value.unwrap_or_default()))
                .collect(),
            enabled: user.enabled,
            status: status.unwrap_or_default(),
        },
    ))
}

async fn groups(client: &Client, pool: &str) -> Result<BTreeMap<String, Group>> {
    let mut found = BTreeMap::new();
    let mut token = None;
    loop {
        let page =
            client.list_groups().user_pool_id(pool).limit(PAGE_SIZE).set_next_token(token).send().await?;
        for group in page.groups.unwrap_or_default() {
            let name = group.group_name.clone().context("a group has no name")?;
            ensure!(
                found.insert(name.clone(), group_of(group)).is_none(),
                "the group {name} is listed twice"
            );
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
        let page = client.list_users_in_group().user_pool_id(pool).group_name(group).limit(PAGE_SIZE);
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
