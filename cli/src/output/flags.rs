//! Commands that the operator can run next: the flags of an import's input, and the settings of this command.

use std::cell::RefCell;
use std::fmt::Display;

use shared::model::{
    Category, Ceilings, Existing, Federated, GroupRoles, ImportOptions, Method, Passwords, Selection,
    SubMapLifetime, Tps, Unconfirmed,
};

use crate::settings::Settings;

thread_local! {
    /// Where things are. The program reads its settings once, and has one thread for its command.
    static PLACES: RefCell<Places> = const { RefCell::new(Places::NONE) };
}

/// The settings that say where things are. Without them, the next command would look elsewhere. A default is none.
struct Places {
    table: Option<String>,
    region: Option<String>,
    profile: Option<String>,
    endpoint_url: Option<String>,
    export_state_machine: Option<String>,
    import_state_machine: Option<String>,
}

/// From now on, every next command repeats the settings that say where things are.
pub fn repeat_places(settings: &Settings) {
    PLACES.set(Places::of(settings));
}

/// A command that the operator can run next, at the places of this one. `words` are its verb and its options.
pub fn command(words: impl Display) -> String {
    PLACES.with_borrow(|places| format!("cognito-backup {words}{}", places.to_flags()))
}

/// The credentials of a command that the operator can run next on another table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum NextCredentials {
    /// Those of this command.
    #[default]
    Same,
    /// Those of a profile.
    Profile(String),
    /// Others, which the operator must choose.
    Others,
}

/// A command that the operator can run next on another table. It has no state machine of this command.
pub fn command_elsewhere(
    words: impl Display,
    table: &str,
    region: &str,
    credentials: &NextCredentials,
) -> String {
    let places = PLACES.with_borrow(|places| Places {
        table: Some(table.to_owned()),
        region: Some(region.to_owned()),
        profile: match credentials {
            NextCredentials::Same => places.profile.clone(),
            NextCredentials::Profile(name) => Some(name.clone()),
            NextCredentials::Others => None,
        },
        endpoint_url: places.endpoint_url.clone(),
        ..Places::NONE
    });
    format!("cognito-backup {words}{}", places.to_flags())
}

/// A command of the AWS CLI that the operator can run next in `region`, with the credentials of this one.
pub fn aws_command(words: impl Display, region: &str) -> String {
    PLACES.with_borrow(|places| {
        let places = Places {
            region: Some(region.to_owned()),
            profile: places.profile.clone(),
            endpoint_url: places.endpoint_url.clone(),
            ..Places::NONE
        };
        format!("aws {words}{}", places.to_flags())
    })
}

impl Places {
    const NONE: Self = Self {
        table: None,
        region: None,
        profile: None,
        endpoint_url: None,
        export_state_machine: None,
        import_state_machine: None,
    };

    fn of(settings: &Settings) -> Self {
        let Settings {
            table, region, profile, endpoint_url, export_state_machine, import_state_machine, ..
        } = settings.clone();
        Self {
            table: table.filter(|table| {
                *table != Settings::DEFAULT_TABLE || is_set_otherwise("BACKUP_TABLE_NAME", table)
            }),
            region,
            profile,
            endpoint_url,
            export_state_machine: unless_in_environment(export_state_machine, "EXPORT_STATE_MACHINE_ARN"),
            import_state_machine: unless_in_environment(import_state_machine, "IMPORT_STATE_MACHINE_ARN"),
        }
    }

    /// The options, each with a blank before it.
    fn to_flags(&self) -> String {
        [
            ("table", &self.table),
            ("region", &self.region),
            ("profile", &self.profile),
            ("endpoint-url", &self.endpoint_url),
            ("export-state-machine", &self.export_state_machine),
            ("import-state-machine", &self.import_state_machine),
        ]
        .into_iter()
        .filter_map(|(option, value)| Some(flag(option, value.as_ref()?)))
        .collect()
    }
}

/// An option and its value, with a blank before it.
pub fn flag(option: &str, value: &str) -> String {
    // Behind a blank, a value such as `-anna` would be an option.
    let link = if value.starts_with('-') { '=' } else { ' ' };
    format!(" --{option}{link}{}", quoted(value))
}

