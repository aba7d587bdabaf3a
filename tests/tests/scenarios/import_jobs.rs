//! Goal: an import with import jobs restores all users, and uses calls only for users that a job cannot
//! create.
//!
//! Method: import with `"method": "csv"` into pools of the strict proxy, and compare pools, calls and
//! reports.

use std::collections::BTreeMap;

use anyhow::Result;
use local::comparison::{self, Comparison, Contents};
use local::population::{self, FillProgress, Population, SignIn};
use serde_json::{Value, json};
use tests::{World, error_message, import_input, population_size};

fn csv_import_input(source: &str, target: &str) -> Value {
    let mut input = import_input(source, target);
    input["method"] = json!("csv");
    input
}

/// Creates a source pool with users and an empty target pool, and exports the source. Both pools allow import
/// jobs.
async fn export(world: &World, sign_in: SignIn) -> Result<(String, String, Population)> {
    let client = world.stack.cognito();
    let source = population::create_pool_for_jobs(&client, "source", sign_in).await?;
    let target = population::create_pool_for_jobs(&client, "target", sign_in).await?;
    let population = population::generate(population_size(), 11).with_sign_in(sign_in);
    population.fill(&client, &source, &FillProgress::default()).await?;
    world.take_snapshot(&source).await?;
    Ok((source, target, population))
}

/// Compares the pools. Returns also the number of restored users that must reset their passwords. After an
/// import job, this status is no difference.
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

fn job_count(report: &Value, name: &str) -> usize {
    report["jobs"][name].as_u64().unwrap_or_default() as usize
}

async fn round_trip(sign_in: SignIn) -> Result<()> {
    let world = World::new().await?;
    let (source, target, population) = export(&world, sign_in).await?;
    let users = population.users.len();
    world.stack.recorder.clear();
    let report = world.import(&csv_import_input(&source, &target)).await?.success()?;
    let by_api: BTreeMap<String, usize> = serde_json::from_value(report["jobs"]["byApi"].clone())?;
    let (imported, by_api): (usize, usize) = (job_count(&report, "imported"), by_api.values().sum());
    assert_eq!(imported + by_api, users, "{sign_in:?}: {report}");
    assert!(imported > users / 5 && by_api > 0, "{sign_in:?}: {report}");
    let (comparison, reset) = compare(&world, sign_in, &source, &target).await?;
    assert!(comparison.is_clean(), "{sign_in:?}: {comparison:?}");
    assert_eq!(
        (reset, &report["notes"]["resetRequired"]),
        (imported, &json!(imported)),
        "{sign_in:?}: {report}"
    );
    assert_eq!(
        report["verification"],
        json!({"same": users, "different": 0, "missing": 0, "extra": 0}),
        "{report}"
    );

    // For a user that a job created, the restore makes only calls for memberships and the enabled flag.
    // Such a user is not active.
    let traffic = world.stack.recorder.traffic().cognito();
    assert_eq!(
        (traffic.of("AdminCreateUser").total(), traffic.of("AdminSetUserPassword").total()),
        (by_api, by_api),
        "{sign_in:?}"
    );
    let disabled = population.users.iter().filter(|user| !user.enabled).count();
    let memberships = report["memberships"]["created"].as_u64().unwrap_or_default() as usize;
    let max_calls = 2 * by_api + memberships + disabled + users.div_ceil(60) + 100;
    assert!(
        traffic.total() <= max_calls,
        "{sign_in:?}: {} of {max_calls}, {:?}",
        traffic.total(),
        traffic.counts()
    );
    assert_eq!(world.stack.strict.messages(&target), 0);
    assert_eq!(traffic.of("AdminGetUser").total(), 0, "{sign_in:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_with_sign_in_by_username_is_restored_by_an_import_job() -> Result<()> {
    round_trip(SignIn::Username).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_with_aliases_is_restored_by_an_import_job() -> Result<()> {
    round_trip(SignIn::Alias).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_with_sign_in_by_email_or_phone_is_restored_by_an_import_job() -> Result<()> {
    round_trip(SignIn::EmailOrPhone).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_an_import_job_skips_is_found_by_its_line_in_the_log() -> Result<()> {
    let world = World::new().await?;
    let (source, target, _) = export(&world, SignIn::Username).await?;
    // Another client creates 3 of the users after the upload of the file and before the job runs.
    world.stack.strict.change_settings(|settings| settings.import.hold_jobs = true);
    let input = csv_import_input(&source, &target);
    let running = world.import(&input);
    let create_users = async {
        let traffic = || world.stack.recorder.traffic().cognito();
        while traffic().of("DescribeUserImportJob").total() == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let names: Vec<String> =
            comparison::read(&world.stack.cognito(), &source).await?.users.into_keys().collect();
        for name in names.iter().take(3) {
            let request = world.stack.cognito().admin_create_user().user_pool_id(&target).username(name);
            request.temporary_password("Temporary-Password-1").send().await?;
        }
        anyhow::Ok(())
    };
    let create_users_and_release_job = async {
        let created = create_users.await;
        world.stack.strict.change_settings(|settings| settings.import.hold_jobs = false);
        created
    };
    let (outcome, created) = tokio::join!(running, create_users_and_release_job);
    created?;
    // These users differ from the snapshot. So the restore keeps them and names the reason.
    let summary = error_message(&outcome?, "RestorePartial")?;
    assert!(summary.contains("Not restored: 3 users (usernameTaken)."), "{summary}");
    assert!(
        summary.contains("who were in the target before a job")
            && !summary.contains("could not read the log"),
        "{summary}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_without_auto_verified_attributes_is_restored_by_calls() -> Result<()> {
    let world = World::new().await?;
    let (source, _) = world.filled_pool(12).await?;
    let target = world.empty_pool().await?;
    world.take_snapshot(&source).await?;
    let report = world.import(&csv_import_input(&source, &target)).await?.success()?;
    assert!(
        report["jobs"]["fallback"].as_str().unwrap_or_default().contains("verifies no attribute"),
        "{report}"
    );
    assert_eq!(report["users"]["created"], 12, "{report}");
    assert!(world.compare(&source, &target).await?.is_clean());
    Ok(())
}
