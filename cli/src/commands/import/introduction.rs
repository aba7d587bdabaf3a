//! The introduction that an import prints before it starts: what the import will do, as far as the
//! table shows.
//!
//! The state machine checks all of it again, and more. It decides.

use std::time::Duration;

use jiff::Timestamp;
use shared::catalog::Catalog;
use shared::model::{
    Existing, ImportInput, ImportOptions, Method, Passwords, PoolId, RestoreState, RunKind, Snapshot,
    SnapshotSelector, TargetPool, Tps,
};
use shared::operations::EarlierRestore;
use shared::ports::vault::Vault;
use shared::{Error, ErrorKind, Guidance};

use super::super::run;
use crate::output::flags::command;
use crate::output::snapshot_in_words;
use crate::output::text::{ago, duration, time};
use crate::problem::{Problem, Result};
use crate::watch::Position;

/// The introduction to an import. `new_pool` are words for the target if this command creates it.
///
/// # Errors
/// `UnfinishedRestore`, by the rule of the state machine. `SnapshotNotFound` if the table holds no such snapshot.
/// `TableNotFound` if there is no table.
pub async fn introduction<V: Vault>(
    input: &ImportInput,
    new_pool: Option<&str>,
    catalog: &Catalog<V>,
    place: &str,
    now: Timestamp,
) -> Result<String> {
    let ImportInput { source, target, tps, options, selection, dry_run, .. } = input;
    let what = if *dry_run { "Making the forecast of a restore of" } else { "Restoring" };
    let target_pool = input.target_pool();
    let into = match target_pool {
        TargetPool::Own => "itself",
        TargetPool::Other => new_pool.unwrap_or(target.as_str()),
    };
    let mut lines = vec![format!("{what} user pool {source} into {into} at {}.", run::limit(*tps))];
    match look_up(input, catalog, now).await {
        Ok(found) => {
            lines.extend(about(&found.earlier, now));
            match &found.snapshot {
                // The time of a repair or of a selection depends on how many users are missing or selected. Only --plan
                // can tell.
                Some(snapshot) => {
                    let is_whole = selection.digest().is_none() && !target_pool.holds_most_entries();
                    lines.extend(describe(snapshot, tps.filter(|_| is_whole), now));
                }
                None => return Err(no_snapshot(input, place)),
            }
        }
        Err(error) if error.kind() == ErrorKind::UnfinishedRestore => {
            // A running restore is no unfinished one. The state machine says so, as it takes the lease first.
            let Some(until) = lease_end(catalog, target, now).await else { return Err(error.into()) };
            lines.push(format!(
                "Another import holds the lease of user pool {target} until {}. It still runs, or it was aborted and did not \
                 give the lease back. `{}` shows which. Only one import can run at a time.",
                time(until),
                command(format!("status --pool {target}"))
            ));
        }
        Err(error) if error.kind() == ErrorKind::TableNotFound => return Err(error.into()),
        Err(error) => {
            let Problem { message, guidance, .. } = error.into();
            lines.push(format!("The command cannot show the content of {place}. {message} {guidance}"));
        }
    }
    if selection.digest().is_some() {
        lines.push("The import restores only the selected users.".to_owned());
    }
    if *dry_run {
        lines.push("The target is not changed.".to_owned());
    } else {
        lines.extend(consequences(options, new_pool.is_none()).map(str::to_owned));
    }
    if !dry_run && target_pool == TargetPool::Own {
        let kept =
            "Existing users keep sub and password. Missing users get a new sub. The import deletes no user.";
        lines.push(kept.to_owned());
    }
    Ok(lines.join("\n"))
}

