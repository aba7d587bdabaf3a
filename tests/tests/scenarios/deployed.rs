//! The deployment itself: brought to the local AWS by the CDK, and put to work there.

use std::io::Write;

use anyhow::Result;
use aws_sdk_cognitoidentityprovider as cognito;
use aws_sdk_sfn as sfn;
use local::aws::{self, REGION, SECONDARY_REGION};
use local::population::{self, FillProgress};
use local::{comparison, executions};
use serde_json::json;
use tests::deployed::{Bare, cdk_is_installed};
use tests::import_input;

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_by_the_cdk_exports_and_imports_within_its_roles() -> Result<()> {
    if !cdk_is_installed() {
        let notice = "\n!! NOT TESTED: the deployment to the local AWS. Install what it needs with npm ci in cdk/.\n\n";
        // Not by a macro: what those write is shown of a test that failed only.
        return Ok(std::io::stderr().write_all(notice.as_bytes())?);
    }
    let bare = Bare::start().await?;
    let [here, there] = [REGION, SECONDARY_REGION].map(|region| aws::config(&bare.endpoint_url(), region));
    let [pools, other_pools] = [&here, &there].map(cognito::Client::new);
    let [machines, other_machines] = [&here, &there].map(sfn::Client::new);
    let source = population::create_pool(&pools, "source").await?;
    population::generate(130, 7).fill(&pools, &source, &FillProgress::default()).await?;

    let yearly = "cron(0 3 1 1 ? *)";
    let settings = [
        ("UserPoolIds", source.as_str()),
        ("SecondaryRegion", SECONDARY_REGION),
        ("ExportFrequency", yearly),
        ("SnapshotMaxAgeHours", "0"),
        ("CognitoTPS", "200"),
        ("Architecture", "x86_64"),
    ];
    let deployed = bare.deploy(&settings).await?;

    let report =
        executions::run(&machines, deployed.output("cognito-backup", "ExportStateMachineArn")?, &json!({"userPoolId": source}))
            .await?
            .success()?;
    assert_eq!((report["status"].as_str(), report["notified"].as_bool()), (Some("SEALED"), Some(true)), "{report}");

    let watched =
        deployed.call(REGION, "cognito-backup-export-finalize", &json!({"operation": "watch", "userPoolIds": [source]})).await?;
    assert!(watched["pools"][0]["ageSeconds"].as_f64().is_some_and(|age| age < 600.0), "{watched}");

    let target = population::create_pool(&pools, "target").await?;
    let other_target = population::create_pool(&other_pools, "target").await?;
    let original = comparison::read(&pools, &source).await?;
    for (machines, stack, target, pools) in [
        (&machines, "cognito-backup", &target, &pools),
        (&other_machines, "cognito-backup-secondary", &other_target, &other_pools),
    ] {
        let machine = deployed.output(stack, "ImportStateMachineArn")?;
        let report = executions::run(machines, machine, &import_input(&source, target)).await?.success()?;
        assert_eq!(report["status"], "SUCCEEDED", "{report}");
        let comparison = comparison::compare(&original, &comparison::read(pools, target).await?);
        assert!(comparison.is_clean() && original.users.len() == 130, "{comparison:?}");
    }

    let mut findings = Vec::new();
    for ((region, name), function) in &deployed.functions {
        let policies = deployed.policies(region, name).await?;
        let asked_for = function.asked_for()?;
        for access in &asked_for {
            if !policies.allow(access)? {
                findings.push(format!("{name} in {region} may not do what it does: {access:?}"));
            }
        }
        // What a function does to pools depends on the users; how it works on the table and the topic does not.
        for service in ["dynamodb", "sns"] {
            let never =
                policies.allowed_actions(service).into_iter().filter(|action| asked_for.iter().all(|it| it.action != *action));
            findings.extend(never.map(|action| format!("{name} in {region} may do what it never does: {action}")));
        }
    }
    assert!(findings.is_empty(), "{findings:#?}");
    Ok(())
}
