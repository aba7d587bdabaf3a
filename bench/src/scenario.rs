//! Scenarios: a pool, exports of it and restores, each with what it took.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use shared::model::RunKind;

use crate::machine::{self, Execution};
use crate::population::Population;
use crate::service::{Behaviour, Pages, Service, SimulatedBackend};
use crate::traffic::Traffic;
use crate::units::Units;

/// A pool and how it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Users of the pool.
    pub users: u32,
    /// Groups of the pool. Each user is a member of one, if there are any.
    pub groups: u32,
    /// The limit, calls per second.
    pub tps: u32,
    /// How long a call to Cognito takes on average, milliseconds.
    pub latency: u64,
    /// How full the pages of listings are.
    pub pages: Pages,
}

/// What is done with it, in this order; each export finds the records of those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// The first export.
    First,
    /// An export after nothing changed.
    Unchanged,
    /// An export after a hundredth of the users changed.
    OnePercent,
    /// An export after every user changed.
    Everything,
    /// A restore of the newest snapshot by calls.
    ByApi,
    /// A restore of the newest snapshot by import jobs.
    ByCsv,
}

impl Deed {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Unchanged => "unchanged",
            Self::OnePercent => "1 % changed",
            Self::Everything => "100 % changed",
            Self::ByApi => "API",
            Self::ByCsv => "CSV",
        }
    }

    /// The share of users that changed the day before, 0 to 1.
    fn changed(self) -> f64 {
        match self {
            Self::OnePercent => 0.01,
            Self::Everything => 1.0,
            Self::First | Self::Unchanged | Self::ByApi | Self::ByCsv => 0.0,
        }
    }

    /// Whether it is an export.
    pub fn is_export(self) -> bool {
        !matches!(self, Self::ByApi | Self::ByCsv)
    }
}

/// One execution and what it took.
#[derive(Debug, Clone)]
pub struct Run {
    /// The pool and how it was called.
    pub setting: Setting,
    /// What was done.
    pub deed: Deed,
    /// States, events, payloads, memory.
    pub execution: Execution,
    /// Calls to Cognito.
    pub traffic: Traffic,
    /// Read and write units of the table.
    pub units: Units,
    /// From the start of the execution to its end, in virtual time.
    pub time: Duration,
}

/// Does `deeds` in virtual time; `tell` hears of each before it begins.
///
/// # Errors
/// When an execution fails, or does not come to what it has to.
pub fn play(setting: Setting, deeds: &[Deed], tell: impl Fn(Deed)) -> Result<Vec<Run>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    runtime.block_on(async {
        let people = Population { users: setting.users, groups: setting.groups, seed: 1 };
        let behaviour = Behaviour { latency: Duration::from_millis(setting.latency), pages: setting.pages };
        let backend = SimulatedBackend(Service::new(people, behaviour)?);
        let mut runs = Vec::new();
        for (number, &deed) in deeds.iter().enumerate() {
            tell(deed);
            let run = carry_out(&backend, setting, deed, number).await;
            runs.push(run.with_context(|| format!("{} of {} users", deed.name(), setting.users))?);
            // The next one a day later.
            tokio::time::sleep(Duration::from_secs(86_400)).await;
        }
        Ok(runs)
    })
}

async fn carry_out(backend: &SimulatedBackend, setting: Setting, deed: Deed, number: usize) -> Result<Run> {
    let service = &backend.0;
    service.world().history.pass_day(deed.changed());
    if !deed.is_export() {
        service.replace_target(number)?;
    }
    take(service);
    let began = service.now();
    let input = match deed.is_export() {
        true => json!({"userPoolId": service.source(), "tps": setting.tps}),
        false => json!({
            "sourceUserPoolId": service.source(),
            "targetUserPoolId": service.target(),
            "tps": setting.tps,
            "method": if deed == Deed::ByCsv { "csv" } else { "api" },
        }),
    };
    let operation = if deed.is_export() { RunKind::Export } else { RunKind::Import };
    let execution = machine::execute(operation, backend, input, number).await?;
    let (traffic, units) = take(service);
    let run = Run { setting, deed, execution, traffic, units, time: service.now() - began };
    check(&run, service)?;
    Ok(run)
}

/// What was counted since it was last taken.
fn take(service: &Arc<Service>) -> (Traffic, Units) {
    let mut world = service.world();
    (std::mem::take(&mut world.traffic), std::mem::take(&mut world.table.units))
}

/// A bench of something that does not do its work would be worth nothing.
fn check(run: &Run, service: &Arc<Service>) -> Result<()> {
    let (setting, output) = (run.setting, &run.execution.output);
    let users = u64::from(setting.users);
    let memberships = if setting.groups == 0 { 0 } else { users };
    let is = |path: &str, wanted: Value| {
        let there = output.pointer(path).cloned().unwrap_or_default();
        anyhow::ensure!(there == wanted, "{path} is {there} instead of {wanted}");
        Ok(())
    };
    if run.deed.is_export() {
        is("/users", json!(users))?;
        is("/groups", json!(setting.groups))?;
        return is("/memberships", json!(memberships));
    }
    is("/status", json!("SUCCEEDED"))?;
    is("/verification/same", json!(users))?;
    is("/users/created", json!(users))?;
    let (there, disabled) = service.world().target.counts();
    let wanted = (0..setting.users).filter(|&number| Population::is_disabled(number)).count() as u64;
    anyhow::ensure!(
        there == users && disabled == wanted,
        "{there} users, {disabled} of them disabled, instead of {users} and {wanted}"
    );
    let added = service.world().target.memberships;
    anyhow::ensure!(added == memberships, "{added} memberships instead of {memberships}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Setting = Setting { users: 500, groups: 3, tps: 10, latency: 50, pages: Pages::Ragged };

    #[test]
    fn a_pool_is_exported_and_restored_by_both_methods() {
        let deeds = [Deed::First, Deed::Unchanged, Deed::OnePercent, Deed::Everything, Deed::ByApi, Deed::ByCsv];
        let runs = play(SMALL, &deeds, |_| ()).unwrap();
        let written = |deed: Deed| {
            let run = runs.iter().find(|run| run.deed == deed).unwrap();
            run.units.written(crate::kind::Kind::UserRecord).writes
        };
        assert_eq!((written(Deed::First), written(Deed::Unchanged), written(Deed::Everything)), (500, 0, 500));
        assert!((1..20).contains(&written(Deed::OnePercent)));
        for run in &runs {
            assert!(run.traffic.peak_per_second() <= 10);
        }
    }

    #[test]
    fn short_and_empty_pages_end_no_listing() {
        let setting = Setting { users: 6_000, groups: 0, ..SMALL };
        let runs = play(setting, &[Deed::First], |_| ()).unwrap();
        // 100 full pages would do.
        assert!(runs[0].listing().total() > 102, "{}", runs[0].listing().total());
    }

    #[test]
    fn the_same_scenario_comes_to_the_same() {
        let figures = || {
            let runs = play(SMALL, &[Deed::First, Deed::Unchanged], |_| ()).unwrap();
            runs.iter().map(|run| (run.traffic.total(), run.time, run.units.write_units(|_| true))).collect::<Vec<_>>()
        };
        assert_eq!(figures(), figures());
    }
}
