//! Goal: an operator repeats a first deployment that failed, and it succeeds.
//!
//! Method: deploy to a local AWS with a resource that cannot be created, in one stack after the other. Then
//! deploy without it, and export.

use anyhow::Result;
use aws_sdk_cognitoidentityprovider as cognito;
use aws_sdk_dynamodb as dynamodb;
use aws_sdk_sfn as sfn;
use local::aws::{self, REGION, SECONDARY_REGION};
use local::executions;
use local::population::{self, FillProgress};
use serde_json::json;
use tests::deployed::{EmptyAws, is_cdk_installed, notice_without_cdk};

#[tokio::test(flavor = "multi_thread")]
async fn a_first_deployment_that_failed_can_be_repeated() -> Result<()> {
    if !is_cdk_installed() {
        return Ok(notice_without_cdk()?);
    }
    let aws = EmptyAws::start().await?;
    let config = aws::config(&aws.endpoint_url(), REGION);
    let tables = dynamodb::Client::new(&config);
    let cognito = cognito::Client::new(&config);
    let source = population::create_pool(&cognito, "source").await?;
    population::generate(3, 7).fill(&cognito, &source, &FillProgress::default()).await?;
    let settings = [
        ("UserPoolIds", source.as_str()),
        ("SecondaryRegion", SECONDARY_REGION),
        ("CaptureConfiguration", "YES"),
        ("Architecture", "x86_64"),
    ];
    aws.bootstrap(&settings).await?;

    // The roll back of the first stack takes its table with it. The others leave the table.
    for (failing_stack, leaves_table) in
        [("cognito-backup", false), ("cognito-backup-runs", true), ("cognito-backup-secondary", true)]
    {
        aws.fail_to_deploy(&settings, failing_stack).await?;
        let table = tables.describe_table().table_name("cognito-backup").send().await;
        let is_left = match table {
            Ok(_) => true,
            Err(error)
                if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) =>
            {
                false
            }
            Err(error) => return Err(error.into()),
        };
        assert_eq!(is_left, leaves_table, "after {failing_stack} failed");
    }

    let deployment = aws.deploy(&settings).await?;
    let machine = deployment.output("cognito-backup-runs", "ExportStateMachineArn")?;
    let export = json!({"userPoolId": source});
    let report = executions::run(&sfn::Client::new(&config), machine, &export).await?.success()?;
    assert_eq!((&report["status"], &report["users"]), (&json!("SEALED"), &json!(3)), "{report}");
    Ok(())
}
