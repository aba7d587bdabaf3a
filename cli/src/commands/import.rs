//! `import`: restore a snapshot into another user pool, or bring back what its own has lost.

use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::{
    Existing, ImportInput, ImportOptions, Method, Passwords, PoolId, Restore, RestoreState, Snapshot, SnapshotSelector, Tps,
};
use shared::ports::vault::Vault;

use super::run::{self, RunRequest};
use super::{Deployment, Session};
use crate::args::ImportArgs;
use crate::aws::{Executions, RunInput};
use crate::output::text::{ago, duration};
use crate::output::{Answer, snapshot_in_words};
use crate::problem::{Problem, Result};
use crate::watch::Position;

/// An import that is to be made.
#[derive(Debug)]
pub struct Request {
    input: ImportInput,
    /// The same as the state machine gets it.
    json: Value,
    no_wait: bool,
}

impl Request {
    /// Reads and checks the arguments.
    ///
    /// # Errors
    /// For what is no pool id, snapshot id or limit, and where source and target are the same and nothing says what becomes of the users there.
    pub fn read(args: &ImportArgs) -> Result<Self> {
        let json = run::with_limits(json(args), &args.run)?;
        Ok(Self { input: ImportInput::parse(&json)?, json, no_wait: args.run.no_wait })
    }

    /// The pool to restore into.
    pub fn target(&self) -> &PoolId {
        &self.input.target
    }

    /// Says what it is going to do, starts the import and watches it.
    ///
    /// # Errors
    /// When it fails. A restore that is partial is no error, but an answer.
    pub async fn run<E: Executions, V: Vault, S: Future<Output = ()>>(
        &self,
        deployment: &Deployment<E, V>,
        session: Session<'_, S>,
    ) -> Result<Answer> {
        session.meter.note(&self.plan(&deployment.catalog, &deployment.table, (session.now)()).await);
        let order = RunRequest {
            input: RunInput::Import(Box::new(self.input.clone())),
            json: self.json.clone(),
            pool: self.input.target.clone(),
            no_wait: self.no_wait,
        };
        run::carry_out(deployment, order, session).await
    }

    /// What the import is going to do, as far as the table tells. The state machine decides: it checks all of it again, and more.
    async fn plan<V: Vault>(&self, catalog: &Catalog<V>, table: &str, now: Timestamp) -> String {
        let ImportInput { source, target, snapshot, tps, ceilings: _, options, selection, dry_run } = &self.input;
        let what = if *dry_run { "Finding out what it takes to restore" } else { "Restoring" };
        let where_to = if self.input.is_repair() { "itself".to_owned() } else { target.to_string() };
        let mut lines = vec![format!("{what} user pool {source} into {where_to} at {}.", run::limit(*tps))];
        match self.look_up(catalog).await {
            Ok(found) => {
                if let Some(earlier) = &found.earlier {
                    lines.push(continues(earlier, now));
                }
                match &found.snapshot {
                    // What it takes depends on how many are missing, which only --plan can tell.
                    Some(snapshot) => lines.extend(describe(snapshot, tps.filter(|_| !self.input.is_repair()), now)),
                    None => lines.push(format!("Table {table} does not show a snapshot of {source} that would be {snapshot}.")),
                }
            }
            Err(error) => {
                let Problem { message, guidance, .. } = error.into();
                lines.push(format!("The content of table {table} cannot be shown: {message} {guidance}"));
            }
        }
        if selection.digest().is_some() {
            lines.push("Only those who are selected are restored.".to_owned());
        }
        match dry_run {
            true => lines.push("Nothing is touched.".to_owned()),
            false => {
                lines.extend(intentions(options));
                if self.input.is_repair() {
                    lines.push(
                        "Who is there keeps sub and password; who is missing is created with a new sub. Nobody is deleted."
                            .to_owned(),
                    );
                }
            }
        }
        lines.join("\n")
    }

    async fn look_up<V: Vault>(&self, catalog: &Catalog<V>) -> shared::Result<Found> {
        let ImportInput { source, target, snapshot, .. } = &self.input;
        let last = catalog.last_restore_that_wrote(target).await?;
        let earlier = last.filter(|last| last.is_continued_by(&self.input));
        let snapshot = match (&earlier, snapshot) {
            (Some(earlier), _) => catalog.snapshot(source, &earlier.snapshot).await?,
            (None, SnapshotSelector::Latest) => catalog.newest_sealed(source, None).await?,
            (None, SnapshotSelector::Id(id)) => catalog.snapshot(source, id).await?,
        };
        Ok(Found { earlier, snapshot })
    }
}

/// What the table tells about an import before it starts.
struct Found {
    /// The restore that it continues, if the target still holds what that brought.
    earlier: Option<Restore>,
    /// The snapshot.
    snapshot: Option<Snapshot>,
}

