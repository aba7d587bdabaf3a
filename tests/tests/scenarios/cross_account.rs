//! Goal: a snapshot that was copied to another account is restored there, by the deployment of that
//! account.
//!
//! Method: deploy to two accounts of one emulator. Copy a snapshot with the command line, from either
//! account, by the state machine of the other account, or item by item. Import it in the other account, and compare the pools. The emulator lets
//! everyone assume every role.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use aws_config::SdkConfig;
use aws_sdk_cognitoidentityprovider as cognito;
use aws_sdk_dynamodb as dynamodb;
use dynamodb::types::{PutRequest, WriteRequest};
use local::aws::{self, REGION, SECONDARY_REGION};
use local::provision::{self, Deployment, Options};
use local::{build, comparison, executions, population};
use serde_json::json;
use tests::operator::Operator;
use tests::{Item, World, import_input, without_leases};

/// The other account. The account of the world is 000000000000.
const ACCOUNT: &str = "222222222222";
const ROLE: &str = "arn:aws:iam::222222222222:role/cognito-backup-copy";

/// The reader role of the first account.
const READER: &str = "arn:aws:iam::000000000000:role/cognito-backup-reader";

/// The other account in the emulator of a world, with its own deployment and a target pool.
struct OtherAccount<'a> {
    world: &'a World,
    deployment: Deployment,
    target: String,
}

impl<'a> OtherAccount<'a> {
    async fn deploy(world: &'a World) -> Result<Self> {
        let executables = build::functions(build::Output::Quiet).await?;
        let table = format!("arn:aws:dynamodb:{REGION}:000000000000:table/{}", provision::BACKUP_TABLE);
        let variables = [("COPY_SOURCE_TABLE_ARN", table.as_str()), ("COPY_SOURCE_ROLE_ARN", READER)];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let options = Options { access_key_id: ACCOUNT.into(), variables, ..Options::default() };
        let deployment = provision::deploy(world.stack.emulator().server(), &executables, &options).await?;
        let target = population::create_pool(&cognito::Client::new(&config(world, REGION)), "target").await?;
        Ok(Self { world, deployment, target })
    }

    fn dynamodb(&self) -> dynamodb::Client {
        dynamodb::Client::new(&config(self.world, REGION))
    }

    /// All items of the table except leases. A copy takes the lease of exports.
    async fn items(&self, region: &'static str) -> Result<BTreeMap<(String, String), Item>> {
        let client = dynamodb::Client::new(&config(self.world, region));
        Ok(without_leases(tests::items_of(&client, &self.deployment.backup_table).await?))
    }

    /// Restores the latest snapshot of `source`, a pool of the first account, and compares both pools.
    async fn assert_restorable(&self, source: &str) -> Result<()> {
        let sfn = aws_sdk_sfn::Client::new(&config(self.world, REGION));
        let input = import_input(source, &self.target);
        let report =
            executions::run(&sfn, &self.deployment.import_state_machine_arn, &input).await?.success()?;
        assert_eq!(report["status"], "SUCCEEDED", "{report}");
        let client = cognito::Client::new(&config(self.world, REGION));
        let original = comparison::read(&self.world.stack.cognito(), source).await?;
        let comparison = comparison::compare(&original, &comparison::read(&client, &self.target).await?);
        assert!(comparison.is_clean() && original.users.len() == 130, "{comparison:?}");
        Ok(())
    }
}

