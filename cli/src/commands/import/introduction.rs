//! The introduction that an import prints before it starts: what the import will do, as far as the
//! table shows.
//!
//! The state machine checks all of it again, and more. It decides.

use std::time::Duration;

use jiff::Timestamp;
use shared::catalog::Catalog;
use shared::model::{
    Existing, ImportInput, ImportOptions, Method, Passwords, Restore, RestoreState, Snapshot,
    SnapshotSelector, TargetPool, Tps,
};
use shared::ports::vault::Vault;

use super::super::run;
use crate::output::snapshot_in_words;
use crate::output::text::{ago, duration};
use crate::problem::Problem;
use crate::watch::Position;

/// The introduction to an import.
pub async fn introduction<V: Vault>(
    input: &ImportInput,
    catalog: &Catalog<V>,
    table: &str,
    now: Timestamp,
) -> String {
    let ImportInput { source, target, snapshot, tps, ceilings: _, options, selection, dry_run } = input;
    let what = if *dry_run { "Making the forecast of a restore of" } else { "Restoring" };
    let target_pool = input.target_pool();
    let into = match target_pool {
        TargetPool::Own => "itself".to_owned(),
        TargetPool::Other => target.to_string(),
    };
    let mut lines = vec![format!("{what} user pool {source} into {into} at {}.", run::limit(*tps))];
    match look_up(input, catalog).await {
        Ok(found) => {
            lines.extend(found.earlier.map(|earlier| continues(&earlier, now)));
            match &found.snapshot {
                // The time of a repair depends on how many users are missing. Only --plan can tell.
                Some(snapshot) => {
                    lines.extend(describe(snapshot, tps.filter(|_| !target_pool.holds_most_entries()), now))
                }
                None => lines
                    .push(format!("Table {table} shows no snapshot of {source} that matches {snapshot}.")),
            }
        }
        Err(error) => {
            let Problem { message, guidance, .. } = error.into();
            lines.push(format!("The command cannot show the content of table {table}. {message} {guidance}"));
        }
    }
    if selection.digest().is_some() {
        lines.push("The import restores only the selected users.".to_owned());
    }
    if *dry_run {
        lines.push("The target is not changed.".to_owned());
    } else {
        lines.extend(consequences(options).map(str::to_owned));
    }
    if !dry_run && target_pool == TargetPool::Own {
        let kept =
            "Existing users keep sub and password. Missing users get a new sub. The import deletes no user.";
        lines.push(kept.to_owned());
    }
    lines.join("\n")
}

/// What the table shows about an import before it starts.
struct Found {
    /// The restore that the import continues, if the target still holds its users.
    earlier: Option<Restore>,
    snapshot: Option<Snapshot>,
}

async fn look_up<V: Vault>(input: &ImportInput, catalog: &Catalog<V>) -> shared::Result<Found> {
    let ImportInput { source, target, snapshot, .. } = input;
    let last = catalog.last_restore_that_wrote(target).await?;
    let earlier = last.filter(|last| last.is_continued_by(input));
    let snapshot = match (&earlier, snapshot) {
        (Some(earlier), _) => catalog.snapshot(source, &earlier.snapshot).await?,
        (None, SnapshotSelector::Latest) => catalog.newest_sealed(source, None).await?,
        (None, SnapshotSelector::Id(id)) => catalog.snapshot(source, id).await?,
    };
    Ok(Found { earlier, snapshot })
}

/// What users of the target will notice.
fn consequences(options: &ImportOptions) -> impl Iterator<Item = &'static str> {
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
    std::iter::once(sign_in).chain(existing)
}

fn continues(earlier: &Restore, now: Timestamp) -> String {
    let state = match earlier.state {
        RestoreState::Partial => "was partial",
        RestoreState::Failed => "failed",
        RestoreState::Succeeded => "succeeded, and left federated users to their sign-in",
        _ => "has not ended",
    };
    format!(
        "Restore {} of the same input, begun {}, {state}. The import continues it if the target still holds its users.",
        earlier.id,
        ago(earlier.began(), now)
    )
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
    use shared::catalog::CheckpointKey;
    use shared::model::{Forecast, ForecastCheckpoint};
    use shared::ports::{Backend, Clock};
    use shared_memory::MemoryBackend;

    use super::*;
    use crate::testing;

    #[test]
    fn the_introduction_warns_of_messages_and_of_changes_to_existing_users() {
        let lines = |options: ImportOptions| consequences(&options).collect::<Vec<_>>();
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
    fn the_introduction_says_the_state_of_a_continued_restore() {
        let partial = testing::restore(RestoreState::Partial);
        assert!(continues(&partial, testing::now()).contains("was partial"));
        let succeeded = testing::restore(RestoreState::Succeeded);
        assert!(continues(&succeeded, testing::now()).contains("left federated users to their sign-in"));
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
        let earlier = async |input: &ImportInput| look_up(input, &catalog).await.unwrap().earlier;

        let partial = testing::restore(RestoreState::Partial);
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
}
