//! The state that `local up` leaves for the other `local` commands: one file that says what runs
//! and where.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::emulator::Server;
use crate::paths;
use crate::provision::Deployment;
use crate::strict_server::StrictServer;

/// A local AWS that outlives the command that started it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    /// The emulator.
    pub server: Server,
    /// The strict Cognito in front of it. None if an older version started the local AWS.
    #[serde(default)]
    pub strict: Option<StrictServer>,
    /// The backup in it.
    pub deployment: Deployment,
}

/// The right to start or stop the local AWS. One process has it at a time, until it drops this value or ends.
#[derive(Debug)]
pub struct StateLock {
    _file: File,
}

impl State {
    /// The file: `state.json` in the folder of the local AWS.
    pub fn file() -> PathBuf {
        paths::local().join("state.json")
    }

    /// Waits until no other process starts or stops the local AWS. If there is one, calls `before_waiting`
    /// first.
    ///
    /// A command holds the lock from its look at the state until the state is written. Otherwise, two
    /// commands could both find nothing, and the state would forget the server of the first.
    ///
    /// # Errors
    /// If the lock file cannot be created or locked.
    pub fn lock(before_waiting: impl FnOnce()) -> Result<StateLock> {
        lock(&paths::local(), before_waiting)
    }

    /// The local AWS, if one of its processes runs. `None` if there is no file, or if both have ended, for example by a
    /// reboot.
    ///
    /// # Errors
    /// If the file exists and cannot be read or understood.
    pub fn of_running() -> Result<Option<Self>> {
        Ok(read(&Self::file())?.filter(|state| state.server.is_running() || state.has_strict()))
    }

    /// Whether both processes run.
    pub fn is_whole(&self) -> bool {
        self.server.is_running() && self.has_strict()
    }

    fn has_strict(&self) -> bool {
        self.strict.as_ref().is_some_and(StrictServer::is_running)
    }

    /// Ends both processes.
    ///
    /// # Errors
    /// If one of them does not end.
    pub fn stop(&self) -> Result<()> {
        let strict = self.strict.as_ref().map_or(Ok(()), StrictServer::stop);
        self.server.stop().and(strict)
    }

    /// Writes the file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self) -> Result<()> {
        write(self, &Self::file())
    }

    /// Removes the file, if it exists.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn forget() -> Result<()> {
        match fs::remove_file(Self::file()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", Self::file().display()))
            }
            _ => Ok(()),
        }
    }
}

fn lock(folder: &Path, before_waiting: impl FnOnce()) -> Result<StateLock> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let path = folder.join("state.lock");
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    let locked = match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            before_waiting();
            file.lock()
        }
        Err(TryLockError::Error(error)) => Err(error),
    };
    locked.with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(StateLock { _file: file })
}

fn read(file: &Path) -> Result<Option<State>> {
    let text = match fs::read_to_string(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        text => text.with_context(|| format!("cannot read {}", file.display()))?,
    };
    serde_json::from_str(&text)
        .map(Some)
        .with_context(|| format!("cannot read {}; remove it", file.display()))
}

/// Writes a draft and renames it, so that no reader ever sees half a file.
fn write(state: &State, file: &Path) -> Result<()> {
    let draft = file.with_extension("draft");
    fs::write(&draft, serde_json::to_vec_pretty(state)?)
        .and_then(|()| fs::rename(&draft, file))
        .with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_second_command_waits_for_the_lock_of_the_first() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("state-lock-{}", std::process::id()));
        let first = lock(&folder, || {})?;
        let (events, seen) = mpsc::channel();
        let second = thread::spawn({
            let folder = folder.clone();
            move || -> Result<()> {
                let waits = events.clone();
                let _lock = lock(&folder, move || {
                    let _ = waits.send("waits");
                })?;
                events.send("locked")?;
                Ok(())
            }
        });
        assert_eq!(seen.recv_timeout(Duration::from_secs(10))?, "waits");
        assert!(seen.recv_timeout(Duration::from_millis(200)).is_err(), "both have the lock");
        drop(first);
        assert_eq!(seen.recv_timeout(Duration::from_secs(10))?, "locked");
        assert!(second.join().is_ok_and(|result| result.is_ok()));
        fs::remove_dir_all(&folder)?;
        Ok(())
    }
}
