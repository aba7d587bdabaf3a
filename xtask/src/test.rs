//! `cargo xtask test`: everything that must hold before a change is accepted.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use local::paths;

use crate::progress::say;
use crate::{deployment, release};

/// One step of the test.
enum Step {
    /// cargo with these arguments.
    Cargo(&'static [&'static str]),
    /// The tests of `cdk/`.
    Deployment,
    /// The tests of the release build.
    Release,
}

/// Headings and steps. Quick steps come first.
const STEPS: [(&str, Step); 5] = [
    ("format", Step::Cargo(&["fmt", "--all", "--check"])),
    ("lints", Step::Cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])),
    ("deployment: templates, roles, settings", Step::Deployment),
    ("tests: unit, property, end to end, state machine definitions", Step::Cargo(&["test", "--workspace"])),
    ("release build: size, round trip", Step::Release),
];

/// Runs the steps and stops at the first that fails.
pub(crate) async fn run() -> Result<()> {
    for (number, (heading, step)) in STEPS.iter().enumerate() {
        say(&format!("\n== {} of {}: {heading}", number + 1, STEPS.len()))?;
        let started = Instant::now();
        match step {
            Step::Cargo(arguments) => cargo(heading, arguments)?,
            Step::Deployment => deployment::test()?,
            Step::Release => release::test().await?,
        }
        say(&format!("== {} of {} took {} s", number + 1, STEPS.len(), started.elapsed().as_secs()))?;
    }
    say("\n== everything holds")
}

fn cargo(heading: &str, arguments: &[&str]) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(paths::workspace())
        .args(arguments)
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "failed: {heading} (cargo {})", arguments.join(" "));
    Ok(())
}
