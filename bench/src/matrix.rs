//! Which pools are measured, and what is done with each: not every combination, but those that show what matters.

use crate::options::{Deeds, Options};
use crate::scenario::{Deed, Setting};
use crate::service::Pages;

/// A pool and what is done with it.
pub type Cell = (Setting, Vec<Deed>);

const EXPORTS: [Deed; 4] = [Deed::First, Deed::Unchanged, Deed::OnePercent, Deed::Everything];
const FIRST: [Deed; 1] = [Deed::First];
const TWICE: [Deed; 2] = [Deed::First, Deed::Unchanged];
const ALL: [Deed; 6] = [Deed::First, Deed::Unchanged, Deed::OnePercent, Deed::Everything, Deed::ByApi, Deed::ByCsv];
const RESTORE: [Deed; 2] = [Deed::First, Deed::ByApi];
const JOBS: [Deed; 2] = [Deed::First, Deed::ByCsv];
const RESTORES: [Deed; 3] = [Deed::First, Deed::ByApi, Deed::ByCsv];

fn pool(users: u32, tps: u32, latency: u64) -> Setting {
    Setting { users, groups: 0, tps, latency, pages: Pages::Full }
}

/// The cells, in the order of the tables.
pub fn cells(options: &Options) -> Vec<Cell> {
    let is_chosen = !(options.users.is_empty() && options.tps.is_empty() && options.groups.is_empty());
    if is_chosen || !options.latency.is_empty() {
        return chosen(options);
    }
    let mut cells = vec![(pool(10_000, 1, 50), EXPORTS.to_vec())];
    for users in [10_000, 100_000, 1_000_000] {
        for tps in [10, 30] {
            for latency in [50, 200] {
                let deeds = match users {
                    // Restores take ten times as long.
                    10_000 => ALL.as_slice(),
                    100_000 if tps == 30 && latency == 50 => ALL.as_slice(),
                    100_000 => EXPORTS.as_slice(),
                    _ if latency == 50 => TWICE.as_slice(),
                    _ => FIRST.as_slice(),
                };
                cells.push((pool(users, tps, latency), deeds.to_vec()));
            }
        }
    }
    cells.push((pool(10_000_000, 30, 200), TWICE.to_vec()));
    // Beyond what a single quota allows.
    for tps in [1, 60, 100, 200] {
        cells.push((pool(10_000, tps, 50), RESTORE.to_vec()));
    }
    cells.push((pool(1_000_000, 60, 50), RESTORE.to_vec()));
    cells.push((pool(1_000_000, 30, 50), JOBS.to_vec()));
    cells.push((Setting { groups: 20, ..pool(100_000, 10, 50) }, TWICE.to_vec()));
    cells.push((Setting { groups: 20, ..pool(10_000, 30, 50) }, RESTORES.to_vec()));
    cells.push((Setting { groups: 20, ..pool(10_000, 100, 50) }, RESTORE.to_vec()));
    cells.push((Setting { groups: 10_000, ..pool(20_000, 10, 50) }, RESTORES.to_vec()));
    cells.push((Setting { pages: Pages::Ragged, ..pool(100_000, 10, 50) }, TWICE.to_vec()));
    if options.quick {
        cells.retain(|(setting, _)| setting.users <= 100_000 && setting.groups <= 20);
        for (setting, deeds) in &mut cells {
            deeds.retain(|deed| deed.is_export() || setting.users <= 10_000);
        }
    }
    cells
}

/// Every combination of what was chosen; the rest as it is by default.
fn chosen(options: &Options) -> Vec<Cell> {
    let or = |chosen: &[u32], default| if chosen.is_empty() { vec![default] } else { chosen.to_vec() };
    let latencies = if options.latency.is_empty() { vec![50] } else { options.latency.clone() };
    let deeds = match options.deeds {
        Deeds::All => ALL.as_slice(),
        Deeds::Exports => EXPORTS.as_slice(),
        Deeds::Api => RESTORE.as_slice(),
        Deeds::Csv => JOBS.as_slice(),
    };
    let mut cells = Vec::new();
    for users in or(&options.users, 10_000) {
        for tps in or(&options.tps, 10) {
            for &latency in &latencies {
                let of_groups = |groups| (Setting { groups, ..pool(users, tps, latency) }, deeds.to_vec());
                cells.extend(or(&options.groups, 0).into_iter().map(of_groups));
            }
        }
    }
    cells
}

/// Carries out the cells, `jobs` at once; what comes back is in their order. After an error, no more are begun.
///
/// # Errors
/// The first one that fails.
pub fn play(cells: &[Cell], jobs: usize, tell: impl Fn(Setting, Deed) + Sync) -> anyhow::Result<Vec<crate::scenario::Run>> {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    // The longest first, so that none is left over in the end.
    let mut order: Vec<usize> = (0..cells.len()).collect();
    let weight = |&at: &usize| {
        let (setting, deeds) = &cells[at];
        let weights = deeds.iter().map(|deed| if deed.is_export() { 1 } else { 10 });
        u64::from(setting.users) * weights.sum::<u64>()
    };
    order.sort_by_key(|at| std::cmp::Reverse(weight(at)));
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while let Some(&at) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (setting, deeds) = &cells[at];
                    let runs = crate::scenario::play(*setting, deeds, |deed| tell(*setting, deed));
                    if runs.is_err() {
                        next.store(order.len(), Ordering::Relaxed);
                    }
                    done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((at, runs));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    let mut all = Vec::new();
    for (_, runs) in done {
        all.extend(runs?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Options = Options {
        quick: false,
        users: Vec::new(),
        tps: Vec::new(),
        latency: Vec::new(),
        groups: Vec::new(),
        deeds: Deeds::All,
        write: false,
        jobs: 1,
    };

    #[test]
    fn a_restore_follows_an_export_in_every_cell() {
        for options in [NOTHING, Options { quick: true, ..NOTHING }, Options { users: vec![100, 200], tps: vec![5], ..NOTHING }] {
            let cells = cells(&options);
            assert!(cells.iter().all(|(_, deeds)| deeds.first() == Some(&Deed::First)));
        }
        assert_eq!(cells(&Options { users: vec![100, 200], tps: vec![5], latency: vec![1, 2], ..NOTHING }).len(), 4);
        assert!(cells(&Options { quick: true, ..NOTHING }).iter().all(|(setting, _)| setting.users <= 100_000));
    }

    #[test]
    fn cells_come_back_in_their_order_however_many_are_played_at_once() {
        let cells: Vec<Cell> = [60, 600, 6].map(|users| (pool(users, 30, 50), TWICE.to_vec())).into();
        let users: Vec<u32> = play(&cells, 3, |_, _| ()).unwrap().iter().map(|run| run.setting.users).collect();
        assert_eq!(users, [60, 60, 600, 600, 6, 6]);
    }
}
