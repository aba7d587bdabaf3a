//! Commands that the operator can run next: the flags of an import's input, and the settings of this command.

use shared::model::{
    Existing, Federated, GroupRoles, ImportOptions, Method, Passwords, Selection, Unconfirmed,
};

use crate::settings::Settings;

/// The settings that say where things are, each with a blank before it. Without them, the next command would
/// look elsewhere. A default has no flag.
pub fn places_to_flags(settings: &Settings) -> String {
    let Settings { table, region, profile, endpoint_url, .. } = settings;
    let table = table.as_ref().filter(|table| *table != Settings::DEFAULT_TABLE);
    [
        ("table", table),
        ("region", region.as_ref()),
        ("profile", profile.as_ref()),
        ("endpoint-url", endpoint_url.as_ref()),
    ]
    .into_iter()
    .filter_map(|(option, value)| Some(format!(" --{option} {}", quoted(value?))))
    .collect()
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
            names.iter().for_each(|name| flags += &format!(" {prefix}{option} {}", quoted(name)));
        }
    }
    flags
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
        let all = "--table other --region eu-west-1 --profile p --endpoint-url http://localhost:4566";
        for flags in ["", " --region eu-west-1", &format!(" {all}")] {
            let line = format!("cognito-backup verify --against eu-west-1_b{flags}");
            let mut settings = Cli::parse_from(line.split(' ')).settings;
            if !flags.contains("--table") {
                // The environment of the test may name a table.
                settings.table = None;
            }
            assert_eq!(places_to_flags(&settings), flags);
        }
    }
}
