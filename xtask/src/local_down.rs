//! `cargo xtask local down`.

use anyhow::Result;
use local::state::State;

use crate::say;

/// Stops the local AWS. That none is up is no error: the wish is fulfilled.
pub(crate) fn run() -> Result<()> {
    match State::of_running()? {
        Some(state) => {
            state.server.stop()?;
            say(&format!("stopped the local AWS at {}", state.deployment.endpoint_url))?;
        }
        None => say("no local AWS is up")?,
    }
    State::forget()
}
