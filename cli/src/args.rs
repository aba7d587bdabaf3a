//! The command line, as clap reads it. Values are checked by the types of [`shared::model`], in the commands, so that a wrong one
//! gets the same named error as in a state machine.

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use shared::model::{Existing, Federated, ImportOptions, Method, Passwords, Selection};

use crate::exit;

/// Back up, restore and migrate Amazon Cognito user pools
///
/// Starts and watches the export and import state machines of a cognito-backup deployment, and reads its backup table; `verify` lists a
/// user pool besides, `copy` writes to another table, and `prune` removes from it. Results go to stdout, progress and errors to stderr. Credentials and Region are found as the AWS CLI finds them.
#[derive(Debug, Parser)]
#[command(name = "cognito-backup", version, after_help = exit::help(), disable_help_subcommand = true, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Where to find things, and how to tell.
    #[command(flatten)]
    pub settings: Settings,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// The backup table
    #[arg(long, global = true, env = "BACKUP_TABLE_NAME", hide_env_values = true, value_name = "NAME")]
    #[arg(default_value = "cognito-backup")]
    pub table: String,
    /// The export state machine [default: the one named cognito-backup-export]
    #[arg(long, global = true, env = "EXPORT_STATE_MACHINE_ARN", hide_env_values = true, value_name = "ARN")]
    pub export_state_machine: Option<String>,
    /// The import state machine [default: the one named cognito-backup-import]
    #[arg(long, global = true, env = "IMPORT_STATE_MACHINE_ARN", hide_env_values = true, value_name = "ARN")]
    pub import_state_machine: Option<String>,
    /// The AWS Region [default: as the AWS CLI has it, else that of the pool or execution]
    #[arg(long, global = true)]
    pub region: Option<String>,
    /// The profile of the AWS configuration
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// Where AWS is, if not at its usual place
    #[arg(long, global = true, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// Print one JSON object on stdout, and nothing else there
    #[arg(long, global = true)]
    pub json: bool,
    /// Show no progress
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take a snapshot of a user pool
    #[command(after_help = exit::help())]
    Export(ExportArgs),
    /// Restore a snapshot into another user pool, or bring back what its own has lost
    ///
    /// Into its own pool (--into the same as --pool) it restores with --existing skip, which creates who is missing, or --existing
    /// update, which also makes the others as they were. Users are known there by `sub`; who is there keeps it, and the password. The
    /// deployment has to allow it, by its setting RepairablePools.
    ///
    /// Run it again with the same arguments to continue a restore that was stopped, or to try once more what could not be restored.
    #[command(after_help = exit::help())]
    Import(Box<ImportArgs>),
    /// Show what runs now and how the last runs ended
    ///
    /// With --execution, the exit code is the one with which the export or import itself would have ended.
    #[command(after_help = exit::help())]
    Status(StatusArgs),
    /// List the snapshots of a user pool, newest first
    #[command(after_help = exit::help())]
    Snapshots(SnapshotsArgs),
    /// Print who became whom in a restore: the map of old to new `sub`
    ///
    /// One line for every user of the snapshot that the restore has dealt with, but for those who kept their `sub` in their own pool, in the order of the old `sub`s: old `sub`, old
    /// username, new `sub`, new username, and what became of the user: `created` by this restore, `found` in the target (as in the
    /// snapshot, or updated), `kept` (found, other than in the snapshot, and left so) or `notRestored`, with nothing new. The old
    /// username is empty where the record could not be read. With --json the lines are JSON objects.
    #[command(after_help = exit::help())]
    SubMap(SubMapArgs),
    /// Compare a user pool with a snapshot: is what it holds in there?
    ///
    /// At any time, of any pool: the one the snapshot was taken of, one it was restored into, or one that others have filled. Changes
    /// nothing, and looks nobody up one by one: it lists the pool, a call for each 60 users and at least one for each group. Users are
    /// matched by `sub` in the snapshot's own pool, else by the sub maps of restores into the pool, else by the name people sign in
    /// with. Attributes, the enabled flag and linked identities are compared, and the settings and members of groups;
    /// not passwords, statuses and second factors. Whoever was created or changed a few seconds ago may be overlooked by Cognito's
    /// listing. Names subs, groups and fields, never a value.
    #[command(after_help = exit::help())]
    Verify(VerifyArgs),
    /// Copy a snapshot to the backup table of another account or Region
    ///
    /// Copies the snapshot and every record it names, to be restored from there; leases, restores and sub maps stay. The source is checked
    /// before anything is written; what is there already is not written again, and nothing there is overwritten with anything else; the
    /// header comes last, when everything has been verified there. Run it again to continue a copy that was stopped, or to verify one.
    #[command(after_help = exit::help())]
    Copy(CopyArgs),
    /// Remove snapshots of a user pool, and what only they hold
    ///
    /// By rules, of which each keeps some of the sealed snapshots, or by name. The newest sealed one always stays; one that was never
    /// completed goes when it is older than that and --keep-days does not keep it. Records that a snapshot which stays still names are
    /// not touched. Works on the table with your own credentials; not while an export of the pool is at work, and no export can begin
    /// meanwhile. Stopped, it is gone on with by running it again. --plan first shows what would go.
    #[command(after_help = exit::help())]
    Prune(PruneArgs),
}

