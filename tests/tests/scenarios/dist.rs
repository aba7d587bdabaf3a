//! Goal: the templates of a release deploy without the CDK, and what they deploy exports and imports.
//!
//! Method: pack the functions that the tests built, and make the templates for them. Put both into a bucket of each Region,
//! and create the stacks in the order of the guide. Then protect the table and change a parameter. The alarms are not
//! deployed: the local AWS refuses those that compute a value from several metrics.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use aws_sdk_cognitoidentityprovider as cognito;
use aws_sdk_lambda as lambda;
use aws_sdk_sfn as sfn;
use local::aws::{self, REGION, SECONDARY_REGION};
use local::population::{self, FillProgress};
use local::templates::{self, Region, Stack, TEMPLATES};
use local::{build, comparison, executions, provision};
use serde_json::{Value, json};
use tests::deployed::{EmptyAws, TAG, is_cdk_installed, notice_without_cdk, pool_arn, removals};
use tests::import_input;

/// Where the release is in the bucket of each Region.
const PREFIX: &str = "v1/";

#[tokio::test(flavor = "multi_thread")]
async fn the_templates_of_a_release_deploy_without_the_cdk_and_export_a_pool() -> Result<()> {
    if !is_cdk_installed() {
        return Ok(notice_without_cdk()?);
    }
    let aws = EmptyAws::start().await?;
    let endpoint = aws.endpoint_url();
    let config = aws::config(&endpoint, REGION);
    let (cognito, sfn) = (cognito::Client::new(&config), sfn::Client::new(&config));
    let source = population::create_pool(&cognito, "source").await?;
    population::generate(130, 7).fill(&cognito, &source, &FillProgress::default()).await?;

    let release = Release::upload(&endpoint).await?;
    let never = "2099-01-01T00:00:00Z";
    let mut parameters = vec![
        ("UserPool1", source.as_str()),
        ("SecondaryRegion", SECONDARY_REGION),
        ("CognitoTPS", "200"),
        ("SnapshotRetention", "days=35,monthly=12"),
        ("FirstExport", never),
        ("ArtifactPrefix", PREFIX),
        ("Protected", "OFF"),
    ];
    let key = release.deploy(SECONDARY_REGION, "secondary-key", &parameters).await?;
    // The local AWS does not read the outputs of stacks in other Regions.
    parameters.push(("ReplicaKeyArn", key.output("ReplicaKeyArn")?));
    release.deploy(REGION, "storage", &parameters).await?;
    provision::replicate(aws::ACCESS_KEY_ID, &endpoint).await.context("cannot add the replica")?;
    let runs = release.deploy(REGION, "runs", &parameters).await?;
    let secondary = release.deploy(SECONDARY_REGION, "secondary", &parameters).await?;
    secondary.output("ImportStateMachineArn")?;

    let machine = runs.output("ExportStateMachineArn")?;
    let report = executions::run(&sfn, machine, &json!({"userPoolId": source})).await?.success()?;
    assert_eq!((&report["status"], &report["notified"]), (&json!("SEALED"), &json!(true)), "{report}");
    // The rule of the template starts it. Without waits, the next export would not wait for its end.
    let removal = removals(&sfn, 1).await?.remove(0).success()?;
    assert_eq!((&removal["status"], &removal["snapshotId"]), (&json!("APPLIED"), &report["snapshotId"]));
    let scheduled = runs.output("ScheduledExportsStateMachineArn")?;
    let statuses = executions::run(&sfn, scheduled, &json!({"userPoolIds": [source]})).await?.success()?;
    assert_eq!(statuses, json!(["SEALED"]));

    let target = population::create_pool(&cognito, "target").await?;
    let importing = runs.output("ImportStateMachineArn")?;
    cognito.tag_resource().resource_arn(pool_arn(&target)).tags(TAG, "target").send().await?;
    let report = executions::run(&sfn, importing, &import_input(&source, &target)).await?.success()?;
    assert_eq!(report["status"], "SUCCEEDED", "{report}");
    let original = comparison::read(&cognito, &source).await?;
    let compared = comparison::compare(&original, &comparison::read(&cognito, &target).await?);
    assert!(compared.is_clean() && original.users.len() == 130, "{compared:?}");

    // The last step of the guide. The local AWS ignores the replicas of a template, and with them the protection.
    let with = |change: (&'static str, &'static str)| -> Vec<(&str, &str)> {
        parameters.iter().copied().filter(|(name, _)| *name != change.0).chain([change]).collect()
    };
    release.deploy(REGION, "storage", &with(("Protected", "ON"))).await?;
    // A change of a parameter that the functions have.
    release.deploy(REGION, "runs", &with(("CognitoTPS", "100"))).await?;
    let lambda = lambda::Client::new(&config);
    let function = "cognito-backup-export-page";
    let listed = lambda.list_versions_by_function().function_name(function).send().await?;
    // The two published ones, and the code that is not published.
    assert_eq!(listed.versions().len(), 3, "{listed:?}");
    Ok(())
}

