//! `cargo xtask bench local`: measures the release build in a local AWS and prints each figure beside its target. A missed
//! target is no failure: the exit code is 0 unless the run itself fails.

mod figures;
mod memory;
mod stage;
mod startup;
mod statistics;
mod writes;

use std::io::{Write, stdout};

use ::bench::report::Report;
use anyhow::{Context, Result, ensure};
use clap::Args;
use local::build::Executables;

use crate::{release, say};
use memory::Memory;
use stage::{Bare, Run, Stage};

/// The calls per second of the paced exports: the default of a deployment.
const PACED: u16 = 10;
/// The calls per second of the other runs: the highest that a run accepts, so that it does not slow them.
const UNPACED: u16 = 200;

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

/// The measurements of one pool.
struct Measured {
    /// Users in the pool.
    users: usize,
    /// The first export, at [`PACED`].
    first: Run,
    /// The export after it, with nothing changed, at [`PACED`].
    second: Run,
    /// The import into a fresh pool, at [`UNPACED`].
    restore: Run,
    /// The first export of the restored pool, at [`UNPACED`].
    unpaced: Run,
    /// The export after it, with nothing changed, at [`UNPACED`].
    unpaced_second: Run,
    /// A listing of the restored pool by a plain client, without backup and limit.
    bare: Bare,
    /// The peak memory of each function.
    memory: Memory,
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

/// Measures one pool in its own local AWS.
async fn measure(executables: &Executables, users: usize) -> Result<Measured> {
    say(&format!("a pool of {users} users"))?;
    let stage = Stage::up(executables).await?;
    let source = stage.fill(users).await?;
    let first = stage.export("first export", &source, PACED).await?;
    let second = stage.export("second export, nothing changed", &source, PACED).await?;
    let (target, restore) = stage.restore(&source, UNPACED).await?;
    let unpaced = stage.export("first export of the restored pool", &target, UNPACED).await?;
    let unpaced_second = stage.export("second export of the restored pool", &target, UNPACED).await?;
    let bare = stage.list_bare(&target).await?;
    Ok(Measured {
        users,
        first,
        second,
        restore,
        unpaced,
        unpaced_second,
        bare,
        memory: stage.finish().await?,
    })
}
