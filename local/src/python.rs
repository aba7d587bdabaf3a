//! The Python packages of the local AWS, installed once under the target folder.
//!
//! A virtual environment where Python can make one, else `pip install --target` (plain Debian ships Python without
//! `ensurepip`). Two processes may ask at once: the second waits for the first and finds the work done.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::paths;

/// What is installed, pinned: the emulator, and the validator of state machine definitions.
pub const PINS: [&str; 2] = ["ministack==1.5.33", "statelint==3.1.0"];

/// A Python interpreter that sees the pinned packages.
#[derive(Debug, Clone)]
pub struct Python {
    interpreter: PathBuf,
    packages: Option<PathBuf>,
}

impl Python {
    /// Returns the interpreter, installing [`PINS`] first where they are not there yet (about 90 MB, once).
    ///
    /// `PYTHON` names the interpreter to build on; without it, `python3` of the search path.
    ///
    /// # Errors
    /// When there is no Python 3.10 or newer, or when pip fails; the message ends with what pip said.
    pub fn installed() -> Result<Self> {
        Self::installed_in(&paths::local())
    }

    fn installed_in(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let lock = File::create(folder.join("python.lock")).context("cannot create the lock of the Python packages")?;
        lock.lock().context("cannot lock the Python packages")?;

        let [venv, flat] = [folder.join("venv"), folder.join("packages")];
        // The interpreter of an environment is a link, which dangles when Python itself was replaced.
        if is_complete(&venv) && Self::in_venv(&venv).interpreter.exists() {
            return Ok(Self::in_venv(&venv));
        }
        if is_complete(&flat) {
            return Ok(Self::beside(base_interpreter(), flat));
        }
        let base = base_interpreter();
        require_version(&base)?;
        for stale in [&venv, &flat] {
            if stale.exists() {
                fs::remove_dir_all(stale).with_context(|| format!("cannot remove {}", stale.display()))?;
            }
        }
        let (python, place) = match run(Command::new(&base).args(["-m", "venv"]).arg(&venv)) {
            Ok(()) => {
                let python = Self::in_venv(&venv);
                run(python.command().args(["-m", "pip", "install", "--quiet"]).args(PINS))?;
                (python, venv)
            }
            Err(no_venv) => {
                run(Command::new(&base).args(["-m", "pip", "install", "--quiet", "--target"]).arg(&flat).args(PINS))
                    .with_context(|| format!("no virtual environment either: {no_venv:#}"))
                    .context("install Python's venv or pip (on Debian: apt install python3-venv) and try again")?;
                (Self::beside(base, flat.clone()), flat)
            }
        };
        fs::write(place.join(MARKER), marker()).context("cannot write the marker of the Python packages")?;
        Ok(python)
    }

    /// A command that runs this interpreter with the packages in reach.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.interpreter);
        if let Some(packages) = &self.packages {
            command.env("PYTHONPATH", packages);
        }
        command
    }

    /// Validates a state machine definition with statelint.
    ///
    /// # Errors
    /// The validator's findings, or why it could not run.
    pub fn lint_state_machine(&self, definition: &Path) -> Result<()> {
        run(self.command().args(["-m", "statelint"]).arg(definition))
            .with_context(|| format!("{} is not a valid state machine", definition.display()))
    }

    fn in_venv(venv: &Path) -> Self {
        Self { interpreter: venv.join("bin").join("python"), packages: None }
    }

    fn beside(interpreter: PathBuf, packages: PathBuf) -> Self {
        Self { interpreter, packages: Some(packages) }
    }
}

/// The marker is written last: a folder without it, or with other pins, is one that an installation did not finish.
const MARKER: &str = ".installed";

fn marker() -> String {
    PINS.join("\n")
}

fn is_complete(place: &Path) -> bool {
    fs::read_to_string(place.join(MARKER)).is_ok_and(|pins| pins == marker())
}

fn base_interpreter() -> PathBuf {
    std::env::var_os("PYTHON").map_or_else(|| "python3".into(), PathBuf::from)
}

fn require_version(interpreter: &Path) -> Result<()> {
    let output = Command::new(interpreter)
        .args(["-c", "import sys; print(sys.version_info >= (3, 10), sys.version.split()[0])"])
        .output()
        .with_context(|| format!("cannot run {}: the local AWS needs Python 3.10 or newer", interpreter.display()))?;
    let answer = String::from_utf8_lossy(&output.stdout);
    ensure!(
        answer.starts_with("True"),
        "{} is Python {}: the local AWS needs 3.10 or newer (the variable PYTHON can name another one)",
        interpreter.display(),
        answer.trim_start_matches("False").trim()
    );
    Ok(())
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot run {}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(());
    }
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    bail!("{} ended with {}: {}", command.get_program().display(), output.status, said.trim());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_other_pins_is_not_complete() -> Result<()> {
        let place = std::env::temp_dir().join(format!("pins-{}", std::process::id()));
        fs::create_dir_all(&place)?;
        assert!(!is_complete(&place));
        fs::write(place.join(MARKER), "ministack==1.0.0")?;
        assert!(!is_complete(&place));
        fs::write(place.join(MARKER), marker())?;
        assert!(is_complete(&place));
        fs::remove_dir_all(&place)?;
        Ok(())
    }
}
