//! The tests of the deployment in `cdk/`, which need Node.js and the packages of its lock file.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use local::paths;

use crate::say;

/// Installs exactly what the lock file says.
const INSTALL: &[&str] = &["ci", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-timeout=60000"];
/// What is then run.
const STEPS: [&[&str]; 2] = [&["test"], &["run", "synth"]];

/// Runs them; says so aloud where there is no Node.js, or no registry to install from.
pub(crate) fn test() -> Result<()> {
    if !quietly(&["--version"]) {
        return not_tested("Npm cannot be run: install Node.js 20 or newer to test it");
    }
    if !npm(INSTALL)? {
        ensure!(!quietly(&["ping", "--fetch-retries=0"]), "failed: npm ci in cdk/");
        return not_tested("Its packages cannot be installed, and npm's registry does not answer");
    }
    for arguments in STEPS {
        ensure!(npm(arguments)?, "failed: npm {} in cdk/", arguments.join(" "));
    }
    Ok(())
}

fn not_tested(why: &str) -> Result<()> {
    say(&format!("\n!! NOT TESTED: the deployment in cdk/. {why}.\n"))
}

/// Runs npm in the folder of the deployment; returns whether it succeeded.
fn npm(arguments: &[&str]) -> Result<bool> {
    let status = Command::new("npm").current_dir(paths::workspace().join("cdk")).args(arguments).status();
    Ok(status.with_context(|| format!("cannot run npm {}", arguments.join(" ")))?.success())
}

fn quietly(arguments: &[&str]) -> bool {
    let mut npm = Command::new("npm");
    npm.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    npm.status().is_ok_and(|status| status.success())
}
