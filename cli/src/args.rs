//! The command line, as clap reads it. The arguments of a verb stand beside its command.
//!
//! The commands check values with the types of [`shared::model`]. So a wrong value gets the same named error as in a
//! state machine.

use clap::{Parser, Subcommand};

use crate::commands::copy::CopyArgs;
use crate::commands::export::ExportArgs;
use crate::commands::import::ImportArgs;
use crate::commands::prune::PruneArgs;
use crate::commands::snapshots::SnapshotsArgs;
use crate::commands::status::StatusArgs;
use crate::commands::sub_map::SubMapArgs;
use crate::commands::verify::VerifyArgs;
use crate::exit;
use crate::settings::Settings;

/// Back up, restore and migrate Amazon Cognito user pools
///
/// `export` and `import` start the state machines of a cognito-backup deployment and watch them. The other verbs read
/// its backup table. `verify` also lists a user pool, `copy` writes to another table, and `prune` removes snapshots.
/// Results go to stdout, progress and errors to stderr. Credentials and Region are found as the AWS CLI finds them.
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
    /// Restore a snapshot into another user pool, or repair its own
    ///
    /// A repair is a restore into the pool of the snapshot: --into names the same pool as --pool. It needs --existing
    /// skip, which creates missing users, or --existing update, which also changes the other users back. A repair finds
    /// users by `sub`. Existing users keep their `sub` and password. The setting RepairablePools of the deployment must
    /// name the pool.
    ///
    /// Run it again with the same arguments to continue a restore that was stopped, or to try again what could not be
    /// restored.
    #[command(after_help = exit::help())]
    Import(Box<ImportArgs>),
    /// Show what runs now and how the last runs ended
    ///
    /// With --execution, the exit code is that of the export or import itself.
    #[command(after_help = exit::help())]
    Status(StatusArgs),
    /// List the snapshots of a user pool, newest first
    #[command(after_help = exit::help())]
    Snapshots(SnapshotsArgs),
    /// Print the old and the new `sub` of each user of a restore
    ///
    /// One line for each user that the restore has handled, in the order of the old `sub`s. A repair leaves out users
    /// that kept their `sub`. A line holds the old `sub`, the old username, the new `sub`, the new username and the
    /// result. The result is `created` (by this restore), `found` (in the target: as in the snapshot, or updated),
    /// `kept` (in the target: different, and left so) or `notRestored`. The old username is empty if the record could
    /// not be read. With --json the lines are JSON objects.
    #[command(after_help = exit::help())]
    SubMap(SubMapArgs),
    /// Compare a user pool with a snapshot
    ///
    /// Compares any pool at any time: the pool of the snapshot, the target of a restore, or a pool that was filled by
    /// other means. It changes nothing. It lists the pool with one call for each 60 users and at least one for each
    /// group.
    ///
    /// It matches users by `sub` in the pool of the snapshot, else by the sub maps of restores into the pool, else by
    /// the name with which users sign in. It compares attributes, the enabled flag, linked identities, and the settings
    /// and members of groups. It does not compare passwords, statuses and second factors. Cognito's listing may miss
    /// changes of the last few seconds. The output names subs, groups and fields, never a value.
    #[command(after_help = exit::help())]
    Verify(VerifyArgs),
    /// Copy a snapshot to the backup table of another account or Region
    ///
    /// Copies the snapshot and each record that it names, so that it can be restored from there. Leases, restores and
    /// sub maps stay. It checks the source before it writes. It writes only what the destination lacks, and overwrites
    /// nothing. The header comes last, when everything else was verified there. Run it again to continue a copy that
    /// was stopped, or to verify one.
    #[command(after_help = exit::help())]
    Copy(CopyArgs),
    /// Remove snapshots of a user pool, and what only they hold
    ///
    /// Removes by rules, of which each keeps some of the sealed snapshots, or by name. The newest sealed snapshot
    /// always stays. A snapshot that was never completed goes if it is older than that one and --keep-days does not
    /// keep it. Records that another snapshot names stay.
    ///
    /// It works on the table with your own credentials. No export of the pool can run meanwhile. Run it again to
    /// continue a removal that was stopped. --plan shows what would go, and changes nothing.
    #[command(after_help = exit::help())]
    Prune(PruneArgs),
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
