//! The tests of the deployment in `cdk/`. They need Node.js and the packages of its lock file.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use local::paths;

use crate::progress::say;

/// Installs exactly the packages of the lock file.
const INSTALL: &[&str] = &["ci", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-timeout=60000"];
/// The npm commands that test.
const STEPS: [&[&str]; 2] = [&["test"], &["run", "synth"]];

/// Installs the packages of the deployment.
///
/// # Errors
/// If npm cannot be run, or a package cannot be installed.
pub(crate) fn install() -> Result<()> {
    ensure!(npm(INSTALL)?, "failed: npm ci in cdk/. Install Node.js 20 or newer, and try again");
    Ok(())
}

/// Runs the tests. Without Node.js or a registry to install from, says that nothing was tested, and succeeds.
pub(crate) fn test() -> Result<()> {
    if !quietly(&["--version"]) {
        return not_tested("npm cannot be run. Install Node.js 20 or newer to test the deployment");
    }
    if !npm(INSTALL)? {
        ensure!(!quietly(&["ping", "--fetch-retries=0"]), "failed: npm ci in cdk/");
        return not_tested("Its packages cannot be installed, because the npm registry does not answer");
    }
    for arguments in STEPS {
        ensure!(npm(arguments)?, "failed: npm {} in cdk/", arguments.join(" "));
    }
    Ok(())
}

fn not_tested(why: &str) -> Result<()> {
    say(&format!("\n!! NOT TESTED: the deployment in cdk/. {why}.\n"))
}

/// Runs npm in the folder of the deployment. Returns whether it succeeded.
fn npm(arguments: &[&str]) -> Result<bool> {
    let status = Command::new("npm").current_dir(paths::workspace().join("cdk")).args(arguments).status();
    Ok(status.with_context(|| format!("cannot run npm {}", arguments.join(" ")))?.success())
}

fn quietly(arguments: &[&str]) -> bool {
    let mut npm = Command::new("npm");
    npm.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    npm.status().is_ok_and(|status| status.success())
}
