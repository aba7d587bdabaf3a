//! `cargo xtask dist`: everything that a release consists of, in `target/dist/`.

mod archive;
mod bill;
mod command_line;
mod functions;
mod sums;
mod templates;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use local::paths;

use crate::deployment;
use crate::progress::say;

/// The options of `dist`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The processor of the functions.
    #[arg(long, value_enum, default_value = "x86_64")]
    architecture: functions::Architecture,
}

/// One part of a release.
enum Step {
    /// The packages with which the templates are made. They come first, because the builds after them take minutes.
    Packages,
    /// The archives of the four functions.
    Functions,
    /// The CloudFormation templates, which name the archives.
    Templates,
    /// The command line for this machine, its completions and man pages.
    CommandLine,
    /// The software bill of materials.
    Bill,
    /// The sums of all other files.
    Sums,
}

/// Headings and steps. The sums come last, so a folder without them is incomplete.
const STEPS: [(&str, Step); 6] = [
    ("packages of the deployment", Step::Packages),
    ("functions", Step::Functions),
    ("templates", Step::Templates),
    ("command line, completions, man pages", Step::CommandLine),
    ("bill of materials", Step::Bill),
    ("sums", Step::Sums),
];

/// Makes the release. Files of an earlier one are deleted first.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let folder = folder();
    empty(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    for (number, (heading, step)) in STEPS.iter().enumerate() {
        say(&format!("\n== {} of {}: {heading}", number + 1, STEPS.len()))?;
        let started = Instant::now();
        match step {
            Step::Packages => deployment::install()?,
            Step::Functions => functions::write(&folder, options.architecture)?,
            Step::Templates => templates::write(&folder, options.architecture)?,
            Step::CommandLine => command_line::write(&folder).await?,
            Step::Bill => bill::write(&folder)?,
            Step::Sums => sums::write(&folder)?,
        }
        say(&format!("== {} of {} took {} s", number + 1, STEPS.len(), started.elapsed().as_secs()))?;
    }
    say(&format!("\n== the release is in {}", folder.display()))
}

fn folder() -> PathBuf {
    paths::target().join("dist")
}

/// Makes the folder, without anything in it.
fn empty(folder: &Path) -> std::io::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_sums_are_the_last_step_of_a_release() {
        assert!(matches!(STEPS.last(), Some((_, Step::Sums))));
    }

    #[test]
    fn a_release_begins_without_files_of_an_earlier_one() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("dist-{}", std::process::id()));
        fs::create_dir_all(folder.join("man"))?;
        fs::write(folder.join("man").join("earlier.1"), "")?;
        empty(&folder)?;
        assert_eq!(fs::read_dir(&folder)?.count(), 0);
        empty(&folder)?;
        fs::remove_dir_all(&folder)?;
        Ok(())
    }

    #[test]
    fn the_workflow_of_a_release_makes_it_for_each_target_on_a_tag() -> Result<()> {
        let path = paths::workspace().join(".github").join("workflows").join("release.yml");
        let text = fs::read_to_string(path)?;
        let workflow: Value = serde_saphyr::from_str(&text)?;
        assert_eq!(workflow["on"]["push"]["tags"][0], "v*");
        assert!(text.contains("# This workflow has not run yet."));
        // The toolchain is the oldest that the project allows.
        assert!(text.contains(concat!("rustup default ", env!("CARGO_PKG_RUST_VERSION"))));

        let build = &workflow["jobs"]["build"];
        let entries = build["strategy"]["matrix"]["include"].as_array().context("no matrix")?;
        let mut targets: Vec<_> = entries.iter().filter_map(|entry| entry["target"].as_str()).collect();
        targets.sort_unstable();
        assert_eq!(targets, bill::TARGETS);
        for entry in entries {
            let architecture = entry["architecture"].as_str().unwrap_or_default();
            let is_arm = entry["target"].as_str().is_some_and(|target| target.starts_with("aarch64"));
            assert_eq!(architecture, if is_arm { "arm64" } else { "x86_64" }, "{entry}");
        }
        let commands = |job: &Value| -> Vec<String> {
            let steps = job["steps"].as_array().cloned().unwrap_or_default();
            steps.iter().filter_map(|step| step["run"].as_str().map(str::to_owned)).collect()
        };
        let dist = "cargo xtask dist --architecture ${{ matrix.architecture }}";
        assert!(commands(build).iter().any(|command| command.trim() == dist), "{:?}", commands(build));
        // The permission to write is that of the job that publishes.
        assert_eq!(workflow["permissions"]["contents"], "read");
        assert_eq!(workflow["jobs"]["publish"]["permissions"]["contents"], "write");
        Ok(())
    }
}
