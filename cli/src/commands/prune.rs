//! `prune`: remove snapshots of a user pool.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use clap::{ArgGroup, Args};
use futures::{FutureExt, poll};
use shared::ErrorKind;
use shared::format::{form, plural};
use shared::model::{PoolId, Pruned, Retention, Rule, RunId};
use shared::operations::prune::{Advance, Decision, Plan, RemainingWork, RemovalRequest, Watch, plan, prune};
use shared::operations::{HeldLease, holder_name};
use shared::pacing::Budget;
use shared::ports::Clock;
use shared::ports::vault::Vault;
use tokio::time::{Instant, timeout};

use super::{Session, of_snapshot};
use crate::arguments;
use crate::aws::Table;
use crate::exit::ExitStatus;
use crate::home_region::home_region;
use crate::output::text::number;
use crate::output::{Answer, PruneEnd};
use crate::problem::{Problem, Result};
use crate::watch::{Meter, Pace, Position};

/// More time than any removal takes, because the operator waits for its end.
const NO_LIMIT: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long an interrupted command takes marks away, and how long it releases its lease. A second
/// Ctrl-C cannot end it.
const MAX_TIDYING: Duration = Duration::from_secs(20);

/// The arguments of `prune`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").required(true).multiple(true)
    .args(["keep_last", "keep_days", "keep_daily", "keep_weekly", "keep_monthly", "snapshot"])))]
pub struct PruneArgs {
    /// The user pool of the snapshots
    #[arg(long, value_name = "POOL_ID")]
    pub pool: String,
    /// Keep the N newest
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
    /// Remove this snapshot or capture, without rules
    #[arg(long, value_name = "ID")]
    #[arg(conflicts_with_all = ["keep_last", "keep_days", "keep_daily", "keep_weekly", "keep_monthly"])]
    pub snapshot: Vec<String>,
    /// Only show what prune removes and keeps, and why
    #[arg(long)]
    pub plan: bool,
}

/// A removal to make.
#[derive(Debug)]
pub struct Request {
    pool: PoolId,
    wanted: RemovalRequest,
    plan: bool,
}

impl Request {
    /// Reads and checks the arguments.
    ///
    /// # Errors
    /// If a pool id or a snapshot id cannot be read, or a rule counts nothing.
    pub fn read(args: &PruneArgs) -> Result<Self> {
        let pool = arguments::read("--pool", &args.pool, PoolId::parse)?;
        let wanted = if args.snapshot.is_empty() {
            let options = [
                (Rule::Last, "--keep-last", args.keep_last),
                (Rule::Days, "--keep-days", args.keep_days),
                (Rule::Daily, "--keep-daily", args.keep_daily),
                (Rule::Weekly, "--keep-weekly", args.keep_weekly),
                (Rule::Monthly, "--keep-monthly", args.keep_monthly),
            ];
            let mut rules = Vec::new();
            for (rule, option, count) in options {
                let Some(count) = count else { continue };
                if !Rule::can_have(count) {
                    return Err(wrong_count(option, count));
                }
                rules.push((rule, count));
            }
            RemovalRequest::ByPolicy { retention: Retention::new(rules)?, automatic: false }
        } else {
            RemovalRequest::Named(
                args.snapshot
                    .iter()
                    .map(|id| arguments::read("--snapshot", id, RunId::parse))
                    .collect::<Result<BTreeSet<_>, _>>()?,
            )
        };
        Ok(Self { pool, wanted, plan: args.plan })
    }

    pub fn pool(&self) -> &PoolId {
        &self.pool
    }

