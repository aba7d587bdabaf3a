//! The backup table and its replica.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, CreateReplicationGroupMemberAction, KeySchemaElement, KeyType,
    ReplicationGroupUpdate, ScalarAttributeType, StreamSpecification, StreamViewType, TableStatus,
    TimeToLiveSpecification,
};

use crate::aws::{self, REGION, SECONDARY_REGION};

/// The name of the backup table.
pub const BACKUP_TABLE: &str = "cognito-backup";

/// The attribute that says when an item expires. Its name stands in `cdk/`, too.
const TTL_ATTRIBUTE: &str = "expiresAt";

/// Creates the table in the first Region and its replica in the second, and waits until both can be used.
pub(super) async fn create(access_key_id: &str, endpoint_url: &str) -> Result<()> {
    let primary = Client::new(&aws::config_of(access_key_id, endpoint_url, REGION));
    let stream =
        StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewAndOldImages);
    primary
        .create_table()
        .table_name(BACKUP_TABLE)
        .attribute_definitions(attribute("pk")?)
        .attribute_definitions(attribute("sk")?)
        .key_schema(key("pk", KeyType::Hash)?)
        .key_schema(key("sk", KeyType::Range)?)
        .billing_mode(BillingMode::PayPerRequest)
        .stream_specification(stream.build()?)
        .send()
        .await?;
    wait_until_active(&primary).await?;
    let expiry = TimeToLiveSpecification::builder().attribute_name(TTL_ATTRIBUTE).enabled(true).build()?;
    primary.update_time_to_live().table_name(BACKUP_TABLE).time_to_live_specification(expiry).send().await?;
    replicate(access_key_id, endpoint_url).await
}

/// Adds the replica in the second Region to the table in the first, and waits until both can be used. The
/// emulator's CloudFormation ignores the replicas of a table, so a deployment with it needs this call.
///
/// # Errors
/// If there is no table, or if it has a replica already.
pub async fn replicate(access_key_id: &str, endpoint_url: &str) -> Result<()> {
    let primary = Client::new(&aws::config_of(access_key_id, endpoint_url, REGION));
    let replica = CreateReplicationGroupMemberAction::builder().region_name(SECONDARY_REGION).build()?;
    primary
        .update_table()
        .table_name(BACKUP_TABLE)
        .replica_updates(ReplicationGroupUpdate::builder().create(replica).build())
        .send()
        .await
        .context("cannot add the replica")?;
    wait_until_active(&Client::new(&aws::config_of(access_key_id, endpoint_url, SECONDARY_REGION))).await
}

fn attribute(name: &str) -> Result<AttributeDefinition> {
    Ok(AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build()?)
}

fn key(name: &str, key_type: KeyType) -> Result<KeySchemaElement> {
    Ok(KeySchemaElement::builder().attribute_name(name).key_type(key_type).build()?)
}

async fn wait_until_active(client: &Client) -> Result<()> {
    for _ in 0..100 {
        let described = client.describe_table().table_name(BACKUP_TABLE).send().await;
        let is_missing = described
            .as_ref()
            .err()
            .and_then(|error| error.as_service_error())
            .is_some_and(|error| error.is_resource_not_found_exception());
        if !is_missing && described?.table.and_then(|table| table.table_status) == Some(TableStatus::Active) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the table is not active after 10 seconds")
}