/// `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The user pool to take a snapshot of
    #[arg(long, value_name = "POOL_ID")]
    pub pool: String,
    /// Look every user up for the second factors: one more call a user, and each counts as active in that month
    #[arg(long)]
    pub capture_mfa: bool,
    /// How the run is carried out.
    #[command(flatten)]
    pub run: RunArgs,
}

/// `import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The user pool that the snapshot was taken of
    #[arg(long, value_name = "POOL_ID")]
    pub pool: String,
    /// The user pool to restore into: without users unless --existing says otherwise, and with the source's custom attributes; the same
    /// as --pool to repair that
    #[arg(long, value_name = "POOL_ID")]
    pub into: String,
    /// The snapshot to restore: `latest` or an id that `snapshots` shows
    #[arg(long, value_name = "ID", default_value = "latest")]
    pub snapshot: String,
    /// Only find out what it would do, and touch nothing
    #[arg(long)]
    pub plan: bool,
    /// Who is restored.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// How to go about it.
    #[command(flatten)]
    pub options: OptionArgs,
    /// How the run is carried out.
    #[command(flatten)]
    pub run: RunArgs,
}

/// Who is restored.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Whom to restore (each option as often as needed)")]
pub struct SelectionArgs {
    /// Only this user, by the username in the snapshot
    #[arg(long, value_name = "USERNAME")]
    pub user: Vec<String>,
    /// Only this user, by the e-mail address in the snapshot
    #[arg(long, value_name = "ADDRESS")]
    pub email: Vec<String>,
    /// Only this user, by the `sub` in the snapshot
    #[arg(long, value_name = "SUB")]
    pub sub: Vec<String>,
    /// Only the members of this group
    #[arg(long, value_name = "NAME")]
    pub group: Vec<String>,
    /// Not this user
    #[arg(long, value_name = "USERNAME")]
    pub except_user: Vec<String>,
    /// Not the user with this e-mail address
    #[arg(long, value_name = "ADDRESS")]
    pub except_email: Vec<String>,
    /// Not the user with this `sub`
    #[arg(long, value_name = "SUB")]
    pub except_sub: Vec<String>,
    /// Not the members of this group
    #[arg(long, value_name = "NAME")]
    pub except_group: Vec<String>,
}

/// What an import does beyond its defaults.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "What to do with people")]
pub struct OptionArgs {
    /// Users and groups that the target has already: refuse such a target (`fail`), leave them (`skip`), or make them as in the
    /// snapshot (`update`) [default: fail]
    #[arg(long, value_name = "WHAT")]
    pub existing: Option<String>,
    /// Federated users: leave them to their next sign-in (`skip`), or create and link them (`link`) [default: skip]
    #[arg(long, value_name = "WHAT")]
    pub federated: Option<String>,
    /// `api`: calls for every user; `csv`: import jobs, without charge or calls for users that a file can carry [default: api]
    #[arg(long, value_name = "HOW")]
    pub method: Option<String>,
    /// `random`: nobody knows the password, "forgot password" works; `temporary`: Cognito sends an invitation [default: random]
    #[arg(long, value_name = "WHAT")]
    pub passwords: Option<String>,
    /// Do send everybody an invitation; asked for by `--passwords temporary`
    #[arg(long)]
    pub send_invitations: bool,
    /// Restore whatever the target takes, although its settings keep some users or links from being restored
    #[arg(long)]
    pub accept_losses: bool,
    /// Declare the custom attributes that the target lacks
    #[arg(long)]
    pub create_missing_attributes: bool,
    /// Write the old `sub` of every user to this custom attribute, such as `custom:old_sub`
    #[arg(long, value_name = "NAME")]
    pub old_sub_attribute: Option<String>,
}