/// A release in the buckets of the local AWS.
struct Release<'a> {
    endpoint_url: &'a str,
    /// The parameters that each template declares, by the name of the template.
    declared: BTreeMap<String, Vec<String>>,
}

impl<'a> Release<'a> {
    /// Packs the functions, makes the templates, and puts all into the buckets.
    async fn upload(endpoint_url: &'a str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut files = Vec::new();
        for (name, program) in build::functions(build::Output::Quiet).await?.named() {
            let file = format!("{name}-0123456789abcdef.zip");
            let archive = build::package(program)?;
            std::fs::write(folder.path().join(&file), &archive)?;
            files.push((file, archive));
        }
        templates::make(folder.path(), "x86_64")?;
        let mut declared = BTreeMap::new();
        for entry in std::fs::read_dir(folder.path().join(TEMPLATES))? {
            let path = entry?.path();
            let text = std::fs::read(&path)?;
            let (name, file) = (stem(&path)?, path.file_name().context("no name")?.to_string_lossy());
            declared.insert(name, parameters_of(&serde_json::from_slice(&text)?));
            files.push((format!("{TEMPLATES}/{file}"), text));
        }
        for name in [REGION, SECONDARY_REGION] {
            let region = Region::new(endpoint_url, name)?;
            region.create_bucket(&bucket(name)).await?;
            for (file, content) in &files {
                region.put_object(&bucket(name), &format!("{PREFIX}{file}"), content.clone()).await?;
            }
        }
        Ok(Self { endpoint_url, declared })
    }

    /// Creates or updates the stack of a template.
    async fn deploy(&self, region: &str, template: &str, parameters: &[(&str, &str)]) -> Result<Stack> {
        let stack = if template == "storage" {
            "cognito-backup".to_owned()
        } else {
            format!("cognito-backup-{template}")
        };
        let bucket = bucket(region);
        let path = format!("{bucket}/{PREFIX}{TEMPLATES}/{template}.template.json");
        let declared = self.declared.get(template).with_context(|| format!("no template {template}"))?;
        let parameters = [parameters, &[("ArtifactBucket", bucket.as_str())]].concat();
        Region::new(self.endpoint_url, region)?.deploy(&stack, &path, declared, &parameters).await
    }
}

/// The bucket of a Region. Lambda reads archives from its own Region only.
fn bucket(region: &str) -> String {
    format!("release-{region}")
}

/// The name of a template in a file.
fn stem(path: &Path) -> Result<String> {
    let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.split('.').next());
    name.map(str::to_owned).with_context(|| format!("{} has no name", path.display()))
}

fn parameters_of(template: &Value) -> Vec<String> {
    template["Parameters"].as_object().map(|declared| declared.keys().cloned().collect()).unwrap_or_default()
}
