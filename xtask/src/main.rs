//! Chores of the project, one file per verb. Results go to standard output, progress goes to standard error.

mod bench;
mod demo;
mod deployment;
mod dist;
mod local_down;
mod local_env;
mod local_pool;
mod local_strict;
mod local_up;
mod mutants;
mod progress;
mod release;
mod soak;
mod test;

use std::ffi::OsString;
use std::io::{Write, stderr};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Commands for work on the project.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Measure exports and restores at the limit, up to 10 million users, and compare each figure with its
    /// target.
    Bench(bench::Benches),
    /// Export and restore a pool of generated users in a local AWS, and compare both pools.
    Demo(demo::Options),
    /// Make a release in target/dist: the command line for this machine, the function archives, completions, man
    /// pages, a bill of materials and the sums of all of them.
    Dist(dist::Options),
    /// The local AWS: an emulator on 127.0.0.1 with the backup deployed in it.
    #[command(subcommand)]
    Local(LocalVerb),
    /// Change the code in small ways, and show which changes no test notices. Needs cargo-mutants.
    Mutants(mutants::Options),
    /// Play exports, imports, prunes and copies under seeded faults, and check every invariant.
    #[command(disable_help_flag = true)]
    Soak {
        /// The arguments of the soak. `--help` lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Check everything: format, lints, deployment, all tests, release build.
    Test,
}

#[derive(Debug, Subcommand)]
enum LocalVerb {
    /// Build, start and deploy. Print the addresses and names as one JSON object.
    Up(local_up::Options),
    /// Stop the local AWS, and delete all its pools and snapshots.
    Down,
    /// Print lines for a shell: `eval "$(cargo xtask local env)"` points AWS SDKs and the command line at the
    /// local AWS.
    Env,
    /// Make a pool of generated users. Print its id.
    Pool(local_pool::Options),
    /// Run the strict Cognito of a local AWS. `up` starts it.
    #[command(hide = true)]
    Strict(local_strict::Options),
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse().verb).await {
        Ok(code) => code,
        Err(error) => {
            // If main returned the error, Rust would print a backtrace with it.
            let _ = writeln!(stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(verb: Verb) -> Result<ExitCode> {
    match verb {
        Verb::Bench(benches) => return bench::run(benches).await,
        Verb::Demo(options) => return demo::run(options).await,
        Verb::Dist(options) => dist::run(&options).await?,
        Verb::Local(LocalVerb::Up(options)) => local_up::run(options).await?,
        Verb::Local(LocalVerb::Down) => local_down::run()?,
        Verb::Local(LocalVerb::Env) => local_env::run()?,
        Verb::Local(LocalVerb::Pool(options)) => local_pool::run(options).await?,
        Verb::Local(LocalVerb::Strict(options)) => local_strict::run(options).await?,
        Verb::Mutants(options) => return mutants::run(&options),
        Verb::Soak { arguments } => return soak::run(&arguments),
        Verb::Test => test::run().await?,
    }
    Ok(ExitCode::SUCCESS)
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
            "xtask dist",
            "xtask dist --architecture arm64",
            "xtask local up --tps 200",
            "xtask local up --set SNS_PREFERENCE=ERRORS_ONLY --set CAPTURE_CONFIGURATION=NO",
            "xtask local pool",
            "xtask local pool --users 0",
            "xtask soak --seconds 60 --seed 7",
            "xtask soak schedules --preemptions 2 --random 0",
            "xtask mutants --shard 1/4 --module prune",
        ] {
            assert!(Arguments::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
        for line in [
            "xtask bench --tps 0",
            "xtask bench --write --quick",
            "xtask bench --quick local",
            "xtask dist --architecture i686",
            "xtask local pool --users many",
            "xtask local pool --users -1",
            "xtask local up --set YES",
            "xtask mutants --shard 5/4",
            "xtask mutants --module unknown",
        ] {
            assert!(Arguments::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
