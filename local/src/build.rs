//! Builds the four functions and the command line, and packs the functions for the custom runtime of Lambda.

use std::fs;
use std::io::{Cursor, ErrorKind, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::{paths, shell};

/// The packages of the functions.
pub const FUNCTIONS: [&str; 4] = ["enumerate", "export-page", "import-page", "finalize"];
/// The package and the executable of the command line.
pub const COMMAND_LINE: &str = "cognito-backup";
/// This package. A development build always includes it, because cargo joins the features of the packages
/// that it builds together. So the functions, the command line, the tests and the chores use one build of all
/// dependencies.
const FEATURES: &str = env!("CARGO_PKG_NAME");

/// The executables of the four functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executables {
    /// Checks the input and writes the plan.
    pub enumerate: PathBuf,
    /// Exports page by page.
    pub export_page: PathBuf,
    /// Imports page by page.
    pub import_page: PathBuf,
    /// Seals or closes, reports and notifies.
    pub finalize: PathBuf,
}

impl Executables {
    /// Links the executables into a new folder, so that a later build does not replace them.
    ///
    /// # Errors
    /// If the folder exists, or the executables can be neither linked nor copied into it.
    pub fn kept_in(&self, folder: &Path) -> Result<Self> {
        let keep = |executable: &Path| -> std::io::Result<PathBuf> {
            let kept = folder.join(executable.file_name().unwrap_or_default());
            // A link needs the same file system.
            fs::hard_link(executable, &kept).or_else(|_| fs::copy(executable, &kept).map(|_| ()))?;
            Ok(kept)
        };
        let all = || -> std::io::Result<Self> {
            fs::create_dir(folder)?;
            Ok(Self {
                enumerate: keep(&self.enumerate)?,
                export_page: keep(&self.export_page)?,
                import_page: keep(&self.import_page)?,
                finalize: keep(&self.finalize)?,
            })
        };
        all().with_context(|| format!("cannot keep the functions in {}", folder.display()))
    }

    /// The executables with the names of their packages.
    pub fn named(&self) -> [(&'static str, &Path); 4] {
        let paths = [&self.enumerate, &self.export_page, &self.import_page, &self.finalize];
        std::array::from_fn(|number| (FUNCTIONS[number], paths[number].as_path()))
    }
}

/// How packages are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Profile {
    /// Not optimised, as for tests.
    Development,
    /// As for a deployment.
    Release,
}

/// Where cargo's messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// To this process's standard error.
    Shown,
    /// Into the error, if there is one.
    Quiet,
}

/// Builds the four functions for development and says where they are. A build with nothing to do takes half a
/// second.
///
/// # Errors
/// If cargo fails or does not name an executable for each function.
pub async fn functions(output: Output) -> Result<Executables> {
    executables(&cargo_build(Profile::Development, FUNCTIONS.to_vec(), output).await?)
}

/// Builds the four functions as they are deployed and says where they are. The first build takes minutes.
///
/// # Errors
/// As [`functions`].
pub async fn functions_for_release(output: Output) -> Result<Executables> {
    executables(&cargo_build(Profile::Release, FUNCTIONS.to_vec(), output).await?)
}

/// Builds the command line for development and says where it is.
///
/// # Errors
/// If cargo fails or does not name an executable.
pub async fn command_line(output: Output) -> Result<PathBuf> {
    executable(&cargo_build(Profile::Development, vec![COMMAND_LINE], output).await?, COMMAND_LINE)
}

/// Builds the command line as it is released and says where it is. The first build takes minutes.
///
/// # Errors
/// As [`command_line`].
pub async fn command_line_for_release(output: Output) -> Result<PathBuf> {
    executable(&cargo_build(Profile::Release, vec![COMMAND_LINE], output).await?, COMMAND_LINE)
}

/// Builds functions and command line for development in one build, and links the command line into
/// [`paths::programs`].
///
/// # Errors
/// As [`functions`] and [`command_line`], and if the link cannot be made.
pub async fn functions_and_command_line(output: Output) -> Result<Executables> {
    let packages = FUNCTIONS.into_iter().chain([COMMAND_LINE]).collect();
    let messages = cargo_build(Profile::Development, packages, output).await?;
    link(&executable(&messages, COMMAND_LINE)?, &paths::programs().join(COMMAND_LINE))?;
    executables(&messages)
}

