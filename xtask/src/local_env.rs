//! `cargo xtask local env`.

use std::io::{Write, stdout};

use anyhow::{Context, Result};
use local::aws::{ACCESS_KEY_ID, SECRET_ACCESS_KEY};
use local::provision::Deployment;
use local::state::State;

/// Prints the variables for a shell: `eval "$(cargo xtask local env)"`.
pub(crate) fn run() -> Result<()> {
    let state = State::of_running()?.context("no local AWS is up; `cargo xtask local up` starts one")?;
    for (name, value) in variables(&state.deployment) {
        writeln!(stdout(), "export {name}={value}")?;
    }
    Ok(())
}

/// No value needs quoting: URLs, ARNs and names of our own making.
fn variables(deployment: &Deployment) -> [(&'static str, &str); 7] {
    [
        ("AWS_ENDPOINT_URL", &deployment.endpoint_url),
        ("AWS_REGION", &deployment.region),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
        ("BACKUP_TABLE_NAME", &deployment.backup_table),
        ("EXPORT_STATE_MACHINE_ARN", &deployment.export_state_machine_arn),
        ("IMPORT_STATE_MACHINE_ARN", &deployment.import_state_machine_arn),
    ]
}
