//! An import as a command line: the flags of its input.

use shared::model::{
    Existing, Federated, GroupRoles, ImportOptions, Method, Passwords, Selection, Unconfirmed,
};

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
