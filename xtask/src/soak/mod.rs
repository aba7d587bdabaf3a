//! `cargo xtask soak`: the steps under faults, in worlds that a seed decides, and in every order of their calls.

mod schedules;

use std::io::{Write, stdout};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand};
use step_tests::soak::{Report, Worlds, soak};

use crate::progress::say;

/// Options of the soak.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// How long to play worlds, in seconds.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// The seed of the first world. The others have the seeds that follow.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Play this number of worlds to their ends, whatever time they take.
    #[arg(long, conflicts_with = "seconds", value_parser = clap::value_parser!(u64).range(1..))]
    worlds: Option<u64>,
    #[command(flatten)]
    threads: Threads,
}

/// How many threads work side by side.
#[derive(Debug, Args)]
pub(crate) struct Threads {
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

/// Runs a soak. It fails if an invariant broke, or if a kind of fault did not strike.
pub(crate) fn run(options: Options) -> Result<ExitCode> {
    if let Some(Verb::Schedules(options)) = options.verb {
        return schedules::run(&options);
    }
    let time = options.worlds.map_or(Duration::from_secs(options.seconds), |_| NO_LIMIT);
    let threads = options.threads.threads as usize;
    let worlds = Worlds { seed: options.seed, most: options.worlds, time, threads };
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
