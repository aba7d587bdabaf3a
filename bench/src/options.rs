//! What can be chosen.

use clap::{Args, ValueEnum};

/// What is done with a chosen pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Deeds {
    /// Exports of every kind, and restores by both methods.
    All,
    /// Exports of every kind.
    Exports,
    /// A restore by API.
    Api,
    /// A restore by import jobs.
    Csv,
}

/// What can be chosen.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Small pools only, in a minute.
    #[arg(long)]
    pub quick: bool,
    /// Pools of so many users instead of the matrix; several with commas.
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=40_000_000))]
    pub users: Vec<u32>,
    /// Limits in calls per second, 1 to 200, instead of the matrix; several with commas.
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=200))]
    pub tps: Vec<u32>,
    /// How long a call to Cognito takes on average, milliseconds, instead of the matrix; several with commas.
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub latency: Vec<u64>,
    /// Pools of so many groups instead of the matrix, 0 to 10,000; several with commas. Each user is a member of one.
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub groups: Vec<u32>,
    /// With a choice of users, TPS, latency or groups: what is done, beside the first export.
    #[arg(long, value_enum, default_value_t = Deeds::All)]
    pub deeds: Deeds,
    /// Put tables and plots into docs/reference/performance.md and docs/reference/performance/.
    #[arg(long, conflicts_with_all = ["quick", "users", "tps", "latency", "groups"])]
    pub write: bool,
    /// Scenarios at once, each in a thread of its own.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub jobs: u8,
}