/// The options of the command line that say what `options` say, each with a blank before it; nothing for the defaults.
pub fn typed(options: &ImportOptions, selection: &Selection) -> String {
    let mut arguments = String::new();
    arguments += match options.existing {
        Existing::Fail => "",
        Existing::Skip => " --existing skip",
        Existing::Update => " --existing update",
    };
    if options.federated == Federated::Link {
        arguments += " --federated link";
    }
    if options.method == Method::Csv {
        arguments += " --method csv";
    }
    if options.passwords == Passwords::Temporary {
        arguments += " --passwords temporary --send-invitations";
    }
    if options.accept_losses {
        arguments += " --accept-losses";
    }
    if options.create_missing_attributes {
        arguments += " --create-missing-attributes";
    }
    if let Some(name) = &options.old_sub_attribute {
        arguments += &format!(" --old-sub-attribute {name}");
    }
    for (people, prefix) in [(&selection.select, "--"), (&selection.except, "--except-")] {
        let Some(people) = people else { continue };
        let lists = [("user", &people.usernames), ("email", &people.emails), ("sub", &people.subs), ("group", &people.groups)];
        for (option, names) in lists {
            names.iter().for_each(|name| arguments += &format!(" {prefix}{option} {}", quoted(name)));
        }
    }
    arguments
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.@+:/".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// Options of the commands that start a run.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "The run")]
pub struct RunArgs {
    /// Cognito calls per second, 1 to 200 [default: that of the deployment]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub tps: Option<String>,
    /// At most so many of them of one of Cognito's request quota categories; as often as needed, such as UserCreation=40
    #[arg(long, value_name = "CATEGORY=N")]
    pub tps_by_category: Vec<String>,
    /// Start the run and do not wait for its end
    #[arg(long)]
    pub no_wait: bool,
}

/// `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Only this user pool, with its newest snapshots and the restores into it
    #[arg(long, value_name = "POOL_ID")]
    pub pool: Option<String>,
    /// Only this execution
    #[arg(long, value_name = "ARN")]
    pub execution: Option<String>,
    /// Watch the execution until its end
    #[arg(long, requires = "execution")]
    pub wait: bool,
}

/// `snapshots`.
#[derive(Debug, Args)]
pub struct SnapshotsArgs {
    /// The user pool
    #[arg(long, value_name = "POOL_ID")]
    pub pool: String,
}

/// `sub-map`.
#[derive(Debug, Args)]
pub struct SubMapArgs {
    /// The user pool that was restored into
    #[arg(long, value_name = "POOL_ID")]
    pub into: String,
    /// The restore, by an id that `status --pool` shows [default: the newest one into the pool, whatever came of it]
    #[arg(long, value_name = "ID")]
    pub restore: Option<String>,
    /// How the lines are written [default: csv, or jsonl with --json]
    #[arg(long)]
    pub format: Option<LineFormat>,
}

/// `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The snapshot to compare with: `latest` (of the user pool that --pool names) or an id that `snapshots` shows
    #[arg(long, value_name = "ID", default_value = "latest")]
    pub snapshot: String,
    /// The user pool to compare with it
    #[arg(long, value_name = "POOL_ID")]
    pub against: String,
    /// The user pool that the snapshot was taken of [default: found by the snapshot's id]
    #[arg(long, value_name = "POOL_ID")]
    pub pool: Option<String>,
    /// Cognito calls per second, 1 to 200 [default: 10]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub tps: Option<String>,
    /// List all that was found, and not only the first few of each kind
    #[arg(long)]
    pub all: bool,
}

/// `copy`.
#[derive(Debug, Args)]
pub struct CopyArgs {
    /// The snapshot to copy: `latest` (of the user pool that --pool names) or an id that `snapshots` shows
    #[arg(long, value_name = "ID", default_value = "latest")]
    pub snapshot: String,
    /// The user pool that the snapshot was taken of [default: found by the snapshot's id]
    #[arg(long, value_name = "POOL_ID")]
    pub pool: Option<String>,
    /// Where it is copied to.
    #[command(flatten)]
    pub to: DestinationArgs,
}

