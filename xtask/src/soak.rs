//! `cargo xtask soak`: starts the program of that name, which `tests/steps/soak/` holds, in its own profile.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use local::paths;

/// Runs the soak with these arguments. It fails as the soak does.
pub(crate) fn run(arguments: &[OsString]) -> Result<ExitCode> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(paths::workspace())
        .args(["run", "--quiet", "--profile", "soak", "--package", "step-tests", "--bin", "soak", "--"])
        .args(arguments)
        .status()
        .context("cannot run cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
