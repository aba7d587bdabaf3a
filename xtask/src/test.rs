//! `cargo xtask test`: everything that must hold before a change is accepted.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use local::paths;

use crate::{deployment, say};

/// A step.
enum Step {
    /// cargo with these arguments.
    Cargo(&'static [&'static str]),
    /// The tests of `cdk/`.
    Deployment,
}

/// Headings and steps, in the order of what is quickest to fail.
const STEPS: [(&str, Step); 5] = [
    ("format", Step::Cargo(&["fmt", "--all", "--check"])),
    ("lints", Step::Cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])),
    ("deployment: templates, roles, settings", Step::Deployment),
    (
        "functions, release build",
        Step::Cargo(&["build", "--release", "-p", "enumerate", "-p", "export-page", "-p", "import-page", "-p", "finalize"]),
    ),
    ("tests: unit, property, end to end, state machine definitions", Step::Cargo(&["test", "--workspace"])),
];

/// Runs the steps and stops at the first that fails.
pub(crate) fn run() -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    for (number, (heading, step)) in STEPS.iter().enumerate() {
        say(&format!("\n== {} of {}: {heading}", number + 1, STEPS.len()))?;
        let Step::Cargo(arguments) = step else {
            deployment::test()?;
            continue;
        };
        let status =
            Command::new(&cargo).current_dir(paths::workspace()).args(*arguments).status().context("cannot run cargo")?;
        ensure!(status.success(), "failed: {heading} (cargo {})", arguments.join(" "));
    }
    say("\n== everything holds")
}
