//! The functions as they are deployed: they build for release, they stay small, and a backup makes a round
//! trip.
//!
//! All other tests use a development build, because a release build takes minutes. Optimisation, link-time
//! optimisation and the end of the process at a panic differ between the two. This is the test of that
//! difference.

use anyhow::{Context, Result, ensure};
use local::build::{self, Executables, Output};

use crate::progress::say;
use crate::{demo, local_up};

/// The most bytes of an executable.
pub(crate) const MAX_BYTES: u64 = 12 * 1024 * 1024;
/// Users in the pool of the round trip: several pages of each listing.
const USERS: usize = 300;
/// Calls per second of the round trip.
const TPS: u16 = 200;

/// Builds the functions as they are deployed.
pub(crate) async fn build() -> Result<Executables> {
    say("building the functions for release")?;
    local_up::with_emulator(build::functions_for_release(Output::Shown)).await
}

/// Builds, measures and runs the functions.
pub(crate) async fn test() -> Result<()> {
    let executables = build().await?;
    check_sizes(&executables)?;
    let report = demo::once(&executables, USERS, TPS, TPS).await?;
    let shortcomings = report.shortcomings();
    ensure!(
        shortcomings.is_empty(),
        "the round trip of the release build failed:\n{}",
        shortcomings.join("\n")
    );
    Ok(())
}

fn check_sizes(executables: &Executables) -> Result<()> {
    for (name, path) in executables.named() {
        let bytes = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.len();
        say(&format!("{name}: {:.1} MB", bytes as f64 / (1024.0 * 1024.0)))?;
        ensure!(bytes <= MAX_BYTES, "{name} has {bytes} bytes, and at most {MAX_BYTES} are allowed");
    }
    Ok(())
}
