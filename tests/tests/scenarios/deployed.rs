//! Goal: a deployment by the CDK works in both Regions, and its roles allow exactly what its functions do. Imports write
//! only to pools whose tag opens them. Each sealed snapshot starts a removal of those that no rule keeps.
//!
//! Method: deploy to a local AWS with the CDK's command line, export, and import in each Region, without the tag and with
//! it. The local AWS delivers the events of the functions to the rules of the deployment. Then compare the recorded calls of each function with the policies of its role, and with the tags of the pools.

use anyhow::Result;
use aws_sdk_cognitoidentityprovider as cognito;
use aws_sdk_cognitoidentityprovider::types::AttributeType;
use aws_sdk_dynamodb as dynamodb;
use aws_sdk_sfn as sfn;
use local::aws::{self, REGION, SECONDARY_REGION};
use local::population::{self, FillProgress};
use local::{comparison, executions};
use serde_json::json;
use shared::catalog::Catalog;
use shared::model::{PoolId, Selection, SelectionId, StoredSelection, UserFilter};
use shared_aws::dynamodb::DynamoVault;
use tests::deployed::{
    CdkDeployment, EmptyAws, GROUP_ROLES, is_cdk_installed, notice_without_cdk, pool_arn, removals, tags,
};
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
        ("SnapshotRetention", "last=1"),
        ("Architecture", "x86_64"),
        ("GroupRoleArns", GROUP_ROLES),
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

    // No other snapshot exists yet. Without waits, no export would wait for the end of the removal.
    let [kept] = <[_; 1]>::try_from(removals(&sfn, 1).await?).expect("one snapshot is sealed");
    let kept = kept.success()?;
    assert_eq!(
        (&kept["status"], &kept["snapshotId"], &kept["retention"]["removed"]["snapshots"]),
        (&json!("APPLIED"), &report["snapshotId"], &json!(0)),
        "{kept}"
    );
    let changed = cognito.list_users().user_pool_id(&source).limit(1).send().await?.users.unwrap_or_default();
    let name = AttributeType::builder().name("name").value("Another name").build()?;
    let change = cognito.admin_update_user_attributes().user_pool_id(&source).user_attributes(name);
    change.username(changed[0].username().unwrap_or_default()).send().await?;

    // A pool that does not exist fails alone.
    let scheduled = deployment.output("cognito-backup-runs", "ScheduledExportsStateMachineArn")?;
    let pools = json!({"userPoolIds": [source, deleted]});
    let statuses = executions::run(&sfn, scheduled, &pools).await?.success()?;
    assert_eq!(statuses, json!(["SEALED", "FAILED"]));
    let removed = removals(&sfn, 2).await?.remove(0).success()?;
    let counts = &removed["retention"]["removed"];
    assert_eq!(
        (&removed["status"], &counts["snapshots"], &counts["records"]),
        (&json!("APPLIED"), &json!(1), &json!(1)),
        "{removed}"
    );

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
        let input = import_input(&source, target);
        refused_without_tag(sfn, machine, &input, "target").await?;
        deployment.tag(target, Some("target")).await?;
        let report = executions::run(sfn, machine, &input).await?.success()?;
        assert_eq!(report["status"], "SUCCEEDED", "{report}");
        let untag = format!(
            "aws cognito-idp untag-resource --resource-arn {} --tag-keys cognito-backup",
            pool_arn(target)
        );
        assert!(report["untagWith"].as_str().is_some_and(|line| line.starts_with(&untag)), "{report}");
        let comparison = comparison::compare(&original, &comparison::read(cognito, target).await?);
        assert!(comparison.is_clean() && original.users.len() == 130, "{comparison:?}");
    }

    // A repair needs the other value of the tag.
    let victim = cognito.list_users().user_pool_id(&source).limit(1).send().await?.users.unwrap_or_default();
    let username = victim[0].username().unwrap_or_default();
    cognito.admin_delete_user().user_pool_id(&source).username(username).send().await?;
    let machine = deployment.output("cognito-backup-runs", "ImportStateMachineArn")?;
    let selection = SelectionId::of_random(1);
    let select = UserFilter { usernames: [username.to_owned()].into(), ..UserFilter::default() };
    let stored = StoredSelection {
        source: PoolId::parse(&source)?,
        selection: Selection { select: Some(select), except: None },
    };
    let table = DynamoVault::new(dynamodb::Client::new(&primary), "cognito-backup".to_owned());
    Catalog::new(table).store_selection(&selection, &stored).await?;
    let repair = json!({
        "sourceUserPoolId": source, "targetUserPoolId": source, "existing": "skip", "selectionId": selection.as_str(),
    });
    for value in [None, Some("target")] {
        deployment.tag(&source, value).await?;
        refused_without_tag(&sfn, machine, &repair, "repair").await?;
    }
    deployment.tag(&source, Some("repair")).await?;
    let report = executions::run(&sfn, machine, &repair).await?.success()?;
    assert_eq!(
        (&report["status"], &report["users"]["created"]),
        (&json!("SUCCEEDED"), &json!(1)),
        "{report}"
    );
    deployment.tag(&source, None).await?;
    roles_compare_the_tag(&deployment, &source, &target).await?;

    let mut findings = Vec::new();
    for ((region, name), function) in &deployment.functions {
        let policies = deployment.policies(region, name).await?;
        let accesses = deployment.accesses(function)?;
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
                // A removal sends a message only if an operator has to look at it.
                let warns = name.ends_with("-remove") && action == "sns:Publish";
                if !renews && !warns && accesses.iter().all(|access| access.action != action) {
                    findings
                        .push(format!("the role of {name} in {region} allows {action}, which no call needs"));
                }
            }
        }
    }
    assert!(findings.is_empty(), "{findings:#?}");
    Ok(())
}

