//! The function archives: what Lambda runs, built as a deployment builds it (`cdk/lib/function-code.ts`).

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use local::build::FUNCTIONS;
use local::paths;
use local::python::Python;
use sha2::{Digest, Sha256};

use super::archive::{self, Kind, Member};
use super::sums::hexadecimal;

/// The program that Lambda starts. Source: "Building a custom runtime" in the documentation of Lambda.
const BOOTSTRAP: &str = "bootstrap";

/// The processor of the functions, as in the setting `Architecture` of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Architecture {
    /// The default of a deployment.
    #[value(name = "x86_64")]
    X86_64,
    /// Graviton.
    #[value(name = "arm64")]
    Arm64,
}

impl Architecture {
    /// The name in the setting.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    /// The option of cargo-lambda.
    fn option(self) -> &'static str {
        match self {
            Self::X86_64 => "--x86-64",
            Self::Arm64 => "--arm64",
        }
    }
}

/// Builds the four functions, and writes an archive of each into `folder`.
///
/// # Errors
/// If the build tools cannot be installed, a function cannot be built, or an archive cannot be written.
pub(super) fn write(folder: &Path, architecture: Architecture) -> Result<()> {
    build(architecture)?;
    for function in FUNCTIONS {
        let program = paths::target().join("lambda").join(function).join(BOOTSTRAP);
        let content = fs::read(&program).with_context(|| format!("cannot read {}", program.display()))?;
        let archive = package(content)?;
        let file = archive_name(function, &archive);
        fs::write(folder.join(&file), archive).with_context(|| format!("cannot write {file}"))?;
    }
    Ok(())
}

/// cargo-lambda compiles for both architectures, against a C library as old as that of Lambda.
fn build(architecture: Architecture) -> Result<()> {
    let mut cargo = Python::with_build_tools()?.run_program("cargo")?;
    cargo
        .current_dir(paths::workspace())
        .args(["lambda", "build", "--release", architecture.option()])
        .args(FUNCTIONS.iter().flat_map(|function| ["--package", function]));
    let status = cargo.status().context("cannot run cargo lambda")?;
    ensure!(status.success(), "cargo lambda could not build the functions ({status})");
    Ok(())
}

/// The file name of an archive. It has a digest, because Lambda loads code again only from another object, and because
/// two releases can then be in one bucket. The templates find the archives by this form (`cdk/bin/dist.ts`).
fn archive_name(function: &str, archive: &[u8]) -> String {
    format!("{function}-{}.zip", hexadecimal(&Sha256::digest(archive)[..8]))
}

/// The deployment package of a function.
fn package(program: Vec<u8>) -> Result<Vec<u8>> {
    archive::zip(vec![Member { name: BOOTSTRAP.to_owned(), kind: Kind::Program, content: program }])
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn a_function_archive_has_one_program_that_lambda_starts() -> Result<()> {
        let mut zip = zip::ZipArchive::new(Cursor::new(package(b"\x7fELF".to_vec())?))?;
        assert_eq!(zip.len(), 1);
        let file = zip.by_index(0)?;
        assert_eq!(file.name()?, BOOTSTRAP);
        assert_eq!(file.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        Ok(())
    }

    #[test]
    fn the_name_of_a_function_archive_has_the_digest_that_the_templates_look_for() -> Result<()> {
        // The digest of "abc": FIPS 180-4, examples of NIST.
        assert_eq!(archive_name("export-page", b"abc"), "export-page-ba7816bf8f01cfea.zip");
        let script = fs::read_to_string(paths::workspace().join("cdk").join("bin").join("dist.ts"))?;
        assert!(script.contains("-[0-9a-f]{16}\\\\.zip$"));
        Ok(())
    }

    #[test]
    fn the_architectures_of_function_archives_are_those_of_the_deployment() -> Result<()> {
        let code = fs::read_to_string(paths::workspace().join("cdk").join("lib").join("function-code.ts"))?;
        for architecture in Architecture::value_variants() {
            let name = architecture.to_possible_value().context("a hidden value")?.get_name().to_owned();
            assert_eq!(name, architecture.name());
            assert!(code.contains(&name), "{name}");
            assert!(code.contains(&format!("'{}'", architecture.option())), "{name}");
        }
        Ok(())
    }
}
