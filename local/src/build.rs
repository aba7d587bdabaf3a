//! The four functions: built for release and packed as Lambda wants a custom runtime.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::paths;

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

/// Where cargo's messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// To this process's standard error.
    Shown,
    /// Kept for the error, should there be one.
    Quiet,
}

/// Builds the four functions in release mode and says where they are. A build with nothing to do takes half a second.
///
/// # Errors
/// When cargo fails or does not name an executable for each function.
pub async fn functions(output: Output) -> Result<Executables> {
    let packages = ["enumerate", "export-page", "import-page", "finalize"];
    let built = tokio::task::spawn_blocking(move || run_cargo(&["--release"], &packages, output));
    executables(&built.await.context("the build was cut short")??)
}

/// Builds the command line as `cargo run` would and says where it is.
///
/// # Errors
/// When cargo fails or does not name an executable.
pub async fn command_line(output: Output) -> Result<PathBuf> {
    let built = tokio::task::spawn_blocking(move || run_cargo(&[], &["cognito-backup"], output));
    executable(&built.await.context("the build was cut short")??, "cognito-backup")
}

/// Builds packages and returns cargo's messages.
fn run_cargo(profile: &[&str], packages: &[&str], output: Output) -> Result<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(paths::workspace())
        .args(["build", "--message-format", "json-render-diagnostics"])
        .args(profile)
        .args(packages.iter().flat_map(|package| ["-p", package]))
        .stdin(Stdio::null());
    if output == Output::Shown {
        command.stderr(Stdio::inherit());
    }
    let built = command.output().context("cannot run cargo")?;
    ensure!(
        built.status.success(),
        "{} do not build ({})\n{}",
        packages.join(", "),
        built.status,
        String::from_utf8_lossy(&built.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&built.stdout).into_owned())
}

/// One line of cargo's JSON messages, as far as it matters here.
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
    Ok(Executables {
        enumerate: executable(messages, "enumerate")?,
        export_page: executable(messages, "export-page")?,
        import_page: executable(messages, "import-page")?,
        finalize: executable(messages, "finalize")?,
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

/// Packs an executable as the deployment package of a custom runtime: a zip with `bootstrap`, mode 0755.
///
/// It is stored, not compressed: it travels over the loopback interface only.
///
/// # Errors
/// When the executable cannot be read.
pub fn package(executable: &Path) -> Result<Vec<u8>> {
    let program = std::fs::read(executable).with_context(|| format!("cannot read {}", executable.display()))?;
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).unix_permissions(0o755);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("bootstrap", options)?;
    zip.write_all(&program)?;
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_executables_in_what_cargo_says() -> Result<()> {
        let artifact = |name: &str| {
            format!(r#"{{"reason":"compiler-artifact","target":{{"name":"{name}"}},"executable":"/t/release/{name}"}}"#)
        };
        let mut lines: Vec<String> = ["enumerate", "export-page", "import-page"].map(artifact).to_vec();
        lines.insert(0, r#"{"reason":"compiler-artifact","target":{"name":"shared"},"executable":null}"#.into());
        lines.push(r#"{"reason":"build-finished","success":true}"#.into());
        let error = executables(&lines.join("\n")).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("cargo built no executable named finalize"));

        lines.push(artifact("finalize"));
        let found = executables(&lines.join("\n"))?;
        assert_eq!(found.export_page, PathBuf::from("/t/release/export-page"));
        Ok(())
    }

    #[test]
    fn a_package_holds_an_executable_bootstrap() -> Result<()> {
        let package = package(&std::env::current_exe()?)?;
        let mut zip = zip::ZipArchive::new(Cursor::new(package))?;
        let bootstrap = zip.by_name("bootstrap")?;
        assert_eq!(bootstrap.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        Ok(())
    }
}
