//! `cargo xtask bench local`: measures the release build in a local AWS and prints each figure beside its target. A missed
//! target is no failure: the exit code is 0 unless the run itself fails.

mod figures;
mod measured;
mod memory;
mod stage;
mod startup;
mod statistics;
mod writes;

use std::io::{Write, stdout};

use ::bench::report::Report;
use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::release;
use measured::measure;

/// Options of `bench local`.
#[derive(Debug, Args)]
pub struct Options {
    /// The number of users in the pool. A second pool, to compare memory with, gets a tenth.
    #[arg(long, default_value_t = 6_000)]
    users: usize,
    /// Print one JSON object instead of the table.
    #[arg(long)]
    json: bool,
}

/// Measures and prints the figures.
pub async fn run(options: Options) -> Result<()> {
    ensure!(options.users >= 10, "a pool of {} users shows nothing; take 10 or more", options.users);
    let executables = release::build().await?;
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
    let report = Report { users: options.users, sections: sections.into() };
    let text = if options.json { serde_json::to_string_pretty(&report)? } else { report.table() };
    writeln!(stdout(), "{text}")?;
    Ok(())
}
