//! Creates a population in a pool.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::types::{AttributeType, MessageActionType};
use futures::stream::{self, TryStreamExt};

use super::{Group, Population, User};

/// The maximum number of users that are created at the same time. The emulator handles one call at a time,
/// so a larger number makes nothing faster.
const MAX_IN_FLIGHT: usize = 16;
/// The password of all users. It satisfies the policy of [`create_pool`](super::create_pool).
const PASSWORD: &str = "Correct-Horse-7-Battery";

/// The number of users that [`Population::fill`] has created so far. It can be read while `fill` runs.
#[derive(Debug, Default)]
pub struct FillProgress(AtomicUsize);

impl FillProgress {
    /// The number of users that are complete in the pool.
    pub fn users(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Population {
    /// Creates the groups and users in an empty pool as fast as possible. Cognito sends no message.
    ///
    /// # Errors
    /// The error of the first call that fails after the SDK's retries.
    pub async fn fill(&self, client: &Client, pool: &str, progress: &FillProgress) -> Result<()> {
        for group in &self.groups {
            create_group(client, pool, group).await?;
        }
        stream::iter(self.users.iter().enumerate().map(Ok))
            .try_for_each_concurrent(MAX_IN_FLIGHT, |(number, user)| async move {
                create_user(client, pool, user)
                    .await
                    .with_context(|| format!("cannot create user {number}"))?;
                progress.0.fetch_add(1, Ordering::Relaxed);
                anyhow::Ok(())
            })
            .await
    }
}

async fn create_group(client: &Client, pool: &str, group: &Group) -> Result<()> {
    client
        .create_group()
        .user_pool_id(pool)
        .group_name(&group.name)
        .set_description(group.description.clone())
        .set_precedence(group.precedence)
        .set_role_arn(group.role_arn.clone())
        .send()
        .await
        .with_context(|| format!("cannot create the group {}", group.name))?;
    Ok(())
}

async fn create_user(client: &Client, pool: &str, user: &User) -> Result<()> {
    let attributes = user
        .attributes
        .iter()
        .map(|(name, value)| AttributeType::builder().name(name).value(value).build())
        .map(|attribute| attribute.context("an attribute has no name"));
    let created = client
        .admin_create_user()
        .user_pool_id(pool)
        .username(&user.username)
        .set_user_attributes(Some(attributes.collect::<Result<_>>()?))
        .message_action(MessageActionType::Suppress)
        .temporary_password(PASSWORD)
        .send()
        .await;
    if let Err(error) = created {
        // If the reply to the first attempt was lost, the SDK's retry finds the user that the first attempt
        // created.
        let exists = error.as_service_error().is_some_and(|error| error.is_username_exists_exception());
        if !exists {
            return Err(error).context("AdminCreateUser failed");
        }
    }
    if user.confirmed {
        let password = client.admin_set_user_password().user_pool_id(pool).username(&user.username);
        password.password(PASSWORD).permanent(true).send().await.context("AdminSetUserPassword failed")?;
    }
    if !user.enabled {
        client.admin_disable_user().user_pool_id(pool).username(&user.username).send().await?;
    }
    for group in &user.groups {
        let add = client.admin_add_user_to_group().user_pool_id(pool).username(&user.username);
        add.group_name(group).send().await.context("AdminAddUserToGroup failed")?;
    }
    Ok(())
}
