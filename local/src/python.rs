//! The Python packages of the local AWS, of its tests and of a release, installed once under the target folder.
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

/// cargo-lambda and zig, which build the functions of a deployment. The deployment reads the same file.
const BUILD_TOOLS: &str = include_str!("../../cdk/build-tools.txt");

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
        Self::installed_in(&paths::local(), &PINS)
    }

    /// Returns the interpreter with cargo-lambda and zig. Installs them first if they are missing (about 500 MB on
    /// the disk, once). [`Python::run_program`] runs them.
    ///
    /// # Errors
    /// As [`Python::installed`].
    pub fn with_build_tools() -> Result<Self> {
        Self::installed_in(&paths::target().join("build-tools"), &build_tools())
    }

    fn installed_in(folder: &Path, pins: &[&str]) -> Result<Self> {
        let _lock = lock(folder)?;
        let [venv, flat] = [folder.join("venv"), folder.join("packages")];
        // The interpreter of an environment is a link. It dangles after Python itself was replaced.
        if is_complete(&venv, pins) && Self::in_venv(&venv).interpreter.exists() {
            return Ok(Self::in_venv(&venv));
        }
        if is_complete(&flat, pins) {
            return Ok(Self::beside(base_interpreter(), flat));
        }
        let base = base_interpreter();
        require_version(&base)?;
        remove(&venv)?;
        remove(&flat)?;
        let (python, folder) = match run(Command::new(&base).args(["-m", "venv"]).arg(&venv)) {
            Ok(()) => {
                let python = Self::in_venv(&venv);
                run(python.command().args(["-m", "pip", "install", "--quiet"]).args(pins))?;
                (python, venv)
            }
            Err(no_venv) => {
                run(Command::new(&base)
                    .args(["-m", "pip", "install", "--quiet", "--target"])
                    .arg(&flat)
                    .args(pins))
                .with_context(|| format!("no virtual environment either: {no_venv:#}"))
                .context(
                    "install Python's venv or pip (on Debian: apt install python3-venv) and try again",
                )?;
                (Self::beside(base, flat.clone()), flat)
            }
        };
        complete(&folder, pins)?;
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

    /// A command that runs `program`. It and its parts find the programs of the packages before all others.
    ///
    /// # Errors
    /// If the search path cannot be composed.
    pub fn run_program(&self, program: &str) -> Result<Command> {
        let programs = match &self.packages {
            Some(packages) => packages.join("bin"),
            None => self.interpreter.parent().unwrap_or(&self.interpreter).to_path_buf(),
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(programs).chain(std::env::split_paths(&path));
        let mut command = Command::new(program);
        command.env("PATH", std::env::join_paths(folders).context("cannot extend the search path")?);
        if let Some(packages) = &self.packages {
            command.env("PYTHONPATH", packages);
        }
        Ok(command)
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

/// The packages of [`BUILD_TOOLS`] and their versions.
fn build_tools() -> Vec<&'static str> {
    BUILD_TOOLS.lines().filter(|line| line.contains("==")).collect()
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
        .with_context(|| format!("cannot run {}: Python 3.10 or newer is needed", interpreter.display()))?;
    let answer = String::from_utf8_lossy(&output.stdout);
    ensure!(
        answer.starts_with("True"),
        "{} is Python {}: 3.10 or newer is needed (set the variable PYTHON to name another interpreter)",
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
    fn the_build_tools_have_pinned_versions() {
        let names: Vec<_> = build_tools().iter().filter_map(|tool| tool.split("==").next()).collect();
        assert_eq!(names, ["cargo-lambda", "ziglang"]);
    }

    #[test]
    fn a_program_finds_those_of_the_packages_first() -> Result<()> {
        let first = |python: &Python| -> Result<String> {
            let output = python.run_program("sh")?.args(["-c", "echo $PATH:$PYTHONPATH"]).output()?;
            Ok(String::from_utf8_lossy(&output.stdout).split(':').next().unwrap_or_default().to_owned())
        };
        assert_eq!(first(&Python::in_venv(Path::new("/t/venv")))?, "/t/venv/bin");
        assert_eq!(first(&Python::beside("python3".into(), "/t/packages".into()))?, "/t/packages/bin");
        Ok(())
    }

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
