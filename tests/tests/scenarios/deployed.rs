//! Goal: a deployment by the CDK works in both Regions, and its roles allow exactly what its functions do.
//!
//! Method: deploy to a local AWS with the CDK's command line, export, and import in each Region. Then
//! compare the recorded calls of each function with the policies of its role.

use anyhow::Result;
use aws_sdk_cognitoidentityprovider as cognito;
use aws_sdk_sfn as sfn;
use local::aws::{self, REGION, SECONDARY_REGION};
use local::population::{self, FillProgress};
use local::{comparison, executions};
use serde_json::json;
use tests::deployed::{EmptyAws, is_cdk_installed, notice_without_cdk};
use tests::import_input;

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_by_the_cdk_exports_and_imports_within_its_roles() -> Result<()> {
    if !is_cdk_installed() {
        return Ok(notice_without_cdk()?);
    }
    let aws = EmptyAws::start().await?;
    let [primary, secondary] =
        [REGION, SECONDARY_REGION].map(|region| aws::config(&aws.endpoint_url(), region));
    let [cognito, secondary_cognito] = [&primary, &secondary].map(cognito::Client::new);
    let [sfn, secondary_sfn] = [&primary, &secondary].map(sfn::Client::new);
    let source = population::create_pool(&cognito, "source").await?;
    population::generate(130, 7).fill(&cognito, &source, &FillProgress::default()).await?;

    let yearly = "cron(0 3 1 1 ? *)";
    let deleted = format!("{REGION}_NotThere1");
    let pools = format!("{source},{deleted}");
    let settings = [
        ("UserPoolIds", pools.as_str()),
        ("SecondaryRegion", SECONDARY_REGION),
        ("ExportFrequency", yearly),
        ("SnapshotMaxAgeHours", "0"),
        ("CognitoTPS", "200"),
        ("Architecture", "x86_64"),
    ];
    aws.bootstrap(&settings).await?;
    let deployment = aws.deploy(&settings).await?;

    let machine = deployment.output("cognito-backup-runs", "ExportStateMachineArn")?;
    let report = executions::run(&sfn, machine, &json!({"userPoolId": source})).await?.success()?;
    assert_eq!(
        (report["status"].as_str(), report["notified"].as_bool()),
        (Some("SEALED"), Some(true)),
        "{report}"
    );

    // A pool that does not exist fails alone.
    let scheduled = deployment.output("cognito-backup-runs", "ScheduledExportsStateMachineArn")?;
    let pools = json!({"userPoolIds": [source, deleted]});
    let statuses = executions::run(&sfn, scheduled, &pools).await?.success()?;
    assert_eq!(statuses, json!(["SEALED", "FAILED"]));

    let watch = json!({"operation": "watch", "userPoolIds": [source]});
    let answer = deployment.invoke(REGION, "cognito-backup-export-finalize", &watch).await?;
    assert!(answer["pools"][0]["ageSeconds"].as_f64().is_some_and(|age| age < 600.0), "{answer}");

    let target = population::create_pool(&cognito, "target").await?;
    let secondary_target = population::create_pool(&secondary_cognito, "target").await?;
    let original = comparison::read(&cognito, &source).await?;
    for (stack, sfn, cognito, target) in [
        ("cognito-backup-runs", &sfn, &cognito, &target),
        ("cognito-backup-secondary", &secondary_sfn, &secondary_cognito, &secondary_target),
    ] {
        let machine = deployment.output(stack, "ImportStateMachineArn")?;
        let report = executions::run(sfn, machine, &import_input(&source, target)).await?.success()?;
        assert_eq!(report["status"], "SUCCEEDED", "{report}");
        let comparison = comparison::compare(&original, &comparison::read(cognito, target).await?);
        assert!(comparison.is_clean() && original.users.len() == 130, "{comparison:?}");
    }

    let mut findings = Vec::new();
    for ((region, name), function) in &deployment.functions {
        let policies = deployment.policies(region, name).await?;
        let accesses = function.accesses()?;
        for access in &accesses {
            if !policies.allow(access)? {
                findings.push(format!(
                    "the role of {name} in {region} forbids a call of the function: {access:?}"
                ));
            }
        }
        // The calls to Cognito depend on the users in a pool. The calls to the table and the topic do not.
        for service in ["dynamodb", "sns"] {
            for action in policies.allowed_actions(service) {
                // A restore renews its items after 45 days, which no run here lasts.
                let renews = name.ends_with("import-page") && action == "dynamodb:UpdateItem";
                if !renews && accesses.iter().all(|access| access.action != action) {
                    findings
                        .push(format!("the role of {name} in {region} allows {action}, which no call needs"));
                }
            }
        }
    }
    assert!(findings.is_empty(), "{findings:#?}");
    Ok(())
}
