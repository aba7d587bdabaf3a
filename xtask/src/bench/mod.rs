//! `cargo xtask bench`: at the limit, on the local AWS, and of other tools.

mod limit;
mod local;
mod other;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

/// Which bench.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Benches {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    limit: ::bench::Options,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Measure the built functions in a local AWS, in real time: memory, size and start of the processes, and where the time goes.
    Local(local::Options),
    /// Start a local AWS with a pool of people and a recorder in front, for any other tool to be measured on.
    Other(other::Options),
}

/// Measures.
pub(crate) async fn run(benches: Benches) -> Result<ExitCode> {
    match benches.verb {
        None => return limit::run(),
        Some(Verb::Local(options)) => local::run(options).await?,
        Some(Verb::Other(options)) => return other::run(options).await,
    }
    Ok(ExitCode::SUCCESS)
}
