//! Whole commands, on state machines that are written down beforehand and a table in memory.

use std::collections::VecDeque;
use std::future::{Future, pending};
use std::io::Write;
use std::sync::Mutex;
use std::time::Duration;

use clap::Parser;
use serde_json::{Value, json};
use shared::Error;
use shared::catalog::Catalog;
use shared::model::{
    Failure, GroupName, GroupRecord, Listing, PoolDescription, Restore, RestoreState, RunId, RunKind, Snapshot, SnapshotState,
    Sub, UserRecord, UserStatus, Username,
};
use shared::pacing::Budget;
use shared::ports::Backend;
use shared::ports::Clock;
use shared::steps;
use shared_memory::{MemoryBackend, MemoryPool, MemoryVault};

use super::*;
use crate::args::Cli;
use crate::aws::{ExecutionArn, ExecutionView, Executions, RunInput, RunStatus};
use crate::exit::ExitStatus;
use crate::problem::Problem;
use crate::testing;

/// State machines whose one execution looks as written down; the last look is repeated.
#[derive(Default)]
struct FakeExecutions {
    looks: Mutex<VecDeque<ExecutionView>>,
    started: Mutex<Vec<(String, String, Value)>>,
}

impl Executions for FakeExecutions {
    async fn machine(&self, operation: RunKind) -> Result<String, Error> {
        Ok(format!("arn:aws:states:eu-west-1:123456789012:stateMachine:{operation:?}"))
    }

    async fn start(&self, machine: &str, name: &str, input: &Value) -> Result<ExecutionArn, Error> {
        self.started.lock().unwrap().push((machine.to_owned(), name.to_owned(), input.clone()));
        Ok(self.looks.lock().unwrap()[0].arn.clone())
    }

    async fn describe(&self, _: &ExecutionArn) -> Result<ExecutionView, Error> {
        let mut looks = self.looks.lock().unwrap();
        Ok(if looks.len() > 1 { looks.pop_front().unwrap() } else { looks[0].clone() })
    }

    async fn list(&self, machine: &str, _: usize) -> Result<Vec<ExecutionArn>, Error> {
        let looks = self.looks.lock().unwrap();
        let mine = looks.iter().filter(|look| machine.ends_with(&format!("{:?}", look.input.operation().unwrap())));
        Ok(mine.map(|look| look.arn.clone()).collect())
    }
}

/// A deployment and what it has in its table, pools, and the table of another account.
struct Fixture(Deployment<FakeExecutions, MemoryVault>, MemoryBackend, MemoryVault);

impl Fixture {
    fn new(looks: impl Into<VecDeque<ExecutionView>>) -> Self {
        let executions = FakeExecutions { looks: Mutex::new(looks.into()), ..FakeExecutions::default() };
        let backend = MemoryBackend::new(Clock::starting_at(testing::now()));
        Self(
            Deployment { executions, catalog: Catalog::new(backend.vault()), table: "backup".into() },
            backend,
            MemoryVault::default(),
        )
    }

    async fn with_snapshots(self, snapshots: impl IntoIterator<Item = Snapshot>) -> Self {
        for snapshot in snapshots {
            self.0.catalog.begin_snapshot(&snapshot, Vec::new()).await.unwrap();
        }
        self
    }

    async fn with_restore(self, restore: Restore) -> Self {
        self.0.catalog.begin_restore(&restore, &[]).await.unwrap();
        self
    }

    /// Runs a command line to its end; returns its result and what went to stderr.
    async fn run(&self, line: &str) -> (Result<Answer, Problem>, String) {
        self.run_until(line, pending()).await
    }

    async fn run_until(&self, line: &str, enough: impl Future<Output = ()>) -> (Result<Answer, Problem>, String) {
        self.run_into(line, enough, &mut std::io::sink()).await
    }