/// Builds packages and returns cargo's messages.
async fn cargo_build(profile: Profile, packages: Vec<&'static str>, output: Output) -> Result<String> {
    let built = tokio::task::spawn_blocking(move || run_cargo(profile, &packages, output));
    built.await.context("the build was interrupted")?
}

fn run_cargo(profile: Profile, packages: &[&str], output: Output) -> Result<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(paths::workspace())
        .args(["build", "--message-format", "json-render-diagnostics"])
        .args(selection(profile, packages))
        .stdin(Stdio::null());
    if output == Output::Shown {
        command.stderr(Stdio::inherit());
    }
    let built = command.output().context("cannot run cargo")?;
    ensure!(
        built.status.success(),
        "{} cannot be built ({})\n{}",
        packages.join(", "),
        built.status,
        String::from_utf8_lossy(&built.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&built.stdout).into_owned())
}

fn selection<'a>(profile: Profile, packages: &[&'a str]) -> Vec<&'a str> {
    let with_features = match profile {
        Profile::Development => Some(FEATURES),
        Profile::Release => None,
    };
    let mut arguments: Vec<&str> =
        packages.iter().copied().chain(with_features).flat_map(|name| ["-p", name]).collect();
    if profile == Profile::Release {
        arguments.push("--release");
    }
    arguments
}

/// Makes `link` point to `program`, even if it points elsewhere.
fn link(program: &Path, link: &Path) -> Result<()> {
    let linked = || -> std::io::Result<()> {
        fs::create_dir_all(link.parent().unwrap_or(link))?;
        match fs::remove_file(link) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        symlink(program, link)
    };
    linked().with_context(|| format!("cannot link {} to {}", link.display(), program.display()))
}

/// The part of one line of cargo's JSON messages that this module needs.
#[derive(Debug, Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    target: Option<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
}

fn executables(messages: &str) -> Result<Executables> {
    let [enumerate, export_page, import_page, finalize] = FUNCTIONS.map(|name| executable(messages, name));
    Ok(Executables {
        enumerate: enumerate?,
        export_page: export_page?,
        import_page: import_page?,
        finalize: finalize?,
    })
}

fn executable(messages: &str, name: &str) -> Result<PathBuf> {
    let of_name = |message: &Message| message.target.as_ref().is_some_and(|target| target.name == name);
    messages
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(of_name)
        .find_map(|message| message.executable)
        .with_context(|| format!("cargo built no executable named {name}"))
}

/// The `bootstrap` of a custom runtime: a script that becomes the executable.
///
/// The local AWS runs functions on this machine. So a script of two lines is enough. The executables,
/// tens of MB each, need not pass through the emulator.
fn bootstrap(executable: &Path) -> String {
    format!("#!/bin/sh\nexec {}\n", shell::word(&executable.display().to_string()))
}

