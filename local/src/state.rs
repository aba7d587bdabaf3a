//! What `local up` leaves behind for `local down` and `local env`: one file that says what runs and where.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::emulator::Server;
use crate::paths;
use crate::provision::Deployment;

/// A local AWS that goes on after the command that started it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    /// The emulator.
    pub server: Server,
    /// The backup in it.
    pub deployment: Deployment,
}

impl State {
    /// The file: `state.json` in the folder of the local AWS.
    pub fn file() -> PathBuf {
        paths::local().join("state.json")
    }

    /// The local AWS that is up, or `None`: no file, or one whose server has ended (by a reboot, say).
    ///
    /// # Errors
    /// When the file is there but cannot be read or understood.
    pub fn of_running() -> Result<Option<Self>> {
        Ok(read(&Self::file())?.filter(|state| state.server.is_running()))
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self) -> Result<()> {
        write(self, &Self::file())
    }

    /// Removes the file. That it is not there is no error.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn forget() -> Result<()> {
        match fs::remove_file(Self::file()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", Self::file().display()))
            }
            _ => Ok(()),
        }
    }
}

fn read(file: &Path) -> Result<Option<State>> {
    let text = match fs::read_to_string(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        text => text.with_context(|| format!("cannot read {}", file.display()))?,
    };
    serde_json::from_str(&text).map(Some).with_context(|| format!("{} is not understood; remove it", file.display()))
}

/// Written beside and renamed, so that no reader ever sees half a file.
fn write(state: &State, file: &Path) -> Result<()> {
    let draft = file.with_extension("draft");
    fs::write(&draft, serde_json::to_vec_pretty(state)?)
        .and_then(|()| fs::rename(&draft, file))
        .with_context(|| format!("cannot write {}", file.display()))
}
