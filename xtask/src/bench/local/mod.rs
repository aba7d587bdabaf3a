//! `cargo xtask bench local`: measures the release build in a local AWS and prints each figure beside its target.
//!
//! With large users, a missed target is a failure: memory does not depend on the speed of the machine. Without, it is
//! none: the exit code is 0 unless the run itself fails.

mod figures;
mod measured;
mod memory;
mod stage;
mod startup;
mod statistics;
mod writes;

use std::io::{Write, stdout};
use std::process::ExitCode;

use ::bench::report::Report;
use anyhow::{Context, Result, ensure};
use clap::Args;
use local::build::{self, Executables};
use local::population::LargeUsers;

use crate::progress::say;
use crate::release;
use measured::{measure, measure_large};

/// Options of `bench local`.
#[derive(Debug, Args)]
pub struct Options {
    /// The number of users in the pool. A second pool, to compare memory with, gets a tenth.
    #[arg(long, default_value_t = 6_000)]
    users: usize,
    /// Measure only the memory of the functions and of `verify` with large users: 2,000 of 60 KB, and 200 of the largest size that
    /// Cognito allows. It fails if a target is missed, or if an export does not split its listing.
    #[arg(long, conflicts_with = "users")]
    large_users: bool,
    /// Print one JSON object instead of the table.
    #[arg(long)]
    json: bool,
}

/// Measures and prints the figures.
pub async fn run(options: Options) -> Result<ExitCode> {
    ensure!(options.users >= 10, "a pool of {} users shows nothing; take 10 or more", options.users);
    let executables = release::build().await?;
    if options.large_users {
        let report = large_users(&executables).await?;
        print(options.json, &report)?;
        return end(&report);
    }
    // Measure the start of the functions before anything else runs.
    let started = startup::measure(&executables).await?;
    let small = measure(&executables, options.users / 10).await.context("in the small pool")?;
    let large = measure(&executables, options.users).await?;

    let sections = [
        figures::paced(&large),
        figures::unpaced(&large),
        figures::written(&large),
        figures::restored(&large),
        figures::memory(&small, &large),
        figures::sizes(&executables)?,
        figures::started(&started),
    ];
    print(options.json, &Report { users: options.users, sections: sections.into() })?;
    Ok(ExitCode::SUCCESS)
}

/// Names the figures that miss their target.
fn end(report: &Report) -> Result<ExitCode> {
    let missed = report.missed();
    for figure in &missed {
        say(&format!("misses its target: {figure}"))?;
    }
    Ok(if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The memory of the functions and of the command `verify` with two pools of large users.
async fn large_users(executables: &Executables) -> Result<Report> {
    let command_line = build::command_line_for_release(build::Output::Shown).await?;
    let mut sections = Vec::new();
    let pools = [(2_000, LargeUsers::Of60Kilobytes, "large"), (200, LargeUsers::Largest, "largest")];
    for (users, size, id) in pools {
        let memory = measure_large(executables, &command_line, users, size).await?;
        sections.push(figures::memory_of_large(id, users, &memory));
    }
    Ok(Report { users: 2_000, sections })
}

fn print(as_json: bool, report: &Report) -> Result<()> {
    let text = if as_json { serde_json::to_string_pretty(report)? } else { report.table() };
    writeln!(stdout(), "{text}")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use ::bench::report::{Figure, Section, Target};

    use super::*;

    #[test]
    fn a_missed_target_ends_with_1() -> Result<()> {
        for (megabytes, expected) in [(128.0, ExitCode::SUCCESS), (128.1, ExitCode::FAILURE)] {
            let figures = vec![Figure::new("finalize: peak", megabytes, "MB").with(Target::AtMost(128.0))];
            let sections = vec![Section { id: "large", title: "resident memory".into(), figures }];
            assert_eq!(end(&Report { users: 2_000, sections })?, expected, "{megabytes} MB");
        }
        Ok(())
    }
}
