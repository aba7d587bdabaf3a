//! Puts the people into a pool.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::types::{AttributeType, MessageActionType};
use futures::stream::{self, TryStreamExt};

use super::{Group, Person, Population};

/// Calls in flight. The emulator works on one at a time; more than this only makes them wait there.
const IN_FLIGHT: usize = 16;
/// Everybody's password. It satisfies the policy of [`create_pool`](super::create_pool) and guards nothing.
const PASSWORD: &str = "Correct-Horse-7-Battery";

/// How many people are in the pool by now; may be read while [`Population::fill`] runs.
#[derive(Debug, Default)]
pub struct Progress(AtomicUsize);

impl Progress {
    /// People who are in the pool, complete.
    pub fn done(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Population {
    /// Creates the groups and the people in an empty pool, as fast as it can take them. No message is sent to anybody.
    ///
    /// # Errors
    /// The first call that fails, retries included.
    pub async fn fill(&self, client: &Client, pool: &str, progress: &Progress) -> Result<()> {
        for group in &self.groups {
            create_group(client, pool, group).await?;
        }
        stream::iter(self.people.iter().enumerate().map(Ok))
            .try_for_each_concurrent(IN_FLIGHT, |(number, person)| async move {
                create_person(client, pool, person).await.with_context(|| format!("cannot create person {number}"))?;
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

async fn create_person(client: &Client, pool: &str, person: &Person) -> Result<()> {
    let attributes = person
        .attributes
        .iter()
        .map(|(name, value)| AttributeType::builder().name(name).value(value).build().context("an attribute has no name"));
    let created = client
        .admin_create_user()
        .user_pool_id(pool)
        .username(&person.username)
        .set_user_attributes(Some(attributes.collect::<Result<_>>()?))
        .message_action(MessageActionType::Suppress)
        .temporary_password(PASSWORD)
        .send()
        .await;
    if let Err(error) = created {
        // The SDK retries by itself; a first attempt whose reply was lost leaves the user behind, as wanted.
        let exists = error.as_service_error().is_some_and(|error| error.is_username_exists_exception());
        if !exists {
            return Err(error).context("AdminCreateUser failed");
        }
    }
    if person.confirmed {
        let password = client.admin_set_user_password().user_pool_id(pool).username(&person.username);
        password.password(PASSWORD).permanent(true).send().await.context("AdminSetUserPassword failed")?;
    }
    if !person.enabled {
        client.admin_disable_user().user_pool_id(pool).username(&person.username).send().await?;
    }
    for group in &person.groups {
        let add = client.admin_add_user_to_group().user_pool_id(pool).username(&person.username);
        add.group_name(group).send().await.context("AdminAddUserToGroup failed")?;
    }
    Ok(())
}
