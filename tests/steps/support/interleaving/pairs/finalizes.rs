//! The finalize that ends a run, and the finalize that records its failure, at once: Step Functions has given
//! up the first one.

use serde_json::Value;
use shared::catalog::Catalog;
use shared::machine::Function;
use shared::model::RestoreState;
use shared::ports::Backend;
use shared::{ErrorKind, Result};
use tokio::time::sleep;

use super::imports::assert_refused;
use super::world::{LEASES_END, Outcome, World};
use crate::interleaving::course::Task;
use crate::interleaving::scheduler::{Choose, play};
use crate::pruned::{assert_all_whole, headers, sealed};
use crate::restored::{Comparison, compare};
use crate::target_id;

/// Plays both, and returns what each came to. The first is invoked once.
async fn both(
    world: &World,
    ending: &Task,
    failing: &Task,
    choose: &mut dyn Choose,
) -> (Result<Value>, Result<Value>) {
    let (ended, failed) = (Outcome::none(), Outcome::none());
    let actors = vec![
        ended.of("ends", &world.backend, async |backend| ending.once(&backend).await),
        failed.of("records", &world.backend, async |backend| failing.until_done(&backend).await),
    ];
    play(actors, choose).await;
    (ended.take(), failed.take())
}

pub async fn export(choose: &mut dyn Choose) {
    let world = World::new();
    let first = world.export_task("run");
    let failing = Task::failure(&first);
    let ending = first.reached(&world.backend, Function::Finalize).await;
    let (ended, failed) = both(&world, &ending, &failing, choose).await;
    failed.unwrap();
    let state = headers(&world.backend).await[0].state;
    match ended {
        Ok(report) => drop(world.assert_exported(&report, 0).await),
        Err(error) => assert!(
            [ErrorKind::RunEnded, ErrorKind::LeaseLost].contains(&error.kind()) || error.kind().retryable(),
            "{error}: {state:?}"
        ),
    }
    assert_all_whole(&world.backend).await;
    world.assert_can_export().await;
}

pub async fn import(choose: &mut dyn Choose) {
    let (world, contents) = World::exported().await;
    let first = world.import_task("run", None);
    let failing = Task::failure(&first);
    let ending = first.reached(&world.backend, Function::Finalize).await;
    let (ended, failed) = both(&world, &ending, &failing, choose).await;
    failed.unwrap();
    world.assert_no_import().await;
    let next = world.import_task("next", None).to_the_end(&world.backend).await;
    match (ended, next) {
        (Ok(report), Err(refused)) => {
            assert_eq!(refused.kind(), ErrorKind::TargetNotEmpty, "{refused}");
            world.assert_imported(&contents, &report, 0).await;
        }
        (_, Ok(report)) => world.assert_imported(&contents, &report, 0).await,
        (Err(ended), Err(refused)) => {
            // The restore succeeded before its finalize was disturbed.
            assert_eq!(refused.kind(), ErrorKind::TargetNotEmpty, "{ended}: {refused}");
            assert_eq!(compare(&contents, &world.target), Comparison::default());
            let restores = Catalog::new(world.backend.vault()).restores(&target_id(), 1).await.unwrap();
            assert_eq!(restores[0].state, RestoreState::Succeeded);
        }
    }
}

/// Two executions have reached their ends: the lease of the first, which was aborted, had ended.
pub async fn of_two_exports(choose: &mut dyn Choose) {
    let world = World::new();
    let late = world.export_task("aborted").reached(&world.backend, Function::Finalize).await;
    sleep(LEASES_END).await;
    world.rename("after the first export");
    let from = world.calls();
    let next = world.export_task("next").reached(&world.backend, Function::Finalize).await;
    let (aborted, ended) = both(&world, &late, &next, choose).await;
    assert_refused(&aborted, &[ErrorKind::RunEnded, ErrorKind::LeaseLost]);
    let exported = world.assert_exported(&ended.unwrap(), from).await;
    assert_all_whole(&world.backend).await;
    assert_eq!(sealed(&world.backend).await.first(), Some(&exported.snapshot.id));
    world.assert_can_export().await;
}

/// The second import has continued the restore of the first.
pub async fn of_two_imports(choose: &mut dyn Choose) {
    let (world, contents) = World::exported().await;
    let from = world.calls();
    let late = world.import_task("aborted", None).reached(&world.backend, Function::Finalize).await;
    sleep(LEASES_END).await;
    let next = world.import_task("next", None).reached(&world.backend, Function::Finalize).await;
    let (aborted, ended) = both(&world, &late, &next, choose).await;
    assert_refused(&aborted, &[ErrorKind::RunEnded, ErrorKind::LeaseLost]);
    world.assert_imported(&contents, &ended.unwrap(), from).await;
    world.assert_no_import().await;
}