    /// Removes the snapshots, or shows which would be removed. `replicas` are the other Regions with a replica of the table.
    ///
    /// # Errors
    /// If snapshots of the pool are written in another Region of the table. If a named snapshot cannot be removed, or an export
    /// runs. If a snapshot that stays is damaged, or the removal cannot be completed.
    pub async fn run<V: Vault, S: Future<Output = ()>>(
        &self,
        table: &Table<V>,
        replicas: &[String],
        clock: Clock,
        session: Session<'_, S>,
    ) -> Result<Answer> {
        let now = clock.now();
        let home = home_region(&self.pool, &table.place.region, replicas);
        if home != table.place.region {
            return Err(elsewhere(&self.pool, &table.place.region, home));
        }
        if self.plan {
            let plan = plan(&table.catalog, &self.pool, &self.wanted, now).await;
            let plan = plan.map_err(|error| of_snapshot(error, &table.place.to_string()))?;
            let end = PruneEnd::new(&self.pool, &table.place, plan, None);
            return Ok(Answer::new(&end, ExitStatus::Done, now));
        }
        let mut interrupted = pin!(session.interrupted.fuse());
        // The first look listens for signals. Without it, a signal while the lease is taken would leave the lease.
        if poll!(&mut interrupted).is_ready() {
            return Err(stopped(Some(0), Pruned::default()));
        }
        session.meter.note(&format!("Removing snapshots of user pool {} from {}.", self.pool, table.place));
        let mut lease =
            HeldLease::take(&table.catalog, &self.pool, &holder_name("cognito-backup prune", now), clock)
                .await?;
        let mut sink =
            ProgressSink { meter: session.meter, pace: Pace::default(), removed: Pruned::default() };
        let ended = self.remove(table, &mut lease, &mut sink, interrupted).await;
        sink.meter.end();
        let begun = sink.removed.items > 0;
        let ended = match ended {
            Some(ended) => ended.map_err(|error| of_snapshot(error, &table.place.to_string()).into()),
            // Without a decision, the snapshots can be used as before. If the marks cannot be taken
            // away, they count for nothing after the lease.
            None => {
                let decided = timeout(MAX_TIDYING, lease.take_undecided_marks_away()).await;
                Err(stopped(decided.ok().and_then(shared::Result::ok), sink.removed))
            }
        };
        // If the lease cannot be released, it ends by itself within minutes.
        let released = timeout(MAX_TIDYING, lease.give_back()).await.unwrap_or(Ok(()));
        let (plan, removed) = ended
            .map_err(|problem| Problem { status: ExitStatus::of_error(&problem.error, begun), ..problem })?;
        released?;
        // The plan refuses a named snapshot that an import uses. Since then, an import may have
        // begun to use one.
        let in_use = !plan.ids(|decision| matches!(decision, Decision::InUse { .. })).is_empty()
            && matches!(self.wanted, RemovalRequest::Named(_));
        let status = if in_use { ExitStatus::Failed } else { ExitStatus::Done };
        Ok(Answer::new(&PruneEnd::new(&self.pool, &table.place, plan, Some(removed)), status, clock.now()))
    }

    /// Removes the snapshots until none is left. None if the operator interrupts the command.
    async fn remove<V: Vault>(
        &self,
        table: &Table<V>,
        lease: &mut HeldLease<'_, V>,
        sink: &mut ProgressSink<'_>,
        interrupted: impl Future<Output = ()>,
    ) -> Option<shared::Result<(Plan, Pruned)>> {
        let work = async {
            let mut removed = Pruned::default();
            loop {
                let budget = Budget::for_invocation(NO_LIMIT);
                let ended = prune(&table.catalog, &self.pool, &self.wanted, lease, budget, sink).await?;
                removed.add(&ended.removed);
                if ended.remaining == RemainingWork::None {
                    return Ok((ended.plan, removed));
                }
            }
        };
        tokio::select! {
            biased;
            () = interrupted => None,
            ended = work => Some(ended),
        }
    }
}

/// A rule has a number that no rule can have.
fn wrong_count(option: &str, count: u32) -> Problem {
    let keeps = if count == 0 { ", which keeps nothing" } else { "" };
    Problem::refused(
        ErrorKind::InvalidInput.name(),
        format!("The argument of {option} is {count}{keeps}."),
        format!(
            "Give a whole number from 1 to {}. To remove all snapshots but the newest sealed one, give --keep-last 1.",
            number(Rule::MAX.into())
        ),
    )
}

fn elsewhere(pool: &PoolId, region: &str, home: &str) -> Problem {
    Problem::refused(
        ErrorKind::InvalidInput.name(),
        format!(
            "The table in {region} is a replica. Snapshots of user pool {pool} are written to the one in {home}."
        ),
        format!("The removal deleted nothing. Run it on that table: --region {home}."),
    )
}

