//! Guidance in the words of the command line: its options and verbs.

use shared::model::{EXPORT_FIELDS, FilterList, IMPORT_FIELDS, tag_line};
use shared::{Error, Guidance};

use crate::output::flags::{command, flag};

/// The options that choose the table of the deployment.
const TABLE_OPTIONS: &str = "Check --table, --region and the credentials (`aws sts get-caller-identity`).";
/// The options that choose the table that a snapshot is copied to.
const DESTINATION_OPTIONS: &str = "Check --to-table, --to-region, --assume-role or --to-profile. The table must have the string keys pk and sk.";
/// The command that makes a forecast for the operator.
pub const SAME_WITH_PLAN: &str = "The same command with --plan";
/// What to do if AWS did not answer.
const TRY_AGAIN: &str =
    "Check the network and the credentials (`aws sts get-caller-identity`), then start the command again.";

/// Guidance for the operator who typed the command.
pub fn in_flags(guidance: &Guidance) -> String {
    let words = match guidance {
        Guidance::None => "",
        Guidance::Advice(words) => words,
        Guidance::All(parts) => {
            let parts: Vec<_> = parts.iter().map(in_flags).filter(|words| !words.is_empty()).collect();
            return parts.join(" ");
        }
        Guidance::AtDestination(guidance) => return at_destination(guidance),
        Guidance::TryLater => TRY_AGAIN,
        Guidance::LowerLimit => {
            "Start the command again with a lower --tps: all pools of the account share the quota."
        }
        Guidance::CheckTable => TABLE_OPTIONS,
        Guidance::MatchTable => {
            "Give --table with the table of the deployment. Or give --export-state-machine or --import-state-machine \
             with the one that works on your table."
        }
        Guidance::GrantTable => return format!("{TABLE_OPTIONS} {}", permissions()),
        Guidance::CheckPool => "Check the id, and the account with `aws sts get-caller-identity`.",
        Guidance::GrantCall { operation } => {
            return format!(
                "Allow cognito-idp:{operation} on the pool, or renew the credentials if they have expired."
            );
        }
        Guidance::TagPool { arn, tag, region } => {
            return format!("Allow it with `{}`. Then start the command again.", tag_line(arn, tag, region));
        }
        Guidance::ListSnapshots { pool } => {
            let list = command(format!("snapshots --pool {pool}"));
            return format!("List them with `{list}`.");
        }
        Guidance::GiveSnapshotId => {
            return format!(
                "A snapshot id looks like 20261121T020000123Z-1a2b3c4d. List them with `{}`.",
                command("snapshots --pool POOL_ID")
            );
        }
        Guidance::UseAnotherSnapshot => {
            return format!(
                "Use another snapshot. `latest` is the newest sealed one, and `{}` lists all.",
                command("snapshots --pool POOL_ID")
            );
        }
        Guidance::NameSource { pool } => return format!("Give --pool {pool}, or another snapshot."),
        Guidance::SameInputAgain => "Start the import again with the same arguments: it continues.",
        Guidance::ExportInput(member) => return of_input("export", member.as_deref()),
        Guidance::ImportInput(member) => return of_input("import", member.as_deref()),
        Guidance::LimitCategories { categories, max } => {
            return format!(
                "Give --tps-by-category CATEGORY=N, with any of {categories}, each from 1 to {max}."
            );
        }
        Guidance::GiveRetention { max } => {
            return format!(
                "Give at least one of --keep-last, --keep-days, --keep-daily, --keep-weekly and --keep-monthly, each with a \
                 number from 1 to {max}."
            );
        }
        Guidance::InviteOrNot => "Give both --passwords temporary and --send-invitations, or neither.",
        Guidance::RepairOrRestoreElsewhere => {
            "To restore only missing users, give --existing skip. To also change the other users back, give --existing \
             update. To restore into another pool, name that pool with --into."
        }
        Guidance::StateExisting => "Create an empty user pool, or give --existing skip or --existing update.",
        Guidance::ContinueRestore { restore, source, snapshot } => {
            return format!(
                "To continue restore {restore}, start it with the same options: --pool {source} --snapshot {snapshot}."
            );
        }
        Guidance::ChooseSnapshot { unfinished, newest } => {
            return format!(
                "Give --snapshot {unfinished} to continue that restore, or --snapshot {newest} to begin a new one."
            );
        }
        Guidance::CreateMissingAttributes => {
            "Give --create-missing-attributes, or add the attributes with `aws cognito-idp add-custom-attributes`."
        }
        Guidance::AcceptLosses => {
            return format!(
                "Change the settings of the target, or give --accept-losses. {SAME_WITH_PLAN} names some of the users."
            );
        }
        Guidance::AcceptShrunk { pool } => {
            let list = command(format!("snapshots --pool {pool}"));
            return format!(
                "List the snapshots with `{list}`, and give --snapshot with the newest one from before the loss. If the users \
                 were deleted on purpose, give --accept-shrunk."
            );
        }
        Guidance::CheckSelection(FilterList::Usernames) => {
            "The import compares usernames letter by letter with those in the snapshot. If users sign in by e-mail or phone, \
             their username is a UUID: select them with --email or --sub."
        }
        Guidance::CheckSelection(FilterList::Emails) => {
            "The import compares e-mail addresses letter by letter with those in the snapshot. Check upper and lower case."
        }
        Guidance::CheckSelection(FilterList::Subs) => {
            "The import looks for the sub that a user has in the snapshot. A restored user has another sub in its new pool: \
             `sub-map` prints both."
        }
        Guidance::CheckSelection(FilterList::Groups) => {
            "The import compares names of groups letter by letter with those in the snapshot. A group without members selects \
             no user."
        }
        Guidance::StoreSelection => {
            "Start the command again with the same options: it stores the selection again."
        }
        Guidance::PruneByHand { pool } => {
            let plan = command(format!("prune --pool {pool} --keep-days N --plan"));
            return format!(
                "Run `{plan}`, with the rules of SnapshotRetention as options. If \
                 the plan says `users lost since`, stop: the removal would remove these snapshots, too. Otherwise run it \
                 without --plan. It has no time limit."
            );
        }
        Guidance::RecoverOrRemove { pool, snapshot } => {
            let remove = command(format!("prune --pool {pool} --snapshot {snapshot}"));
            return format!(
                "Restore the item from point-in-time recovery, or remove that snapshot with `{remove}`."
            );
        }
        Guidance::ContinueCreation { pool, name } => {
            let create = command(format!("pool create --pool {pool}{}", flag("name", name)));
            return format!("Run `{create}` with the map of before: it continues.");
        }
        Guidance::WaitForImport => {
            return format!("Wait for the import to end: `{}` shows what runs.", command("status"));
        }
        Guidance::WaitForLease => {
            "Another command works on it. Wait for its end, then start the command again: it continues."
        }
    };
    words.to_owned()
}

