//! Scenarios: a pool, the exports of it and the restores of its snapshots. Each run is measured.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use shared::model;

use crate::backend::SimulatedBackend;
use crate::machine::{self, Execution};
use crate::population::{People, Population};
use crate::service::{Behaviour, PageFill, Service};
use crate::traffic::Traffic;
use crate::units::Units;

/// The time between two runs.
const BETWEEN_RUNS: Duration = Duration::from_secs(86_400);

/// A pool, and how fast the runs and the service work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scenario {
    /// How many users the pool has.
    pub users: u32,
    /// How many groups the pool has. If there are groups, each user is a member of one.
    pub groups: u32,
    /// The limit of a run in calls per second.
    pub tps: u32,
    /// The mean time of a call to Cognito in milliseconds.
    pub latency: u64,
    /// How full the pages of listings are.
    pub page_fill: PageFill,
    /// How large the users are.
    pub people: People,
}

/// The kinds of runs, in the order in which a scenario plays them. An export finds the records of the exports
/// before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunKind {
    /// The first export of the pool.
    FirstExport,
    /// An export of the same users again.
    UnchangedExport,
    /// An export after 1 % of the users changed.
    OnePercentExport,
    /// An export after every user changed.
    AllChangedExport,
    /// A restore of the newest snapshot by API.
    ApiRestore,
    /// A restore of the newest snapshot by import jobs.
    CsvRestore,
}

impl RunKind {
    pub const EXPORTS: [Self; 4] =
        [Self::FirstExport, Self::UnchangedExport, Self::OnePercentExport, Self::AllChangedExport];

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::FirstExport => "first",
            Self::UnchangedExport => "unchanged",
            Self::OnePercentExport => "1 % changed",
            Self::AllChangedExport => "100 % changed",
            Self::ApiRestore => "API",
            Self::CsvRestore => "CSV",
        }
    }

    /// The share of users that change before the run: 0 to 1.
    fn changed_share(self) -> f64 {
        match self {
            Self::OnePercentExport => 0.01,
            Self::AllChangedExport => 1.0,
            Self::FirstExport | Self::UnchangedExport | Self::ApiRestore | Self::CsvRestore => 0.0,
        }
    }

    /// Whether the run is an export.
    pub fn is_export(self) -> bool {
        Self::EXPORTS.contains(&self)
    }
}

/// A run and its measurements.
#[derive(Debug, Clone)]
pub struct Run {
    /// The scenario that the run belongs to.
    pub scenario: Scenario,
    pub kind: RunKind,
    /// The states, events, payloads, invocations and memory.
    pub execution: Execution,
    pub traffic: Traffic,
    pub units: Units,
    /// From the start of the execution to its end, in virtual time.
    pub time: Duration,
}

/// Plays a scenario in virtual time. `on_start` is called before each run.
///
/// # Errors
/// If an execution fails or has a wrong result.
pub fn play(scenario: Scenario, kinds: &[RunKind], on_start: impl Fn(RunKind)) -> Result<Vec<Run>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    runtime.block_on(async {
        let population =
            Population { users: scenario.users, groups: scenario.groups, seed: 1, people: scenario.people };
        let behaviour =
            Behaviour { latency: Duration::from_millis(scenario.latency), page_fill: scenario.page_fill };
        let backend = SimulatedBackend(Service::new(population, behaviour)?);
        let mut runs = Vec::new();
        for (number, &kind) in kinds.iter().enumerate() {
            on_start(kind);
            let run = measure(&backend, scenario, kind, number).await;
            runs.push(
                run.with_context(|| format!("the run {:?} of {} users failed", kind.name(), scenario.users))?,
            );
            tokio::time::sleep(BETWEEN_RUNS).await;
        }
        Ok(runs)
    })
}

