//! Exports of one pool, of two executions.

use shared::ErrorKind;
use shared::machine::Function;
use tokio::time::sleep;

use super::imports::assert_refused;
use super::world::{LEASES_END, Outcome, TPS, World};
use crate::assert_rate;
use crate::interleaving::scheduler::{Choose, play};
use crate::pruned::assert_all_whole;

pub async fn two_begin(choose: &mut dyn Choose) {
    let world = World::new();
    let tasks = ["one", "other"].map(|name| world.export_task(name));
    let (one, other) = (Outcome::none(), Outcome::none());
    let actors = vec![
        one.of("one", &world.backend, async |backend| tasks[0].until_done(&backend).await),
        other.of("other", &world.backend, async |backend| tasks[1].until_done(&backend).await),
    ];
    play(actors, choose).await;
    let begun = [one.take(), other.take()];
    assert_eq!(begun.iter().filter(|begun| begun.is_ok()).count(), 1, "{begun:?}");
    for (begun, task) in begun.into_iter().zip(&tasks) {
        assert_refused(&begun, &[ErrorKind::ExportAlreadyRunning]);
        if let Ok(progress) = begun {
            let report = task.next(&progress).unwrap().to_the_end(&world.backend).await.unwrap();
            world.assert_exported(&report, 0).await;
        }
    }
    world.assert_can_export().await;
}

/// An execution was aborted. Its function goes on although its lease has ended, beside the next execution.
async fn aborted_and_next(choose: &mut dyn Choose, function: Function) {
    let world = World::new();
    let late = world.export_task("aborted").reached(&world.backend, function).await;
    sleep(LEASES_END).await;
    world.rename("after the first export began");
    let from = world.calls();
    let next = world.export_task("next");
    let (aborted, ended) = (Outcome::none(), Outcome::none());
    let actors = vec![
        aborted.of("aborted", &world.backend, async |backend| late.once(&backend).await),
        ended.of("next", &world.backend, async |backend| next.to_the_end(&backend).await),
    ];
    play(actors, choose).await;
    assert_refused(&aborted.take(), &[ErrorKind::LeaseLost, ErrorKind::RunEnded]);
    match ended.take() {
        Ok(report) => drop(world.assert_exported(&report, from).await),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ExportAlreadyRunning, "{error}"),
    }
    assert_all_whole(&world.backend).await;
    // No finalize gives back the lease of an execution that was aborted.
    sleep(LEASES_END).await;
    world.assert_can_export().await;
    assert_all_whole(&world.backend).await;
    assert_rate(&world.backend, from, TPS);
}

pub async fn aborted_page_and_next(choose: &mut dyn Choose) {
    aborted_and_next(choose, Function::ExportPage).await;
}

pub async fn aborted_finalize_and_next(choose: &mut dyn Choose) {
    aborted_and_next(choose, Function::Finalize).await;
}
