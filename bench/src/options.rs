//! The command-line options of the bench.

use clap::{Args, ValueEnum};

/// The runs of a chosen pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RunChoice {
    /// Exports of every kind, and restores by both methods.
    All,
    /// Exports of every kind.
    Exports,
    /// A first export and a restore by API.
    Api,
    /// A first export and a restore by import jobs.
    Csv,
}

/// The command-line options of the bench.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Measure small pools only. This takes about a minute.
    #[arg(long)]
    pub quick: bool,
    /// Measure pools of large users only. This takes about a minute.
    #[arg(long, conflicts_with_all = ["quick", "users", "tps", "latency", "groups"])]
    pub large_users: bool,
    /// Sizes of the pools, in users, instead of the matrix. Separate several with commas.
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=40_000_000))]
    pub users: Vec<u32>,
    /// Limits in calls per second, 1 to 200, instead of the matrix. Separate several with commas.
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=200))]
    pub tps: Vec<u32>,
    /// Mean times of a call to Cognito in milliseconds, instead of the matrix. Separate several with commas.
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub latency: Vec<u64>,
    /// Numbers of groups, 0 to 10,000, instead of the matrix. Each user is a member of one group.
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub groups: Vec<u32>,
    /// The runs to measure if you choose users, TPS, latency or groups.
    #[arg(long, value_enum, default_value_t = RunChoice::All)]
    pub runs: RunChoice,
    /// Write the tables and plots to docs/reference/performance.md and docs/reference/performance/.
    #[arg(long, conflicts_with_all = ["quick", "large_users", "users", "tps", "latency", "groups"])]
    pub write: bool,
    /// How many scenarios run at the same time, each in its own thread.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub jobs: u8,
}