/// The SDK configuration for the other account.
fn config(world: &World, region: &'static str) -> SdkConfig {
    aws::config_of(ACCOUNT, &world.stack.deployment.endpoint_url, region)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_copied_to_another_account_and_restored_there() -> Result<()> {
    let world = World::new().await?;
    let other = OtherAccount::deploy(&world).await?;
    let (source, population) = world.filled_pool(130).await?;
    let snapshot = world.take_snapshot(&source).await?;
    let id = snapshot["snapshotId"].as_str().context("the report has no snapshot id")?;
    // A copy must contain neither the items of a restore nor a lease.
    world.restore(&source, &world.empty_pool().await?).await?.success()?;

    let profiles = tempfile::NamedTempFile::new()?;
    std::fs::write(
        &profiles,
        format!("[profile other]\naws_access_key_id = {ACCOUNT}\naws_secret_access_key = x\n"),
    )?;
    let operator = Operator::new(&world).await?.with_variable("AWS_CONFIG_FILE", profiles.path());
    let table = &other.deployment.backup_table;
    let copy = format!("copy --snapshot {id} --to-table {table}");
    let refused = operator.run_json(4, &copy).await?;
    assert_eq!(refused["error"], "InvalidInput", "{refused}");
    assert!(refused.to_string().contains("to itself"), "{refused}");

    let copied =
        operator.run_json(0, &format!("{copy} --assume-role {ROLE} --external-id migration")).await?;
    assert_eq!(
        (&copied["verified"], &copied["items"]["users"]["copied"]),
        (&json!(true), &json!(130)),
        "{copied}"
    );
    assert_eq!(copied["items"]["groups"]["copied"], population.groups.len(), "{copied}");
    let accounts =
        ["source", "destination"].map(|end| copied[end]["account"].as_str().unwrap_or_default().to_owned());
    assert_eq!(accounts, ["000000000000", ACCOUNT], "{copied}");

    let items = other.items(REGION).await?;
    let by_kind = copied["items"].as_object().context("the report has no items by kind")?;
    assert_eq!(items.len() as u64, by_kind.values().filter_map(|kind| kind["copied"].as_u64()).sum::<u64>());
    let originals = world.items().await?;
    assert!(items.iter().all(|(key, item)| originals.get(key) == Some(item)), "a copied item is unchanged");
    let is_excluded = |(pk, sk): &&(String, String)| {
        pk.starts_with("RESTORE#") || sk.starts_with("LEASE#") || sk.starts_with("RESTORE#")
    };
    assert!(originals.keys().filter(is_excluded).count() > 0);
    assert_eq!(items.keys().filter(is_excluded).count(), 0);
    assert_eq!(
        items,
        other.items(SECONDARY_REGION).await?,
        "the other account's second Region holds the same items"
    );

    // Delete an item in the other account. The next copy, with other credentials, copies only this item.
    let (pk, sk) =
        items.keys().find(|(pk, _)| pk.starts_with("USER#")).context("the copy has no user record")?;
    let text = |value: &str| dynamodb::types::AttributeValue::S(value.to_owned());
    let request = other.dynamodb().delete_item().table_name(table).key("pk", text(pk)).key("sk", text(sk));
    request.send().await?;
    let again = operator.run_json(0, &format!("{copy} --to-profile other")).await?;
    assert_eq!(again["items"]["users"], json!({"copied": 1, "alreadyThere": 129}), "{again}");
    assert_eq!((&again["items"]["pages"]["copied"], other.items(REGION).await?), (&json!(0), items));

    let output =
        operator.run(&format!("copy --pool {source} --to-table {table} --assume-role {ROLE}")).await?;
    let (stdout, stderr) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
    assert!(
        stdout.contains("already: nothing was written") && stderr.contains("checking the source"),
        "{stdout}{stderr}"
    );
    assert!(
        stdout.contains(&format!("cognito-backup import --pool {source} --into TARGET --snapshot {id}")),
        "{stdout}"
    );
    let no_role = "arn:aws:iam::222222222222:role/";
    let refused = operator.run_json(4, &format!("{copy} --assume-role {no_role}")).await?;
    let message = refused["message"].as_str().unwrap_or_default();
    assert_eq!(refused["error"], "AccessDenied", "{refused}");
    assert!(
        message.starts_with(&format!("The command could not assume role {no_role}: ValidationError, ")),
        "{message}"
    );
    let no_table = format!("copy --snapshot {id} --to-table unknown --assume-role {ROLE}");
    let refused = operator.run_json(4, &no_table).await?;
    assert_eq!(refused["error"], "TableNotFound", "{refused}");
    assert!(
        refused["guidance"].as_str().is_some_and(|guidance| guidance.contains("--to-table")),
        "{refused}"
    );
    other.assert_restorable(&source).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_account_copies_with_a_role_of_the_source_and_imports_with_the_name_of_its_table()
-> Result<()> {
    let world = World::new().await?;
    let other = OtherAccount::deploy(&world).await?;
    let (source, _) = world.filled_pool(130).await?;
    world.take_snapshot(&source).await?;
    // Nothing but the table, which has the default name, says which deployment it is.
    let operator = async |account: &'static str| {
        let operator = Operator::new(&world).await?.with_variable("AWS_ACCESS_KEY_ID", account);
        let variables = ["EXPORT_STATE_MACHINE_ARN", "IMPORT_STATE_MACHINE_ARN"];
        anyhow::Ok(variables.into_iter().fold(operator, |operator, name| operator.with_variable(name, "")))
    };
    let own = operator(ACCOUNT).await?;
    let (table, target) = (&other.deployment.backup_table, &other.target);
    let copy = format!("copy --pool {source} --to-table {table}");
    let refused = own.run_json(4, &copy).await?;
    assert!(refused["guidance"].as_str().is_some_and(|words| words.contains("--from-role")), "{refused}");

    let from = format!("--from-role {READER} --from-external-id migration");
    let copied = own.run_json(0, &format!("{copy} {from}")).await?;
    let accounts =
        ["source", "destination"].map(|end| copied[end]["account"].as_str().unwrap_or_default().to_owned());
    assert_eq!(accounts, ["000000000000", ACCOUNT], "{copied}");
    assert_eq!(copied["items"]["users"], json!({"copied": 130, "alreadyThere": 0}), "{copied}");
    // An operator of a third account needs a role at each end.
    let third = operator("333333333333").await?;
    let again = third.run_json(0, &format!("{copy} {from} --assume-role {ROLE}")).await?;
    assert_eq!(again["items"]["users"], json!({"copied": 0, "alreadyThere": 130}), "{again}");

    let imported = own.run_json(0, &format!("import --pool {source} --into {target} --tps 100")).await?;
    let prefix = format!("arn:aws:states:{REGION}:{ACCOUNT}:execution:{table}-import:");
    let execution = imported["executionArn"].as_str().context("the answer has no execution")?;
    assert!(execution.starts_with(&prefix), "{imported}");
    let status = own.run_json(0, "status").await?;
    assert_eq!(status["executions"][0]["executionArn"], execution, "{status}");
    let missing = own.run_json(4, &format!("export --pool {target} --region {SECONDARY_REGION}")).await?;
    let arn = format!("arn:aws:states:{SECONDARY_REGION}:{ACCOUNT}:stateMachine:{table}-export");
    assert_eq!(
        (&missing["error"], &missing["message"]),
        (&json!("InvalidConfiguration"), &json!(format!("There is no state machine {arn}."))),
        "{missing}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_damaged_snapshot_is_refused_and_writes_no_item() -> Result<()> {
    let world = World::new().await?;
    let other = OtherAccount::deploy(&world).await?;
    let (source, _) = world.filled_pool(130).await?;
    world.take_snapshot(&source).await?;
    let keys: Vec<_> = world.items().await?.into_keys().collect();
    let record =
        keys.iter().find(|(pk, _)| pk.starts_with("USER#")).context("the snapshot has no user record")?;
    world.delete_item(record).await?;
    let copy =
        format!("copy --pool {source} --to-table {} --assume-role {ROLE}", other.deployment.backup_table);
    let refused = Operator::new(&world).await?.run_json(4, &copy).await?;
    assert_eq!(refused["error"], "SnapshotDamaged", "{refused}");
    assert!(refused["message"].as_str().is_some_and(|message| message.contains(&record.0)), "{refused}");
    assert!(other.items(REGION).await?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_restored_from_items_that_another_tool_copied() -> Result<()> {
    let world = World::new().await?;
    let other = OtherAccount::deploy(&world).await?;
    let (source, _) = world.filled_pool(130).await?;
    world.take_snapshot(&source).await?;
    // Copy the items with Scan and BatchWriteItem, as other tools do.
    let items: Vec<Item> = world.items().await?.into_values().collect();
    let client = other.dynamodb();
    for batch in items.chunks(25) {
        let put = |item: &Item| {
            Ok(WriteRequest::builder()
                .put_request(PutRequest::builder().set_item(Some(item.clone())).build()?)
                .build())
        };
        let requests: Result<Vec<_>> = batch.iter().map(put).collect();
        let written =
            client.batch_write_item().request_items(&other.deployment.backup_table, requests?).send().await?;
        assert!(written.unprocessed_items.unwrap_or_default().is_empty());
    }
    other.assert_restorable(&source).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deployment_of_the_other_account_copies_each_new_snapshot() -> Result<()> {
    let world = World::new().await?;
    let other = OtherAccount::deploy(&world).await?;
    let (source, _) = world.filled_pool(130).await?;
    let sfn = aws_sdk_sfn::Client::new(&config(&world, REGION));
    let input = json!({"userPoolIds": [source]});
    let copy = async || executions::run(&sfn, &other.deployment.copy_state_machine_arn, &input).await;

    let mut items = other.items(REGION).await?;
    assert!(items.is_empty());
    for _ in 0..2 {
        let snapshot = world.take_snapshot(&source).await?;
        let copies = copy().await?.success()?;
        let report = &copies["copies"][0];
        assert_eq!((&report["status"], &report["snapshots"]), (&json!("COPIED"), &json!(1)), "{copies}");
        assert_eq!(report["newest"], snapshot["snapshotId"], "{copies}");
        let after = other.items(REGION).await?;
        assert_eq!(report["written"]["items"], after.len() - items.len(), "{copies}");
        items = after;
    }
    let originals = world.items().await?;
    assert!(items.iter().all(|(key, item)| originals.get(key) == Some(item)), "a copied item is unchanged");
    assert_eq!(items, other.items(SECONDARY_REGION).await?);
    let copies = copy().await?.success()?;
    let report = &copies["copies"][0];
    assert_eq!((&report["status"], &report["snapshots"]), (&json!("COPIED"), &json!(0)), "{copies}");
    other.assert_restorable(&source).await?;

    // A damaged snapshot fails the execution, and nothing of it is visible.
    let bad = world.take_snapshot(&source).await?;
    let bad = format!("SNAP#{}", bad["snapshotId"].as_str().context("the report has no snapshot id")?);
    let page = world.items().await?.into_keys().find(|(pk, sk)| *pk == bad && sk.starts_with("PAGES#users"));
    world.delete_item(&page.context("the snapshot has no page of users")?).await?;
    let outcome = copy().await?;
    assert_eq!(outcome.error.as_deref(), Some("CopiesFailed"), "{outcome:?}");
    let headers = other.items(REGION).await?.into_keys().filter(|(_, sk)| sk.starts_with("SNAP#"));
    assert_eq!(headers.count(), 2, "only the sound snapshots are visible");
    Ok(())
}