/// The value of an option, unless the environment gives the next command the same.
fn unless_in_environment(value: Option<String>, variable: &str) -> Option<String> {
    value.filter(|value| std::env::var(variable).as_ref() != Ok(value))
}

/// Whether the environment gives the next command another value than `value`.
fn is_set_otherwise(variable: &str, value: &str) -> bool {
    std::env::var(variable).is_ok_and(|other| !other.is_empty() && other != value)
}

/// Stands for a file of roles whose name is not known: the restore does not keep it.
pub const UNKNOWN_FILE: &str = "FILE";

/// The flags for `options` and `selection`, each with a blank before it. A default has no flag.
pub fn to_flags(options: &ImportOptions, selection: &Selection) -> String {
    to_flags_with_roles(options, selection, UNKNOWN_FILE)
}

/// The same, if `roles` is the file of the roles of groups.
pub fn to_flags_with_roles(options: &ImportOptions, selection: &Selection, roles: &str) -> String {
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
    flags += &match options.group_roles {
        GroupRoles::Keep => String::new(),
        GroupRoles::Skip => " --group-roles skip".to_owned(),
        GroupRoles::Map(_) => flag("group-roles", roles),
    };
    if options.accept_losses {
        flags += " --accept-losses";
    }
    if options.create_missing_attributes {
        flags += " --create-missing-attributes";
    }
    if let Some(name) = &options.old_sub_attribute {
        flags += &flag("old-sub-attribute", name);
    }
    for (filter, prefix) in [(&selection.select, ""), (&selection.except, "except-")] {
        let Some(filter) = filter else { continue };
        let lists = [
            ("user", &filter.usernames),
            ("email", &filter.emails),
            ("sub", &filter.subs),
            ("group", &filter.groups),
        ];
        for (option, names) in lists {
            names.iter().for_each(|name| flags += &flag(&format!("{prefix}{option}"), name));
        }
    }
    flags
}

/// The flags for the limits of a run, each with a blank before it. A limit of the deployment has none.
pub fn limit_flags(tps: Option<Tps>, ceilings: &Ceilings) -> String {
    let mut flags = tps.map(|tps| format!(" --tps {tps}")).unwrap_or_default();
    for category in Category::ALL {
        if let Some(limit) = ceilings.of(category) {
            flags += &format!(" --tps-by-category {}={limit}", category.name());
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

    #[test]
    fn a_value_that_begins_with_a_dash_stays_the_value_of_its_option() {
        let line = ["cognito-backup", "status", "--table=-backup", "--profile=-a b", "--endpoint-url=-x"];
        let settings = Cli::parse_from(line).settings;
        repeat_places(&settings);
        assert_eq!(
            command("status"),
            "cognito-backup status --table=-backup --profile='-a b' --endpoint-url=-x"
        );
        let there =
            command_elsewhere("status", "-there", "eu-west-1", &NextCredentials::Profile("-b".to_owned()));
        assert_eq!(
            there,
            "cognito-backup status --table=-there --region eu-west-1 --profile=-b --endpoint-url=-x"
        );
    }

    #[test]
    fn the_next_command_on_another_table_repeats_what_leads_to_it() {
        let line = "cognito-backup copy --to-table there --table here --region eu-west-1 --profile p --endpoint-url http://localhost:4566 --import-state-machine m";
        repeat_places(&Cli::parse_from(line.split(' ')).settings);
        let next = |credentials| command_elsewhere("import", "there", "eu-central-1", &credentials);
        let at = "cognito-backup import --table there --region eu-central-1";
        let endpoint = "--endpoint-url http://localhost:4566";
        assert_eq!(next(NextCredentials::Same), format!("{at} --profile p {endpoint}"));
        let profile = NextCredentials::Profile("q".to_owned());
        assert_eq!(next(profile), format!("{at} --profile q {endpoint}"));
        assert_eq!(next(NextCredentials::Others), format!("{at} {endpoint}"));
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
            let is_test =
                ["tests", "tests.rs", "reference"].iter().any(|name| path.iter().any(|part| part == *name));
            path.extension().is_some_and(|extension| extension == "rs")
                && !is_test
                && !path.ends_with("testing.rs")
        };
        files.filter(is_code).collect()
    }
}
