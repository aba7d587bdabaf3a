//! The scenarios of the bench, and the runs of each. The matrix has only the combinations that show a
//! difference.

use std::cmp::Reverse;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::options::{Options, RunChoice};
use crate::population::People;
use crate::scenario::{self, Run, RunKind, Scenario};
use crate::service::PageFill;

/// A scenario and its runs.
pub type Cell = (Scenario, Vec<RunKind>);

// The runs of a cell. Each cell begins with an export, because the other runs need its snapshot.
const TWO_EXPORTS: [RunKind; 2] = [RunKind::FirstExport, RunKind::UnchangedExport];
const THREE_EXPORTS: [RunKind; 3] =
    [RunKind::FirstExport, RunKind::UnchangedExport, RunKind::UnchangedExport];
const ALL_EXPORTS: [RunKind; 4] = RunKind::EXPORTS;
const SPLIT_EXPORT: [RunKind; 2] = [RunKind::FirstExport, RunKind::AllChangedExport];
const API_RESTORE: [RunKind; 2] = [RunKind::FirstExport, RunKind::ApiRestore];
const CSV_RESTORE: [RunKind; 2] = [RunKind::FirstExport, RunKind::CsvRestore];
const BOTH_RESTORES: [RunKind; 3] = [RunKind::FirstExport, RunKind::ApiRestore, RunKind::CsvRestore];
const ALL_RUNS: [RunKind; 6] = [
    RunKind::FirstExport,
    RunKind::UnchangedExport,
    RunKind::OnePercentExport,
    RunKind::AllChangedExport,
    RunKind::ApiRestore,
    RunKind::CsvRestore,
];

fn pool(users: u32, tps: u32, latency: u64) -> Scenario {
    Scenario { users, groups: 0, tps, latency, page_fill: PageFill::Full, people: People::Ordinary }
}

/// The cells that the options choose, in the order of the tables.
pub fn cells(options: &Options) -> Vec<Cell> {
    if options.large_users {
        return large_people();
    }
    let is_chosen = !(options.users.is_empty() && options.tps.is_empty() && options.groups.is_empty());
    if is_chosen || !options.latency.is_empty() {
        return chosen(options);
    }
    let mut cells = vec![(pool(10_000, 1, 50), ALL_EXPORTS.to_vec())];
    for users in [10_000, 100_000, 1_000_000] {
        for tps in [10, 30] {
            for latency in [50, 200] {
                let kinds = match users {
                    // A restore takes ten times as long as an export, so large pools have few.
                    10_000 => ALL_RUNS.as_slice(),
                    100_000 if tps == 30 && latency == 50 => ALL_RUNS.as_slice(),
                    100_000 => ALL_EXPORTS.as_slice(),
                    _ if latency == 50 => TWO_EXPORTS.as_slice(),
                    // The first export makes one listing. The others split it.
                    _ => THREE_EXPORTS.as_slice(),
                };
                cells.push((pool(users, tps, latency), kinds.to_vec()));
            }
        }
    }
    cells.push((pool(10_000_000, 30, 200), THREE_EXPORTS.to_vec()));
    // Limits above the quota of a single category.
    for tps in [1, 60, 100, 200] {
        cells.push((pool(10_000, tps, 50), API_RESTORE.to_vec()));
    }
    cells.push((pool(1_000_000, 60, 50), API_RESTORE.to_vec()));
    cells.push((pool(1_000_000, 30, 50), CSV_RESTORE.to_vec()));
    cells.push((Scenario { groups: 20, ..pool(100_000, 10, 50) }, TWO_EXPORTS.to_vec()));
    cells.push((Scenario { groups: 20, ..pool(10_000, 30, 50) }, BOTH_RESTORES.to_vec()));
    cells.push((Scenario { groups: 20, ..pool(10_000, 100, 50) }, API_RESTORE.to_vec()));
    cells.push((Scenario { groups: 10_000, ..pool(20_000, 10, 50) }, BOTH_RESTORES.to_vec()));
    cells.push((Scenario { page_fill: PageFill::Ragged, ..pool(100_000, 10, 50) }, TWO_EXPORTS.to_vec()));
    cells.extend(large_people());
    if options.quick {
        cells.retain(|(scenario, _)| scenario.users <= 100_000 && scenario.groups <= 20);
        for (scenario, kinds) in &mut cells {
            kinds.retain(|kind| kind.is_export() || scenario.users <= 10_000);
        }
    }
    cells
}

