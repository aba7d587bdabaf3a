//! `prune`: remove snapshots of a user pool.

use std::collections::BTreeSet;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::time::Duration;

use jiff::Timestamp;
use shared::ErrorKind;
use shared::model::{PoolId, Pruned, Retention, Rule, RunId};
use shared::operations::prune::{Advance, Decision, HeldLease, Left, RemovalRequest, Watch, plan, prune};
use shared::pacing::Budget;
use shared::ports::Clock;
use shared::ports::vault::Vault;
use tokio::time::Instant;

use super::Session;
use crate::args::PruneArgs;
use crate::aws::Table;
use crate::exit::ExitStatus;
use crate::output::{Answer, PruneEnd};
use crate::problem::{Problem, Result};
use crate::watch::{Meter, Pace, Position};

/// Somebody waits for the end, however long it takes.
const NO_HURRY: Duration = Duration::from_secs(30 * 24 * 3600);

/// A removal that is asked for.
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
    /// For what is no pool id or snapshot id, and for rules that count nothing.
    pub fn read(args: &PruneArgs) -> Result<Self> {
        let pool = PoolId::parse(&args.pool)?;
        let wanted = if args.snapshot.is_empty() {
            let rules = [
                (Rule::Last, args.keep_last),
                (Rule::Days, args.keep_days),
                (Rule::Daily, args.keep_daily),
                (Rule::Weekly, args.keep_weekly),
                (Rule::Monthly, args.keep_monthly),
            ];
            let rules = rules.into_iter().filter_map(|(rule, count)| Some((rule, count?)));
            RemovalRequest::ByPolicy { retention: Retention::new(rules)?, automatic: false }
        } else {
            RemovalRequest::Named(args.snapshot.iter().map(|id| RunId::parse(id)).collect::<Result<BTreeSet<_>, _>>()?)
        };
        Ok(Self { pool, wanted, plan: args.plan })
    }

    /// The pool.
    pub fn pool(&self) -> &PoolId {
        &self.pool
    }

    /// Removes the snapshots, or says which would be removed, and tells about each what becomes of it. `replicas` are the other Regions in which
    /// the table has replicas.
    ///
    /// # Errors
    /// When the table is a replica of the one that exports write to; a snapshot that is named cannot be removed; an export is at work; a
    /// snapshot that stays is damaged; or the removal cannot be brought to its end.
    pub async fn run<V: Vault, S: Future<Output = ()>>(
        &self,
        table: &Table<V>,
        replicas: &[String],
        clock: Clock,
        session: Session<'_, S>,
    ) -> Result<Answer> {
        let now = clock.now();
        if self.pool.region() != table.place.region && replicas.iter().any(|region| region == self.pool.region()) {
            return Err(elsewhere(&self.pool, &table.place.region));
        }
        let catalog = &table.catalog;
        if self.plan {
            let plan = plan(catalog, &self.pool, &self.wanted, now).await?;
            let end = PruneEnd::new(&self.pool, &table.place, plan, None);
            return Ok(Answer::new(&end, ExitStatus::Done, now));
        }
        session.meter.note(&format!("Removing snapshots of user pool {} from {}.", self.pool, table.place));
        let mut tenure = HeldLease::take(catalog, &self.pool, &holder(now), clock).await?;
        let mut audience = ProgressSink { meter: session.meter, pace: Pace::default(), removed: Pruned::default() };
        let work = async {
            let mut removed = Pruned::default();
            loop {
                let budget = Budget::for_invocation(NO_HURRY);
                let ended = prune(catalog, &self.pool, &self.wanted, &mut tenure, budget, &mut audience).await?;
                removed.add(&ended.removed);
                if ended.left == Left::Nothing {
                    return Ok((ended.plan, removed));
                }
            }
        };
        let ended = {
            let mut enough = pin!(session.enough);
            tokio::select! {
                biased;
                () = &mut enough => Err(stopped()),
                ended = work => ended.map_err(|error: shared::Error| Problem::from(error)),
            }
        };
        audience.meter.end();
        let begun = audience.removed.items > 0;
        // Where it cannot be given back, the lease ends by itself in a few minutes.
        let given_back = tenure.give_back().await;
        let (plan, removed) =
            ended.map_err(|problem| Problem { status: ExitStatus::of_error(&problem.error, begun), ..problem })?;
        given_back?;
        // What was named and is in use was so before, and was refused; or has come to be so in between.
        let in_use = !plan.ids(|fate| *fate == Decision::InUse).is_empty() && matches!(self.wanted, RemovalRequest::Named(_));
        let status = if in_use { ExitStatus::Failed } else { ExitStatus::Done };
        Ok(Answer::new(&PruneEnd::new(&self.pool, &table.place, plan, Some(removed)), status, clock.now()))
    }
}

/// The name under which the lease is held: one that nobody else has.
fn holder(now: Timestamp) -> String {
    // The keys of a hasher are random.
    let random = RandomState::new().hash_one(std::process::id());
    format!("`cognito-backup prune` ({now}, {random:016x})")
}

fn elsewhere(pool: &PoolId, region: &str) -> Problem {
    Problem::refused(
        ErrorKind::InvalidInput.name(),
        format!("The table in {region} is a replica; exports of user pool {pool} write to the one in {}.", pool.region()),
        format!("Nothing was removed. Remove snapshots where they are written: --region {}.", pool.region()),
    )
}

fn stopped() -> Problem {
    Problem {
        status: ExitStatus::Failed,
        ..Problem::refused(
            "Interrupted",
            "The removal was stopped before its end.".to_owned(),
            "Snapshots that stay are whole. Run the command again to go on where it was.".to_owned(),
        )
    }
}

/// Shows how far the removal is.
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
    fn rules_and_ids_are_read_as_in_a_deployment() {
        let by_policy = |rules: &str| RemovalRequest::ByPolicy { retention: Retention::parse(rules).unwrap(), automatic: false };
        assert_eq!(read("--keep-days 35 --keep-monthly 12").unwrap().wanted, by_policy("days=35,monthly=12"));
        let all = "--keep-last 1 --keep-days 2 --keep-daily 3 --keep-weekly 4 --keep-monthly 5";
        assert_eq!(read(all).unwrap().wanted, by_policy("last=1,days=2,daily=3,weekly=4,monthly=5"));
        let id = "20261121T020000123Z-1a2b3c4d";
        let RemovalRequest::Named(ids) = read(&format!("--snapshot {id} --snapshot {id}")).unwrap().wanted else { panic!("ids") };
        assert_eq!(ids, BTreeSet::from([RunId::parse(id).unwrap()]));
        for wrong in ["--keep-last 0", "--keep-days 10000", "--snapshot latest"] {
            let problem = read(wrong).unwrap_err();
            assert_eq!((problem.error.as_str(), problem.status), ("InvalidInput", ExitStatus::Refused), "{wrong}");
        }
    }

    #[test]
    fn nobody_has_the_same_name_twice() {
        let now = Timestamp::UNIX_EPOCH;
        assert!(holder(now).starts_with("`cognito-backup prune` (1970-01-01T00:00:00Z, "));
        assert_ne!(holder(now), holder(now));
    }
}
