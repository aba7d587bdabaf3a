//! From runs to figures: what an export and a restore come to, and each next to its target.

use shared::model::Category;
use shared::ports::pool::Operation;

use crate::kind::Kind;
use crate::report::{Target, Verdict, number};
use crate::scenario::{Deed, Run, Setting};
use crate::traffic::Traffic;

const MB: f64 = 1024.0 * 1024.0;
/// The most users of one answer of a listing.
const PAGE: f64 = 60.0;

/// What a function is called in its executable.
fn executable(function: &str) -> &'static str {
    match function {
        "Enumerate" => "enumerate",
        "ExportPage" => "export-page",
        "ImportPage" => "import-page",
        _ => "finalize",
    }
}

impl Run {
    /// The calls that list.
    pub fn listing(&self) -> Traffic {
        self.traffic.only(|operation| operation.category() == Category::UserList)
    }

    /// The mean rate of the listing, as a share of the limit.
    pub fn share_of_limit(&self) -> f64 {
        self.listing().mean_per_second() / f64::from(self.setting.tps)
    }

    /// Users per second of the whole execution.
    pub fn users_per_second(&self) -> f64 {
        f64::from(self.setting.users) / self.time.as_secs_f64()
    }

    /// Write units in one Region for each 60 users.
    pub fn write_units_per_page(&self) -> f64 {
        self.units.write_units(|_| true) as f64 / (f64::from(self.setting.users) / PAGE)
    }

    /// Read units for each 60 users.
    pub fn read_units_per_page(&self) -> f64 {
        self.units.read_units() as f64 / (f64::from(self.setting.users) / PAGE)
    }

    /// Write units of everything, of those of the records alone = 1.
    pub fn write_units_of_records(&self) -> f64 {
        self.units.write_units(|_| true) as f64 / self.units.write_units(Kind::is_record).max(1) as f64
    }

    /// The most memory that any of the functions had on the heap, MB, and which.
    pub fn memory(&self) -> (f64, &'static str) {
        let most = self.execution.memory.iter().max_by_key(|(_, bytes)| **bytes);
        most.map_or((0.0, ""), |(function, bytes)| (*bytes as f64 / MB, executable(function)))
    }

    /// State transitions for each invocation of the function that is called again and again.
    pub fn transitions_per_invocation(&self) -> f64 {
        let pages = ["ExportPage", "ImportPage"].iter().filter_map(|function| self.execution.invocations.get(*function));
        self.execution.transitions as f64 / pages.sum::<u64>().max(1) as f64
    }

    /// The calls from the first user created to the last given a password.
    fn creation(&self) -> Traffic {
        let is_of_users = |operation| matches!(operation, Operation::AdminCreateUser | Operation::AdminSetUserPassword);
        self.traffic.between(is_of_users)
    }

    /// The rate while users are created, as a share of what limit and quotas allow.
    pub fn share_of_quota(&self) -> f64 {
        self.creation().share_of_allowed(self.setting.tps, Category::default_quota)
    }

    /// The rate of the whole restore, as a share of what limit and quotas allow for its calls, were they all made at once.
    pub fn share_of_quota_in_all(&self) -> f64 {
        self.traffic.share_of_allowed(self.setting.tps, Category::default_quota)
    }

    /// Calls for each user.
    pub fn calls_per_user(&self) -> f64 {
        self.traffic.total() as f64 / f64::from(self.setting.users)
    }

    /// Calls about single users that import jobs make superfluous.
    pub fn superfluous_calls(&self) -> u64 {
        let is_superfluous = |operation| {
            matches!(operation, Operation::AdminCreateUser | Operation::AdminSetUserPassword | Operation::AdminGetUser)
        };
        self.traffic.only(is_superfluous).total()
    }
}

impl Setting {
    /// In a few words, as progress and targets name it.
    pub fn summary(&self) -> String {
        let groups = if self.groups > 0 { format!(", {} groups", self.groups) } else { String::new() };
        let pages = if self.pages == crate::service::Pages::Ragged { ", ragged pages" } else { "" };
        format!("{} users{groups}, TPS {}, {} ms{pages}", users(self.users), self.tps, self.latency)
    }
}

/// 10 k, 1 M.
pub fn users(users: u32) -> String {
    match users {
        millions if millions % 1_000_000 == 0 => format!("{} M", millions / 1_000_000),
        thousands if thousands % 1_000 == 0 => format!("{} k", thousands / 1_000),
        other => other.to_string(),
    }
}

/// A table: a heading, columns, rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// What it shows.
    pub title: &'static str,
    /// The columns.
    pub columns: Vec<&'static str>,
    /// The rows, as long as there are columns.
    pub rows: Vec<Vec<String>>,
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Hours, minutes or seconds.
fn time(run: &Run) -> String {
    match run.time.as_secs_f64() {
        hours if hours >= 5_400.0 => format!("{:.1} h", hours / 3_600.0),
        minutes if minutes >= 90.0 => format!("{:.1} min", minutes / 60.0),
        seconds => format!("{seconds:.0} s"),
    }
}

