//! The tables of the bench, and its targets.

use crate::measures::PAGE_SIZE;
use crate::report::{Target, Verdict, number};
use crate::scenario::{Run, RunKind, Scenario};
use crate::service::PageFill;

impl Scenario {
    /// A short summary for the progress and the targets.
    pub fn summary(&self) -> String {
        let groups = if self.groups > 0 { format!(", {} groups", self.groups) } else { String::new() };
        let pages = if self.page_fill == PageFill::Ragged { ", ragged pages" } else { "" };
        let (users, people) = (users(self.users), self.people.name());
        format!("{users} users{people}{groups}, TPS {}, {} ms{pages}", self.tps, self.latency)
    }
}

/// A number of users as text: `10 k`, `1 M`.
pub fn users(users: u32) -> String {
    match users {
        millions if millions % 1_000_000 == 0 => format!("{} M", millions / 1_000_000),
        thousands if thousands % 1_000 == 0 => format!("{} k", thousands / 1_000),
        other => other.to_string(),
    }
}

/// A table of figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The heading.
    pub title: &'static str,
    /// The headings of the columns.
    pub columns: Vec<&'static str>,
    /// The rows. Each has one cell for every column.
    pub rows: Vec<Vec<String>>,
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// The time of a run in hours, minutes or seconds.
fn time(run: &Run) -> String {
    match run.time.as_secs_f64() {
        hours if hours >= 5_400.0 => format!("{:.1} h", hours / 3_600.0),
        minutes if minutes >= 90.0 => format!("{:.1} min", minutes / 60.0),
        seconds => format!("{seconds:.0} s"),
    }
}

fn pool_cells(run: &Run) -> Vec<String> {
    let Scenario { groups, tps, latency, page_fill, .. } = run.scenario;
    let pages = if page_fill == PageFill::Ragged { " (ragged)" } else { "" };
    let name = format!("{}{}{pages}", users(run.scenario.users), run.scenario.people.name());
    vec![name, groups.to_string(), tps.to_string(), latency.to_string(), run.kind.name().to_owned()]
}

/// The rates of the exports.
pub fn rates(runs: &[Run]) -> Table {
    let row = |run: &Run| {
        let limit = PAGE_SIZE * f64::from(run.scenario.tps);
        let mut cells = pool_cells(run);
        cells.extend([
            time(run),
            number(run.users_per_second()),
            percent(run.users_per_second() / limit),
            number(run.listing().mean_per_second()),
            percent(run.share_of_limit()),
            run.traffic.peak_per_second().to_string(),
            run.traffic.throttled().to_string(),
            if run.is_split() { "16" } else { "1" }.to_owned(),
        ]);
        cells
    };
    Table {
        title: "Exports: rate",
        columns: vec![
            "users",
            "groups",
            "TPS",
            "ms",
            "export",
            "time",
            "users/s",
            "share of 60 × TPS",
            "listing calls/s",
            "share of TPS",
            "most calls in a second",
            "throttled",
            "listings",
        ],
        rows: runs.iter().filter(|run| run.kind.is_export()).map(row).collect(),
    }
}

/// The units that exports read and write, and their use of Lambda and Step Functions.
pub fn sizes(runs: &[Run]) -> Table {
    let row = |run: &Run| {
        let mut cells = pool_cells(run);
        let execution = &run.execution;
        cells.extend([
            number(run.write_units_per_page()),
            number(run.write_units_per_page() / PAGE_SIZE * 1_000.0),
            number(run.read_units_per_page()),
            format!("{:.3}", run.write_units_by_those_of_records()),
            number(run.memory().0),
            execution.all_invocations().to_string(),
            number(run.transitions_per_invocation()),
            execution.events.to_string(),
            execution.largest_payload.to_string(),
        ]);
        // The ratio means nothing if the export writes hardly any records.
        if !matches!(run.kind, RunKind::FirstExport | RunKind::AllChangedExport) {
            cells[8] = "–".to_owned();
        }
        cells
    };
    Table {
        title: "Exports: units and resources",
        columns: vec![
            "users",
            "groups",
            "TPS",
            "ms",
            "export",
            "write units per 60 users",
            "per 1,000 users",
            "read units per 60 users",
            "write units ÷ those of records",
            "heap, MB",
            "invocations",
            "transitions per page invocation",
            "history events",
            "largest payload, bytes",
        ],
        rows: runs.iter().filter(|run| run.kind.is_export()).map(row).collect(),
    }
}