/// The input of the state machine that says what the arguments say.
fn json(args: &ImportArgs) -> Value {
    let mut input = json!({ "sourceUserPoolId": args.pool, "targetUserPoolId": args.into, "snapshot": args.snapshot });
    let options = &args.options;
    let words = [
        ("existing", &options.existing),
        ("federated", &options.federated),
        ("method", &options.method),
        ("passwords", &options.passwords),
        ("oldSubAttribute", &options.old_sub_attribute),
    ];
    for (name, word) in words {
        if let Some(word) = word {
            input[name] = word.as_str().into();
        }
    }
    let chosen = &args.selection;
    let sides = [
        ("select", [&chosen.user, &chosen.email, &chosen.sub, &chosen.group]),
        ("except", [&chosen.except_user, &chosen.except_email, &chosen.except_sub, &chosen.except_group]),
    ];
    for (side, lists) in sides {
        for (name, list) in ["usernames", "emails", "subs", "groups"].into_iter().zip(lists).filter(|(_, list)| !list.is_empty())
        {
            input[side][name] = list.as_slice().into();
        }
    }
    let switches = [
        ("dryRun", args.plan),
        ("sendInvitations", options.send_invitations),
        ("acceptLosses", options.accept_losses),
        ("createMissingAttributes", options.create_missing_attributes),
    ];
    for (name, _) in switches.into_iter().filter(|(_, on)| *on) {
        input[name] = true.into();
    }
    input
}

/// What users of the target will notice.
fn intentions(options: &ImportOptions) -> Vec<String> {
    let mut lines = vec![match (options.method, options.passwords) {
        (Method::Csv, _) => {
            "Nobody gets a message. Users come by import jobs and have to set a new password with a code at the next sign-in."
        }
        (Method::Api, Passwords::Random) => {
            "Nobody gets a message. Passwords cannot be restored: users sign in after \"forgot password\"."
        }
        (Method::Api, Passwords::Temporary) => {
            "ATTENTION: Cognito sends an invitation with a temporary password to every user with an e-mail address or phone number."
        }
    }];
    match options.existing {
        Existing::Fail => {}
        Existing::Skip => lines.push("Users and groups that the target has already stay as they are."),
        Existing::Update => {
            lines.push("ATTENTION: users and groups that the target has already are made as they are in the snapshot.");
        }
    }
    lines.into_iter().map(str::to_owned).collect()
}

fn continues(earlier: &Restore, now: Timestamp) -> String {
    let state = match earlier.state {
        RestoreState::Partial => "was partial",
        RestoreState::Failed => "failed",
        _ => "has not ended",
    };
    format!(
        "Restore {} of the same input, begun {}, {state}: it is continued if the target still holds what it brought.",
        earlier.id,
        ago(earlier.began(), now)
    )
}