fn pool_cells(run: &Run) -> Vec<String> {
    let Setting { groups, tps, latency, pages, .. } = run.setting;
    let pages = if pages == crate::service::Pages::Ragged { " (ragged)" } else { "" };
    let name = format!("{}{pages}", users(run.setting.users));
    vec![name, groups.to_string(), tps.to_string(), latency.to_string(), run.deed.name().to_owned()]
}

/// The rates of exports.
pub fn rates(runs: &[Run]) -> Table {
    let row = |run: &Run| {
        let limit = PAGE * f64::from(run.setting.tps);
        let mut cells = pool_cells(run);
        cells.extend([
            time(run),
            number(run.users_per_second()),
            percent(run.users_per_second() / limit),
            number(run.listing().mean_per_second()),
            percent(run.share_of_limit()),
            run.traffic.peak_per_second().to_string(),
            run.traffic.refused().to_string(),
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
            "of 60 × TPS",
            "listing calls/s",
            "of TPS",
            "most calls in a second",
            "throttled",
        ],
        rows: runs.iter().filter(|run| run.deed.is_export()).map(row).collect(),
    }
}

/// What exports read and write, and how far they stay from the limits of Lambda and Step Functions.
pub fn sizes(runs: &[Run]) -> Table {
    let row = |run: &Run| {
        let mut cells = pool_cells(run);
        let execution = &run.execution;
        cells.extend([
            number(run.write_units_per_page()),
            number(run.write_units_per_page() / PAGE * 1_000.0),
            number(run.read_units_per_page()),
            format!("{:.3}", run.write_units_of_records()),
            number(run.memory().0),
            execution.all_invocations().to_string(),
            number(run.transitions_per_invocation()),
            execution.events.to_string(),
            execution.largest_payload.to_string(),
        ]);
        // Where hardly a record is written, the others are no multiple of them.
        if !matches!(run.deed, Deed::First | Deed::Everything) {
            cells[8] = "–".to_owned();
        }
        cells
    };
    Table {
        title: "Exports: what they read, write and take",
        columns: vec![
            "users",
            "groups",
            "TPS",
            "ms",
            "export",
            "write units per 60 users",
            "per 1,000 users",
            "read units per 60 users",
            "all writes, records = 1",
            "heap, MB",
            "invocations",
            "transitions per page invocation",
            "history events",
            "largest payload, bytes",
        ],
        rows: runs.iter().filter(|run| run.deed.is_export()).map(row).collect(),
    }
}

/// Restores.
pub fn restores(runs: &[Run]) -> Table {
    let row = |run: &Run| {
        let mut cells = pool_cells(run);
        let of_calls = |share: f64| if run.deed == Deed::ByApi { percent(share) } else { "–".to_owned() };
        let (memory, function) = run.memory();
        cells.extend([
            time(run),
            number(run.users_per_second()),
            number(run.traffic.mean_per_second()),
            of_calls(run.share_of_quota()),
            of_calls(run.share_of_quota_in_all()),
            run.traffic.peak_per_second().to_string(),
            run.traffic.refused().to_string(),
            format!("{:.3}", run.calls_per_user()),
            number(run.write_units_per_page() / PAGE * 1_000.0),
            number(run.read_units_per_page() / PAGE * 1_000.0),
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
            "creating, of what limit and quotas allow",
            "in all",
            "most calls in a second",
            "throttled",
            "calls per user",
            "write units per 1,000 users",
            "read units per 1,000 users",
            "heap, MB",
            "invocations",
        ],
        rows: runs.iter().filter(|run| !run.deed.is_export()).map(row).collect(),
    }
}

/// A target, and the run that is farthest from it.
#[derive(Debug, Clone)]
pub struct Judged {
    /// What is judged.
    pub name: &'static str,
    /// The worst value, as measured.
    pub value: f64,
    /// Which run that was.
    pub run: String,
    /// What it is to be.
    pub target: Target,
    /// Whether it is.
    pub verdict: Verdict,
}

/// The targets for which there are runs.
pub fn judged(runs: &[Run]) -> Vec<Judged> {
    let is_export = |run: &Run| run.deed.is_export();
    let is_plain = |run: &Run| run.setting.groups == 0 && run.setting.pages == crate::service::Pages::Full;
    let is_usual = |run: &Run| is_plain(run) && run.setting.users >= 10_000 && matches!(run.setting.tps, 10 | 30);
    let judge = |name, target: Target, counts: &dyn Fn(&Run) -> bool, value: &dyn Fn(&Run) -> f64| {
        let values = runs.iter().filter(|run| counts(run)).map(|run| (value(run), run));
        let worst = values.reduce(|one, other| match target {
            Target::AtLeast(_) if other.0 < one.0 => other,
            Target::AtMost(_) if other.0 > one.0 => other,
            _ => one,
        });
        worst.map(|(value, run)| Judged {
            name,
            value,
            run: format!("{}, {}", run.deed.name(), run.setting.summary()),
            target,
            verdict: target.verdict(value),
        })
    };
    let all = [
        judge(
            "export: mean of the listing, of the limit",
            Target::AtLeast(0.98),
            &|run| is_export(run) && is_usual(run),
            &|run| run.share_of_limit(),
        ),
        judge("most calls in any second, of the limit", Target::AtMost(1.0), &|_| true, &|run| {
            run.traffic.peak_per_second() as f64 / f64::from(run.setting.tps)
        }),
        judge(
            "restore by API: creating, of what limit and quotas allow",
            Target::AtLeast(0.95),
            &|run| run.deed == Deed::ByApi && run.setting.users >= 10_000,
            &Run::share_of_quota,
        ),
        judge(
            "restore by CSV: calls for single users that jobs make superfluous",
            Target::AtMost(0.0),
            &|run| run.deed == Deed::ByCsv,
            &|run| run.superfluous_calls() as f64,
        ),
        judge(
            "unchanged export: write units per 60 users and Region",
            Target::AtMost(2.2),
            &|run| run.deed == Deed::Unchanged && is_usual(run),
            &Run::write_units_per_page,
        ),
        judge(
            "unchanged export: read units per 60 users",
            Target::AtMost(32.0),
            &|run| run.deed == Deed::Unchanged && is_usual(run),
            &Run::read_units_per_page,
        ),
        judge(
            "first export: write units, of those of the records",
            Target::AtMost(1.05),
            &|run| run.deed == Deed::First && is_usual(run),
            &Run::write_units_of_records,
        ),
        judge("memory on the heap of any function, MB", Target::AtMost(128.0), &|_| true, &|run| run.memory().0),
        judge("state transitions per page invocation", Target::AtMost(15.0), &|_| true, &Run::transitions_per_invocation),
        judge("events of an execution's history", Target::AtMost(25_000.0), &|_| true, &|run| run.execution.events as f64),
        judge("largest payload, KB", Target::AtMost(64.0), &|_| true, &|run| run.execution.largest_payload as f64 / 1024.0),
    ];
    all.into_iter().flatten().collect()
}

/// The targets as a table.
pub fn targets(judged: &[Judged]) -> Table {
    let row = |judged: &Judged| {
        let verdict = if judged.verdict == Verdict::Reached { "reached" } else { "MISSED" };
        vec![judged.name.to_owned(), precise(judged.value), target(judged.target), verdict.to_owned(), judged.run.clone()]
    };
    Table { title: "Targets", columns: vec!["", "worst measured", "target", "", "of"], rows: judged.iter().map(row).collect() }
}

/// With three digits where a share is near 1.
fn precise(value: f64) -> String {
    if value < 2.0 && value.fract() != 0.0 { format!("{value:.3}") } else { number(value) }
}

fn target(target: Target) -> String {
    match target {
        Target::AtLeast(least) => format!("≥ {}", precise(least)),
        Target::AtMost(most) => format!("≤ {}", precise(most)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::machine::Execution;
    use crate::service::Pages;
    use crate::units::Units;

    fn run(deed: Deed, tps: u32, calls: &[(u64, Operation)]) -> Run {
        let mut traffic = Traffic::default();
        calls.iter().for_each(|&(at, operation)| traffic.note(Duration::from_millis(at), operation));
        let setting = Setting { users: 60_000, groups: 0, tps, latency: 50, pages: Pages::Full };
        let (execution, units, time) = (Execution::default(), Units::default(), Duration::from_secs(100));
        Run { setting, deed, execution, traffic, units, time }
    }

    #[test]
    fn the_worst_run_decides() {
        let list = Operation::ListUsers;
        let good = run(Deed::First, 10, &[(0, list), (100, list), (200, list)]);
        let slow = run(Deed::Unchanged, 10, &[(0, list), (200, list), (400, list)]);
        let judged = judged(&[good.clone(), slow]);
        let of = |name: &str| judged.iter().find(|judged| judged.name.contains(name)).unwrap();
        assert_eq!(of("mean of the listing").verdict, Verdict::Missed);
        assert!((of("mean of the listing").value - 0.5).abs() < 1e-9);
        assert!(of("mean of the listing").run.contains("unchanged, 60 k users"));
        assert_eq!(of("most calls in any second").verdict, Verdict::Reached);
        assert!(!judged.iter().any(|judged| judged.name.contains("restore")));
        assert_eq!(targets(&judged).rows.len(), judged.len());
        assert!(judged.len() == 9, "{}", judged.len());
        drop(good);
    }

    #[test]
    fn write_units_are_those_of_a_page_of_users() {
        let mut run = run(Deed::First, 10, &[]);
        (0..1_000).for_each(|_| run.units.write(Kind::Page, 2_000));
        (0..60_000).for_each(|_| run.units.write(Kind::UserRecord, 1_000));
        assert!((run.write_units_per_page() - 62.0).abs() < 1e-9);
        assert!((run.write_units_of_records() - 62.0 / 60.0).abs() < 1e-9);
    }

    #[test]
    fn every_row_has_a_cell_for_every_column() {
        let runs = [run(Deed::First, 10, &[]), run(Deed::ByApi, 10, &[]), run(Deed::ByCsv, 10, &[])];
        for table in [rates(&runs), sizes(&runs), restores(&runs)] {
            assert!(!table.rows.is_empty() && table.rows.iter().all(|row| row.len() == table.columns.len()), "{}", table.title);
        }
    }
}