    async fn run_into(
        &self,
        line: &str,
        enough: impl Future<Output = ()>,
        lines: &mut dyn Write,
    ) -> (Result<Answer, Problem>, String) {
        let cli = Cli::parse_from(format!("cognito-backup {line}").split(' '));
        let (mut meter, written) = testing::meter();
        let session = Session { meter: &mut meter, lines, enough, now: testing::now };
        let result = match &cli.command {
            Command::Export(args) => export::Request::read(args).unwrap().run(&self.0, session).await,
            Command::Import(args) => import::Request::read(args).unwrap().run(&self.0, session).await,
            Command::Status(args) => status::Request::read(args).unwrap().run(&self.0, session).await,
            Command::Snapshots(args) => snapshots::Request::read(args).unwrap().run(&self.0, testing::now()).await,
            Command::SubMap(args) => sub_map::Request::read(args, cli.settings.json).unwrap().run(&self.0, session).await,
            Command::Verify(args) => {
                let request = verify::Request::read(args, cli.settings.json).unwrap();
                request.run(&self.0, self.1.pool(request.pool()), session).await
            }
            Command::Copy(args) => {
                let table = |vault, account: &str| Table { catalog: Catalog::new(vault), place: testing::place(account) };
                let source = table(self.1.vault(), "111111111111");
                let destination = match args.to.to_table.as_str() {
                    "itself" => table(self.1.vault(), "111111111111"),
                    _ => table(self.2.clone(), "222222222222"),
                };
                copy::Request::read(args).unwrap().run(&source, &destination, session).await
            }
            Command::Prune(args) => {
                let table = Table { catalog: Catalog::new(self.1.vault()), place: testing::place("111111111111") };
                let replicas = ["eu-central-1".to_owned()];
                prune::Request::read(args).unwrap().run(&table, &replicas, self.1.clock(), session).await
            }
        };
        (result, written.text())
    }
}

fn export(status: RunStatus) -> ExecutionView {
    let snapshot = testing::snapshot(1, 0);
    ExecutionView {
        arn: ExecutionArn::parse(&snapshot.execution.id).unwrap(),
        input: RunInput::parse(&json!({"userPoolId": "eu-west-1_a"})),
        ..testing::execution(status)
    }
}

const IMPORT: &str = "import --pool eu-west-1_a --into eu-west-1_b";

#[tokio::test(start_paused = true)]
async fn an_export_is_started_watched_and_reported() {
    let ended = ExecutionView { output: serde_json::to_value(testing::export_report()).ok(), ..export(RunStatus::Succeeded) };
    let fixture = Fixture::new([export(RunStatus::Running), ended]).with_snapshots([testing::snapshot(1, 400_000)]).await;
    let (result, stderr) = fixture.run("export --pool eu-west-1_a --tps 25").await;
    let answer = result.unwrap();
    assert_eq!((answer.status, answer.json["status"].as_str()), (ExitStatus::Done, Some("SEALED")));
    assert_eq!(answer.json["users"], 400_000);
    let started = fixture.0.executions.started.lock().unwrap();
    let (machine, name, input) = &started[0];
    assert!(machine.ends_with("Export") && name.starts_with("export-eu-west-1_a-"), "{machine} {name}");
    assert_eq!(*input, json!({"userPoolId": "eu-west-1_a", "tps": 25}));
    assert!(stderr.contains("at 25 calls per second") && stderr.contains("400,000 of about 400,000 users"), "{stderr}");
}

#[tokio::test(start_paused = true)]
async fn a_partial_import_ends_with_3_and_names_what_is_missing() {
    let mut restore = testing::restore(RestoreState::Partial);
    restore.totals = Some(testing::partial_totals());
    let fixture = Fixture::new([testing::execution(RunStatus::Running), testing::execution(RunStatus::Partial)])
        .with_snapshots([testing::snapshot(1, 400_000)])
        .await
        .with_restore(restore.clone())
        .await;
    let ledger = testing::lossy_page();
    fixture.0.catalog.change_ledger_page(&restore.id, &Listing::Users.unit_id(), 1, &ledger, |_| ()).await.unwrap();
    let (result, stderr) = fixture.run(IMPORT).await;
    let answer = result.unwrap();
    assert_eq!((answer.status, answer.json["status"].as_str()), (ExitStatus::Partial, Some("PARTIAL")));
    let named: Vec<_> = answer.json["losses"].as_array().unwrap().iter().map(|loss| loss["key"].as_str().unwrap()).collect();
    assert_eq!(named, ["sub-4", "sub-3"]);
    insta::assert_snapshot!(stderr);
}

