//! The charts of the bench.

use std::collections::BTreeMap;

use crate::chart::{Axis, BarChart, LineChart, Scale, Series};
use crate::figures::users;
use crate::measures::PAGE_SIZE;
use crate::report::number;
use crate::scenario::{Run, RunKind};
use crate::service::PageFill;
use shared::model::Category;

/// How many points the curve of calls per second has.
const RATE_POINTS: usize = 60;

/// The charts for which there are runs: file names and contents.
pub fn all(runs: &[Run]) -> Vec<(&'static str, String)> {
    let plain: Vec<&Run> = runs
        .iter()
        .filter(|run| run.scenario.groups == 0 && run.scenario.page_fill == PageFill::Full)
        .collect();
    let mut plots =
        vec![("share-of-limit.svg", share_of_limit(&plain)), ("restore-by-tps.svg", restore_by_tps(&plain))];
    plots.extend(write_units(&plain).map(|svg| ("write-units.svg", svg)));
    plots.extend(rate_over_time(&plain, RunKind::FirstExport).map(|svg| ("export-course.svg", svg)));
    plots.extend(rate_over_time(&plain, RunKind::ApiRestore).map(|svg| ("restore-course.svg", svg)));
    plots
}

/// The share of the limit that first exports reach, by the size of the pool.
fn share_of_limit(runs: &[&Run]) -> String {
    let mut lines: BTreeMap<(u32, u64), BTreeMap<u32, f64>> = BTreeMap::new();
    for run in
        runs.iter().filter(|run| run.kind == RunKind::FirstExport && matches!(run.scenario.tps, 10 | 30))
    {
        let line = lines.entry((run.scenario.tps, run.scenario.latency)).or_default();
        line.insert(run.scenario.users, run.share_of_limit() * 100.0);
    }
    let series = lines.into_iter().map(|((tps, latency), points)| Series {
        name: format!("{tps} calls/s, answers in {latency} ms"),
        points: points.into_iter().map(|(users, share)| (f64::from(users), share)).collect(),
    });
    let chart = LineChart {
        title: "First export: mean rate of the listing, share of the limit".into(),
        x: Axis { label: "users of the pool", scale: Scale::Logarithmic },
        y: Axis { label: "% of the limit", scale: Scale::Linear },
        limit: Some((100.0, "")),
        series: series.collect(),
        has_markers: true,
    };
    chart.svg()
}

/// The users per second of restores by API, by the limit.
fn restore_by_tps(runs: &[&Run]) -> String {
    let restores =
        || runs.iter().filter(|run| run.kind == RunKind::ApiRestore && run.scenario.users == 10_000);
    let line = |latency| {
        let points = restores().filter(|run| run.scenario.latency == latency);
        let points: BTreeMap<u32, f64> =
            points.map(|run| (run.scenario.tps, run.users_per_second())).collect();
        Series {
            name: format!("measured, answers in {latency} ms"),
            points: points.into_iter().map(|(tps, rate)| (f64::from(tps), rate)).collect(),
        }
    };
    let passwords = f64::from(Category::UserAccountRecovery.default_quota());
    let max_tps = f64::from(restores().map(|run| run.scenario.tps).max().unwrap_or(0));
    // A user takes two calls. Above this limit, the quota of passwords decides.
    let corner = 2.0 * passwords;
    let allowed = [0.0, corner.min(max_tps), max_tps];
    let allowed = Series {
        name: "allowed by limit and quotas, 2 calls per user".into(),
        points: allowed.iter().map(|&tps| (tps, (tps / 2.0).min(passwords))).collect(),
    };
    let chart = LineChart {
        title: "Restore by API of 10,000 users, with its verification".into(),
        x: Axis { label: "limit, calls/s", scale: Scale::Linear },
        y: Axis { label: "users/s", scale: Scale::Linear },
        limit: None,
        series: vec![allowed, line(50), line(200)],
        has_markers: true,
    };
    chart.svg()
}

/// The write units of the four kinds of export, for the largest pool that has all of them.
fn write_units(runs: &[&Run]) -> Option<String> {
    let size = runs
        .iter()
        .filter(|run| run.kind == RunKind::AllChangedExport)
        .map(|run| run.scenario.users)
        .max()?;
    let find = |kind: RunKind| {
        runs.iter().find(|run| run.kind == kind && run.scenario.users == size && run.scenario.tps == 10)
    };
    let bars = RunKind::EXPORTS.into_iter().filter_map(|kind| {
        let units = find(kind)?.write_units_per_page() / PAGE_SIZE * 1_000.0;
        Some((kind.name().to_owned(), units, number(units)))
    });
    let title = format!("Write units per 1,000 users and Region, pool of {} users", users(size));
    Some(BarChart { title, label: "write units", bars: bars.collect() }.svg())
}

/// The calls per second during a run at 30 calls per second. The pool is the largest one with at most 100,000
/// users.
fn rate_over_time(runs: &[&Run], kind: RunKind) -> Option<String> {
    let is_candidate = |run: &&&Run| run.kind == kind && run.scenario.tps == 30 && run.scenario.latency == 50;
    let run = runs
        .iter()
        .filter(is_candidate)
        .filter(|run| run.scenario.users <= 100_000)
        .max_by_key(|run| run.scenario.users)?;
    let minutes = |points: Vec<(std::time::Duration, f64)>| {
        points.into_iter().map(|(at, rate)| (at.as_secs_f64() / 60.0, rate)).collect::<Vec<_>>()
    };
    let name = if kind.is_export() { "First export" } else { "Restore by API" };
    let chart = LineChart {
        title: format!("{name} of {} users at 30 calls/s", users(run.scenario.users)),
        x: Axis { label: "minutes", scale: Scale::Linear },
        y: Axis { label: "calls/s", scale: Scale::Linear },
        limit: Some((f64::from(run.scenario.tps), "limit")),
        series: vec![Series {
            name: "calls to Cognito".into(),
            points: minutes(run.traffic.rate_over_time(RATE_POINTS)),
        }],
        has_markers: false,
    };
    Some(chart.svg())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::population::People;
    use crate::scenario::{self, Scenario};

    #[test]
    fn every_plot_with_the_runs_that_it_needs_is_drawn() {
        let scenario = Scenario {
            users: 120,
            groups: 0,
            tps: 30,
            latency: 50,
            page_fill: PageFill::Full,
            people: People::Ordinary,
        };
        let kinds = [RunKind::FirstExport, RunKind::AllChangedExport, RunKind::ApiRestore];
        let mut runs = scenario::play(scenario, &kinds, |_| ()).unwrap();
        runs.iter_mut().for_each(|run| run.scenario.users = 10_000);
        runs.extend(runs.clone().into_iter().map(|mut run| {
            run.scenario.tps = 10;
            run
        }));
        let plots = all(&runs);
        let names: Vec<_> = plots.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            names,
            [
                "share-of-limit.svg",
                "restore-by-tps.svg",
                "write-units.svg",
                "export-course.svg",
                "restore-course.svg"
            ]
        );
        assert!(plots.iter().all(|(_, svg)| !svg.contains("NaN") && !svg.contains("inf")));
        assert_eq!(all(&runs), plots);
    }
}
