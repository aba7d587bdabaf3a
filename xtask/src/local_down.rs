//! `cargo xtask local down`.

use anyhow::Result;
use local::state::State;

use crate::local_up;
use crate::progress::say;

/// Stops the local AWS. If none is up, it says so and succeeds.
pub(crate) fn run() -> Result<()> {
    let _lock = local_up::lock()?;
    match State::of_running()? {
        Some(state) => {
            state.stop()?;
            say(&format!("stopped the local AWS at {}", state.deployment.endpoint_url))?;
        }
        None => say("no local AWS is up")?,
    }
    State::forget()
}
