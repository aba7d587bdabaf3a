//! `cargo xtask soak`: the steps under faults, in worlds that a seed decides, and in every order of their calls.
//!
//! It is a program of its own, so that it has a profile of its own. Results go to standard output, progress goes
//! to standard error.

mod schedules;

use std::io::{Write, stderr, stdout};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use step_tests::soak::{DAYS, Report, Worlds, soak};

/// Plays exports, imports, prunes and copies under seeded faults, and checks every invariant.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask soak", args_conflicts_with_subcommands = true)]
struct Options {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// How long to play worlds, in seconds.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// The seed of the first world. The others have the seeds that follow.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Play this number of worlds to their ends. The time is not limited.
    #[arg(long, conflicts_with = "seconds", value_parser = clap::value_parser!(u64).range(1..))]
    worlds: Option<u64>,
    #[command(flatten)]
    threads: Threads,
}

/// How many threads work side by side.
#[derive(Debug, Args)]
struct Threads {
    /// Threads that work side by side.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=64))]
    threads: u64,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Try the orders of the calls of two invocations: all with few preemptions, then random ones.
    Schedules(schedules::Options),
}

/// Longer than any world takes.
const NO_LIMIT: Duration = Duration::from_secs(24 * 3600);

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    match &options.verb {
        Some(Verb::Schedules(options)) => schedules::run(options),
        None => run(&options),
    }
}

/// Writes a line of progress to standard error.
fn say(what: &str) -> Result<()> {
    Ok(writeln!(stderr(), "{what}")?)
}

/// Plays worlds. It fails if an invariant broke, or if a kind of fault did not strike.
fn run(options: &Options) -> Result<ExitCode> {
    let time = options.worlds.map_or(Duration::from_secs(options.seconds), |_| NO_LIMIT);
    let threads = options.threads.threads as usize;
    let worlds = Worlds { seed: options.seed, days: DAYS, most: options.worlds, time, threads };
    let progress = |report: &Report| {
        let Report { worlds, schedules, violations, .. } = report;
        let _ = say(&format!("{worlds} worlds, {schedules} schedules, {} violations", violations.len()));
    };
    let report = soak(worlds, &progress);
    writeln!(stdout(), "{report}")?;
    for violation in &report.violations {
        writeln!(stdout(), "{violation}")?;
    }
    let missing: Vec<_> = report.missing().into_iter().map(|kind| kind.name()).collect();
    // One world is a replay, and need not meet every fault.
    if !missing.is_empty() && options.worlds != Some(1) {
        writeln!(stdout(), "these faults did not strike: {}. Play longer.", missing.join(", "))?;
        return Ok(ExitCode::FAILURE);
    }
    Ok(if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// Few days, so that `cargo xtask test` plays the soak, too. They hold two calms.
    #[test]
    fn short_worlds_break_no_invariant_and_are_played_alike_each_time() {
        let worlds = Worlds { seed: 1, days: 12, most: Some(3), time: NO_LIMIT, threads: 2 };
        let report = soak(worlds, &|_| ());
        assert!(report.violations.is_empty(), "{:?}", report.violations);
        assert_eq!((report.worlds, report.schedules, report.calms), (3, 36, 6), "{report}");
        assert!(report.users_checked > 0 && report.missing().len() < 8, "{report}");
        let runs = report.runs;
        for ended in [runs.exports_sealed, runs.imports_ended, runs.prunes_ended, runs.copies_ended] {
            assert!(ended > 0, "{report}");
        }
        let again = soak(worlds, &|_| ());
        assert_eq!((again.digest, again.struck, again.runs), (report.digest, report.struck, runs));
    }

    #[test]
    fn the_command_line_refuses_wrong_values() {
        Options::command().debug_assert();
        for line in [
            "soak --seconds 60 --seed 7",
            "soak --worlds 1 --seed 7",
            "soak schedules --preemptions 2 --random 0",
            "soak schedules --pair prune --replay 1>0",
        ] {
            assert!(Options::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
        for line in [
            "soak --seconds 0",
            "soak --worlds 1 --seconds 60",
            "soak --threads 0",
            "soak schedules --preemptions 9",
            "soak schedules --replay 1>0",
        ] {
            assert!(Options::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