/// The rates, units and resources of the restores.
pub fn restores(runs: &[Run]) -> Table {
    let row = |run: &Run| {
        let mut cells = pool_cells(run);
        let allowed =
            |share: f64| if run.kind == RunKind::ApiRestore { percent(share) } else { "–".to_owned() };
        let (memory, function) = run.memory();
        cells.extend([
            time(run),
            number(run.users_per_second()),
            number(run.traffic.mean_per_second()),
            allowed(run.share_of_allowed_rate_of_creation()),
            allowed(run.share_of_allowed_rate()),
            run.traffic.peak_per_second().to_string(),
            run.traffic.throttled().to_string(),
            format!("{:.3}", run.calls_per_user()),
            number(run.write_units_per_page() / PAGE_SIZE * 1_000.0),
            number(run.read_units_per_page() / PAGE_SIZE * 1_000.0),
            format!("{} ({function})", number(memory)),
            run.execution.all_invocations().to_string(),
        ]);
        cells
    };
    Table {
        title: "Restores",
        columns: vec![
            "users",
            "groups",
            "TPS",
            "ms",
            "method",
            "time",
            "users/s",
            "calls/s",
            "share of the allowed rate, creation",
            "share of the allowed rate, whole restore",
            "most calls in a second",
            "throttled",
            "calls per user",
            "write units per 1,000 users",
            "read units per 1,000 users",
            "heap, MB",
            "invocations",
        ],
        rows: runs.iter().filter(|run| !run.kind.is_export()).map(row).collect(),
    }
}

/// A target and the run with the worst value.
#[derive(Debug, Clone)]
pub struct JudgedTarget {
    /// The name of the figure.
    pub name: &'static str,
    /// The worst value, as measured.
    pub value: f64,
    /// The run with the worst value.
    pub run: String,
    pub target: Target,
    /// Whether the worst value reaches the target.
    pub verdict: Verdict,
}

/// Compares the runs with the targets. A target without a run that it applies to is left out.
pub fn judge(runs: &[Run]) -> Vec<JudgedTarget> {
    let is_export = |run: &Run| run.kind.is_export();
    let is_plain = |run: &Run| run.scenario.groups == 0 && run.scenario.page_fill == PageFill::Full;
    let is_typical =
        |run: &Run| is_plain(run) && run.scenario.users >= 10_000 && matches!(run.scenario.tps, 10 | 30);
    let judge = |name, target: Target, applies_to: &dyn Fn(&Run) -> bool, value: &dyn Fn(&Run) -> f64| {
        let values = runs.iter().filter(|run| applies_to(run)).map(|run| (value(run), run));
        let worst = values.reduce(|one, other| match target {
            Target::AtLeast(_) if other.0 < one.0 => other,
            Target::AtMost(_) if other.0 > one.0 => other,
            _ => one,
        });
        worst.map(|(value, run)| JudgedTarget {
            name,
            value,
            run: format!("{}, {}", run.kind.name(), run.scenario.summary()),
            target,
            verdict: target.verdict(value),
        })
    };
    let all = [
        judge(
            "export: mean rate of the listing, share of the limit, if one listing reaches it or the listing is split",
            Target::AtLeast(0.98),
            &|run| is_export(run) && is_typical(run) && run.can_reach_limit(),
            &|run| run.share_of_limit(),
        ),
        judge("most calls in any second, share of the limit", Target::AtMost(1.0), &|_| true, &|run| {
            run.traffic.peak_per_second() as f64 / f64::from(run.scenario.tps)
        }),
        judge(
            "restore by API: rate of creation, share of what limit and quotas allow",
            Target::AtLeast(0.95),
            &|run| run.kind == RunKind::ApiRestore && run.scenario.users >= 10_000,
            &Run::share_of_allowed_rate_of_creation,
        ),
        judge(
            "restore by CSV: calls for single users that import jobs replace",
            Target::AtMost(0.0),
            &|run| run.kind == RunKind::CsvRestore,
            &|run| run.calls_that_jobs_replace() as f64,
        ),
        judge(
            "unchanged export: write units per 60 users and Region",
            Target::AtMost(2.2),
            &|run| run.kind == RunKind::UnchangedExport && is_typical(run),
            &Run::write_units_per_page,
        ),
        judge(
            "unchanged export: read units per 60 users",
            Target::AtMost(32.0),
            &|run| run.kind == RunKind::UnchangedExport && is_typical(run),
            &Run::read_units_per_page,
        ),
        judge(
            "first export: write units ÷ those of the records",
            Target::AtMost(1.05),
            &|run| run.kind == RunKind::FirstExport && is_typical(run),
            &Run::write_units_by_those_of_records,
        ),
        judge("largest heap of any function, MB", Target::AtMost(128.0), &|_| true, &|run| run.memory().0),
        judge(
            "state transitions per page invocation",
            Target::AtMost(15.0),
            &|_| true,
            &Run::transitions_per_invocation,
        ),
        judge("events in the history of an execution", Target::AtMost(25_000.0), &|_| true, &|run| {
            run.execution.events as f64
        }),
        judge("largest payload, KB", Target::AtMost(64.0), &|_| true, &|run| {
            run.execution.largest_payload as f64 / 1024.0
        }),
    ];
    all.into_iter().flatten().collect()
}

