//! `cargo xtask bench`: the steps at the limit, in virtual time. The bench is a separate executable, because it is built
//! for release and has its own allocator. A development build would take hours for millions of users.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use local::paths;

use crate::progress::say;

/// Builds the bench and runs it with the arguments of this process. Exits with its code: 1 if a target is
/// missed.
pub fn run() -> Result<ExitCode> {
    say("building the bench")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(paths::workspace())
        .args(["run", "--release", "--package", "bench", "--"])
        // The arguments after `bench`.
        .args(std::env::args_os().skip(2))
        .status()
        .context("cannot run cargo")?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
