//! Two imports into one target, of two executions.

use serde_json::Value;
use shared::machine::Function;
use shared::{ErrorKind, Result};
use tokio::time::sleep;

use super::world::{LEASES_END, Outcome, TPS, World};
use crate::assert_rate;
use crate::interleaving::course::Task;
use crate::interleaving::scheduler::{Choose, play};
use crate::restored::{Comparison, compare};
use crate::snapshot::Contents;

/// Checks that an import that starts now completes the restore, or finds it complete.
async fn assert_completed(world: &World, contents: &Contents, from: usize) {
    let report = world.import_task("last", None).to_the_end(&world.backend).await;
    match report {
        Ok(report) => world.assert_imported(contents, &report, from).await,
        Err(refused) => assert_eq!(refused.kind(), ErrorKind::TargetNotEmpty, "{refused}"),
    }
    assert_eq!(compare(contents, &world.target), Comparison::default());
    assert_eq!(world.target.messages(), 0, "Cognito sent a message");
    assert_rate(&world.backend, from, TPS);
}

/// Checks that a run succeeded, or ended because of another run or of a hiccup.
pub fn assert_refused(ended: &Result<Value>, kinds: &[ErrorKind]) {
    if let Err(error) = ended {
        assert!(kinds.contains(&error.kind()) || error.kind().retryable(), "{error}");
    }
}

pub async fn two_begin(choose: &mut dyn Choose) {
    let (world, contents) = World::exported().await;
    let from = world.calls();
    let tasks = ["one", "other"].map(|name| world.import_task(name, None));
    let (one, other) = (Outcome::none(), Outcome::none());
    let actors = vec![
        one.of("one", &world.backend, async |backend| tasks[0].until_done(&backend).await),
        other.of("other", &world.backend, async |backend| tasks[1].until_done(&backend).await),
    ];
    play(actors, choose).await;
    let begun = [one.take(), other.take()];
    assert_eq!(begun.iter().filter(|begun| begun.is_ok()).count(), 1, "{begun:?}");
    for (begun, task) in begun.into_iter().zip(&tasks) {
        assert_refused(&begun, &[ErrorKind::ImportAlreadyRunning]);
        if let Ok(progress) = begun {
            let report = task.next(&progress).unwrap().to_the_end(&world.backend).await.unwrap();
            world.assert_imported(&contents, &report, from).await;
            world.assert_no_import().await;
        }
    }
    assert_completed(&world, &contents, from).await;
}

pub async fn two_imports(choose: &mut dyn Choose) {
    let (world, contents) = World::exported().await;
    let from = world.calls();
    let tasks = ["one", "other"].map(|name| world.import_task(name, None));
    let (one, other) = (Outcome::none(), Outcome::none());
    let actors = vec![
        one.of("one", &world.backend, async |backend| tasks[0].to_the_end(&backend).await),
        other.of("other", &world.backend, async |backend| tasks[1].to_the_end(&backend).await),
    ];
    play(actors, choose).await;
    let ended = [one.take(), other.take()];
    assert!(ended.iter().any(Result::is_ok), "{ended:?}");
    for (ended, task) in ended.iter().zip(&tasks) {
        if ended.is_err() {
            Task::failure(task).until_done(&world.backend).await.unwrap();
        }
    }
    // Each has given back what it took.
    world.assert_no_import().await;
    for ended in ended {
        assert_refused(&ended, &[ErrorKind::ImportAlreadyRunning, ErrorKind::TargetNotEmpty]);
        if let Ok(report) = ended {
            assert_eq!(report["status"], "SUCCEEDED", "{report}");
        }
    }
    assert_completed(&world, &contents, from).await;
}

/// An execution was aborted. Its function goes on although its lease has ended, beside the next execution.
pub async fn aborted_and_next(choose: &mut dyn Choose) {
    let (world, contents) = World::exported().await;
    let from = world.calls();
    let late = world.import_task("aborted", None).reached(&world.backend, Function::ImportPage).await;
    sleep(LEASES_END).await;
    let next = world.import_task("next", None);
    let (aborted, ended) = (Outcome::none(), Outcome::none());
    let actors = vec![
        aborted.of("aborted", &world.backend, async |backend| late.once(&backend).await),
        ended.of("next", &world.backend, async |backend| next.to_the_end(&backend).await),
    ];
    play(actors, choose).await;
    assert_refused(&aborted.take(), &[ErrorKind::LeaseLost, ErrorKind::RunEnded]);
    assert_refused(&ended.take(), &[ErrorKind::ImportAlreadyRunning]);
    // No finalize gives back the lease of an execution that was aborted.
    sleep(LEASES_END).await;
    assert_completed(&world, &contents, from).await;
}
