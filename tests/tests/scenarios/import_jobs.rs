//! Users brought by import jobs, through the real functions and the Wait state of the import.

use std::collections::BTreeMap;

use anyhow::Result;
use local::comparison::{self, Comparison, Contents};
use local::population::{self, FillProgress, Population, SignIn};
use serde_json::{Value, json};
use tests::{World, awkward_people, import_input, refusal};

fn by_jobs(source: &str, target: &str) -> Value {
    let mut input = import_input(source, target);
    input["method"] = json!("csv");
    input
}

/// Two pools that start jobs, a snapshot of the one with everybody in it, and nobody in the other.
async fn exported(world: &World, sign_in: SignIn) -> Result<(String, String, Population)> {
    let client = world.stack.cognito();
    let source = population::create_pool_for_jobs(&client, "source", sign_in).await?;
    let target = population::create_pool_for_jobs(&client, "target", sign_in).await?;
    let everybody = population::generate(awkward_people(), 11).with_sign_in(sign_in);
    everybody.fill(&client, &source, &FillProgress::default()).await?;
    world.snapshot(&source).await?;
    Ok((source, target, everybody))
}

/// Compares, and counts the restored users who have to reset their passwords, which is no difference here.
async fn compare(world: &World, sign_in: SignIn, source: &str, target: &str) -> Result<(Comparison, usize)> {
    let client = world.stack.cognito();
    let read = |contents: Contents| match sign_in {
        SignIn::Username | SignIn::Alias => contents,
        _ => contents.keyed_by_address(),
    };
    let source = read(comparison::read(&client, source).await?);
    let mut target = read(comparison::read(&client, target).await?);
    let mut reset = 0;
    for user in target.users.values_mut().filter(|user| user.status == "RESET_REQUIRED") {
        user.status = "CONFIRMED".into();
        reset += 1;
    }
    Ok((comparison::compare(&source, &target), reset))
}

fn count(report: &Value, name: &str) -> usize {
    report["jobs"][name].as_u64().unwrap_or_default() as usize
}

async fn round_trip(sign_in: SignIn) -> Result<()> {
    let world = World::new().await?;
    let (source, target, everybody) = exported(&world, sign_in).await?;
    let number = everybody.users.len();
    world.stack.recorder.clear();
    let report = world.import(&by_jobs(&source, &target)).await?.success()?;
    let by_api: BTreeMap<String, usize> = serde_json::from_value(report["jobs"]["byApi"].clone())?;
    let (imported, by_api): (usize, usize) = (count(&report, "imported"), by_api.values().sum());
    assert_eq!(imported + by_api, number, "{sign_in:?}: {report}");
    assert!(imported > number / 5 && by_api > 0, "{sign_in:?}: {report}");
    let (comparison, reset) = compare(&world, sign_in, &source, &target).await?;
    assert!(comparison.is_clean(), "{sign_in:?}: {comparison:?}");
    assert_eq!((reset, &report["notes"]["resetRequired"]), (imported, &json!(imported)), "{sign_in:?}: {report}");
    assert_eq!(report["verification"], json!({"same": number, "different": 0, "missing": 0, "extra": 0}), "{report}");

    // No call for anybody whom a job brought but those for memberships and disabled users, and nobody of them counts as active.
    let traffic = world.stack.recorder.traffic().cognito();
    assert_eq!(
        (traffic.of("AdminCreateUser").total(), traffic.of("AdminSetUserPassword").total()),
        (by_api, by_api),
        "{sign_in:?}"
    );
    let disabled = everybody.users.iter().filter(|person| !person.enabled).count();
    let memberships = report["memberships"]["created"].as_u64().unwrap_or_default() as usize;
    let most = 2 * by_api + memberships + disabled + number.div_ceil(60) + 100;
    assert!(traffic.total() <= most, "{sign_in:?}: {} calls, {:?}", traffic.total(), traffic.counts());
    assert_eq!(world.stack.strict.messages(&target), 0);
    assert_eq!(traffic.of("AdminGetUser").total(), 0, "{sign_in:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn pools_that_sign_in_by_username_are_filled_by_a_job() -> Result<()> {
    round_trip(SignIn::Username).await
}

#[tokio::test(flavor = "multi_thread")]
async fn pools_with_aliases_are_filled_by_a_job() -> Result<()> {
    round_trip(SignIn::Alias).await
}

#[tokio::test(flavor = "multi_thread")]
async fn pools_that_sign_in_by_email_or_phone_are_filled_by_a_job() -> Result<()> {
    round_trip(SignIn::EmailOrPhone).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_a_job_skips_is_found_by_the_line_in_its_log() -> Result<()> {
    let world = World::new().await?;
    let (source, target, _) = exported(&world, SignIn::Username).await?;
    // The file is there, and before the job comes to it somebody else creates one of its users.
    world.stack.strict.change_settings(|settings| settings.import.hold_jobs = true);
    let input = by_jobs(&source, &target);
    let running = world.import(&input);
    let meanwhile = async {
        let traffic = || world.stack.recorder.traffic().cognito();
        while traffic().of("DescribeUserImportJob").total() == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let names: Vec<String> = comparison::read(&world.stack.cognito(), &source).await?.users.into_keys().collect();
        for name in names.iter().take(3) {
            let request = world.stack.cognito().admin_create_user().user_pool_id(&target).username(name);
            request.temporary_password("Temporary-Password-1").send().await?;
        }
        anyhow::Ok(())
    };
    let meanwhile = async {
        let created = meanwhile.await;
        world.stack.strict.change_settings(|settings| settings.import.hold_jobs = false);
        created
    };
    let (outcome, created) = tokio::join!(running, meanwhile);
    created?;
    // They differ from the snapshot, so they are left alone and named.
    let summary = refusal(&outcome?, "RestorePartial")?;
    assert!(summary.contains("Not restored: 3 users (usernameTaken)."), "{summary}");
    assert!(summary.contains("who were in the target before a job") && !summary.contains("could not be read"), "{summary}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_verifies_nothing_is_restored_by_calls_and_the_reason_said() -> Result<()> {
    let world = World::new().await?;
    let (source, _) = world.pool_of(12).await?;
    let target = world.empty_pool().await?;
    world.snapshot(&source).await?;
    let report = world.import(&by_jobs(&source, &target)).await?.success()?;
    assert!(report["jobs"]["fallback"].as_str().unwrap_or_default().contains("verifies no attribute"), "{report}");
    assert_eq!(report["users"]["created"], 12, "{report}");
    assert!(world.compare(&source, &target).await?.is_clean());
    Ok(())
}