/// Guidance about the table that a snapshot is copied to.
fn at_destination(guidance: &Guidance) -> String {
    match guidance {
        Guidance::CheckTable => DESTINATION_OPTIONS.to_owned(),
        Guidance::GrantTable => format!("{DESTINATION_OPTIONS} {}", permissions()),
        other => in_flags(other),
    }
}

fn permissions() -> &'static str {
    "docs/guides/cross-account.md lists the permissions, dynamodb:DescribeTable among them."
}

/// The option that sets the member of an input.
fn of_input(verb: &str, member: Option<&str>) -> String {
    let options = member.map(options_of).unwrap_or_default();
    let check = if options.is_empty() { String::new() } else { format!("Check {}. ", options.join(", ")) };
    format!("{check}`cognito-backup {verb} --help` lists the options.")
}

/// The options that set a member of an input.
pub fn options_of(member: &str) -> Vec<String> {
    match member {
        "userPoolId" | "sourceUserPoolId" => vec!["--pool".to_owned()],
        "targetUserPoolId" => vec!["--into".to_owned()],
        // Only schedules set the one. The command line writes the other for the options of a selection.
        "scheduled" | "selectionId" => Vec::new(),
        "dryRun" => vec!["--plan".to_owned()],
        "select" => ["user", "email", "sub", "group"].map(|name| format!("--{name}")).into(),
        "except" => ["user", "email", "sub", "group"].map(|name| format!("--except-{name}")).into(),
        other => vec![format!("--{}", kebab_case(other))],
    }
}

/// `acceptLosses` as `accept-losses`.
fn kebab_case(name: &str) -> String {
    let mut kebab = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            kebab.push('-');
        }
        kebab.push(c.to_ascii_lowercase());
    }
    kebab
}

