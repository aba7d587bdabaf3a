//! `cargo xtask bench`: at the limit, on the local AWS, and of other tools.

mod limit;
mod local;
mod other;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

/// Options of the benches.
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
    /// Measure the release build of the functions in a local AWS, in real time: memory, size, start, and
    /// the time of each part.
    Local(local::Options),
    /// Start a local AWS with a pool of generated users and a recorder in front, to measure any other tool.
    Other(other::Options),
}

/// Runs a bench.
pub(crate) async fn run(benches: Benches) -> Result<ExitCode> {
    match benches.verb {
        None => limit::run(),
        Some(Verb::Local(options)) => local::run(options).await,
        Some(Verb::Other(options)) => other::run(options).await,
    }
}
