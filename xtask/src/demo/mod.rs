//! `cargo xtask demo`: the whole backup in two minutes. Fills a pool with generated users, exports it twice, restores it
//! into a fresh pool, and compares both pools.

mod header;
mod phases;
mod report;

use std::io::{Write, stdout};
use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Args;
use local::build::{self, Executables, Output};
use local::emulator::{Emulator, Settings};
use local::population;
use local::provision::{self, Deployment};

use crate::local_up;
use crate::progress::say;
use phases::Stage;
use report::{Report, TpsFigures};

/// Options of the demo.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The number of users in the source pool.
    #[arg(long, default_value_t = 2_000)]
    users: usize,
    /// Cognito calls per second of the exports and the import, 1 to 200. By default, exports run at 10 and
    /// the import at 200: it makes three calls per user, so at 10 it takes ten minutes.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=200))]
    tps: Option<u16>,
    /// Print one JSON object instead of the table.
    #[arg(long)]
    json: bool,
    /// Leave the local AWS up with both pools. `cargo xtask local env` then points at it.
    #[arg(long)]
    keep: bool,
}

/// Runs the demo. The exit code is 0 only if nothing is missing or different.
pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    ensure!(options.users > 0, "a pool of 0 users shows nothing; take 1 or more");
    let [export_tps, restore_tps] = [options.tps.unwrap_or(10), options.tps.unwrap_or(200)];
    let report = if options.keep {
        let deployment =
            local_up::bring_up(local_up::Options { port: None, tps: export_tps, variables: Vec::new() })
                .await?;
        show(&deployment, options.users, export_tps, restore_tps).await?
    } else {
        say("building the functions")?;
        let executables = local_up::with_emulator(build::functions(Output::Shown)).await?;
        once(&executables, options.users, export_tps, restore_tps).await?
    };

    let text = if options.json { serde_json::to_string_pretty(&report)? } else { report.table() };
    writeln!(stdout(), "{text}")?;
    if options.keep {
        say(
            "the local AWS stays up: `cargo xtask local env` points at it, `cargo xtask local down` stops it",
        )?;
    }
    let shortcomings = report.shortcomings();
    for shortcoming in &shortcomings {
        say(&format!("wrong: {shortcoming}"))?;
    }
    Ok(if shortcomings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The demo in a local AWS that ends with it.
pub(crate) async fn once(
    executables: &Executables,
    users: usize,
    export_tps: u16,
    restore_tps: u16,
) -> Result<Report> {
    let emulator = Emulator::start(Settings::default()).await?;
    let options = provision::Options { tps: export_tps.to_string(), ..provision::Options::default() };
    let deployment = provision::deploy(emulator.server(), executables, &options).await?;
    show(&deployment, users, export_tps, restore_tps).await
}

/// All phases in a local AWS.
async fn show(deployment: &Deployment, users: usize, export_tps: u16, restore_tps: u16) -> Result<Report> {
    let stage = Stage::new(deployment);
    let population = population::generate(users, 1);
    let source = stage.fill(&population).await?;
    let target = stage.create_target().await?;
    let export = stage.export("first export", &source, &population, export_tps).await?;
    let second_export =
        stage.export("second export, nothing changed", &source, &population, export_tps).await?;
    let restore = stage.restore(&source, &target, &population, restore_tps).await?;
    let replica = stage.replica().await?;
    let comparison = stage.compare(&source, &target).await?;
    Ok(Report {
        tps: TpsFigures::of(&export, &restore, export_tps, restore_tps),
        source_user_pool_id: source,
        target_user_pool_id: target,
        export,
        second_export,
        restore,
        replica,
        comparison,
    })
}
