//! The Python packages of the local AWS and of its tests, installed once under the target folder.
//!
//! They go into a virtual environment. If Python cannot make one, `pip install --target` is used: plain
//! Debian ships Python without `ensurepip`. If two processes install at once, the second waits for the first.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::paths;

/// The packages and their versions: the emulator, and the validator of state machine definitions.
pub const PINS: [&str; 2] = ["ministack==1.5.33", "statelint==3.1.0"];

/// The package with the models of the AWS APIs. The emulator needs an older version of it, so it has a folder
/// of its own.
pub const API_MODELS: [&str; 1] = ["botocore==1.44.8"];

/// A Python interpreter that can import the packages.
#[derive(Debug, Clone)]
pub struct Python {
    interpreter: PathBuf,
    packages: Option<PathBuf>,
}

impl Python {
    /// Returns the interpreter. Installs [`PINS`] first if they are missing (about 90 MB, once).
    ///
    /// The variable `PYTHON` names the interpreter to build on. The default is `python3` of the search path.
    ///
    /// # Errors
    /// If there is no Python 3.10 or newer, or if pip fails. The message ends with the output of pip.
    pub fn installed() -> Result<Self> {
        Self::installed_in(&paths::local())
    }

    fn installed_in(folder: &Path) -> Result<Self> {
        let _lock = lock(folder)?;
        let [venv, flat] = [folder.join("venv"), folder.join("packages")];
        // The interpreter of an environment is a link. It dangles after Python itself was replaced.
        if is_complete(&venv, &PINS) && Self::in_venv(&venv).interpreter.exists() {
            return Ok(Self::in_venv(&venv));
        }
        if is_complete(&flat, &PINS) {
            return Ok(Self::beside(base_interpreter(), flat));
        }
        let base = base_interpreter();
        require_version(&base)?;
        remove(&venv)?;
        remove(&flat)?;
        let (python, folder) = match run(Command::new(&base).args(["-m", "venv"]).arg(&venv)) {
            Ok(()) => {
                let python = Self::in_venv(&venv);
                run(python.command().args(["-m", "pip", "install", "--quiet"]).args(PINS))?;
                (python, venv)
            }
            Err(no_venv) => {
                run(Command::new(&base)
                    .args(["-m", "pip", "install", "--quiet", "--target"])
                    .arg(&flat)
                    .args(PINS))
                .with_context(|| format!("no virtual environment either: {no_venv:#}"))
                .context(
                    "install Python's venv or pip (on Debian: apt install python3-venv) and try again",
                )?;
                (Self::beside(base, flat.clone()), flat)
            }
        };
        complete(&folder, &PINS)?;
        Ok(python)
    }

    /// Returns the folder with the models of the AWS APIs. Installs [`API_MODELS`] first if they are missing
    /// (about 30 MB, once).
    ///
    /// # Errors
    /// If pip fails. The message ends with its output.
    pub fn api_models(&self) -> Result<PathBuf> {
        let _lock = lock(&paths::local())?;
        let folder = paths::local().join("api-models");
        if !is_complete(&folder, &API_MODELS) {
            remove(&folder)?;
            // Only the data of the package is read, so what it depends on is not needed.
            let install = ["-m", "pip", "install", "--quiet", "--no-deps", "--target"];
            run(self.command().args(install).arg(&folder).args(API_MODELS))?;
            complete(&folder, &API_MODELS)?;
        }
        Ok(folder.join("botocore").join("data"))
    }

    /// A command that runs the interpreter with the packages.
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
    /// The findings of the validator, or the reason why it cannot run.
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

/// The file that is written last. An installation is complete if its folder has this file with the same pins.
const MARKER: &str = ".installed";

fn is_complete(folder: &Path, pins: &[&str]) -> bool {
    fs::read_to_string(folder.join(MARKER)).is_ok_and(|installed| installed == pins.join("\n"))
}

fn complete(folder: &Path, pins: &[&str]) -> Result<()> {
    fs::write(folder.join(MARKER), pins.join("\n")).context("cannot write the marker of the Python packages")
}

/// Waits until no other process installs. The lock ends with the file.
fn lock(folder: &Path) -> Result<File> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let lock =
        File::create(folder.join("python.lock")).context("cannot create the lock of the Python packages")?;
    lock.lock().context("cannot lock the Python packages")?;
    Ok(lock)
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

fn base_interpreter() -> PathBuf {
    std::env::var_os("PYTHON").map_or_else(|| "python3".into(), PathBuf::from)
}

fn require_version(interpreter: &Path) -> Result<()> {
    let output = Command::new(interpreter)
        .args(["-c", "import sys; print(sys.version_info >= (3, 10), sys.version.split()[0])"])
        .output()
        .with_context(|| {
            format!("cannot run {}: the local AWS needs Python 3.10 or newer", interpreter.display())
        })?;
    let answer = String::from_utf8_lossy(&output.stdout);
    ensure!(
        answer.starts_with("True"),
        "{} is Python {}: the local AWS needs 3.10 or newer (set the variable PYTHON to name another interpreter)",
        interpreter.display(),
        answer.trim_start_matches("False").trim()
    );
    Ok(())
}

fn run(command: &mut Command) -> Result<()> {
    let output =
        command.output().with_context(|| format!("cannot run {}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(());
    }
    let mut printed = String::from_utf8_lossy(&output.stdout).into_owned();
    printed.push_str(&String::from_utf8_lossy(&output.stderr));
    bail!("{} ended with {}: {}", command.get_program().display(), output.status, printed.trim());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installation_with_other_pins_is_not_complete() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("pins-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        assert!(!is_complete(&folder, &PINS));
        fs::write(folder.join(MARKER), "ministack==1.0.0")?;
        assert!(!is_complete(&folder, &PINS));
        complete(&folder, &PINS)?;
        assert!(is_complete(&folder, &PINS) && !is_complete(&folder, &API_MODELS));
        fs::remove_dir_all(&folder)?;
        Ok(())
    }
}