/// `decided` is the number of snapshots whose removal is decided and not complete, if it is known.
/// `removed` counts what is known to be removed: an answer may have been lost.
fn stopped(decided: Option<u64>, removed: Pruned) -> Problem {
    let begun = removed.items > 0;
    let (message, guidance) = match decided {
        Some(0) if begun => (
            "The removal stopped. All snapshots whose removal was decided are gone.".to_owned(),
            "All other snapshots can be used as before. Run the command again to remove what is left.",
        ),
        Some(0) => (
            "The removal stopped before it decided anything.".to_owned(),
            "All snapshots can be used as before. Run the command again to remove snapshots.",
        ),
        Some(decided) => {
            let snapshots = |count| plural(count, "snapshot", "snapshots");
            (
                format!(
                    "The removal stopped before its end: {} {} removed, and {} {} partly removed. At least {} and {} were \
                     deleted.",
                    snapshots(removed.snapshots),
                    form(removed.snapshots, "was", "were"),
                    snapshots(decided),
                    form(decided, "is", "are"),
                    plural(removed.records, "record", "records"),
                    plural(removed.pages, "page", "pages")
                ),
                "All other snapshots are complete. Run the command again to continue.",
            )
        }
        None => (
            "The removal stopped before its end.".to_owned(),
            "All snapshots that stay are complete. Run the command again to continue.",
        ),
    };
    Problem { status: ExitStatus::Failed, ..Problem::refused("Interrupted", message, guidance.to_owned()) }
}

/// Shows the progress of a removal.
struct ProgressSink<'a> {
    meter: &'a mut Meter,
    pace: Pace,
    removed: Pruned,
}

impl Watch for ProgressSink<'_> {
    fn advanced(&mut self, so_far: &Advance) {
        self.removed = so_far.removed;
        let position = Position::of_removal(so_far);
        self.pace.note(Instant::now(), position);
        self.meter.show(Some(&position), &self.pace);
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    fn read(line: &str) -> Result<Request> {
        let cli = Cli::parse_from(format!("cognito-backup prune --pool eu-west-1_a {line}").split(' '));
        let Command::Prune(args) = cli.command else { panic!("a removal") };
        Request::read(&args)
    }

    #[test]
    fn a_removal_that_was_stopped_after_its_last_snapshot_does_not_say_that_it_decided_nothing() {
        let some = Pruned { snapshots: 1, records: 30, pages: 4, items: 36, ..Pruned::default() };
        let stopped = |decided, begun| stopped(decided, if begun { some } else { Pruned::default() });
        let nothing = stopped(Some(0), false).message;
        assert_eq!(nothing, "The removal stopped before it decided anything.");
        let message = stopped(Some(0), true).message;
        assert!(message.contains("are gone"), "{message}");
        let both = stopped(Some(2), true).message;
        assert_eq!(
            both,
            "The removal stopped before its end: 1 snapshot was removed, and 2 snapshots are partly removed. At least \
             30 records and 4 pages were deleted."
        );
    }

    #[test]
    fn rules_and_ids_are_read_as_in_a_deployment() {
        let by_policy = |rules: &str| RemovalRequest::ByPolicy {
            retention: Retention::parse(rules).unwrap(),
            automatic: false,
        };
        assert_eq!(read("--keep-days 35 --keep-monthly 12").unwrap().wanted, by_policy("days=35,monthly=12"));
        let all = "--keep-last 1 --keep-days 2 --keep-daily 3 --keep-weekly 4 --keep-monthly 5";
        assert_eq!(read(all).unwrap().wanted, by_policy("last=1,days=2,daily=3,weekly=4,monthly=5"));
        let id = "20261121T020000123Z-1a2b3c4d";
        let RemovalRequest::Named(ids) = read(&format!("--snapshot {id} --snapshot {id}")).unwrap().wanted
        else {
            panic!("ids")
        };
        assert_eq!(ids, BTreeSet::from([RunId::parse(id).unwrap()]));
        for wrong in ["--keep-last 0", "--keep-days 10000", "--snapshot latest"] {
            let problem = read(wrong).unwrap_err();
            assert_eq!(
                (problem.error.as_str(), problem.status),
                ("InvalidInput", ExitStatus::Refused),
                "{wrong}"
            );
        }
        let nothing = read("--keep-days 7 --keep-weekly 0").unwrap_err();
        assert_eq!(nothing.message, "The argument of --keep-weekly is 0, which keeps nothing.");
        let many = read("--keep-days 10000").unwrap_err();
        assert_eq!(many.message, "The argument of --keep-days is 10000.");
        assert!(many.guidance.starts_with("Give a whole number from 1 to 9,999."), "{many}");
    }
}