/// Carries out one run and measures it.
async fn measure(
    backend: &SimulatedBackend,
    scenario: Scenario,
    kind: RunKind,
    number: usize,
) -> Result<Run> {
    let service = &backend.0;
    service.state().history.add_day(kind.changed_share());
    if !kind.is_export() {
        service.replace_target(number)?;
    }
    take_counts(service);
    let started = service.now();
    let input = if kind.is_export() {
        json!({"userPoolId": service.source(), "tps": scenario.tps, "splitListing": true})
    } else {
        json!({
            "sourceUserPoolId": service.source(),
            "targetUserPoolId": service.target(),
            "tps": scenario.tps,
            "method": if kind == RunKind::CsvRestore { "csv" } else { "api" },
        })
    };
    let machine = if kind.is_export() { model::RunKind::Export } else { model::RunKind::Import };
    let execution = machine::execute(machine, backend, input, number).await?;
    let (traffic, units) = take_counts(service);
    let run = Run { scenario, kind, execution, traffic, units, time: service.now() - started };
    check_result(&run, service)?;
    Ok(run)
}

/// Returns the counts since the last call of this function, and starts again at 0.
fn take_counts(service: &Arc<Service>) -> (Traffic, Units) {
    let mut state = service.state();
    (std::mem::take(&mut state.traffic), std::mem::take(&mut state.table.units))
}

/// Checks that the run exported or restored everything. Measurements of an incomplete run are worthless.
fn check_result(run: &Run, service: &Arc<Service>) -> Result<()> {
    let (scenario, output) = (run.scenario, &run.execution.output);
    let users = u64::from(scenario.users);
    let memberships = if scenario.groups == 0 { 0 } else { users };
    let require = |path: &str, expected: Value| {
        let found = output.pointer(path).cloned().unwrap_or_default();
        anyhow::ensure!(found == expected, "{path} is {found} instead of {expected}");
        Ok(())
    };
    if run.kind.is_export() {
        require("/users", json!(users))?;
        require("/groups", json!(scenario.groups))?;
        return require("/memberships", json!(memberships));
    }
    require("/status", json!("SUCCEEDED"))?;
    require("/verification/same", json!(users))?;
    require("/users/created", json!(users))?;
    let (restored, disabled) = service.state().target.counts();
    let expected = (0..scenario.users).filter(|&number| Population::is_disabled(number)).count() as u64;
    anyhow::ensure!(
        restored == users && disabled == expected,
        "the target has {restored} users ({disabled} disabled) instead of {users} ({expected} disabled)"
    );
    let added = service.state().target.memberships;
    anyhow::ensure!(added == memberships, "the target has {added} memberships instead of {memberships}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Scenario = Scenario {
        users: 500,
        groups: 3,
        tps: 10,
        latency: 50,
        page_fill: PageFill::Ragged,
        people: People::Ordinary,
    };

    #[test]
    fn a_pool_is_exported_and_restored_by_both_methods() {
        let kinds = [RunKind::EXPORTS.as_slice(), &[RunKind::ApiRestore, RunKind::CsvRestore]].concat();
        let runs = play(SMALL, &kinds, |_| ()).unwrap();
        let written = |kind: RunKind| {
            let run = runs.iter().find(|run| run.kind == kind).unwrap();
            run.units.written(crate::kind::Kind::UserRecord).writes
        };
        assert_eq!(RunKind::EXPORTS.map(written)[..2], [500, 0]);
        assert!((1..20).contains(&written(RunKind::OnePercentExport)));
        assert_eq!(written(RunKind::AllChangedExport), 500);
        for run in &runs {
            assert!(run.traffic.peak_per_second() <= 10);
        }
    }

    #[test]
    fn short_and_empty_pages_end_no_listing() {
        let runs =
            play(Scenario { users: 6_000, groups: 0, ..SMALL }, &[RunKind::FirstExport], |_| ()).unwrap();
        // 6,000 users fit on 100 full pages.
        assert!(runs[0].listing().total() > 102, "{}", runs[0].listing().total());
    }

    #[test]
    fn the_same_scenario_gives_the_same_figures() {
        let figures = || {
            let runs = play(SMALL, &[RunKind::FirstExport, RunKind::UnchangedExport], |_| ()).unwrap();
            runs.iter()
                .map(|run| (run.traffic.total(), run.time, run.units.write_units(|_| true)))
                .collect::<Vec<_>>()
        };
        assert_eq!(figures(), figures());
    }
}