/// `error` with the options that set the members of an input that its message names.
pub fn of_input_in_options(error: &Error) -> Error {
    let (Guidance::ExportInput(Some(member)) | Guidance::ImportInput(Some(member))) = error.guidance() else {
        return error.clone();
    };
    let options = options_of(member).join(", ");
    if options.is_empty() {
        return error.clone();
    }
    let message = match error.message().strip_prefix(member.as_str()) {
        Some(rest) if rest.starts_with([' ', ':']) => format!("{options}{rest}"),
        _ => error.message().to_owned(),
    };
    // The message may compare the member with others: `passwords is "csv"`.
    let members = EXPORT_FIELDS.iter().chain(IMPORT_FIELDS).map(|field| field.name);
    let message = members.fold(message, |message, member| {
        message.replace(&format!(" {member} is \""), &format!(" {} is \"", options_of(member).join(", ")))
    });
    Error::new(error.kind(), message, error.guidance().clone())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn no_guidance_of_the_command_line_names_a_member_of_an_input() {
        for guidance in Guidance::examples() {
            let words = in_flags(&guidance);
            assert_eq!(words.is_empty(), guidance.is_none(), "{guidance:?}");
            assert!(!words.contains('"') && !words.contains("state machine"), "{guidance:?}: {words}");
            assert!(words.is_empty() || words.ends_with('.'), "{guidance:?}: {words}");
        }
    }

    /// The options in `text`, such as `--existing`.
    fn options_in(text: &str) -> Vec<String> {
        let is_part = |c: char| c == '-' || c.is_ascii_lowercase();
        let words = text.split(|c: char| !is_part(c)).filter(|word| word.starts_with("--") && word.len() > 2);
        words.map(str::to_owned).collect()
    }

    #[test]
    fn every_option_that_guidance_names_exists() {
        let mut root = Cli::command();
        root.build();
        let known: Vec<String> = root
            .get_subcommands()
            .flat_map(|verb| std::iter::once(verb).chain(verb.get_subcommands()))
            .flat_map(|verb| {
                verb.get_arguments().filter_map(|option| option.get_long()).map(|name| format!("--{name}"))
            })
            .collect();
        for guidance in Guidance::examples() {
            // The AWS CLI has options of its own.
            let words = in_flags(&guidance);
            let own: String = words.split('`').filter(|words| !words.starts_with("aws ")).collect();
            for option in options_in(&own) {
                assert!(known.contains(&option), "{guidance:?}: {option}");
            }
        }
        for member in [
            "userPoolId",
            "targetUserPoolId",
            "select",
            "except",
            "oldSubAttribute",
            "acceptLosses",
            "dryRun",
        ] {
            assert!(options_of(member).iter().all(|option| known.contains(option)), "{member}");
        }
    }

    #[test]
    fn guidance_about_a_table_names_the_options_that_chose_it() {
        let of_source = in_flags(&Guidance::GrantTable);
        assert!(of_source.contains("--table") && of_source.contains("dynamodb:DescribeTable"), "{of_source}");
        let of_destination = in_flags(&Guidance::AtDestination(Box::new(Guidance::GrantTable)));
        assert!(
            of_destination.contains("--to-table") && of_destination.contains("dynamodb:DescribeTable"),
            "{of_destination}"
        );
        assert_eq!(
            in_flags(&Guidance::AtDestination(Box::new(Guidance::TryLater))),
            in_flags(&Guidance::TryLater)
        );
    }

    #[test]
    fn a_wrong_member_is_named_by_its_option() {
        let words = in_flags(&Guidance::ImportInput(Some("oldSubAttribute".to_owned())));
        assert_eq!(words, "Check --old-sub-attribute. `cognito-backup import --help` lists the options.");
    }

    #[test]
    fn an_error_of_an_input_names_options() {
        let input = |member: &str, value: serde_json::Value| {
            let mut input =
                serde_json::json!({"sourceUserPoolId": "us-east-1_A", "targetUserPoolId": "us-east-1_B"});
            input[member] = value;
            input
        };
        let mut both = input("passwords", "csv".into());
        both["method"] = "api".into();
        for (input, says) in [
            (input("oldSubAttribute", "x".into()), "--old-sub-attribute has a wrong value; it names"),
            (input("existing", "all".into()), "--existing has a wrong value; it can be \"fail\""),
            (both, "--method is \"api\" and --passwords is \"csv\", which is"),
        ] {
            let error = shared::model::ImportInput::parse(&input).unwrap_err();
            let error = of_input_in_options(&error);
            assert!(error.message().starts_with(says), "{error}");
        }
    }
}
