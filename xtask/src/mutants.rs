//! `cargo xtask mutants`: changes the code in small ways, and shows which changes no test notices.
//!
//! cargo-mutants makes the changes. `.cargo/mutants.toml` holds what is the same for all. The unit tests of a module
//! come first, because they build in seconds. Only mutants that they miss meet the step tests of the module.

use std::collections::BTreeSet;
use std::path::PathBuf;
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
            "adoption::",
            "checkpoints::",
            "collisions::",
            "configuration::",
            "continued_restores::",
            "copied_daily::",
            "copy::",
            "copy_properties::",
            "damaged_snapshots::",
            "expiry::",
            "export_properties::",
            "headers::",
            "import_jobs::",
            "import_properties::",
            "interleavings::",
            "interruptions::",
            "large_people::",
            "leases::",
            "lost_connections::",
            "lost_records::",
            "members_in_use::",
            "prune::",
            "regions::",
            "repair::",
            "retention::",
            "selections::",
            "shrunk_snapshots::",
            "sign_in::",
            "stopped_executions::",
            "units::",
            "verification::",
            "verify::",
        ],
    },
    Module {
        name: "prune",
        files: &[
            "shared/src/operations/prune/*.rs",
            "shared/src/operations/finalize/remove.rs",
            "shared/src/operations/held_lease.rs",
            "shared/src/model/retention.rs",
        ],
        unit_tests: &["operations::prune::", "operations::held_lease::", "model::retention::"],
        step_tests: &[
            "configuration::kept",
            "headers::",
            "interleavings::",
            "large_people::",
            "leases::",
            "lost_records::",
            "prune::",
            "prune_properties::",
            "regions::",
            "retention::",
        ],
    },
    Module {
        name: "pacing",
        files: &["shared/src/pacing/*.rs"],
        unit_tests: &["pacing::"],
        step_tests: &[
            "ceilings::",
            "collisions::",
            "deadlines::",
            "export_properties::",
            "large_people::",
            "late_invocations::",
            "latency::",
            "leases::",
            "lost_connections::",
            "parallel_listings::",
            "unfinished_exports::",
            "working_ahead::",
        ],
    },
    Module {
        name: "identity",
        files: &["shared/src/identity/*.rs"],
        unit_tests: &["identity::"],
        step_tests: &[
            "adoption::",
            "aliases::",
            "collisions::",
            "continued_restores::",
            "federated::",
            "forecasts::",
            "members_in_use::",
            "namesakes::",
            "repair::",
            "sign_in::",
            "verify::",
        ],
    },
    Module {
        name: "seal",
        files: &[
            "shared/src/operations/finalize/seal.rs",
            "shared/src/catalog/sealed.rs",
            "shared/src/model/snapshot.rs",
        ],
        unit_tests: &["model::snapshot::"],
        step_tests: &[
            "configuration::",
            "copy::",
            "damaged_snapshots::",
            "early_ends::",
            "headers::",
            "interleavings::",
            "large_people::",
            "late_invocations::",
            "lost_records::",
            "parallel_listings::",
            "regions::",
            "retention::",
            "sealing::",
            "unfinished_exports::",
            "units::",
            "verify::",
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
        say(&format!("\n== {}", module.name))?;
        if options.list {
            let status = first_mutants(module, options).arg("--list").status()?;
            ensure!(status.success(), "cargo mutants failed for {} ({status})", module.name);
            continue;
        }
        let mut first = first_mutants(module, options);
        let missed = missed(&mut first, module, &Stage::UNIT)?;
        if missed.is_empty() {
            continue;
        }
        let mut second = cargo_mutants(&files_of(&missed));
        second.args(["--re", &any_of(&missed)]);
        let mut survivors = self::missed(&mut second, module, &Stage::STEPS)?;
        survivors.retain(|survivor| missed.contains(survivor));
        survives |= !survivors.is_empty();
        for survivor in survivors {
            say(&format!("survives: {survivor}"))?;
        }
    }
    Ok(if survives { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Which tests meet the mutants.
struct Stage {
    name: &'static str,
    package: &'static str,
    target: &'static [&'static str],
    /// Options of cargo-mutants.
    options: &'static [&'static str],
    filters: fn(&Module) -> &'static [&'static str],
}

impl Stage {
    const UNIT: Self = Self {
        name: "unit",
        package: "shared",
        target: &["--lib"],
        options: &[],
        filters: |module| module.unit_tests,
    };
    /// Without mutants, cargo-mutants runs the tests of the changed package, and that has no target of this name. So
    /// these tests have no first run, and a limit in seconds.
    const STEPS: Self = Self {
        name: "steps",
        package: "step-tests",
        target: &["--test", "steps"],
        options: &["--baseline", "skip", "--timeout", "600"],
        filters: |module| module.step_tests,
    };
}

fn first_mutants(module: &Module, options: &Options) -> Command {
    let mut command = cargo_mutants(module.files);
    command.args(["--shard", &options.shard.argument()]);
    if let Some(mutant) = &options.mutant {
        command.args(["--re", mutant]);
    }
    command
}

