//! A snapshot is brought to another account and restored there, by the deployment of that account.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use aws_config::SdkConfig;
use aws_sdk_cognitoidentityprovider as cognito;
use aws_sdk_dynamodb as dynamodb;
use dynamodb::types::{PutRequest, WriteRequest};
use local::aws::{self, REGION, SECONDARY_REGION};
use local::provision::{self, Deployment, Options};
use local::{build, comparison, executions, people};
use serde_json::json;
use tests::operator::Operator;
use tests::{Item, World, import_input};

/// The other account. That of the world is 000000000000.
const ACCOUNT: &str = "222222222222";
const ROLE: &str = "arn:aws:iam::222222222222:role/cognito-backup-copy";

/// A second account in a world: a deployment of its own, and a pool to restore into.
struct Account<'a> {
    world: &'a World,
    deployment: Deployment,
    target: String,
}

impl<'a> Account<'a> {
    async fn beside(world: &'a World) -> Result<Self> {
        let executables = build::functions(build::Output::Quiet).await?;
        let options = Options { access_key_id: ACCOUNT.into(), ..Options::default() };
        let deployment = provision::deploy(world.stack.emulator().server(), &executables, &options).await?;
        let target = people::create_pool(&cognito::Client::new(&config(world, REGION)), "target").await?;
        Ok(Self { world, deployment, target })
    }

    fn dynamodb(&self) -> dynamodb::Client {
        dynamodb::Client::new(&config(self.world, REGION))
    }

    async fn items(&self, region: &'static str) -> Result<BTreeMap<(String, String), Item>> {
        tests::items_of(&dynamodb::Client::new(&config(self.world, region)), &self.deployment.backup_table).await
    }

    /// Restores the latest snapshot of `source`, a pool of the first account, and compares.
    async fn assert_restorable(&self, source: &str) -> Result<()> {
        let machines = aws_sdk_sfn::Client::new(&config(self.world, REGION));
        let input = import_input(source, &self.target);
        let report = executions::run(&machines, &self.deployment.import_state_machine_arn, &input).await?.success()?;
        assert_eq!(report["status"], "SUCCEEDED", "{report}");
        let there = cognito::Client::new(&config(self.world, REGION));
        let original = comparison::read(&self.world.stack.cognito(), source).await?;
        let comparison = comparison::compare(&original, &comparison::read(&there, &self.target).await?);
        assert!(comparison.is_clean() && original.users.len() == 130, "{comparison:?}");
        Ok(())
    }
}

