//! Chores of the project. One file per verb; results go to standard output, progress to standard error.

mod bench;
mod demo;
mod deployment;
mod local_down;
mod local_env;
mod local_up;
mod test;

use std::io::{Write, stderr};
use std::process::ExitCode;

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
    /// Measure exports and restores at the limit, up to 10 million users, and put each figure next to its target.
    Bench(bench::Benches),
    /// Export and restore a pool full of people in a local AWS, and compare what came out.
    Demo(demo::Options),
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
async fn main() -> ExitCode {
    match run(Arguments::parse().verb).await {
        Ok(code) => code,
        Err(error) => {
            // Not returned from main: a wrong option needs a sentence, not a backtrace.
            let _ = writeln!(stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(verb: Verb) -> Result<ExitCode> {
    match verb {
        Verb::Bench(benches) => return bench::run(benches).await,
        Verb::Demo(options) => return demo::run(options).await,
        Verb::Local(LocalVerb::Up(options)) => local_up::run(options).await?,
        Verb::Local(LocalVerb::Down) => local_down::run()?,
        Verb::Local(LocalVerb::Env) => local_env::run()?,
        Verb::Test => test::run()?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Tells whoever waits what is being done.
fn say(what: &str) -> Result<()> {
    Ok(writeln!(stderr(), "{what}")?)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_chore_has_a_command_line_that_clap_accepts() {
        Arguments::command().debug_assert();
        for line in [
            "xtask bench --quick --jobs 2",
            "xtask bench --users 1000,2000 --tps 10 --latency 50 --runs api",
            "xtask bench local --users 600",
            "xtask bench other --run true --json",
        ] {
            assert!(Arguments::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
        for line in ["xtask bench --tps 0", "xtask bench --write --quick", "xtask bench --quick local"] {
            assert!(Arguments::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
