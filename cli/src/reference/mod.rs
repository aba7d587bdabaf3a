//! The generated pages of `docs/reference/`. Each is rendered from the code that it describes, and a stale page fails its test.
//!
//! `UPDATE_REFERENCE=1 cargo test -p cognito-backup reference` writes all of them.

mod command_line;
mod configuration;
mod environment;
mod exit_codes;
mod inputs;
mod links;
mod markdown;

use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use serde_json::Value;
use shared::ErrorKind;
use shared::model::Metric;

use crate::args::Cli;
use crate::exit::RESTORE_PARTIAL;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference").join(name)
}

/// Compares the page `name` with the rendered one. If `UPDATE_REFERENCE` is set, writes it.
fn check(name: &str, rendered: &str) {
    let path = path(name);
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        fs::write(&path, rendered).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == rendered,
        "docs/reference/{name} is stale. Write it with: UPDATE_REFERENCE=1 cargo test -p cognito-backup reference\n\n{rendered}"
    );
}

#[test]
fn the_reference_pages_match_the_code() {
    check("command-line.md", &command_line::render());
    check("configuration.md", &configuration::render());
    check("environment.md", &environment::render());
    check("exit-codes.md", &exit_codes::render());
    check("inputs.md", &inputs::render());
}

/// The names in the first column of the tables of a page that is written by hand, before the heading `until`.
fn names_in(page: &str, until: &str) -> Vec<String> {
    let text = fs::read_to_string(path(page)).unwrap();
    let rows =
        text.split(until).next().unwrap_or_default().lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.filter_map(|row| row.split_once("` |").map(|(cell, _)| cell));
    let mut names: Vec<_> = cells.flat_map(|cell| cell.split("`, `")).map(str::to_owned).collect();
    names.sort_unstable();
    names
}

fn sorted<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<_> = names.map(str::to_owned).collect();
    names.sort_unstable();
    names
}

#[test]
fn the_pages_of_errors_and_metrics_have_one_row_for_each_name() {
    let errors = ErrorKind::ALL.iter().map(|kind| kind.name()).chain([RESTORE_PARTIAL]);
    assert_eq!(names_in("errors.md", "\n## Only the command line"), sorted(errors));
    let metrics = Metric::ALL.iter().map(|metric| metric.name());
    assert_eq!(names_in("metrics.md", "\n## "), sorted(metrics));
}

/// The scenario `people` records what each command calls, and `cdk/` makes the policies for people from it.
#[test]
fn the_recorded_permissions_name_each_verb_of_the_command_line() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../statemachines/operations.json");
    let recorded: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let recorded: Vec<_> = recorded["commands"].as_object().unwrap().keys().cloned().collect();
    let command = Cli::command();
    let verbs = command.get_subcommands().flat_map(|verb| {
        let parts: Vec<_> =
            verb.get_subcommands().map(|part| format!("{} {}", verb.get_name(), part.get_name())).collect();
        if parts.is_empty() { vec![verb.get_name().to_owned()] } else { parts }
    });
    let verbs: Vec<_> = verbs.collect();
    let is_of = |name: &str, verb: &str| name == verb || name.starts_with(&format!("{verb} "));
    let missing: Vec<_> =
        verbs.iter().filter(|verb| !recorded.iter().any(|name| is_of(name, verb))).collect();
    let unknown: Vec<_> =
        recorded.iter().filter(|name| !verbs.iter().any(|verb| is_of(name, verb))).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "not recorded: {missing:?}; no verb: {unknown:?}");
}
