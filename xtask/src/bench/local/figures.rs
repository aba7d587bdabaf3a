//! Turns the recorded calls into figures: ratios and counts first, then times.

use std::time::{Duration, Instant};

use ::bench::kind::Kind;
use ::bench::report::{Figure, Section, Target};
use anyhow::{Context, Result};
use local::build::Executables;
use local::recorder::{Entry, Traffic};

use super::measured::{Measured, PACED, UNPACED};
use super::memory::Memory;
use super::stage::{Bare, Run};
use super::startup::Starts;
use super::statistics::{covered, per_second, percentile, ratio};
use super::writes::{Count, add_up, keys_looked_up};
use crate::release::MAX_BYTES;

/// The bytes of a MB.
const MB: f64 = 1024.0 * 1024.0;

/// The calls that make up a listing.
fn listing(traffic: &Traffic) -> Traffic {
    traffic.only(|entry| matches!(entry.operation.as_str(), "ListUsers" | "ListUsersInGroup" | "ListGroups"))
}

/// A count in the output of an execution.
fn reported(run: &Run, path: &str) -> f64 {
    run.output.pointer(path).and_then(serde_json::Value::as_f64).unwrap_or_default()
}

/// The pages of an export.
fn pages(run: &Run) -> f64 {
    reported(run, "/pages")
}

/// The rate of an export under the limit.
pub(super) fn paced(measured: &Measured) -> Section {
    let run = &measured.first;
    let listing = listing(&run.traffic);
    let [least, limit] = [9.5, f64::from(PACED)];
    Section {
        id: "paced",
        title: format!("export at TPS {PACED}"),
        figures: vec![
            Figure::new(
                "most calls in a second, as the function counts",
                reported(run, "/calls/peakPerSecond"),
                "calls",
            )
            .with(Target::AtMost(limit)),
            // One call more, because calls do not arrive evenly.
            Figure::count(
                "most calls in a second, as the recorder saw",
                listing.peak_per_second() as u64,
                "calls",
            )
            .with(Target::AtMost(limit + 1.0)),
            Figure::new("mean, as the function counts", reported(run, "/calls/meanPerSecond"), "calls/s")
                .with(Target::AtLeast(least)),
            Figure::new("mean of the listing, as the recorder saw", listing.mean_per_second(), "calls/s")
                .with(Target::AtLeast(least)),
            Figure::new(
                "all calls to Cognito, as the function counts",
                reported(run, "/calls/total"),
                "calls",
            ),
            Figure::count("calls of the listing", listing.total() as u64, "calls"),
            Figure::new("pages", pages(run), "pages"),
        ],
    }
}

/// The parts of the time between the first and the last of some calls. If several parts overlap, the time
/// counts for the first of them in the order below.
struct Shares {
    /// The whole time.
    whole: Duration,
    /// The emulator worked on a call.
    emulator: Duration,
    /// The recorder alone had a call.
    recorder: Duration,
    /// No call was under way.
    functions: Duration,
}

impl Shares {
    /// The parts of the time between the first and the last of `calls`, by all calls of `traffic`.
    fn between(calls: &Traffic, traffic: &Traffic) -> Self {
        let [Some(first), Some(last)] =
            [calls.entries().first(), calls.entries().last()].map(|entry| entry.map(|entry| entry.at))
        else {
            return Self::split(Duration::ZERO, Duration::ZERO, Duration::ZERO);
        };
        let spans = |span: fn(&Entry) -> Option<(Instant, Instant)>| {
            let spans = traffic.entries().iter().filter_map(span);
            covered(spans.map(|(from, to)| (from.clamp(first, last), to.clamp(first, last))))
        };
        let emulator = spans(|entry| entry.forwarded_at.zip(entry.replied_at));
        let held = spans(|entry| Some((entry.at, entry.done_at?)));
        Self::split(last.saturating_duration_since(first), held, emulator)
    }

    /// `held` is the time in which at least one call was under way. `emulator` is a part of it.
    fn split(whole: Duration, held: Duration, emulator: Duration) -> Self {
        Self {
            whole,
            emulator,
            recorder: held.saturating_sub(emulator),
            functions: whole.saturating_sub(held),
        }
    }

    fn of_the_emulator(&self) -> f64 {
        ratio(self.emulator.as_secs_f64(), self.whole.as_secs_f64())
    }
}

/// Exports at the highest limit, and a plain listing of the same pool.
pub(super) fn unpaced(measured: &Measured) -> Section {
    let users = measured.users as u64;
    let Bare { calls, time } = measured.bare;
    let mut figures = Vec::new();
    for (what, run) in [("everything new", &measured.unpaced), ("nothing new", &measured.unpaced_second)] {
        let listing = listing(&run.traffic);
        let shares = Shares::between(&listing, &run.traffic);
        let per_page = |time: Duration| ratio(time.as_secs_f64() * 1e3, pages(run));
        let named = |name: &str| format!("{what}: {name}");
        figures.extend([
            // The emulator is the bottleneck, not the functions.
            Figure::new(named("share of the time in which the emulator works"), shares.of_the_emulator(), "")
                .with(Target::AtLeast(0.5)),
            Figure::new(
                named("processor time of the emulator, of the functions = 1"),
                ratio(run.ticks.emulator as f64, run.ticks.functions as f64),
                "",
            ),
            Figure::new(
                named("time, of a plain listing = 1"),
                ratio(shares.whole.as_secs_f64(), time.as_secs_f64()),
                "",
            ),
            Figure::count(named("calls to DynamoDB"), run.traffic.dynamodb().total() as u64, "calls"),
            Figure::new(named("users exported"), per_second(users, shares.whole), "users/s"),
            Figure::new(named("mean of the listing"), listing.mean_per_second(), "calls/s"),
            Figure::new(named("time per page"), per_page(shares.whole), "ms"),
            Figure::new(named("of it in the emulator"), per_page(shares.emulator), "ms"),
            Figure::new(named("of it in the recorder"), per_page(shares.recorder), "ms"),
            Figure::new(named("of it in the functions"), per_page(shares.functions), "ms"),
        ]);
    }
    figures.extend([
        Figure::count("plain listing: calls", calls, "calls"),
        Figure::new("plain listing: users listed", per_second(users, time), "users/s"),
        Figure::new("plain listing: calls per second", per_second(calls, time), "calls/s"),
    ]);
    Section { id: "unpaced", title: format!("export at TPS {UNPACED}"), figures }
}