/// Asserts that enumerate refuses an import, with the line that gives the pool the tag.
async fn refused_without_tag(
    sfn: &sfn::Client,
    machine: &str,
    input: &serde_json::Value,
    needed: &str,
) -> Result<()> {
    let outcome = executions::run(sfn, machine, input).await?;
    assert_eq!(outcome.error.as_deref(), Some("PoolNotTagged"), "{:?}", outcome.cause);
    let arn = pool_arn(input["targetUserPoolId"].as_str().unwrap_or_default());
    let line = format!(
        "`aws cognito-idp tag-resource --resource-arn {arn} --tags cognito-backup={needed} --region "
    );
    assert!(outcome.cause.as_ref().is_some_and(|cause| cause.contains(&line)), "{:?}", outcome.cause);
    Ok(())
}

/// Asserts that the roles refuse each call on a pool whose tag does not open it, although no function makes such a call.
/// Only the look at the tag needs no tag.
async fn roles_compare_the_tag(deployment: &CdkDeployment, source: &str, target: &str) -> Result<()> {
    for name in ["cognito-backup-import-enumerate", "cognito-backup-import-page"] {
        let policies = deployment.policies(REGION, name).await?;
        let accesses = deployment.accesses(&deployment.functions[&(REGION, name)])?;
        let mut compared = 0;
        for (pool, opening) in [(source, vec!["repair"]), (target, vec!["target", "repair"])] {
            for access in accesses.iter().filter(|access| access.resource == pool_arn(pool)) {
                let is_look = access.action == "cognito-idp:DescribeUserPool";
                for value in [None, Some("other"), Some("target"), Some("repair")] {
                    let is_open = is_look || value.is_some_and(|value| opening.contains(&value));
                    let access = access.clone().with_tags(tags(value));
                    assert_eq!(policies.allow(&access)?, is_open, "{name}: {access:?}");
                    compared += usize::from(!is_look);
                }
            }
        }
        assert!(compared > 0, "{name} called only DescribeUserPool");
    }
    Ok(())
}
