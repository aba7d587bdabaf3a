//! Which charts are drawn of the runs.

use std::collections::BTreeMap;

use crate::chart::{Axis, Bars, Lines, Scale, Series};
use crate::figures::users;
use crate::report::number;
use crate::scenario::{Deed, Run};
use crate::service::Pages;
use shared::model::Category;

/// Parts of the time over which a course is averaged.
const PARTS: usize = 60;

/// File names and contents.
pub fn all(runs: &[Run]) -> Vec<(&'static str, String)> {
    let plain: Vec<&Run> = runs.iter().filter(|run| run.setting.groups == 0 && run.setting.pages == Pages::Full).collect();
    let mut plots = vec![("share-of-limit.svg", share_of_limit(&plain)), ("restore-by-tps.svg", restore_by_tps(&plain))];
    plots.extend(write_units(&plain).map(|svg| ("write-units.svg", svg)));
    plots.extend(course(&plain, Deed::First).map(|svg| ("export-course.svg", svg)));
    plots.extend(course(&plain, Deed::ByApi).map(|svg| ("restore-course.svg", svg)));
    plots
}

/// The share of the limit that first exports reach, over the size of the pool.
fn share_of_limit(runs: &[&Run]) -> String {
    let mut lines: BTreeMap<(u32, u64), BTreeMap<u32, f64>> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.deed == Deed::First && matches!(run.setting.tps, 10 | 30)) {
        let line = lines.entry((run.setting.tps, run.setting.latency)).or_default();
        line.insert(run.setting.users, run.share_of_limit() * 100.0);
    }
    let series = lines.into_iter().map(|((tps, latency), points)| Series {
        name: format!("{tps} calls/s, answers in {latency} ms"),
        points: points.into_iter().map(|(users, share)| (f64::from(users), share)).collect(),
    });
    let chart = Lines {
        title: "First export: mean rate of the listing, share of the limit".into(),
        x: Axis { label: "users of the pool", scale: Scale::Logarithmic },
        y: Axis { label: "% of the limit", scale: Scale::Linear },
        limit: Some((100.0, "")),
        series: series.collect(),
        marks: true,
    };
    chart.svg()
}

/// Users per second of restores by API, over the limit.
fn restore_by_tps(runs: &[&Run]) -> String {
    let restores = || runs.iter().filter(|run| run.deed == Deed::ByApi && run.setting.users == 10_000);
    let line = |latency| {
        let points = restores().filter(|run| run.setting.latency == latency);
        let points: BTreeMap<u32, f64> = points.map(|run| (run.setting.tps, run.users_per_second())).collect();
        Series {
            name: format!("measured, answers in {latency} ms"),
            points: points.into_iter().map(|(tps, rate)| (f64::from(tps), rate)).collect(),
        }
    };
    let passwords = f64::from(Category::UserAccountRecovery.default_quota());
    let most = restores().map(|run| run.setting.tps).max().unwrap_or(0);
    // Two calls a user; the corner is where the quota begins to bind.
    let corner = 2.0 * passwords;
    let allowed = [0.0, corner.min(f64::from(most)), f64::from(most)];
    let allowed = Series {
        name: "allowed by limit and quotas, two calls a user".into(),
        points: allowed.iter().map(|&tps| (tps, (tps / 2.0).min(passwords))).collect(),
    };
    let chart = Lines {
        title: "Restore by API of 10,000 users, its verification included".into(),
        x: Axis { label: "limit, calls/s", scale: Scale::Linear },
        y: Axis { label: "users/s", scale: Scale::Linear },
        limit: None,
        series: vec![allowed, line(50), line(200)],
        marks: true,
    };
    chart.svg()
}

/// Write units of the four kinds of export, of the largest pool that has them all.
fn write_units(runs: &[&Run]) -> Option<String> {
    let of =
        |deed: Deed, size: u32| runs.iter().find(|run| run.deed == deed && run.setting.users == size && run.setting.tps == 10);
    let size = runs.iter().filter(|run| run.deed == Deed::Everything).map(|run| run.setting.users).max()?;
    let bars = [Deed::First, Deed::Unchanged, Deed::OnePercent, Deed::Everything].into_iter().filter_map(|deed| {
        let units = of(deed, size)?.write_units_per_page() / 60.0 * 1_000.0;
        Some((deed.name().to_owned(), units, number(units)))
    });
    let title = format!("Write units per 1,000 users and Region, pool of {} users", users(size));
    Some(Bars { title, label: "write units", bars: bars.collect() }.svg())
}

/// Calls per second over the time of a run of 100,000 users at 30 calls per second, or of the largest that there is.
fn course(runs: &[&Run], deed: Deed) -> Option<String> {
    let fits = |run: &&&Run| run.deed == deed && run.setting.tps == 30 && run.setting.latency == 50;
    let run = runs.iter().filter(fits).filter(|run| run.setting.users <= 100_000).max_by_key(|run| run.setting.users)?;
    let minutes = |points: Vec<(std::time::Duration, f64)>| {
        points.into_iter().map(|(at, rate)| (at.as_secs_f64() / 60.0, rate)).collect::<Vec<_>>()
    };
    let what = if deed.is_export() { "First export" } else { "Restore by API" };
    let chart = Lines {
        title: format!("{what} of {} users at 30 calls/s", users(run.setting.users)),
        x: Axis { label: "minutes", scale: Scale::Linear },
        y: Axis { label: "calls/s", scale: Scale::Linear },
        limit: Some((f64::from(run.setting.tps), "limit")),
        series: vec![Series { name: "calls to Cognito".into(), points: minutes(run.traffic.course(PARTS)) }],
        marks: false,
    };
    Some(chart.svg())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{self, Setting};

    #[test]
    fn every_plot_is_drawn_of_what_it_needs() {
        let setting = Setting { users: 10_000, groups: 0, tps: 30, latency: 50, pages: Pages::Full };
        let mut runs =
            scenario::play(Setting { users: 120, ..setting }, &[Deed::First, Deed::Everything, Deed::ByApi], |_| ()).unwrap();
        runs.iter_mut().for_each(|run| run.setting.users = 10_000);
        runs.extend(runs.clone().into_iter().map(|mut run| {
            run.setting.tps = 10;
            run
        }));
        let plots = all(&runs);
        let names: Vec<_> = plots.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            names,
            ["share-of-limit.svg", "restore-by-tps.svg", "write-units.svg", "export-course.svg", "restore-course.svg"]
        );
        assert!(plots.iter().all(|(_, svg)| !svg.contains("NaN") && !svg.contains("inf")));
        assert_eq!(all(&runs), plots);
    }
}
