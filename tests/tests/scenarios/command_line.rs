//! The command line, as an operator uses it.

use std::path::PathBuf;
use std::process::Output;

use anyhow::{Context, Result};
use local::{aws, build};
use serde_json::Value;
use tests::World;
use tokio::process::Command;

struct Operator<'a> {
    program: PathBuf,
    world: &'a World,
}

impl<'a> Operator<'a> {
    async fn of(world: &'a World) -> Result<Self> {
        Ok(Self { program: build::command_line(build::Output::Quiet).await?, world })
    }

    async fn types(&self, arguments: &str) -> Result<Output> {
        let deployment = &self.world.stack.deployment;
        let mut command = Command::new(&self.program);
        command
            .args(arguments.split(' '))
            .env("AWS_ENDPOINT_URL", &deployment.endpoint_url)
            .env("AWS_REGION", &deployment.region)
            .env("AWS_ACCESS_KEY_ID", aws::ACCESS_KEY_ID)
            .env("AWS_SECRET_ACCESS_KEY", aws::SECRET_ACCESS_KEY)
            .env("BACKUP_TABLE_NAME", &deployment.backup_table)
            .env("EXPORT_STATE_MACHINE_ARN", &deployment.export_state_machine_arn)
            .env("IMPORT_STATE_MACHINE_ARN", &deployment.import_state_machine_arn);
        command.output().await.context("cannot run the command line")
    }

    /// Types a command that has to end with `code`, and reads the one JSON object on stdout.
    async fn gets(&self, code: i32, arguments: &str) -> Result<Value> {
        let output = self.types(arguments).await?;
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments}\n{stdout}\n{stderr}");
        serde_json::from_str(&stdout).with_context(|| format!("no JSON object: {stdout}"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_exports_looks_and_restores() -> Result<()> {
    let world = World::new().await?;
    let operator = Operator::of(&world).await?;
    let (source, _) = world.pool_of(65).await?;
    let target = world.empty_pool().await?;
    let exported = operator.gets(0, &format!("export --pool {source} --tps 100 --json")).await?;
    assert_eq!((&exported["status"], &exported["users"]), (&"SEALED".into(), &65.into()));
    let listed = operator.gets(0, &format!("snapshots --pool {source} --json")).await?;
    assert_eq!(listed["snapshots"][0]["snapshotId"], exported["snapshotId"], "{listed}");

    let plan = operator.gets(0, &format!("import --pool {source} --into {target} --tps 200 --plan --json")).await?;
    assert_eq!((plan["creatable"].as_u64(), world.users_in(&target).await?), (Some(65), 0), "{plan}");
    let output = operator.types(&format!("import --pool {source} --into {target} --tps 200")).await?;
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}{}", String::from_utf8_lossy(&output.stderr));
    assert!(shown.contains("Restored 65 of 65 users"), "{shown}");
    assert!(world.compare(&source, &target).await?.is_clean());
    let sub_map = operator.types(&format!("sub-map --into {target} --format csv")).await?;
    let lines = String::from_utf8(sub_map.stdout)?;
    assert_eq!((sub_map.status.code(), lines.matches(",created").count()), (Some(0), 65), "{lines}");
    let status = operator.gets(0, &format!("status --pool {target} --json")).await?;
    assert_eq!(status["restores"][0]["verification"]["same"], 65, "{status}");
    assert_eq!(status["restores"][0]["status"], "SUCCEEDED", "{status}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_tell_the_truth() -> Result<()> {
    let world = World::new().await?;
    let operator = Operator::of(&world).await?;
    let (source, _) = world.pool_of(12).await?;
    let target = world.empty_pool().await?;
    world.snapshot(&source).await?;
    let refused = operator.gets(4, "export --pool us-east-1_Unknown12 --json").await?;
    assert_eq!(refused["error"], "PoolNotFound");
    assert_eq!(operator.gets(4, &format!("import --pool {source} --into {source} --json")).await?["error"], "TargetIsSource");
    assert_eq!(operator.gets(4, &format!("export --pool {source} --tps 0 --json")).await?["error"], "InvalidInput");
    assert_eq!(operator.types("import --pool").await?.status.code(), Some(2));

    let record = world.items().await?.into_keys().find(|(pk, _)| pk.starts_with("USER#")).unwrap();
    world.lose(&record).await?;
    let partial = operator.gets(3, &format!("import --pool {source} --into {target} --tps 200 --json")).await?;
    assert!(partial.to_string().contains("recordMissing"), "{partial}");
    Ok(())
}
