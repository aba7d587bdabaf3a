//! `cargo xtask test`: everything that must hold before a change is accepted.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use local::paths;

use crate::say;

/// Heading and cargo's arguments, in the order of what is quickest to fail.
const STEPS: [(&str, &[&str]); 4] = [
    ("format", &["fmt", "--all", "--check"]),
    ("lints", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    (
        "functions, release build",
        &["build", "--release", "-p", "enumerate", "-p", "export-page", "-p", "import-page", "-p", "finalize"],
    ),
    ("tests: unit, property, end to end, state machine definitions", &["test", "--workspace"]),
];

/// Runs the steps and stops at the first that fails.
pub(crate) fn run() -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    for (number, (heading, arguments)) in STEPS.iter().enumerate() {
        say(&format!("\n== {} of {}: {heading}", number + 1, STEPS.len()))?;
        let status =
            Command::new(&cargo).current_dir(paths::workspace()).args(*arguments).status().context("cannot run cargo")?;
        ensure!(status.success(), "failed: {heading} (cargo {})", arguments.join(" "));
    }
    say("\n== everything holds")
}
