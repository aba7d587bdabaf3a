//! The command line, as clap reads it. The arguments of a verb stand beside its command.
//!
//! The commands check values with the types of [`shared::model`]. So a wrong value gets the same named error as in a
//! state machine.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser, Subcommand};

use crate::commands::completions::CompletionsArgs;
use crate::commands::copy::CopyArgs;
use crate::commands::export::ExportArgs;
use crate::commands::import::ImportArgs;
use crate::commands::man::ManArgs;
use crate::commands::pool::PoolArgs;
use crate::commands::prune::PruneArgs;
use crate::commands::snapshots::SnapshotsArgs;
use crate::commands::status::StatusArgs;
use crate::commands::sub_map::SubMapArgs;
use crate::commands::verify::VerifyArgs;
use crate::exit;
use crate::output::flags::flag;
use crate::settings::Settings;

/// Back up, restore and migrate Amazon Cognito user pools
///
/// `export` and `import` start the state machines of a cognito-backup deployment and watch them. The other verbs read
/// its backup table. `verify` also lists a user pool, `copy` writes to another table, and `prune` removes snapshots.
/// `completions` and `man` need no AWS.
/// Results go to stdout, progress and errors to stderr. The program finds credentials and Region as the AWS CLI does.
#[derive(Debug, Parser)]
#[command(name = "cognito-backup", version, after_help = exit::help(), disable_help_subcommand = true, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub settings: Settings,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take a snapshot of a user pool
    #[command(after_help = exit::help())]
    Export(ExportArgs),
    /// Restore a snapshot into another user pool or a new one, or repair its own
    ///
    /// A repair is a restore into the pool of the snapshot: --into names the same pool as --pool. A repair needs
    /// --existing skip or --existing update. With `skip`, it only creates missing users. With `update`, it also changes
    /// the other users back. It finds users by `sub`. Existing users keep their `sub` and password. By default,
    /// the pool needs the tag cognito-backup=repair. A refused import prints the line that gives it.
    ///
    /// With --into new:NAME, the command creates the user pool NAME from the configuration of the snapshot, as `pool create`
    /// does. It imports, and finishes the user pool as `pool finish` does, unless something is missing. The command shows
    /// one plan, and asks for NAME. It creates and finishes the user pool with your own permissions, at --tps or 10 calls a
    /// second. The import runs in AWS, at --tps or the limit of the deployment.
    ///
    /// Run the import again with the same arguments to continue a stopped restore, or to try failed entries again. With
    /// --into new:NAME, the same command continues the creation, waits for an import that runs, and finishes.
    ///
    /// To see what a new user pool would get: `cognito-backup import --pool eu-west-1_OLD --into new:login --map map.yaml --plan`
    ///
    /// To create it, import all users and finish it: `cognito-backup import --pool eu-west-1_OLD --into new:login --map map.yaml`
    #[command(after_help = exit::help())]
    Import(Box<ImportArgs>),
    /// Show what runs now and how the last runs ended
    ///
    /// With --execution, the exit code is the code of that export or import.
    #[command(after_help = exit::help())]
    Status(StatusArgs),
    /// List the snapshots of a user pool, newest first
    ///
    /// Below them, it lists the captures: the configurations that `pool apply` has stored before it changed the user pool.
    /// A capture has no users. `pool show`, `pool diff` and `pool apply` take its id.
    #[command(after_help = exit::help())]
    Snapshots(SnapshotsArgs),
    /// Print the old and the new `sub` of each user of a restore
    ///
    /// Prints one line for each user of all restores into the pool, or of one with --restore, in the order of the old
    /// `sub`s. A repair leaves out users that kept their `sub`. A line holds the old `sub`, the old username, the new
    /// `sub`, the new username, the result and the sign-in name. `created`: by this restore. `found`: in the target,
    /// as in the snapshot or updated. `kept`: in the target, different, and left as it was. `signedIn`: federated,
    /// created by Cognito at a sign-in. `leftToSignIn`: federated, and not signed in yet. `notRestored`: not restored.
    /// The newest restore that handled a user decides. If it did not restore the user, the new `sub` is what its scan
    /// found in the target, or empty. The old username and the sign-in name are empty if the record is unreadable.
    /// With --json the lines are JSON objects.
    #[command(after_help = exit::help())]
    SubMap(SubMapArgs),
    /// Compare a user pool with a snapshot
    ///
    /// Compares any pool at any time: the pool of the snapshot, the target of a restore, or a pool that another tool
    /// filled. It changes nothing. It lists the pool with one call for each 60 users and at least one for each group.
    ///
    /// It matches users by `sub` if the pool is that of the snapshot. Otherwise it matches them by the sub maps of
    /// restores into the pool, or by sign-in name. It compares attributes, the enabled flag, linked identities, and the
    /// settings and members of groups. It does not compare passwords, statuses and second factors. What the input of a
    /// restore left out, such as unconfirmed users or roles, is no difference. Users that a selection left out count as
    /// missing. Cognito's listing may miss changes of the last few seconds. The output names subs, groups and fields,
    /// never a value.
    #[command(after_help = exit::help())]
    Verify(VerifyArgs),
    /// Show, compare or roll back the configuration of a user pool, as a snapshot holds it
    #[command(after_help = exit::help())]
    Pool(PoolArgs),
    /// Copy a snapshot to the backup table of another account or Region
    ///
    /// Copies the snapshot and each record that it names, so that an import can restore it there. It does not copy
    /// leases, restores and sub maps. It checks the source before it writes. It writes only items that the destination
    /// lacks, and overwrites nothing. It verifies all other items there before it writes the header. Run it again to
    /// continue a stopped copy, or to verify a copy.
    #[command(after_help = exit::help())]
    Copy(CopyArgs),
    /// Remove snapshots of a user pool, and what only they hold
    ///
    /// Removes snapshots by rules or by id, and captures by id. Each rule keeps some of the sealed snapshots. The newest sealed snapshot
    /// always stays. An incomplete snapshot goes if it is older than the newest sealed one and --keep-days does not keep
    /// it. Records that another snapshot names stay.
    ///
    /// It works on the table with your own credentials. No export of the pool can run during a removal. Run it again to
    /// continue a stopped removal. --plan shows what prune removes and keeps, and changes nothing.
    #[command(after_help = exit::help())]
    Prune(PruneArgs),
    /// Print a completion script for a shell
    ///
    /// The shell reads the script, and then completes verbs, options and their values. The command needs no deployment, no
    /// credentials and no network.
    ///
    /// For bash: `cognito-backup completions bash > ~/.local/share/bash-completion/completions/cognito-backup`
    #[command(after_help = exit::help())]
    Completions(CompletionsArgs),
    /// Write the man pages into a folder
    ///
    /// Writes a page for the program, one for each verb and one for each part of `pool`, with the texts of --help. It
    /// replaces the pages of an earlier version. The command needs no deployment, no credentials and no network.
    ///
    /// For man to find them: `cognito-backup man --output ~/.local/share/man/man1`
    #[command(after_help = exit::help())]
    Man(ManArgs),
}