/// The deployment package of a custom runtime: a zip with `bootstrap`, mode 0755.
///
/// # Errors
/// If the zip cannot be written.
pub fn package(executable: &Path) -> Result<Vec<u8>> {
    let options =
        SimpleFileOptions::default().compression_method(CompressionMethod::Stored).unix_permissions(0o755);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("bootstrap", options)?;
    zip.write_all(bootstrap(executable).as_bytes())?;
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;

    use super::*;

    #[test]
    fn the_executables_are_found_in_the_messages_of_cargo() -> Result<()> {
        let artifact = |name: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","target":{{"name":"{name}"}},"executable":"/t/debug/{name}"}}"#
            )
        };
        let mut lines: Vec<String> = ["enumerate", "export-page", "import-page"].map(artifact).to_vec();
        lines.insert(
            0,
            r#"{"reason":"compiler-artifact","target":{"name":"shared"},"executable":null}"#.into(),
        );
        lines.push(r#"{"reason":"build-finished","success":true}"#.into());
        let error = executables(&lines.join("\n")).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("cargo built no executable named finalize"));

        lines.push(artifact("finalize"));
        let found = executables(&lines.join("\n"))?;
        assert_eq!(found.export_page, PathBuf::from("/t/debug/export-page"));
        assert_eq!(found.named()[3], ("finalize", Path::new("/t/debug/finalize")));
        Ok(())
    }

    #[test]
    fn a_release_build_takes_no_features_but_those_of_its_packages() {
        assert_eq!(selection(Profile::Development, &["a", "b"]), ["-p", "a", "-p", "b", "-p", "local"]);
        assert_eq!(selection(Profile::Release, &["a", "b"]), ["-p", "a", "-p", "b", "--release"]);
    }

    #[test]
    fn a_package_holds_a_bootstrap_that_becomes_the_executable() -> Result<()> {
        let folder = temporary("O'Brien's functions")?;
        let program = folder.join("program");
        fs::copy("/bin/echo", &program)?;
        let mut zip = zip::ZipArchive::new(Cursor::new(package(&program)?))?;
        let mut file = zip.by_name("bootstrap")?;
        assert_eq!(file.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        let mut script = String::new();
        file.read_to_string(&mut script)?;
        assert_eq!(script, bootstrap(&program));
        let output = Command::new("sh").args(["-c", &script]).output()?;
        assert!(output.status.success() && output.stdout == b"\n", "{output:?}");
        fs::remove_dir_all(&folder)?;
        Ok(())
    }

    #[test]
    fn kept_executables_outlive_a_build() -> Result<()> {
        let folder = temporary("kept")?;
        let built = FUNCTIONS.map(|name| folder.join(name));
        for path in &built {
            fs::write(path, "first build")?;
        }
        let [enumerate, export_page, import_page, finalize] = built.clone();
        let kept =
            Executables { enumerate, export_page, import_page, finalize }.kept_in(&folder.join("scratch"))?;
        for path in &built {
            // A linker does the same.
            fs::remove_file(path)?;
            fs::write(path, "second build")?;
        }
        for (name, path) in kept.named() {
            assert_eq!(fs::read_to_string(path)?, "first build", "{name}");
        }
        fs::remove_dir_all(&folder)?;
        Ok(())
    }

    #[test]
    fn a_link_to_a_program_can_be_made_again() -> Result<()> {
        let folder = temporary("programs")?;
        let program = folder.join("bin").join("program");
        for target in ["/t/debug/first", "/t/debug/second"] {
            link(Path::new(target), &program)?;
            assert_eq!(fs::read_link(&program)?, Path::new(target));
        }
        fs::remove_dir_all(&folder)?;
        Ok(())
    }

    fn temporary(name: &str) -> Result<PathBuf> {
        let folder = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Crates whose features differ in tests. None of them is a dependency of the AWS SDK.
    const DIFFERENT_IN_TESTS: [&str; 3] = ["either", "regex-automata", "regex-syntax"];

    #[test]
    fn chores_functions_command_line_and_tests_use_one_build_of_the_dependencies() -> Result<()> {
        let normal = ["--edges", "normal,build"];
        let mut functions = selection(Profile::Development, &FUNCTIONS);
        functions.extend(normal);
        let functions = features(&functions)?;
        let mut with_command_line = selection(Profile::Development, &[COMMAND_LINE]);
        with_command_line.extend(normal);
        let chores = [&["-p", "xtask"], &normal[..]].concat();
        for (what, arguments) in [
            ("chores", &chores[..]),
            ("command line", &with_command_line),
            ("its tests", &["-p", COMMAND_LINE]),
            ("tests of the adapters", &["-p", "shared-aws"]),
            ("scenarios", &["-p", "tests"]),
            ("all tests", &["--workspace"]),
        ] {
            let others = features(arguments)?;
            let same = |name: &str| others.get(name).is_none_or(|other| Some(other) == functions.get(name));
            let different: Vec<&String> = functions.keys().filter(|name| !same(name)).collect();
            let unexpected =
                different.iter().any(|name| DIFFERENT_IN_TESTS.iter().all(|known| !name.starts_with(known)));
            assert!(
                !unexpected,
                "{what} would compile these again, and all that depends on them: {different:?}"
            );
        }
        Ok(())
    }

    /// The crates of a build, by name and version, with their features. A crate may be built in several ways.
    fn features(arguments: &[&str]) -> Result<BTreeMap<String, Vec<String>>> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut tree = Command::new(cargo);
        tree.current_dir(paths::workspace())
            .args(["tree", "--prefix", "none", "--format", "{p}|{f}"])
            .args(arguments);
        let output = tree.output().context("cannot run cargo tree")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut crates: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let Some((package, features)) = line.split_once('|') else { continue };
            let name: Vec<&str> = package.split(' ').take(2).collect();
            let features = features.trim_end_matches(" (*)").to_owned();
            let known = crates.entry(name.join(" ")).or_default();
            if !known.contains(&features) {
                known.push(features);
                known.sort();
            }
        }
        Ok(crates)
    }
}
