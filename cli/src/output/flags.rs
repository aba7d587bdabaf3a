//! Commands that the operator can run next: the flags of an import's input, and the settings of this command.

use std::cell::RefCell;
use std::fmt::Display;

use shared::model::{
    Existing, Federated, GroupRoles, ImportOptions, Method, Passwords, Selection, SubMapLifetime, Unconfirmed,
};

use crate::settings::Settings;

thread_local! {
    /// The flags that [`command`] repeats. The program reads its settings once, and has one thread for its command.
    static PLACES: RefCell<String> = const { RefCell::new(String::new()) };
}

/// From now on, every next command repeats the settings that say where things are.
pub fn repeat_places(settings: &Settings) {
    PLACES.set(places_to_flags(settings));
}

/// A command that the operator can run next, at the places of this one. `words` are its verb and its options.
pub fn command(words: impl Display) -> String {
    PLACES.with_borrow(|places| format!("cognito-backup {words}{places}"))
}

/// A command that the operator can run next on another table, with other credentials.
pub fn command_elsewhere(words: impl Display, table: &str, region: &str) -> String {
    format!("cognito-backup {words} --table {} --region {}", quoted(table), quoted(region))
}

/// The settings that say where things are, each with a blank before it. Without them, the next command would
/// look elsewhere. A default has no flag.
fn places_to_flags(settings: &Settings) -> String {
    let Settings { table, region, profile, endpoint_url, export_state_machine, import_state_machine, .. } =
        settings;
    let table = table.as_ref().filter(|table| *table != Settings::DEFAULT_TABLE);
    [
        ("table", table),
        ("region", region.as_ref()),
        ("profile", profile.as_ref()),
        ("endpoint-url", endpoint_url.as_ref()),
        ("export-state-machine", unless_in_environment(export_state_machine, "EXPORT_STATE_MACHINE_ARN")),
        ("import-state-machine", unless_in_environment(import_state_machine, "IMPORT_STATE_MACHINE_ARN")),
    ]
    .into_iter()
    .filter_map(|(option, value)| Some(format!(" --{option} {}", quoted(value?))))
    .collect()
}

/// The value of an option, unless the environment gives the next command the same.
fn unless_in_environment<'a>(value: &'a Option<String>, variable: &str) -> Option<&'a String> {
    value.as_ref().filter(|value| std::env::var(variable).as_ref() != Ok(*value))
}

/// The flags for `options` and `selection`, each with a blank before it. A default has no flag.
pub fn to_flags(options: &ImportOptions, selection: &Selection) -> String {
    let mut flags = String::new();
    flags += match options.existing {
        Existing::Fail => "",
        Existing::Skip => " --existing skip",
        Existing::Update => " --existing update",
    };
    if options.federated == Federated::Link {
        flags += " --federated link";
    }
    if options.unconfirmed == Unconfirmed::Skip {
        flags += " --unconfirmed skip";
    }
    if options.method == Method::Csv {
        flags += " --method csv";
    }
    if options.passwords == Passwords::Temporary {
        flags += " --passwords temporary --send-invitations";
    }
    flags += match options.group_roles {
        GroupRoles::Keep => "",
        GroupRoles::Skip => " --group-roles skip",
        // The restore does not know the name of the file.
        GroupRoles::Map(_) => " --group-roles FILE",
    };
    if options.accept_losses {
        flags += " --accept-losses";
    }
    if options.create_missing_attributes {
        flags += " --create-missing-attributes";
    }
    if let Some(name) = &options.old_sub_attribute {
        flags += &format!(" --old-sub-attribute {name}");
    }
    for (filter, prefix) in [(&selection.select, "--"), (&selection.except, "--except-")] {
        let Some(filter) = filter else { continue };
        let lists = [
            ("user", &filter.usernames),
            ("email", &filter.emails),
            ("sub", &filter.subs),
            ("group", &filter.groups),
        ];
        for (option, names) in lists {
            names.iter().for_each(|name| {
                // Behind a blank, a name such as `-anna` would be an option.
                let link = if name.starts_with('-') { '=' } else { ' ' };
                flags += &format!(" {prefix}{option}{link}{}", quoted(name));
            });
        }
    }
    flags
}

/// The flag for the retention of a sub map, with a blank before it. Empty if the deployment says it.
pub fn sub_map_flag(lifetime: SubMapLifetime) -> String {
    match lifetime {
        SubMapLifetime::OfDeployment => String::new(),
        SubMapLifetime::Days(retention) => format!(" --sub-map-retention {retention}"),
        SubMapLifetime::Forever => format!(" --sub-map-retention {}", SubMapLifetime::FOREVER),
    }
}

/// A word with quotes, if a shell needs them.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.@+:/".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn the_next_command_looks_where_this_one_did() {
        let all = "--table other --region eu-west-1 --profile p --endpoint-url http://localhost:4566 --import-state-machine m";
        for flags in ["", " --region eu-west-1", &format!(" {all}")] {
            let line = format!("cognito-backup verify --against eu-west-1_b{flags}");
            let mut settings = Cli::parse_from(line.split(' ')).settings;
            if !flags.contains("--table") {
                // The environment of the test may name a table.
                settings.table = None;
            }
            repeat_places(&settings);
            assert_eq!(command("status"), format!("cognito-backup status{flags}"));
        }
    }

    /// Each source file of this package that holds a command, outside its tests and comments.
    #[test]
    fn only_one_place_writes_commands() {
        let sources = walk(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")));
        assert!(sources.len() > 40, "{}", sources.len());
        for path in sources {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
                let writes = VERBS.iter().any(|verb| line.contains(&format!("cognito-backup {verb}")));
                // A lease names its holder so.
                assert!(!writes || line.contains("holder_name("), "{}: {line}", path.display());
            }
        }
    }

    const VERBS: [&str; 9] =
        ["copy", "export", "import", "pool", "prune", "snapshots", "status", "sub-map", "verify"];

    fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let files = entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] });
        let is_code = |path: &std::path::PathBuf| {
            let is_test = ["tests", "reference"].iter().any(|folder| path.iter().any(|part| part == *folder));
            path.extension().is_some_and(|extension| extension == "rs")
                && !is_test
                && !path.ends_with("testing.rs")
        };
        files.filter(is_code).collect()
    }
}