/// `error` with a usage line that lists only the required options, and a tip about a value that begins with a dash. clap
/// also lists each option that the command line or the environment sets, as if it were required.
pub fn with_usage(mut error: clap::Error, args: &[String]) -> clap::Error {
    let mut command = Cli::command();
    command.build();
    let verb = verb(&command, args);
    if error.get(ContextKind::Usage).is_some() {
        error.insert(ContextKind::Usage, ContextValue::StyledStr(verb.clone().render_usage()));
    }
    if error.kind() == ErrorKind::UnknownArgument
        && let Some((option, value)) = value_with_dash(verb, args)
    {
        let tip = format!("if {value:?} is the value of {option}, write{}", flag(&option[2..], value));
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

/// The verb that `args` name.
fn verb<'a>(command: &'a clap::Command, args: &[String]) -> &'a clap::Command {
    args.iter().fold(command, |verb, arg| verb.find_subcommand(arg).unwrap_or(verb))
}

/// The first option behind which a word stands that begins with one dash, and that word.
fn value_with_dash<'a>(verb: &clap::Command, args: &'a [String]) -> Option<(&'a str, &'a str)> {
    let takes_value = |option: &str| {
        let name = option.strip_prefix("--");
        verb.get_arguments().any(|arg| arg.get_long() == name && arg.get_action().takes_values())
    };
    let pairs = args.windows(2).map(|pair| (pair[0].as_str(), pair[1].as_str()));
    let mut pairs = pairs.filter(|(_, value)| value.starts_with('-') && !value.starts_with("--"));
    pairs.find(|(option, _)| option.starts_with("--") && takes_value(option))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[test]
    fn clap_accepts_the_definition() {
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
    fn a_negative_tps_is_a_value_that_the_command_refuses() {
        let cli =
            parse("cognito-backup export --pool a_1 --tps -1 --json --table t --region eu-west-1").unwrap();
        let Command::Export(export) = cli.command else { panic!("an export") };
        assert_eq!(export.run.tps.as_deref(), Some("-1"));
        assert_eq!((cli.settings.json, cli.settings.table()), (true, "t"));
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
            " copy --to-table t --from-external-id x",
            " copy --to-table t --assume-role r --from-external-id x",
            " copy --to-table t --to-profile p --assume-role arn:aws:iam::222222222222:role/r",
            " prune --pool a_1",
            " prune --pool a_1 --plan",
            " prune --keep-last 1",
            " prune --pool a_1 --keep-last -1",
            " prune --pool a_1 --keep-last 1 --snapshot x",
            " erase",
            " completions",
            " completions tcsh",
            " man",
            " export --pool a --into b",
        ] {
            assert_eq!(parse(&format!("cognito-backup{line}")).unwrap_err().exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn the_usage_after_a_missing_option_names_only_required_ones() {
        let line = "cognito-backup import --table from-the-environment --into a_2";
        let args: Vec<_> = line.split(' ').map(str::to_owned).collect();
        let words = with_usage(Cli::try_parse_from(&args).unwrap_err(), &args).to_string();
        assert!(
            words.contains(
                "Usage: cognito-backup import [OPTIONS] --pool <POOL_ID> --into <POOL_ID|new:NAME>"
            ),
            "{words}"
        );
        assert!(!words.contains("--table"), "{words}");
    }

    #[test]
    fn the_usage_after_two_options_in_conflict_requires_neither() {
        for (line, says) in [
            (
                "cognito-backup prune --pool a_1 --keep-last 1 --snapshot x --table from-the-environment",
                "prune [OPTIONS] --pool <POOL_ID> <--keep-last <N>|--keep-days <N>|",
            ),
            (
                "cognito-backup copy --to-table t --to-profile p --assume-role r --table from-the-environment",
                "copy [OPTIONS] --to-table <NAME>",
            ),
            ("cognito-backup status --wait --table from-the-environment", "status [OPTIONS]"),
            ("cognito-backup export --pool a_1 --into b --table t", "export [OPTIONS] --pool <POOL_ID>"),
        ] {
            let args: Vec<_> = line.split(' ').map(str::to_owned).collect();
            let words = with_usage(Cli::try_parse_from(&args).unwrap_err(), &args).to_string();
            let usage = words.split("Usage: cognito-backup ").nth(1).unwrap();
            assert!(usage.starts_with(says) && !usage.contains("--table"), "{words}");
        }
    }

    #[test]
    fn a_value_that_begins_with_a_dash_is_shown_in_the_form_that_is_read() {
        let words = |line: &str| {
            let args: Vec<_> = line.split(' ').map(str::to_owned).collect();
            with_usage(Cli::try_parse_from(&args).unwrap_err(), &args).to_string()
        };
        for (line, says) in [
            ("import --pool a_1 --into a_2 --user -anna", "write --user=-anna"),
            ("pool show --pool a_1 --profile -p", "write --profile=-p"),
            ("status --table -t --json", "write --table=-t"),
        ] {
            let words = words(&format!("cognito-backup {line}"));
            assert!(words.contains("tip: if \"-") && words.contains(says), "{words}");
        }
        for line in ["import --pool a_1 --into a_2 --plan -x", "status --tabel t"] {
            assert!(!words(&format!("cognito-backup {line}")).contains("is the value of"), "{line}");
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
