//! `cargo xtask mutants`: changes the code in small ways, and shows which changes no test notices.
//!
//! cargo-mutants makes the changes. `.cargo/mutants.toml` holds what is the same for all. Each module is
//! tested by its unit tests and by the step tests that prove it.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::Args;
use local::paths;

use crate::progress::say;

/// A module with the tests that must notice every change of it.
struct Module {
    name: &'static str,
    /// Its files, as globs of cargo-mutants.
    files: &'static [&'static str],
    /// Filters of the unit tests of `shared`.
    unit_tests: &'static [&'static str],
    /// Filters of the step tests.
    step_tests: &'static [&'static str],
}

const MODULES: [Module; 5] = [
    Module {
        name: "catalog",
        files: &["shared/src/catalog/*.rs"],
        unit_tests: &["catalog::"],
        step_tests: &[
            "checkpoints::",
            "damaged_snapshots::",
            "prune::",
            "interruptions::",
            "export_properties::",
        ],
    },
    Module {
        name: "prune",
        files: &[
            "shared/src/operations/prune/*.rs",
            "shared/src/operations/held_lease.rs",
            "shared/src/model/retention.rs",
        ],
        unit_tests: &["operations::prune::", "operations::held_lease::", "model::retention::"],
        step_tests: &["prune::", "prune_properties::", "retention::"],
    },
    Module {
        name: "pacing",
        files: &["shared/src/pacing/*.rs"],
        unit_tests: &["pacing::"],
        step_tests: &["lost_connections::", "ceilings::", "deadlines::"],
    },
    Module {
        name: "identity",
        files: &["shared/src/identity/*.rs"],
        unit_tests: &["identity::"],
        step_tests: &["namesakes::", "aliases::", "repair::", "verify::matching", "adoption::"],
    },
    Module {
        name: "seal",
        files: &["shared/src/operations/finalize/seal.rs", "shared/src/catalog/sealed.rs"],
        unit_tests: &["catalog::sealed", "model::snapshot::"],
        step_tests: &[
            "damaged_snapshots::",
            "unfinished_exports::",
            "parallel_listings::",
            "late_invocations::",
        ],
    },
];

/// The exit codes of cargo-mutants. Source: "Exit codes", the book of cargo-mutants.
const SURVIVORS: i32 = 2;
const TIMEOUTS: i32 = 3;

/// Options of the mutants.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Which part of the mutants: `1/4` is the first of four.
    #[arg(long, value_parser = Shard::parse, default_value = "1/1")]
    shard: Shard,
    /// Only this module.
    #[arg(long, value_parser = module_names())]
    module: Option<String>,
    /// Only mutants whose name matches this regular expression.
    #[arg(long)]
    mutant: Option<String>,
    /// List the mutants, and test none.
    #[arg(long)]
    list: bool,
    /// Change the files of this checkout, and not those of a copy. It is quicker for a few mutants.
    #[arg(long)]
    in_place: bool,
}

/// One of so many parts, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shard {
    number: u32,
    of: u32,
}

impl Shard {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no shard. A shard looks like 1/4: the first of four.");
        let (number, of) = text.split_once('/').ok_or_else(wrong)?;
        let shard =
            Self { number: number.parse().map_err(|_| wrong())?, of: of.parse().map_err(|_| wrong())? };
        if (1..=shard.of).contains(&shard.number) { Ok(shard) } else { Err(wrong()) }
    }

    /// As cargo-mutants counts them, from 0.
    fn argument(self) -> String {
        format!("{}/{}", self.number - 1, self.of)
    }
}

fn module_names() -> Vec<&'static str> {
    MODULES.iter().map(|module| module.name).collect()
}

/// Tests the mutants of each module in turn. It fails if a mutant survives.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    require_cargo_mutants()?;
    let wanted = |module: &&Module| options.module.as_ref().is_none_or(|name| name == module.name);
    let mut survives = false;
    for module in MODULES.iter().filter(wanted) {
        let output = paths::workspace().join("target").join("mutants").join(module.name);
        let mut command = cargo_mutants(module, options, &output);
        say(&format!("\n== {}", module.name))?;
        let status = command.status().context("cannot run cargo mutants")?;
        let code = status.code();
        if code == Some(SURVIVORS) || code == Some(TIMEOUTS) {
            survives = true;
            say(&format!(
                "survivors of {}: {}",
                module.name,
                output.join("mutants.out/missed.txt").display()
            ))?;
        } else {
            ensure!(status.success(), "cargo mutants failed for {} ({status})", module.name);
        }
    }
    Ok(if survives { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn cargo_mutants(module: &Module, options: &Options, output: &Path) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(paths::workspace()).arg("mutants");
    for file in module.files {
        command.args(["--file", file]);
    }
    command.args(["--shard", &options.shard.argument()]);
    if let Some(mutant) = &options.mutant {
        command.args(["--re", mutant]);
    }
    if options.list {
        command.arg("--list");
        return command;
    }
    // One build holds the tests of both packages. A filter that names no test of a package runs none of it.
    if options.in_place {
        command.arg("--in-place");
    }
    command.arg("--output").arg(output);
    command.args(["--test-package", "shared,step-tests", "--"]);
    command.args(["--lib", "--test", "steps", "--"]);
    command.args(module.unit_tests.iter().chain(module.step_tests));
    command
}

/// The version of cargo-mutants must be known, because its options are.
fn require_cargo_mutants() -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let found = Command::new(cargo).args(["mutants", "--version"]).output();
    let is_found = found.is_ok_and(|output| output.status.success());
    ensure!(is_found, "CargoMutantsMissing: install it with `cargo install cargo-mutants --locked`");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_counts_from_one() {
        assert_eq!(Shard::parse("2/4").map(Shard::argument), Ok("1/4".to_owned()));
        for text in ["0/4", "5/4", "1", "a/b", "1/0", ""] {
            assert!(Shard::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_files_of_every_module_exist() {
        for file in MODULES.iter().flat_map(|module| module.files) {
            let path = paths::workspace().join(file.trim_end_matches("*.rs"));
            assert!(path.exists(), "{file}");
        }
    }
}