fn describe(snapshot: &Snapshot, tps: Option<Tps>, now: Timestamp) -> Vec<String> {
    let mut lines = vec![snapshot_in_words(snapshot, now)];
    if let Some(tps) = tps {
        let least = Duration::from_secs(Position::calls(&snapshot.counts) / u64::from(tps.get()));
        if !least.is_zero() {
            lines.push(format!("It takes {} at least, from an empty pool.", duration(least)));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use shared::catalog::CheckpointKey;
    use shared::model::{Forecast, ForecastCheckpoint, Selection};
    use shared::ports::{Backend, Clock};
    use shared_memory::MemoryBackend;

    use super::*;
    use crate::args::{OptionArgs, RunArgs, SelectionArgs, typed};
    use crate::testing;

    fn read_with(pool: &str, into: &str, snapshot: &str, tps: Option<&str>, options: OptionArgs) -> Result<Request> {
        let run = RunArgs { tps: tps.map(str::to_owned), ..RunArgs::default() };
        let [pool, into, snapshot] = [pool, into, snapshot].map(str::to_owned);
        Request::read(&ImportArgs { pool, into, snapshot, plan: false, selection: SelectionArgs::default(), options, run })
    }

    fn read(pool: &str, into: &str, snapshot: &str, tps: Option<&str>) -> Result<Request> {
        read_with(pool, into, snapshot, tps, OptionArgs::default())
    }

    #[test]
    fn a_selection_reaches_the_state_machine_and_the_next_command() {
        let names = |name: &str| vec![name.to_owned()];
        let selection =
            SelectionArgs { user: names("anna"), group: names("R&D's"), except_sub: names("1"), ..Default::default() };
        let [pool, into, snapshot] = ["eu-west-1_a", "eu-west-1_b", "latest"].map(str::to_owned);
        let run = RunArgs::default();
        let args = ImportArgs { pool, into, snapshot, plan: true, selection, options: OptionArgs::default(), run };
        let request = Request::read(&args).unwrap();
        assert_eq!(request.json["select"], json!({"usernames": ["anna"], "groups": ["R&D's"]}));
        assert_eq!(request.json["except"], json!({"subs": ["1"]}));
        assert!(request.input.dry_run && request.input.selection.digest().is_some());
        let again = typed(&ImportOptions::default(), &request.input.selection);
        assert_eq!(again, r" --user anna --group 'R&D'\''s' --except-sub 1");
    }

    #[test]
    fn options_reach_the_state_machine_and_the_next_command() {
        let some = |word: &str| Some(word.to_owned());
        let options = || OptionArgs {
            existing: some("update"),
            federated: some("link"),
            method: some("api"),
            passwords: some("temporary"),
            send_invitations: true,
            accept_losses: true,
            create_missing_attributes: true,
            old_sub_attribute: some("custom:old_sub"),
        };
        let request = read_with("eu-west-1_a", "eu-west-1_b", "latest", None, options()).unwrap();
        assert_eq!(ImportInput::parse(&request.json), Ok(request.input.clone()));
        assert_eq!(
            typed(&request.input.options, &Selection::default()),
            " --existing update --federated link --passwords temporary --send-invitations --accept-losses --create-missing-attributes \
             --old-sub-attribute custom:old_sub"
        );
        assert_eq!(typed(&ImportOptions::default(), &Selection::default()), "");
        let by_jobs = OptionArgs { method: some("csv"), ..OptionArgs::default() };
        let by_jobs = read_with("eu-west-1_a", "eu-west-1_b", "latest", None, by_jobs).unwrap();
        assert_eq!(typed(&by_jobs.input.options, &Selection::default()), " --method csv");
        assert!(intentions(&by_jobs.input.options)[0].contains("import jobs"));
        assert!(intentions(&request.input.options).iter().all(|line| line.starts_with("ATTENTION")));
        let wrong = OptionArgs { existing: some("overwrite"), ..options() };
        assert_eq!(read_with("eu-west-1_a", "eu-west-1_b", "latest", None, wrong).unwrap_err().error, "InvalidInput");
        let partial = testing::restore(RestoreState::Partial);
        assert!(!partial.is_continued_by(&request.input), "another way to go about it is another restore");
    }

    #[test]
    fn wrong_arguments_are_named_errors() {
        let (a, b) = ("eu-west-1_a", "eu-west-1_b");
        for (wrong, error) in [
            (read("nonsense", b, "latest", None), "InvalidInput"),
            (read(a, "b", "latest", None), "InvalidInput"),
            (read(a, b, "newest", None), "InvalidInput"),
            (read(a, b, "latest", Some("1000")), "InvalidInput"),
            (read(a, a, "latest", None), "TargetIsSource"),
        ] {
            let problem = wrong.unwrap_err();
            assert_eq!((problem.error.as_str(), problem.status.code()), (error, 4));
        }
        for existing in ["skip", "update"] {
            let options = OptionArgs { existing: Some(existing.to_owned()), ..OptionArgs::default() };
            assert!(read_with(a, a, "latest", None, options).unwrap().input.is_repair());
        }
        assert_eq!(read(a, b, "20261121T020000123Z-1a2b3c4d", Some("9")).unwrap().input.tps.map(Tps::get), Some(9));
    }

    #[test]
    fn the_plan_says_when_the_snapshot_was_taken_and_how_long_it_takes() {
        let tps = Tps::new(10).ok();
        let lines = describe(&testing::snapshot(1, 400_000), tps, testing::now());
        assert_eq!(
            lines,
            [
                "Snapshot 20261121T010000000Z-00000001, sealed 2026-11-21 01:10:00 UTC (10 h ago): 400,000 users, 3 groups, 7 memberships.",
                "It takes 22 h 13 min at least, from an empty pool.",
            ]
        );
    }

    #[test]
    fn a_restore_that_is_continued_says_where_it_stands() {
        let partial = testing::restore(RestoreState::Partial);
        assert!(continues(&partial, testing::now()).contains("was partial"));
    }

    #[tokio::test]
    async fn only_an_unfinished_restore_of_the_same_input_that_has_written_is_continued() {
        let request = |source: &str, snapshot: &str| read(source, "eu-west-1_b", snapshot, None).unwrap();
        let latest = request("eu-west-1_a", "latest");
        let backend = MemoryBackend::new(Clock::starting_at(testing::now()));
        let catalog = Catalog::new(backend.vault());
        let earlier = async |request: &Request| request.look_up(&catalog).await.unwrap().earlier;

        let partial = testing::restore(RestoreState::Partial);
        catalog.begin_restore(&partial, &[]).await.unwrap();
        assert_eq!(earlier(&latest).await, None, "its forecast has not ended, so it has written nothing");
        let forecast = testing::forecast(&partial);
        let key = CheckpointKey::forecast(&partial.id);
        catalog.begin_forecast(&forecast).await.unwrap();
        assert_eq!(earlier(&latest).await.as_ref(), Some(&partial));
        assert_eq!(earlier(&request("eu-west-1_a", partial.snapshot.as_str())).await.as_ref(), Some(&partial));
        assert_eq!(earlier(&request("eu-west-1_c", "latest")).await, None);

        let refused = ForecastCheckpoint { forecast: Forecast { groups_too_many: 1, ..Forecast::default() }, ..forecast };
        catalog.put_checkpoint(&key, refused.next_page, &refused).await.unwrap();
        assert_eq!(earlier(&latest).await, None, "the target refused it, so it has written nothing");
        let accepted = |restore: &mut Restore| restore.state = RestoreState::Succeeded;
        catalog.change_restore(&partial.target, &partial.id, accepted).await.unwrap();
        catalog.put_checkpoint(&key, refused.next_page, &testing::forecast(&partial)).await.unwrap();
        assert_eq!(earlier(&latest).await, None, "nothing is left to do");
    }
}
