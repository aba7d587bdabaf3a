//! Two invocations of one task of one run, at once. Step Functions has lost the first one, and takes the
//! answer of the second one.

use serde_json::{Value, json};
use shared::Result;
use shared::machine::Function;
use shared::model::Retention;

use super::world::{Outcome, World, answer_of};
use crate::interleaving::course::Task;
use crate::interleaving::scheduler::{Choose, play};
use crate::pruned::{assert_all_whole, assert_tidy, orphans, sealed};
use crate::snapshot::Contents;
use crate::source_id;

/// Runs the task twice at once, and then the rest of its run. Returns the report of the run.
async fn twice(world: &World, task: &Task, choose: &mut dyn Choose) -> Value {
    let (lost, seen) = (Outcome::none(), Outcome::none());
    let actors = vec![
        lost.of("lost", &world.backend, async |backend| task.once(&backend).await),
        seen.of("seen", &world.backend, async |backend| task.once(&backend).await),
    ];
    play(actors, choose).await;
    assert_ended(lost.take());
    let answer = answer_of(task, &world.backend, seen.take()).await;
    match task.next(&answer) {
        Some(next) => next.to_the_end(&world.backend).await.unwrap(),
        None => answer,
    }
}

/// An invocation that was lost may fail, but not because of a fault of the program.
fn assert_ended(lost: Result<Value>) {
    if let Err(error) = lost {
        assert_ne!(error.kind(), shared::ErrorKind::Internal, "{error}");
    }
}

async fn export(choose: &mut dyn Choose, function: Function) {
    let world = World::new();
    let task = world.export_task("run").reached(&world.backend, function).await;
    let report = twice(&world, &task, choose).await;
    world.assert_exported(&report, 0).await;
    world.assert_can_export().await;
}

pub async fn export_enumerate(choose: &mut dyn Choose) {
    export(choose, Function::Enumerate).await;
}

pub async fn export_page(choose: &mut dyn Choose) {
    export(choose, Function::ExportPage).await;
}

/// The last of 16 listings is left, which names the user, and the check of all of them.
pub async fn split_export_page(choose: &mut dyn Choose) {
    let (world, task) = World::in_split_listing().await;
    let report = twice(&world, &task, choose).await;
    assert_eq!((&report["listing"], &report["splitListing"]), (&json!("split"), &Value::Null), "{report}");
    world.assert_exported(&report, 0).await;
    world.assert_can_export().await;
}

pub async fn export_finalize(choose: &mut dyn Choose) {
    export(choose, Function::Finalize).await;
}

pub async fn retention(choose: &mut dyn Choose) {
    let (mut world, _) = World::exported().await;
    world.backend = world.backend.with_retention(Some(Retention::parse("last=1").unwrap()));
    world.rename("after the first snapshot");
    let exported = world.export_task("run").to_the_end(&world.backend).await.unwrap();
    let removal = Task::removal(&world.backend, &exported, "run");
    twice(&world, &removal, choose).await;
    assert_all_whole(&world.backend).await;
    let newest = world.contents(&exported).await.snapshot.id;
    assert_eq!(sealed(&world.backend).await.first(), Some(&newest));
    // One invocation may have disturbed the other, so that the rest is left to the next removal.
    tokio::time::sleep(super::world::LEASES_END).await;
    world.rename("after the second snapshot");
    let next = world.export_task("next").to_the_end(&world.backend).await.unwrap();
    Task::removal(&world.backend, &next, "next").to_the_end(&world.backend).await.unwrap();
    assert_tidy(&world.backend).await;
    assert_eq!(sealed(&world.backend).await, [world.contents(&next).await.snapshot.id]);
    assert_eq!(orphans(&world.backend).await.len(), 0);
}

async fn import(choose: &mut dyn Choose, function: Function) {
    import_into(World::exported().await, choose, function).await;
}

async fn import_into((world, contents): (World, Contents), choose: &mut dyn Choose, function: Function) {
    let from = world.calls();
    let task = world.import_task("run", None).reached(&world.backend, function).await;
    let report = twice(&world, &task, choose).await;
    world.assert_imported(&contents, &report, from).await;
    world.assert_no_import().await;
}

pub async fn import_enumerate(choose: &mut dyn Choose) {
    import(choose, Function::Enumerate).await;
}

pub async fn import_page(choose: &mut dyn Choose) {
    import(choose, Function::ImportPage).await;
}

pub async fn import_page_of_two(choose: &mut dyn Choose) {
    import_into(World::of_two_users().and_exported().await, choose, Function::ImportPage).await;
}

/// The user comes back by an import job.
pub async fn import_page_with_jobs(choose: &mut dyn Choose) {
    let mut world = World::new();
    world.source.change_user(&world.first_sub(), |user| {
        let phone = [("phone_number", "+4930123456"), ("phone_number_verified", "true")];
        user.attributes = phone.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    });
    for pool in [&world.source, &world.target] {
        pool.configure(|pool| {
            pool.auto_verified_attributes = vec!["email".to_owned(), "phone_number".to_owned()];
        });
    }
    world.options = json!({"method": "csv"});
    import_into(world.and_exported().await, choose, Function::ImportPage).await;
}

/// The restore goes into the pool of the snapshot, which has lost the user.
pub async fn repair_page(choose: &mut dyn Choose) {
    let (mut world, contents) = World::exported().await;
    world.source.delete_user(&world.first_sub());
    world.options = json!({"targetUserPoolId": source_id(), "existing": "skip"});
    world.target = world.source.clone();
    import_into((world, contents), choose, Function::ImportPage).await;
}

pub async fn import_finalize(choose: &mut dyn Choose) {
    import(choose, Function::Finalize).await;
}

/// An invocation is lost, and goes on at any time while the run continues without it, and after its end.
async fn lost(world: &World, task: &Task, choose: &mut dyn Choose) -> Value {
    let (lost, rest) = (Outcome::none(), Outcome::none());
    let actors = vec![
        lost.of("lost", &world.backend, async |backend| task.once(&backend).await),
        rest.of("rest", &world.backend, async |backend| task.to_the_end(&backend).await),
    ];
    play(actors, choose).await;
    assert_ended(lost.take());
    rest.take().unwrap()
}

pub async fn lost_export_page(choose: &mut dyn Choose) {
    let world = World::new();
    let task = world.export_task("run").reached(&world.backend, Function::ExportPage).await;
    let report = lost(&world, &task, choose).await;
    world.assert_exported(&report, 0).await;
    world.assert_can_export().await;
}

pub async fn lost_import_page(choose: &mut dyn Choose) {
    lost_import_page_into(World::exported().await, choose).await;
}

pub async fn lost_import_page_of_two(choose: &mut dyn Choose) {
    lost_import_page_into(World::of_two_users().and_exported().await, choose).await;
}

async fn lost_import_page_into((world, contents): (World, Contents), choose: &mut dyn Choose) {
    let from = world.calls();
    let task = world.import_task("run", None).reached(&world.backend, Function::ImportPage).await;
    let report = lost(&world, &task, choose).await;
    world.assert_imported(&contents, &report, from).await;
    world.assert_no_import().await;
}