/// Runs the tests of a stage on each mutant. Returns the names of the mutants that no test noticed.
fn missed(command: &mut Command, module: &Module, stage: &Stage) -> Result<Vec<String>> {
    let output = directory().join(module.name).join(stage.name);
    std::fs::create_dir_all(&output).with_context(|| format!("cannot create {}", output.display()))?;
    command.arg("--output").arg(&output).args(stage.options).args(["--test-package", stage.package, "--"]);
    command.args(stage.target).arg("--").args((stage.filters)(module));
    let status = command.status().context("cannot run cargo mutants")?;
    let is_known = matches!(status.code(), Some(0 | SURVIVORS | TIMEOUTS));
    ensure!(is_known, "cargo mutants failed for {}, {} tests ({status})", module.name, stage.name);
    let list = output.join("mutants.out").join("missed.txt");
    let text = std::fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// A regular expression that matches these names and no other.
fn any_of(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| regex_lite::escape(name)).collect();
    format!("^(?:{})$", names.join("|"))
}

/// The files of these mutants, once each. cargo-mutants also tests every mutant that deletes a field in these files,
/// because it ignores the names for such mutants.
fn files_of(names: &[String]) -> Vec<&str> {
    let files = names.iter().filter_map(|name| name.split_once(':')).map(|(file, _)| file);
    files.collect::<BTreeSet<_>>().into_iter().collect()
}

fn directory() -> PathBuf {
    paths::workspace().join("target").join("mutants")
}

fn cargo_mutants(files: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(paths::workspace()).arg("mutants");
    // All runs share one folder, so that each dependency is built once. Debug information would only cost time.
    command.env("CARGO_TARGET_DIR", directory().join("build")).env("CARGO_PROFILE_DEV_DEBUG", "0");
    for file in files {
        command.args(["--file", file]);
    }
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
    use std::path::Path;

    use super::*;

    #[test]
    fn a_shard_counts_from_one() {
        assert_eq!(Shard::parse("2/4").map(Shard::argument), Ok("1/4".to_owned()));
        for text in ["0/4", "5/4", "1", "a/b", "1/0", ""] {
            assert!(Shard::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_files_of_mutants_are_named_once() {
        let names = ["a/b.rs:1:2: x", "a/b.rs:3:4: y: z", "c.rs:5:6: x"].map(str::to_owned);
        assert_eq!(files_of(&names), ["a/b.rs", "c.rs"]);
    }

    #[test]
    fn a_name_of_a_mutant_matches_itself_alone() {
        let name = "a/b.rs:1:2: replace f -> Result<()> with Ok(()) in [x] + y".to_owned();
        assert_eq!(
            any_of(&[name, "c".to_owned()]),
            r"^(?:a/b\.rs:1:2: replace f \-> Result<\(\)> with Ok\(\(\)\) in \[x\] \+ y|c)$"
        );
    }

    /// A filter that names no test lets each mutant live.
    #[test]
    fn every_filter_names_a_module_with_tests() {
        let path = |folder: &str, filter: &str| {
            let module = filter.trim_end_matches("::").replace("::", "/");
            let path = paths::workspace().join(folder).join(module);
            [path.with_extension("rs"), path].into_iter().find(|path| path.exists())
        };
        for module in &MODULES {
            for filter in module.unit_tests {
                assert!(path("shared/src", filter).is_some_and(|path| has_tests(&path)), "{filter}");
            }
            for filter in module.step_tests {
                assert!(path("tests/steps", filter).is_some_and(|path| has_tests(&path)), "{filter}");
            }
        }
    }

    /// Modules of step tests that are about the steps, about the tests or about the deployment, and not about one of the
    /// mutated modules.
    const OF_NO_MODULE: [&str; 18] = [
        "contracts",
        "definitions",
        "dry_runs",
        "events",
        "export_calls",
        "fidelity",
        "groups",
        "memory_on_order",
        "metrics",
        "new_permissions",
        "old_intentions",
        "operations",
        "pool_tags",
        "quiet",
        "refusals",
        "refused_users",
        "refused_values",
        "scheduled_exports",
    ];

    /// A module of step tests that is new stands in a filter, or in the list above.
    #[test]
    fn every_module_of_step_tests_has_a_filter_or_tests_something_else() {
        let main = paths::workspace().join("tests/steps/main.rs");
        let main = std::fs::read_to_string(main).unwrap();
        let modules = main.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
        let filters = || MODULES.iter().flat_map(|module| module.step_tests);
        for module in modules {
            let has_filter = filters().any(|filter| filter.split("::").next() == Some(module));
            assert_ne!(has_filter, OF_NO_MODULE.contains(&module), "{module}");
        }
    }

    fn has_tests(path: &Path) -> bool {
        if path.is_dir() {
            return std::fs::read_dir(path).unwrap().any(|entry| has_tests(&entry.unwrap().path()));
        }
        std::fs::read_to_string(path).unwrap().contains("#[test]")
    }

    #[test]
    fn the_files_of_every_module_exist() {
        for file in MODULES.iter().flat_map(|module| module.files) {
            let path = paths::workspace().join(file.trim_end_matches("*.rs"));
            assert!(path.exists(), "{file}");
        }
    }
}