/// Pools of large users, which show what bounds the memory of the functions: once at the speed of Cognito, and once so
/// slow that the second export splits the listing.
fn large_people() -> Vec<Cell> {
    let large = |users, people, latency| Scenario { people, groups: 3, ..pool(users, 200, latency) };
    vec![
        (large(2_000, People::Large, 50), API_RESTORE.to_vec()),
        (large(2_000, People::Large, 10_000), SPLIT_EXPORT.to_vec()),
        (large(200, People::Largest, 50), API_RESTORE.to_vec()),
        (large(200, People::Largest, 100_000), SPLIT_EXPORT.to_vec()),
    ]
}

/// Every combination of the chosen values. An option that is not given has one default value.
fn chosen(options: &Options) -> Vec<Cell> {
    let or = |chosen: &[u32], default| if chosen.is_empty() { vec![default] } else { chosen.to_vec() };
    let latencies = if options.latency.is_empty() { vec![50] } else { options.latency.clone() };
    let kinds = match options.runs {
        RunChoice::All => ALL_RUNS.as_slice(),
        RunChoice::Exports => ALL_EXPORTS.as_slice(),
        RunChoice::Api => API_RESTORE.as_slice(),
        RunChoice::Csv => CSV_RESTORE.as_slice(),
    };
    let mut cells = Vec::new();
    for users in or(&options.users, 10_000) {
        for tps in or(&options.tps, 10) {
            for &latency in &latencies {
                let cell = |groups| (Scenario { groups, ..pool(users, tps, latency) }, kinds.to_vec());
                cells.extend(or(&options.groups, 0).into_iter().map(cell));
            }
        }
    }
    cells
}

/// Plays the cells in `threads` threads, and calls `on_start` before each run. The runs are in the order of
/// the cells. After an error, no further cell starts.
///
/// # Errors
/// The error of the first cell that failed, in the order of the cells.
pub fn play(
    cells: &[Cell],
    threads: usize,
    on_start: impl Fn(Scenario, RunKind) + Sync,
) -> anyhow::Result<Vec<Run>> {
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    // The longest cells start first, so that all threads end at about the same time.
    let mut order: Vec<usize> = (0..cells.len()).collect();
    let weight = |&index: &usize| {
        let (scenario, kinds) = &cells[index];
        let weights = kinds.iter().map(|kind| if kind.is_export() { 1 } else { 10 });
        u64::from(scenario.users) * weights.sum::<u64>()
    };
    order.sort_by_key(|index| Reverse(weight(index)));
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some(&index) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (scenario, kinds) = &cells[index];
                    let runs = scenario::play(*scenario, kinds, |kind| on_start(*scenario, kind));
                    if runs.is_err() {
                        next.store(order.len(), Ordering::Relaxed);
                    }
                    results.lock().unwrap_or_else(PoisonError::into_inner).push((index, runs));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    let mut all = Vec::new();
    for (_, runs) in results {
        all.extend(runs?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_OPTIONS: Options = Options {
        quick: false,
        large_users: false,
        users: Vec::new(),
        tps: Vec::new(),
        latency: Vec::new(),
        groups: Vec::new(),
        runs: RunChoice::All,
        write: false,
        jobs: 1,
    };

    #[test]
    fn every_cell_begins_with_the_first_export() {
        for options in [
            NO_OPTIONS,
            Options { quick: true, ..NO_OPTIONS },
            Options { large_users: true, ..NO_OPTIONS },
            Options { users: vec![100, 200], tps: vec![5], ..NO_OPTIONS },
        ] {
            let cells = cells(&options);
            assert!(cells.iter().all(|(_, kinds)| kinds.first() == Some(&RunKind::FirstExport)));
        }
        assert_eq!(
            cells(&Options { users: vec![100, 200], tps: vec![5], latency: vec![1, 2], ..NO_OPTIONS }).len(),
            4
        );
        assert!(
            cells(&Options { quick: true, ..NO_OPTIONS })
                .iter()
                .all(|(scenario, _)| scenario.users <= 100_000)
        );
    }

    #[test]
    fn runs_are_in_the_order_of_their_cells_with_any_number_of_threads() {
        let cells: Vec<Cell> = [60, 600, 6].map(|users| (pool(users, 30, 50), TWO_EXPORTS.to_vec())).into();
        let users: Vec<u32> =
            play(&cells, 3, |_, _| ()).unwrap().iter().map(|run| run.scenario.users).collect();
        assert_eq!(users, [60, 60, 600, 600, 6, 6]);
    }
}
