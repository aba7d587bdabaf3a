//! `cargo xtask bench`: the steps at the limit, in virtual time. It has an executable of its own, built for release: millions of users in a
//! debug build would take hours, and its allocator is no matter of the other chores.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use local::paths;

use crate::say;

/// Builds it and hands it the arguments as they were given. Exits as it does: with 1 where a target is missed.
pub fn run() -> Result<ExitCode> {
    say("building the bench")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(paths::workspace())
        .args(["run", "--quiet", "--release", "--package", "bench", "--"])
        // Those after `bench`.
        .args(std::env::args_os().skip(2))
        .status()
        .context("cannot run cargo")?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