/// The items that exports write to the table.
pub(super) fn written(measured: &Measured) -> Section {
    let mut figures = Vec::new();
    for (what, run, most) in
        [("first export", &measured.first, None), ("second export", &measured.second, Some(3.0))]
    {
        let units = run.traffic.dynamodb().write_units();
        let mut writes = add_up(&run.table_calls);
        writes.entry(Kind::UserRecord).or_default();
        let per_page = Figure::new(
            format!("{what}: write units per page and Region"),
            ratio(units as f64, pages(run)),
            "units",
        );
        figures.push(match most {
            Some(most) => per_page.with(Target::AtMost(most)),
            None => per_page,
        });
        figures.push(Figure::count(format!("{what}: write units per Region"), units, "units"));
        for (kind, Count { writes, units }) in writes {
            let figure =
                Figure::count(format!("{what}: {} written ({units} units)", kind.name()), writes, "items");
            figures.push(if kind == Kind::UserRecord && most.is_some() {
                figure.with(Target::AtMost(0.0))
            } else {
                figure
            });
        }
        figures.push(Figure::count(
            format!("{what}: keys looked up"),
            keys_looked_up(&run.table_calls),
            "keys",
        ));
    }
    Section { id: "written", title: "what an export writes".into(), figures }
}

/// The restore at the highest limit.
pub(super) fn restored(measured: &Measured) -> Section {
    let run = &measured.restore;
    let cognito = run.traffic.cognito();
    let shares = Shares::between(&cognito, &run.traffic);
    let users = measured.users;
    Section {
        id: "restore",
        title: format!("restore at TPS {UNPACED}"),
        figures: vec![
            Figure::new("calls to Cognito per user", ratio(cognito.total() as f64, users as f64), "calls"),
            Figure::new(
                "most calls in a second, as the function counts",
                reported(run, "/calls/peakPerSecond"),
                "calls",
            )
            .with(Target::AtMost(f64::from(UNPACED))),
            Figure::new("share of the time in which the emulator works", shares.of_the_emulator(), ""),
            Figure::count("write units per Region", run.traffic.dynamodb().write_units(), "units"),
            Figure::new("users restored", per_second(users as u64, shares.whole), "users/s"),
            Figure::new("calls to Cognito, mean", cognito.mean_per_second(), "calls/s"),
        ],
    }
}

/// Peak resident memory, and its growth with the pool.
pub(super) fn memory(small: &Measured, large: &Measured) -> Section {
    let mut figures = Vec::new();
    for (name, kilobytes) in &large.memory {
        let growth = ratio(*kilobytes as f64, small.memory.get(name).copied().unwrap_or_default() as f64);
        figures.push(Figure::new(format!("{name}: of that with {} users = 1", small.users), growth, ""));
        figures.push(
            Figure::new(format!("{name}: peak"), *kilobytes as f64 / 1024.0, "MB").with(Target::AtMost(64.0)),
        );
    }
    Section { id: "memory", title: "resident memory".into(), figures }
}

/// Peak resident memory with large users.
pub(super) fn memory_of_large(id: &'static str, users: usize, memory: &Memory) -> Section {
    let figure = |(name, kilobytes): (&String, &u64)| {
        Figure::new(format!("{name}: peak"), *kilobytes as f64 / 1024.0, "MB").with(Target::AtMost(128.0))
    };
    let title = format!("resident memory with {users} {id} users");
    Section { id, title, figures: memory.iter().map(figure).collect() }
}

/// The size of the executables.
///
/// # Errors
/// If one of them cannot be read.
pub(super) fn sizes(executables: &Executables) -> Result<Section> {
    let size = |(name, path): (&'static str, &std::path::Path)| {
        let bytes = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.len();
        Ok(Figure::new(name, bytes as f64 / MB, "MB").with(Target::AtMost(MAX_BYTES as f64 / MB)))
    };
    let figures = executables.named().into_iter().map(size).collect::<Result<_>>()?;
    Ok(Section { id: "size", title: "stripped release executable".into(), figures })
}

/// The time from the start of a function until it is ready.
pub(super) fn started(all: &[(&'static str, Starts)]) -> Section {
    let figures = all.iter().flat_map(|(name, starts)| {
        let figure = |what: &str, times: &[Duration], percent| {
            Figure::new(format!("{name}: {what}"), percentile(times, percent).as_secs_f64() * 1e3, "ms")
        };
        [
            figure("ready, median", &starts.ready, 50).with(Target::AtMost(30.0)),
            figure("ready, worst", &starts.ready, 100),
            figure("first event answered, median", &starts.answered, 50),
        ]
    });
    Section { id: "start", title: "from the start of the process".into(), figures: figures.collect() }
}