/// The targets as a table.
pub fn targets(judged: &[JudgedTarget]) -> Table {
    let row = |judged: &JudgedTarget| {
        let verdict = if judged.verdict == Verdict::Reached { "reached" } else { "MISSED" };
        vec![
            judged.name.to_owned(),
            precise(judged.value),
            target(judged.target),
            verdict.to_owned(),
            judged.run.clone(),
        ]
    };
    Table {
        title: "Targets",
        columns: vec!["figure", "worst value", "target", "verdict", "run"],
        rows: judged.iter().map(row).collect(),
    }
}

/// A number as text. Shares near 1 have three digits, because their targets do.
fn precise(value: f64) -> String {
    if value < 2.0 && value.fract() != 0.0 { format!("{value:.3}") } else { number(value) }
}

fn target(target: Target) -> String {
    match target {
        Target::AtLeast(minimum) => format!("≥ {}", precise(minimum)),
        Target::AtMost(maximum) => format!("≤ {}", precise(maximum)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use shared::ports::pool::Operation;

    use crate::machine::Execution;
    use crate::population::People;
    use crate::traffic::Traffic;
    use crate::units::Units;

    fn run(kind: RunKind, tps: u32, calls: &[(u64, Operation)]) -> Run {
        let mut traffic = Traffic::default();
        calls.iter().for_each(|&(at, operation)| traffic.add(Duration::from_millis(at), operation));
        let scenario = Scenario {
            users: 60_000,
            groups: 0,
            tps,
            latency: 50,
            page_fill: PageFill::Full,
            people: People::Ordinary,
        };
        let (execution, units, time) = (Execution::default(), Units::default(), Duration::from_secs(100));
        Run { scenario, kind, execution, traffic, units, time }
    }

    #[test]
    fn the_run_with_the_worst_value_decides_on_a_target() {
        let list = Operation::ListUsers;
        let good = run(RunKind::FirstExport, 10, &[(0, list), (100, list), (200, list)]);
        let slow = run(RunKind::UnchangedExport, 10, &[(0, list), (200, list), (400, list)]);
        let judged = judge(&[good.clone(), slow]);
        let of = |name: &str| judged.iter().find(|judged| judged.name.contains(name)).unwrap();
        assert_eq!(of("mean rate of the listing").verdict, Verdict::Missed);
        assert!((of("mean rate of the listing").value - 0.5).abs() < 1e-9);
        assert!(of("mean rate of the listing").run.contains("unchanged, 60 k users"));
        assert_eq!(of("most calls in any second").verdict, Verdict::Reached);
        assert!(!judged.iter().any(|judged| judged.name.contains("restore")));
        assert_eq!(targets(&judged).rows.len(), judged.len());
        assert!(judged.len() == 9, "{}", judged.len());
        drop(good);
    }

    #[test]
    fn every_row_has_a_cell_for_every_column() {
        let runs =
            [RunKind::FirstExport, RunKind::ApiRestore, RunKind::CsvRestore].map(|kind| run(kind, 10, &[]));
        for table in [rates(&runs), sizes(&runs), restores(&runs)] {
            assert!(
                !table.rows.is_empty() && table.rows.iter().all(|row| row.len() == table.columns.len()),
                "{}",
                table.title
            );
        }
    }
}
