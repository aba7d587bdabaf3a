//! Where things are: the workspace, its target folder, and the folder of the local AWS in it.

use std::path::{Path, PathBuf};

/// The root of the workspace this crate was compiled in.
pub fn workspace() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// Cargo's target folder: `CARGO_TARGET_DIR` if it is set (relative to the workspace), else `target` in the
/// workspace.
pub fn target() -> PathBuf {
    let folder = std::env::var_os("CARGO_TARGET_DIR").filter(|folder| !folder.is_empty());
    workspace().join(folder.unwrap_or_else(|| "target".into()))
}

/// Everything that the local AWS writes: the Python environment, logs, state. It can be removed at any time.
pub fn local() -> PathBuf {
    target().join("local")
}

/// The folder of programs that `local env` puts on the search path.
pub fn programs() -> PathBuf {
    local().join("bin")
}

/// The folder of the state machine definitions.
pub fn state_machines() -> PathBuf {
    workspace().join("statemachines")
}
