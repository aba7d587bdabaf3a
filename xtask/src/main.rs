//! Chores of the project. One file per verb; results go to standard output, progress to standard error.

mod local_down;
mod local_env;
mod local_up;
mod test;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Chores of the project.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The local AWS: an emulator on 127.0.0.1 with the backup deployed in it.
    #[command(subcommand)]
    Local(LocalVerb),
    /// Check everything: format, lints, unit, property and end-to-end tests.
    Test,
}

#[derive(Debug, Subcommand)]
enum LocalVerb {
    /// Build, start and deploy; print where everything is as one JSON object.
    Up(local_up::Options),
    /// Stop it. Everything in it is gone.
    Down,
    /// Print `export NAME=value` lines that point the AWS SDKs and the command line at it.
    Env,
}

#[tokio::main]
async fn main() -> Result<()> {
    match Arguments::parse().verb {
        Verb::Local(LocalVerb::Up(options)) => local_up::run(options).await,
        Verb::Local(LocalVerb::Down) => local_down::run(),
        Verb::Local(LocalVerb::Env) => local_env::run(),
        Verb::Test => test::run(),
    }
}