#[tokio::test(start_paused = true)]
async fn a_refused_import_ends_with_4_and_an_aborted_one_with_1() {
    let mut refused = testing::execution(RunStatus::Failed);
    refused.error = Some("TargetNotEmpty".into());
    refused.cause = Some("User pool eu-west-1_b already holds users. Create an empty one.".into());
    let fixture = Fixture::new([refused]);
    let (result, stderr) = fixture.run(IMPORT).await;
    let problem = result.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("TargetNotEmpty", ExitStatus::Refused));
    assert_eq!(problem.execution_arn.as_deref(), Some(testing::arn().as_str()));
    assert!(stderr.contains("Table backup does not show a snapshot of eu-west-1_a that would be latest."), "{stderr}");
    let aborted = Fixture::new([testing::execution(RunStatus::Aborted)]);
    assert_eq!(aborted.run(IMPORT).await.0.unwrap_err().status, ExitStatus::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_complete_import_ends_with_0() {
    let output = serde_json::to_value(testing::import_report()).ok();
    let fixture = Fixture::new([ExecutionView { output, ..testing::execution(RunStatus::Succeeded) }]);
    let answer = fixture.run(IMPORT).await.0.unwrap();
    assert_eq!((answer.status, &answer.json["users"]["created"]), (ExitStatus::Done, &json!(400_000)));
    let fixture = Fixture::new([testing::execution(RunStatus::Succeeded)]);
    let problem = fixture.run(IMPORT).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("Internal", ExitStatus::Failed), "a report that cannot be read");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_left_alone_ends_with_5() {
    let fixture = Fixture::new([export(RunStatus::Running)]);
    let answer = fixture.run("export --pool eu-west-1_a --no-wait").await.0.unwrap();
    assert_eq!(answer.status, ExitStatus::Running);
    let ctrl_c = tokio::time::sleep(Duration::from_secs(3));
    let answer = fixture.run_until("export --pool eu-west-1_a", ctrl_c).await.0.unwrap();
    assert_eq!((answer.status, answer.json["status"].as_str()), (ExitStatus::Running, Some("RUNNING")));
    assert!(answer.human.contains("cognito-backup status --execution arn:aws:states:"), "{}", answer.human);
}

#[tokio::test(start_paused = true)]
async fn the_status_of_a_pool_shows_executions_snapshots_and_restores() {
    let mut failed = testing::snapshot(2, 12);
    failed.state = SnapshotState::Failed;
    failed.seal = None;
    failed.failure = Some(Failure { error: "ListingFailed".into(), cause: "It was cut short. Start a new export.".into() });
    let fixture = Fixture::new([testing::execution(RunStatus::Running)])
        .with_restore(testing::restore(RestoreState::Running))
        .await
        .with_snapshots([testing::snapshot(1, 400_000), failed])
        .await;
    let (target, source) = (fixture.run("status --pool eu-west-1_b").await.0, fixture.run("status --pool eu-west-1_a").await.0);
    insta::assert_snapshot!(target.unwrap().human);
    insta::assert_snapshot!(source.unwrap().human);
    let other = fixture.run("status --pool eu-west-1_c").await.0.unwrap();
    assert_eq!((other.status, &other.json["executions"]), (ExitStatus::Done, &json!([])));
    let all = fixture.run("status").await.0.unwrap();
    assert_eq!((all.json["executions"].as_array().map(Vec::len), all.json.get("restores")), (Some(1), None));
}

#[tokio::test(start_paused = true)]
async fn the_status_of_an_execution_ends_as_the_run_did() {
    let line = format!("status --execution {}", testing::arn());
    let running = Fixture::new([testing::execution(RunStatus::Running)]);
    assert_eq!(running.run(&line).await.0.unwrap().status, ExitStatus::Running);

    let ends = [testing::execution(RunStatus::Running), testing::execution(RunStatus::Succeeded)];
    let watched = Fixture::new(ends).run(&format!("{line} --wait")).await.0.unwrap();
    assert_eq!((watched.status, &watched.json["executions"][0]["status"]), (ExitStatus::Done, &json!("SUCCEEDED")));

    let mut denied = testing::execution(RunStatus::Failed);
    denied.error = Some("AccessDenied".into());
    let before = Fixture::new([denied.clone()]);
    assert_eq!(before.run(&line).await.0.unwrap().status, ExitStatus::Refused, "nothing had been written");
    let midway = Fixture::new([denied]).with_restore(testing::restore(RestoreState::Failed)).await;
    let answer = midway.run(&line).await.0.unwrap();
    assert_eq!((answer.status, &answer.json["restores"][0]["status"]), (ExitStatus::Failed, &json!("FAILED")));
}

#[tokio::test(start_paused = true)]
async fn a_restore_that_was_left_running_is_told_from_one_that_runs() {
    let fixture =
        Fixture::new([testing::execution(RunStatus::Aborted)]).with_restore(testing::restore(RestoreState::Running)).await;
    let answer = fixture.run("status --pool eu-west-1_b").await.0.unwrap();
    assert_eq!(answer.json["restores"][0]["executionStatus"], "ABORTED");
    assert!(answer.human.contains("stopped: its execution is ABORTED."), "{}", answer.human);
    let running =
        Fixture::new([testing::execution(RunStatus::Running)]).with_restore(testing::restore(RestoreState::Running)).await;
    let answer = running.run("status --pool eu-west-1_b").await.0.unwrap();
    assert_eq!(answer.json["restores"][0].get("executionStatus"), None);
}

#[tokio::test(start_paused = true)]
async fn all_snapshots_are_listed_newest_first() {
    let fixture = Fixture::new([]).with_snapshots((1..=9).map(|hour| testing::snapshot(hour, 60))).await;
    let answer = fixture.run("snapshots --pool eu-west-1_a").await.0.unwrap();
    assert_eq!(answer.json["snapshots"].as_array().map(Vec::len), Some(9));
    let in_threes = snapshots::all(&fixture.0.catalog, &testing::pool("a"), 3).await.unwrap();
    let hours: Vec<_> = in_threes.iter().map(|snapshot| snapshot.id.as_str()[9..11].parse::<u8>().unwrap()).collect();
    assert_eq!(hours, [9, 8, 7, 6, 5, 4, 3, 2, 1]);
}

const SUB_MAP: &str = "sub-map --into eu-west-1_b";

/// Stdout that takes no more.
struct Closed(std::io::ErrorKind);

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn the_sub_map_is_printed_to_its_end() {
    let restore = testing::restore(RestoreState::Running);
    let fixture = Fixture::new([]).with_restore(restore.clone()).await;
    // More than one answer of the table.
    let entry = |n: u32| {
        let mut entry = testing::sub_map().remove(0);
        entry.old_sub = Sub::new(format!("old-{n:04}"));
        entry.restored.as_mut().unwrap().sub = Some(Sub::new(format!("new-{n:04}")));
        entry
    };
    fixture.0.catalog.put_sub_map(&restore, &(0..2_345).map(entry).collect::<Vec<_>>()).await.unwrap();
    for (line, header) in [(SUB_MAP.to_owned(), 1), (format!("{SUB_MAP} --restore {} --json", restore.id), 0)] {
        let mut out = Vec::new();
        let (result, stderr) = fixture.run_into(&line, pending(), &mut out).await;
        assert_eq!(result.unwrap(), Answer::told(ExitStatus::Done));
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<_> = text.lines().skip(header).collect();
        assert_eq!(lines.len(), 2_345);
        assert!(lines.is_sorted() && lines[2_344].contains("old-2344") && lines[2_344].contains("new-2344"), "{}", lines[2_344]);
        assert!(stderr.contains("RUNNING") && stderr.contains("dealt with so far"), "{stderr}");
        assert!(stderr.contains("2,345 created, 0 found"), "{stderr}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_newest_restore_is_meant_where_none_is_named() {
    let older = testing::restore(RestoreState::Succeeded);
    let id = RunId::parse("20261121T110000000Z-0000000b").unwrap();
    let newer = Restore { id, ..testing::restore(RestoreState::Failed) };
    let fixture = Fixture::new([]).with_restore(older.clone()).await.with_restore(newer.clone()).await;
    let (result, stderr) = fixture.run(SUB_MAP).await;
    assert!(result.is_ok() && stderr.starts_with(&format!("Newest restore {}, FAILED", newer.id)), "{stderr}");
    let (result, stderr) = fixture.run(&format!("{SUB_MAP} --restore {}", older.id)).await;
    assert!(result.is_ok() && stderr.starts_with(&format!("Restore {}, SUCCEEDED", older.id)), "{stderr}");
}

#[tokio::test(start_paused = true)]
async fn a_restore_that_nobody_made_is_refused() {
    let fixture = Fixture::new([]).with_restore(testing::restore(RestoreState::Succeeded)).await;
    for line in ["sub-map --into eu-west-1_c".to_owned(), format!("{SUB_MAP} --restore 20261121T110000000Z-0000000b")] {
        let mut out = Vec::new();
        let problem = fixture.run_into(&line, pending(), &mut out).await.0.unwrap_err();
        assert_eq!((problem.error.as_str(), problem.status), ("RestoreNotFound", ExitStatus::Refused));
        assert!(out.is_empty(), "a header without a map");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_goes_away_is_no_failure_and_a_full_disk_is_one() {
    let fixture = Fixture::new([]).with_restore(testing::restore(RestoreState::Succeeded)).await;
    fixture.0.catalog.put_sub_map(&testing::restore(RestoreState::Succeeded), &testing::sub_map()).await.unwrap();
    for line in [SUB_MAP.to_owned(), format!("{SUB_MAP} --json")] {
        let gone = fixture.run_into(&line, pending(), &mut Closed(std::io::ErrorKind::BrokenPipe)).await.0;
        assert_eq!(gone.unwrap(), Answer::told(ExitStatus::Done));
        let full = fixture.run_into(&line, pending(), &mut Closed(std::io::ErrorKind::StorageFull)).await.0.unwrap_err();
        assert_eq!((full.error.as_str(), full.status), ("OutputFailed", ExitStatus::Failed));
    }
}

/// A pool `a` of so many people, all of them in group `all`, and a snapshot of it.
async fn exported(people: usize) -> (Fixture, MemoryPool, RunId) {
    let fixture = Fixture::new([]);
    let backend = &fixture.1;
    let pool = backend.create_pool(&testing::pool("a"), PoolDescription::with_defaults(&[]));
    let all = GroupName::new("all");
    let group =
        GroupRecord { name: all.clone(), description: None, precedence: None, role_arn: None, created: None, modified: None };
    pool.put_group(group);
    for number in 0..people {
        let record = UserRecord {
            username: Username::new(format!("person-{number:03}")),
            attributes: [("email".to_owned(), format!("person-{number}@example.com"))].into(),
            enabled: true,
            status: UserStatus::Confirmed,
            mfa_options: Vec::new(),
            mfa: None,
            created: None,
            modified: None,
        };
        pool.join(&pool.put_user(record), &all);
    }
    let execution = json!({"id": "arn:aws:states:eu-west-1:123456789012:execution:export:e", "startedAt": testing::now()});
    let begin = json!({"operation": "export", "input": {"userPoolId": "eu-west-1_a", "tps": 200}, "execution": execution});
    let budget = || Budget::for_invocation(Duration::from_secs(900));
    let progress = steps::enumerate(backend, begin).await.unwrap();
    let progress = steps::export_pages(backend, json!(progress), budget()).await.unwrap();
    let report = json!(steps::finalize(backend, json!(progress), budget()).await.unwrap());
    assert_eq!(report["status"], "SEALED", "{report}");
    (fixture, pool, RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_is_as_its_snapshot_ends_with_0() {
    let (fixture, _, id) = exported(130).await;
    let (result, stderr) = fixture.run(&format!("verify --snapshot {id} --against eu-west-1_a --tps 20")).await;
    let answer = result.unwrap();
    assert_eq!((answer.status, answer.json["status"].as_str()), (ExitStatus::Done, Some("COMPLETE")));
    assert_eq!((&answer.json["users"]["same"], &answer.json["memberships"]["present"]), (&json!(130), &json!(130)));
    assert_eq!((&answer.json["calls"]["total"], &answer.json["calls"]["limitPerSecond"]), (&json!(1 + 3 + 1 + 3), &json!(20)));
    assert!(answer.human.contains("holds everything") && !answer.human.contains("Next:"), "{}", answer.human);
    insta::assert_snapshot!(stderr.replace(id.as_str(), "ID"));
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_lacks_something_ends_with_3_and_names_the_first() {
    let (fixture, pool, _) = exported(130).await;
    let mut users = pool.users();
    users.sort_by(|one, other| one.sub.cmp(&other.sub));
    users[..20].iter().for_each(|user| pool.delete_user(&user.sub));
    pool.change_user(&users[20].sub, |record| record.enabled = false);
    let line = "verify --pool eu-west-1_a --against eu-west-1_a";
    let answer = fixture.run(line).await.0.unwrap();
    assert_eq!((answer.status, answer.json["status"].as_str()), (ExitStatus::Partial, Some("PARTIAL")));
    assert_eq!((&answer.json["users"]["missing"], &answer.json["memberships"]["missing"]), (&json!(20), &json!(20)));
    assert_eq!((answer.json["findings"].as_array().map(Vec::len), &answer.json["findingsLeftOut"]), (Some(11), &json!(30)));
    assert!(answer.human.contains("30 more: --all lists them all.") && !answer.human.contains("person-"), "{}", answer.human);

    let mut out = Vec::new();
    let told = fixture.run_into(&format!("{line} --all"), pending(), &mut out).await.0.unwrap();
    assert_eq!(told, Answer::told(ExitStatus::Partial));
    let text = String::from_utf8(out).unwrap();
    assert_eq!((text.matches("\nuser ").count(), text.matches("\nmembership ").count()), (21, 20), "{text}");
    let mut out = Vec::new();
    assert!(fixture.run_into(&format!("{line} --all --json"), pending(), &mut out).await.0.is_ok());
    let object: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!((object["findings"].as_array().map(Vec::len), &object["findingsLeftOut"]), (Some(41), &json!(0)));

    let gone = fixture.run_into(&format!("{line} --all"), pending(), &mut Closed(std::io::ErrorKind::BrokenPipe)).await.0;
    assert_eq!(gone.unwrap().status, ExitStatus::Partial);
    let full = fixture.run_into(&format!("{line} --all"), pending(), &mut Closed(std::io::ErrorKind::StorageFull)).await.0;
    assert_eq!(full.unwrap_err().error, "OutputFailed");
}

#[tokio::test(start_paused = true)]
async fn a_comparison_that_cannot_be_made_is_refused() {
    let (fixture, _, id) = exported(3).await;
    for (line, error) in [
        ("verify --snapshot 20200101T000000000Z-00000000 --against eu-west-1_a".to_owned(), "SnapshotNotFound"),
        ("verify --pool eu-west-1_c --against eu-west-1_a".to_owned(), "SnapshotNotFound"),
        (format!("verify --snapshot {id} --pool eu-west-1_c --against eu-west-1_a"), "SnapshotOfAnotherPool"),
        (format!("verify --snapshot {id} --against eu-west-1_nowhere"), "PoolNotFound"),
    ] {
        let problem = fixture.run(&line).await.0.unwrap_err();
        assert_eq!((problem.error.as_str(), problem.status), (error, ExitStatus::Refused), "{line}");
        assert!(!problem.guidance.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_copied_once_and_verified_as_often_as_one_likes() {
    let (fixture, _, id) = exported(130).await;
    let (result, stderr) = fixture.run(&format!("copy --snapshot {id} --to-table there")).await;
    let answer = result.unwrap();
    assert_eq!(
        (answer.status, &answer.json["verified"], &answer.json["snapshotId"]),
        (ExitStatus::Done, &json!(true), &json!(id))
    );
    let tally = |copied: u64, already_there: u64| json!({"copied": copied, "alreadyThere": already_there});
    assert_eq!((&answer.json["items"]["users"], &answer.json["items"]["header"]), (&tally(130, 0), &tally(1, 0)));
    assert_eq!(
        (&answer.json["source"]["account"], &answer.json["destination"]["account"]),
        (&json!("111111111111"), &json!("222222222222"))
    );
    assert!(answer.human.contains("Next: create an empty user pool in account 222222222222"), "{}", answer.human);
    insta::assert_snapshot!(stderr.replace(id.as_str(), "ID"));

    let (before, puts) = (fixture.2.items(), fixture.2.puts("USER"));
    let again = fixture.run("copy --pool eu-west-1_a --to-table there").await.0.unwrap();
    assert_eq!((&again.json["items"]["users"], &again.json["bytes"]["copied"]), (&tally(0, 130), &json!(0)));
    assert_eq!((fixture.2.items(), fixture.2.puts("USER")), (before, puts));
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_cannot_be_made_is_refused() {
    let (fixture, _, id) = exported(3).await;
    for (line, error) in [
        (format!("copy --snapshot {id} --to-table itself"), "InvalidInput"),
        ("copy --snapshot 20200101T000000000Z-00000000 --to-table there".to_owned(), "SnapshotNotFound"),
        ("copy --pool eu-west-1_c --to-table there".to_owned(), "SnapshotNotFound"),
        (format!("copy --snapshot {id} --pool eu-west-1_c --to-table there"), "SnapshotOfAnotherPool"),
    ] {
        let problem = fixture.run(&line).await.0.unwrap_err();
        assert_eq!((problem.error.as_str(), problem.status), (error, ExitStatus::Refused), "{line}");
        assert!(!problem.guidance.is_empty());
    }
    let vault = fixture.1.vault();
    let user = vault.items().into_keys().find(|key| key.pk.starts_with("USER#")).unwrap();
    let record = vault.remove(&user).unwrap();
    let line = format!("copy --snapshot {id} --to-table there");
    let problem = fixture.run(&line).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("SnapshotDamaged", ExitStatus::Refused));
    assert!(problem.message.contains(&user.to_string()) && fixture.2.items().is_empty(), "{problem}");

    // In the way there, and no refusal: others of its items may have been copied by then.
    vault.put_by_hand(&user, record);
    let other = vault.items().into_iter().find(|(key, _)| key.pk.starts_with("CONF#")).unwrap().1;
    fixture.2.put_by_hand(&user, other);
    let problem = fixture.run(&line).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("ItemConflict", ExitStatus::Failed));
    assert!(problem.message.contains(&user.to_string()), "{problem}");
}

/// Three snapshots of a pool in which somebody vanishes each time.
async fn exported_thrice() -> (Fixture, Vec<RunId>) {
    let (fixture, pool, first) = exported(130).await;
    let mut ids = vec![first];
    for name in ["second", "third"] {
        tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
        pool.delete_user(&pool.users()[0].sub);
        ids.push(export_again(&fixture, name).await);
    }
    (fixture, ids)
}

async fn export_again(fixture: &Fixture, name: &str) -> RunId {
    let backend = &fixture.1;
    let id = format!("arn:aws:states:eu-west-1:123456789012:execution:export:{name}");
    let execution = json!({"id": id, "startedAt": backend.clock().now()});
    let begin = json!({"operation": "export", "input": {"userPoolId": "eu-west-1_a", "tps": 200}, "execution": execution});
    let budget = || Budget::for_invocation(Duration::from_secs(900));
    let progress = steps::enumerate(backend, begin).await.unwrap();
    let progress = steps::export_pages(backend, json!(progress), budget()).await.unwrap();
    let report = json!(steps::finalize(backend, json!(progress), budget()).await.unwrap());
    RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn snapshots_are_removed_as_the_plan_said() {
    let (fixture, ids) = exported_thrice().await;
    let (vault, line) = (fixture.1.vault(), "prune --pool eu-west-1_a --keep-last 2");
    let before = vault.items();
    let plan = fixture.run(&format!("{line} --plan")).await.0.unwrap();
    assert_eq!((plan.status, &plan.json["planned"], vault.items()), (ExitStatus::Done, &json!(true), before));
    let fates = |answer: &Answer| -> Vec<Value> {
        answer.json["snapshots"].as_array().unwrap().iter().map(|row| row["fate"].clone()).collect()
    };
    assert_eq!(fates(&plan), ["kept", "kept", "removed"]);
    assert!(plan.human.contains("1 snapshot would be removed and 2 kept. Nothing was changed."), "{}", plan.human);

    let (answer, stderr) = fixture.run(line).await;
    let answer = answer.unwrap();
    assert_eq!((answer.status, fates(&answer)), (ExitStatus::Done, fates(&plan)));
    assert_eq!((&answer.json["removed"]["snapshots"], &answer.json["removed"]["records"]), (&json!(1), &json!(1)));
    assert!(stderr.starts_with("Removing snapshots of user pool eu-west-1_a from "), "{stderr}");
    let left = fixture.run("snapshots --pool eu-west-1_a").await.0.unwrap();
    assert_eq!(left.json["snapshots"].as_array().map(Vec::len), Some(2));
    for id in &ids[1..] {
        let verified = fixture.run(&format!("copy --snapshot {id} --to-table there")).await.0.unwrap();
        assert_eq!(verified.json["verified"], true);
    }
    let again = fixture.run(line).await.0.unwrap();
    assert!(again.human.starts_with("User pool eu-west-1_a has no snapshot to remove. It keeps 2."), "{}", again.human);
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_cannot_be_is_refused() {
    let (fixture, ids) = exported_thrice().await;
    let before = fixture.1.vault().items();
    let prune = "prune --pool eu-west-1_a";
    for (line, error) in [
        (format!("{prune} --snapshot {} --snapshot {}", ids[0], ids[2]), "SnapshotNotRemovable"),
        (format!("{prune} --snapshot 20200101T000000000Z-00000000"), "SnapshotNotFound"),
        ("prune --pool eu-central-1_a --keep-last 1".to_owned(), "InvalidInput"),
    ] {
        let problem = fixture.run(&line).await.0.unwrap_err();
        assert_eq!((problem.error.as_str(), problem.status), (error, ExitStatus::Refused), "{line}");
        assert!(problem.guidance.starts_with("Nothing was removed."), "{problem}");
    }
    let settled = |items: std::collections::BTreeMap<shared::ports::vault::Key, _>| {
        items.into_iter().filter(|(key, _)| !key.sk.starts_with("LEASE#")).collect::<Vec<_>>()
    };
    assert_eq!(settled(fixture.1.vault().items()), settled(before));

    let now = fixture.1.clock().now();
    fixture.0.catalog.take_lease(&testing::pool("a"), RunKind::Export, "arn:of:an:export", now).await.unwrap();
    let problem = fixture.run(&format!("{prune} --keep-last 1")).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("ExportAlreadyRunning", ExitStatus::Refused));
    assert!(problem.message.contains("arn:of:an:export"), "{problem}");
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_is_stopped_gives_its_lease_back_and_is_gone_on_with() {
    let (fixture, ids) = exported_thrice().await;
    fixture.1.script().set_latency(Duration::ZERO, Duration::from_millis(10));
    let line = "prune --pool eu-west-1_a --keep-last 1";
    let mut stopped = 0;
    for millis in (20..600).step_by(20) {
        let enough = tokio::time::sleep(Duration::from_millis(millis));
        if let (Err(problem), _) = fixture.run_until(line, enough).await {
            assert_eq!((problem.error.as_str(), problem.status), ("Interrupted", ExitStatus::Failed), "{problem}");
            stopped += 1;
        }
        let verified = fixture.run(&format!("copy --snapshot {} --to-table there", ids[2])).await.0.unwrap();
        assert_eq!(verified.json["verified"], true);
    }
    assert!(stopped > 5, "{stopped}");
    let ended = fixture.run(line).await.0.unwrap();
    assert_eq!(ended.json["snapshots"].as_array().map(Vec::len), Some(1));
    assert_eq!(fixture.1.vault().items().keys().filter(|key| key.pk.starts_with("USER#")).count(), 128);
}