/// The refusal of a snapshot that the table does not hold. The state machine refuses it, too, unless it works on another
/// table.
fn no_snapshot(input: &ImportInput, place: &str) -> Problem {
    let ImportInput { source, snapshot, .. } = input;
    let what = match snapshot {
        SnapshotSelector::Latest => "sealed snapshot".to_owned(),
        SnapshotSelector::Id(id) => format!("snapshot {id}"),
    };
    let guidance = Guidance::ListSnapshots { pool: source.to_string() };
    let message = format!("There is no {what} of user pool {source} in {place}.");
    Error::new(ErrorKind::SnapshotNotFound, message, guidance.and(Guidance::CheckTable)).into()
}

/// When the lease of an import into the pool ends. None if no import holds it.
async fn lease_end<V: Vault>(catalog: &Catalog<V>, target: &PoolId, now: Timestamp) -> Option<Timestamp> {
    let lease = catalog.lease(target, RunKind::Import).await.ok().flatten();
    lease.map(|lease| lease.expires).filter(|expires| *expires > now)
}

/// What the table shows about an import before it starts.
struct Found {
    earlier: EarlierRestore,
    snapshot: Option<Snapshot>,
}

async fn look_up<V: Vault>(
    input: &ImportInput,
    catalog: &Catalog<V>,
    now: Timestamp,
) -> shared::Result<Found> {
    let ImportInput { source, snapshot, .. } = input;
    let earlier = EarlierRestore::find(catalog, input, None, now).await?;
    let snapshot = match (&earlier, snapshot) {
        (EarlierRestore::Continued(earlier), _) => catalog.snapshot(source, &earlier.snapshot).await?,
        (_, SnapshotSelector::Latest) => catalog.newest_sealed(source, None, now).await?,
        (_, SnapshotSelector::Id(id)) => catalog.snapshot(source, id).await?,
    };
    Ok(Found { earlier, snapshot })
}

/// What users of the target will notice. `has_forecast` says whether `--plan` makes a forecast.
fn consequences(options: &ImportOptions, has_forecast: bool) -> impl Iterator<Item = &'static str> {
    let sign_in = match (options.method, options.passwords) {
        (Method::Csv, _) => {
            "Cognito sends no messages. Import jobs create users, who set a new password with a code at the next sign-in."
        }
        (Method::Api, Passwords::Random) => {
            "Cognito sends no messages. No restore brings back passwords: users sign in after \"forgot password\"."
        }
        (Method::Api, Passwords::Temporary) => {
            "ATTENTION: Cognito sends an invitation with a temporary password to each user with an e-mail address or phone number."
        }
    };
    let existing = match options.existing {
        Existing::Fail => None,
        Existing::Skip => Some("Existing users and groups of the target stay as they are."),
        Existing::Update => {
            Some("ATTENTION: the import makes existing users and groups of the target as in the snapshot.")
        }
    };
    let is_counted = has_forecast && (options.method, options.passwords) == (Method::Api, Passwords::Random);
    let counted = is_counted.then_some("--plan counts users that cannot use \"forgot password\".");
    std::iter::once(sign_in).chain(counted).chain(existing)
}

/// What the import does with the earlier restore.
fn about(earlier: &EarlierRestore, now: Timestamp) -> Option<String> {
    let (earlier, fate) = match earlier {
        EarlierRestore::Unrelated(_) => return None,
        EarlierRestore::SnapshotRemoved(earlier) => {
            (earlier, "Its snapshot was removed, so the import begins a new restore.")
        }
        EarlierRestore::AtWork(earlier) => (
            earlier,
            "An import works on it, and changes the numbers of this plan, which is of the newest snapshot.",
        ),
        EarlierRestore::Outdated(earlier) => (
            earlier,
            "Its snapshot is not the newest any more. To continue it, give --snapshot with the id of its snapshot.",
        ),
        EarlierRestore::Continued(earlier) => {
            (earlier, "The import continues it if the target still holds its users.")
        }
    };
    let state = match earlier.state {
        RestoreState::Partial => "was partial",
        RestoreState::Failed => "failed",
        RestoreState::Succeeded => "succeeded, and left federated users to their sign-in",
        _ => "has not ended",
    };
    let begun = ago(earlier.began(), now);
    Some(format!("Restore {} of the same input, begun {begun}, {state}. {fate}", earlier.id))
}