/// Where a snapshot is copied to.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Where to")]
pub struct DestinationArgs {
    /// The backup table to copy to: a name, or the ARN of a table that allows these credentials to write to it
    #[arg(long, value_name = "NAME")]
    pub to_table: String,
    /// The Region of that table [default: that of the table which is copied from]
    #[arg(long, value_name = "REGION")]
    pub to_region: Option<String>,
    /// Work on that table with the credentials of this role, mostly of another account
    #[arg(long, value_name = "ARN")]
    pub assume_role: Option<String>,
    /// The external id that the role asks for
    #[arg(long, value_name = "ID", requires = "assume_role")]
    pub external_id: Option<String>,
    /// Work on that table with the credentials of this profile of the AWS configuration
    #[arg(long, value_name = "NAME", conflicts_with = "assume_role")]
    pub to_profile: Option<String>,
}

/// `prune`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").required(true).multiple(true)
    .args(["keep_last", "keep_days", "keep_daily", "keep_weekly", "keep_monthly", "snapshot"])))]
pub struct PruneArgs {
    /// The user pool that the snapshots were taken of
    #[arg(long, value_name = "POOL_ID")]
    pub pool: String,
    /// Keep the newest N
    #[arg(long, value_name = "N")]
    pub keep_last: Option<u32>,
    /// Keep all of the N days (of 24 hours) before the newest
    #[arg(long, value_name = "N")]
    pub keep_days: Option<u32>,
    /// Keep the newest of each of the last N days (UTC) that have one
    #[arg(long, value_name = "N")]
    pub keep_daily: Option<u32>,
    /// Keep the newest of each of the last N weeks (ISO 8601) that have one
    #[arg(long, value_name = "N")]
    pub keep_weekly: Option<u32>,
    /// Keep the newest of each of the last N months that have one
    #[arg(long, value_name = "N")]
    pub keep_monthly: Option<u32>,
    /// Remove this snapshot, as often as needed, and no other
    #[arg(long, value_name = "ID")]
    #[arg(conflicts_with_all = ["keep_last", "keep_days", "keep_daily", "keep_weekly", "keep_monthly"])]
    pub snapshot: Vec<String>,
    /// Only show what would be removed and what kept, and why
    #[arg(long)]
    pub plan: bool,
}

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LineFormat {
    /// Comma-separated values with a header line. Source: RFC 4180.
    #[value(help = "Comma-separated values with a header line, as in RFC 4180")]
    Csv,
    /// JSON Lines. Source: <https://jsonlines.org>.
    #[value(help = "A JSON object on every line")]
    Jsonl,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_import_has_defaults() {
        let cli = parse("cognito-backup import --pool a_1 --into a_2").unwrap();
        let Command::Import(import) = cli.command else { panic!("an import") };
        assert_eq!((import.snapshot.as_str(), import.run.tps, import.run.no_wait), ("latest", None, false));
        assert!(!cli.settings.json && !cli.settings.quiet);
    }

    #[test]
    fn a_negative_tps_is_a_value_to_be_refused_in_words() {
        let cli = parse("cognito-backup export --pool a_1 --tps -1 --json --table t --region eu-west-1").unwrap();
        let Command::Export(export) = cli.command else { panic!("an export") };
        assert_eq!(export.run.tps.as_deref(), Some("-1"));
        assert_eq!((cli.settings.json, cli.settings.table.as_str()), (true, "t"));
        assert_eq!(cli.settings.region.as_deref(), Some("eu-west-1"));
    }

    #[test]
    fn wrong_usage_is_refused() {
        for line in [
            "",
            " export",
            " import --pool a_1",
            " snapshots",
            " sub-map",
            " verify",
            " verify --snapshot latest --pool a_1",
            " status --wait",
            " copy",
            " copy --to-table t --external-id x",
            " copy --to-table t --to-profile p --assume-role arn:aws:iam::222222222222:role/r",
            " prune --pool a_1",
            " prune --pool a_1 --plan",
            " prune --keep-last 1",
            " prune --pool a_1 --keep-last -1",
            " prune --pool a_1 --keep-last 1 --snapshot x",
            " erase",
            " export --pool a --into b",
        ] {
            assert_eq!(parse(&format!("cognito-backup{line}")).unwrap_err().exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn the_help_is_as_recorded() {
        let mut help = String::new();
        let mut command = Cli::command().term_width(100);
        command.build();
        let names: Vec<_> = command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
        help += &command.render_long_help().to_string();
        for name in names {
            let verb = command.find_subcommand_mut(&name).unwrap();
            help += &format!("\n──── {name} ────\n{}", verb.render_long_help());
        }
        insta::assert_snapshot!(help);
    }
}