/// The configuration for a Region of the other account.
fn config(world: &World, region: &'static str) -> SdkConfig {
    aws::config_of(ACCOUNT, &world.stack.deployment.endpoint_url, region)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_copied_to_another_account_and_restored_there() -> Result<()> {
    let world = World::new().await?;
    let other = Account::beside(&world).await?;
    let (source, population) = world.pool_of(130).await?;
    let snapshot = world.snapshot(&source).await?;
    let id = snapshot["snapshotId"].as_str().context("a snapshot has an id")?;
    // What must stay: the traces of a restore, and a lease.
    world.restore(&source, &world.empty_pool().await?).await?.success()?;

    let profiles = tempfile::NamedTempFile::new()?;
    std::fs::write(&profiles, format!("[profile other]\naws_access_key_id = {ACCOUNT}\naws_secret_access_key = x\n"))?;
    let operator = Operator::of(&world).await?.with("AWS_CONFIG_FILE", profiles.path());
    let table = &other.deployment.backup_table;
    let question = format!("copy --snapshot {id} --to-table {table}");
    let itself = operator.gets(4, &question).await?;
    assert_eq!((&itself["error"], itself.to_string().contains("to itself")), (&json!("InvalidInput"), true), "{itself}");

    let copied = operator.gets(0, &format!("{question} --assume-role {ROLE} --external-id migration")).await?;
    assert_eq!((&copied["verified"], &copied["items"]["users"]["copied"]), (&json!(true), &json!(130)), "{copied}");
    assert_eq!(copied["items"]["groups"]["copied"], population.groups.len(), "{copied}");
    let accounts = ["source", "destination"].map(|end| copied[end]["account"].as_str().unwrap_or_default().to_owned());
    assert_eq!(accounts, ["000000000000", ACCOUNT], "{copied}");

    let items = other.items(REGION).await?;
    let all = copied["items"].as_object().context("items by kind")?;
    assert_eq!(items.len() as u64, all.values().map(|tally| tally["copied"].as_u64().unwrap_or(0)).sum::<u64>());
    let here = world.items().await?;
    assert!(items.iter().all(|(key, item)| here.get(key) == Some(item)), "items are copied as they are");
    let foreign =
        |(pk, sk): &&(String, String)| pk.starts_with("RESTORE#") || sk.starts_with("LEASE#") || sk.starts_with("RESTORE#");
    assert_eq!((here.keys().filter(foreign).count() > 0, items.keys().filter(foreign).count()), (true, 0));
    assert_eq!(items, other.items(SECONDARY_REGION).await?, "the other account's second Region holds the same items");

    // Once more, with other credentials of that account, after an item was lost there: it alone is copied.
    let (lost_pk, lost_sk) = items.keys().find(|(pk, _)| pk.starts_with("USER#")).context("there are users")?;
    let text = |value: &str| dynamodb::types::AttributeValue::S(value.to_owned());
    let request = other.dynamodb().delete_item().table_name(table).key("pk", text(lost_pk)).key("sk", text(lost_sk));
    request.send().await?;
    let again = operator.gets(0, &format!("{question} --to-profile other")).await?;
    assert_eq!(again["items"]["users"], json!({"copied": 1, "alreadyThere": 129}), "{again}");
    assert_eq!((&again["items"]["pages"]["copied"], other.items(REGION).await?), (&json!(0), items));

    let shown = operator.types(&format!("copy --pool {source} --to-table {table} --assume-role {ROLE}")).await?;
    let (shown, progress) = (String::from_utf8(shown.stdout)?, String::from_utf8(shown.stderr)?);
    assert!(shown.contains("already: nothing was written") && progress.contains("checking the source"), "{shown}{progress}");
    assert!(shown.contains(&format!("cognito-backup import --pool {source} --into TARGET --snapshot {id}")), "{shown}");
    let nobody = "arn:aws:iam::222222222222:role/";
    let unassumed = operator.gets(4, &format!("copy --snapshot {id} --to-table {table} --assume-role {nobody}")).await?;
    let told = unassumed["message"].as_str().unwrap_or_default();
    assert_eq!(unassumed["error"], "AccessDenied", "{unassumed}");
    assert!(told.starts_with(&format!("Role {nobody} could not be assumed: ValidationError, ")), "{told}");
    let nowhere = operator.gets(4, &format!("copy --snapshot {id} --to-table nowhere --assume-role {ROLE}")).await?;
    assert_eq!(nowhere["error"], "TableNotFound", "{nowhere}");
    assert!(nowhere["guidance"].as_str().is_some_and(|guidance| guidance.contains("--to-table")), "{nowhere}");
    other.assert_restorable(&source).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_refuses_a_damaged_snapshot_and_leaves_the_other_account_as_it_is() -> Result<()> {
    let world = World::new().await?;
    let other = Account::beside(&world).await?;
    let (source, _) = world.pool_of(130).await?;
    world.snapshot(&source).await?;
    let keys: Vec<_> = world.items().await?.into_keys().collect();
    let user = keys.iter().find(|(pk, _)| pk.starts_with("USER#")).context("there are users")?;
    world.lose(user).await?;
    let copy = format!("copy --pool {source} --to-table {} --assume-role {ROLE}", other.deployment.backup_table);
    let refused = Operator::of(&world).await?.gets(4, &copy).await?;
    assert_eq!(refused["error"], "SnapshotDamaged", "{refused}");
    assert!(refused["message"].as_str().is_some_and(|message| message.contains(&user.0)), "{refused}");
    assert!(other.items(REGION).await?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn items_that_were_copied_by_other_means_restore_as_well() -> Result<()> {
    let world = World::new().await?;
    let other = Account::beside(&world).await?;
    let (source, _) = world.pool_of(130).await?;
    world.snapshot(&source).await?;
    // A Scan and BatchWriteItem, as any tool that copies tables does.
    let items: Vec<Item> = world.items().await?.into_values().collect();
    let client = other.dynamodb();
    for some in items.chunks(25) {
        let put = |item: &Item| {
            Ok(WriteRequest::builder().put_request(PutRequest::builder().set_item(Some(item.clone())).build()?).build())
        };
        let requests: Result<Vec<_>> = some.iter().map(put).collect();
        let written = client.batch_write_item().request_items(&other.deployment.backup_table, requests?).send().await?;
        assert!(written.unprocessed_items.unwrap_or_default().is_empty());
    }
    other.assert_restorable(&source).await
}