fn describe(snapshot: &Snapshot, tps: Option<Tps>, now: Timestamp) -> Vec<String> {
    let mut lines = vec![snapshot_in_words(snapshot, now)];
    if let Some(tps) = tps {
        let least = Duration::from_secs(Position::calls(&snapshot.counts) / u64::from(tps.get()));
        if !least.is_zero() {
            lines.push(format!("Into an empty pool, this takes {} at least.", duration(least)));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use shared::catalog::{CheckpointKey, LeaseKey};
    use shared::model::{Forecast, ForecastCheckpoint, Lease, Restore};
    use shared::ports::{Backend, Clock};
    use shared_memory::MemoryBackend;

    use super::*;
    use crate::exit::ExitStatus;
    use crate::testing;

    #[test]
    fn the_introduction_warns_of_messages_and_of_changes_to_existing_users() {
        let lines = |options: ImportOptions| consequences(&options, true).collect::<Vec<_>>();
        assert!(
            lines(ImportOptions { method: Method::Csv, ..ImportOptions::default() })[0]
                .contains("Import jobs")
        );
        let loud = ImportOptions {
            passwords: Passwords::Temporary,
            existing: Existing::Update,
            ..ImportOptions::default()
        };
        assert_eq!(lines(loud.clone()).len(), 2);
        assert!(lines(loud).iter().all(|line| line.starts_with("ATTENTION")));
    }

    #[test]
    fn the_introduction_says_when_the_snapshot_was_taken_and_how_long_the_restore_takes() {
        let tps = Tps::new(10).ok();
        let lines = describe(&testing::snapshot(1, 400_000), tps, testing::now());
        assert_eq!(
            lines,
            [
                "Snapshot 20261121T010000000Z-00000001, sealed 2026-11-21 01:10:00 UTC (10 h ago): 400,000 users, 3 groups \
                 and 7 memberships.",
                "Into an empty pool, this takes 22 h 13 min at least.",
            ]
        );
    }

    #[test]
    fn the_introduction_says_the_state_of_an_earlier_restore() {
        let partial = || Box::new(testing::restore(RestoreState::Partial));
        let about = |earlier| about(&earlier, testing::now());
        let continued = about(EarlierRestore::Continued(partial())).unwrap();
        assert!(continued.contains("was partial. The import continues it"), "{continued}");
        let removed = about(EarlierRestore::SnapshotRemoved(partial())).unwrap();
        assert!(removed.contains("the import begins a new restore"), "{removed}");
        let outdated = about(EarlierRestore::Outdated(partial())).unwrap();
        assert!(outdated.contains("not the newest any more"), "{outdated}");
        assert_eq!(about(EarlierRestore::Unrelated(Some(partial()))), None);
        let again =
            about(EarlierRestore::Continued(Box::new(testing::restore(RestoreState::Succeeded)))).unwrap();
        assert!(again.contains("left federated users to their sign-in"), "{again}");
    }

    #[tokio::test]
    async fn only_an_unfinished_restore_of_the_same_input_that_has_written_is_continued() {
        let input = |source: &str, snapshot: SnapshotSelector| ImportInput {
            source: testing::pool(source),
            snapshot,
            ..testing::import_input()
        };
        let latest = input("a", SnapshotSelector::Latest);
        let backend = MemoryBackend::new(Clock::starting_at(testing::now()));
        let catalog = Catalog::new(backend.vault());
        let earlier =
            async |input: &ImportInput| match look_up(input, &catalog, testing::now()).await.unwrap().earlier
            {
                EarlierRestore::Continued(restore) => Some(*restore),
                EarlierRestore::Unrelated(_)
                | EarlierRestore::SnapshotRemoved(_)
                | EarlierRestore::AtWork(_)
                | EarlierRestore::Outdated(_) => None,
            };

        let partial = testing::restore(RestoreState::Partial);
        catalog.begin_snapshot(&testing::snapshot(1, 10)).await.unwrap();
        catalog.begin_restore(&partial, &[]).await.unwrap();
        assert_eq!(earlier(&latest).await, None, "its forecast has not ended, so it has written nothing");
        let forecast = testing::forecast(&partial);
        let key = CheckpointKey::forecast(&partial.id);
        catalog.begin_forecast(&forecast).await.unwrap();
        assert_eq!(earlier(&latest).await.as_ref(), Some(&partial));
        let by_id = input("a", SnapshotSelector::Id(partial.snapshot.clone()));
        assert_eq!(earlier(&by_id).await.as_ref(), Some(&partial));
        assert_eq!(earlier(&input("c", SnapshotSelector::Latest)).await, None);

        let refused = ForecastCheckpoint {
            forecast: Forecast { groups_too_many: 1, ..Forecast::default() },
            ..forecast
        };
        catalog.put_checkpoint(&key, refused.next_page, &refused).await.unwrap();
        assert_eq!(earlier(&latest).await, None, "the target refused it, so it has written nothing");
        let accepted = |restore: &mut Restore| restore.state = RestoreState::Succeeded;
        catalog.change_restore(&partial.target, &partial.id, accepted).await.unwrap();
        catalog.put_checkpoint(&key, refused.next_page, &testing::forecast(&partial)).await.unwrap();
        assert_eq!(earlier(&latest).await, None, "nothing is left to do");
    }

    /// The rule of the state machine: see [`EarlierRestore::find`].
    #[tokio::test]
    async fn an_import_of_latest_into_a_pool_in_use_does_not_continue_a_restore_of_an_older_snapshot() {
        let backend = MemoryBackend::new(Clock::starting_at(testing::now()));
        let catalog = Catalog::new(backend.vault());
        let options = ImportOptions { existing: Existing::Skip, ..ImportOptions::default() };
        let failed = Restore { options: options.clone(), ..testing::restore(RestoreState::Failed) };
        catalog.begin_snapshot(&testing::snapshot(1, 10)).await.unwrap();
        catalog.begin_forecast(&testing::forecast(&failed)).await.unwrap();
        catalog.begin_restore(&failed, &[]).await.unwrap();
        let latest = ImportInput { options, ..testing::import_input() };
        let said =
            async |input: &ImportInput| introduction(input, None, &catalog, "backup", testing::now()).await;
        assert!(said(&latest).await.unwrap().contains("The import continues it"));

        catalog.begin_snapshot(&testing::snapshot(9, 10)).await.unwrap();
        let refused = said(&latest).await.unwrap_err();
        assert_eq!((refused.error.as_str(), refused.status), ("UnfinishedRestore", ExitStatus::Refused));
        for says in [
            testing::snapshot(1, 0).id.as_str(),
            "(11 h ago)",
            testing::snapshot(9, 0).id.as_str(),
            "(3 h ago)",
        ] {
            assert!(refused.message.contains(says), "{refused}");
        }
        assert!(
            refused.guidance.contains(&format!("--snapshot {}", testing::snapshot(9, 0).id)),
            "{refused}"
        );
        let (key, now) = (LeaseKey::of_pool(&failed.target, RunKind::Import), testing::now());
        catalog.take_lease(&key, &Lease::new("another", now), true, now).await.unwrap();
        assert!(
            said(&latest)
                .await
                .unwrap()
                .contains("until 2026-11-21 12:20:00 UTC. It still runs, or it was aborted")
        );
        for (hour, continues) in [(1, true), (9, false)] {
            let named = ImportInput {
                snapshot: SnapshotSelector::Id(testing::snapshot(hour, 0).id),
                ..latest.clone()
            };
            assert_eq!(said(&named).await.unwrap().contains("The import continues it"), continues);
        }
    }
}
