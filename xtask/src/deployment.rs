//! The tests of the deployment in `cdk/`, which need Node.js.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use local::paths;

use crate::say;

/// npm's arguments, in order. Installing comes first and takes what the lock file says.
const STEPS: [&[&str]; 3] = [&["ci", "--no-audit", "--no-fund", "--loglevel=error"], &["test"], &["run", "synth"]];

/// Runs them; says so aloud where there is no Node.js.
pub(crate) fn test() -> Result<()> {
    let version = Command::new("npm").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !version.is_ok_and(|status| status.success()) {
        return say("\n!! NOT TESTED: the deployment in cdk/. npm cannot be run; install Node.js 20 or newer to test it.\n");
    }
    for arguments in STEPS {
        let status = Command::new("npm")
            .current_dir(paths::workspace().join("cdk"))
            .args(arguments)
            .status()
            .with_context(|| format!("cannot run npm {}", arguments.join(" ")))?;
        ensure!(status.success(), "failed: npm {} in cdk/", arguments.join(" "));
    }
    Ok(())
}
