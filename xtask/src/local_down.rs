//! `cargo xtask local down`.

use std::io::{Write, stderr};

use anyhow::Result;
use local::state::State;

/// Stops the local AWS. That none is up is no error: the wish is fulfilled.
pub(crate) fn run() -> Result<()> {
    match State::of_running()? {
        Some(state) => {
            state.server.stop()?;
            writeln!(stderr(), "stopped the local AWS at {}", state.deployment.endpoint_url)?;
        }
        None => writeln!(stderr(), "no local AWS is up")?,
    }
    State::forget()
}
