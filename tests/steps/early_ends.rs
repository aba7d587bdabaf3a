//! Goal: an invocation that ends early, out of time or with an error, loses nothing of what it has done.
//!
//! Method: short invocations one after the other, and runs in which the table refuses each call in turn.

use std::time::Duration;

use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::{Counts, Restore, RestoreState, RunId, Totals, UserRecord};
use shared::pacing::Budget;
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared::steps;
use shared_memory::{Fault, MemoryBackend, MemoryPool, PageShape};

use crate::support::machine::{End, Machine, begin};
use crate::support::restored::{Comparison, assert_books_balance, compare};
use crate::support::snapshot::{self, Contents};
use crate::support::{backend, in_paused_time, people, source_id, target_id};

fn export_input() -> Value {
    json!({"userPoolId": source_id(), "tps": 200})
}

fn import_input(tps: u16) -> Value {
    json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": tps})
}

/// A pool of so many users in two groups, with a snapshot.
async fn exported(users: usize) -> (MemoryBackend, Contents, MemoryPool) {
    let (backend, source, target) = backend();
    people::plain(users, 2).fill(&source);
    let report = Machine::new(&backend).export(export_input(), "export").await.report();
    let id = RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap();
    let contents = snapshot::read(&backend, &source_id(), &id).await;
    (backend, contents, target)
}

async fn newest_restore(backend: &MemoryBackend) -> Option<Restore> {
    Catalog::new(backend.vault()).restores(&target_id(), 1).await.unwrap().pop()
}

/// How many entries are handled, as the header and the ledger of the newest restore say.
async fn handled(backend: &MemoryBackend) -> u64 {
    let Restore { id, handled, .. } = newest_restore(backend).await.unwrap();
    let mut ledger = Totals::default();
    let (pages, _) = Catalog::new(backend.vault()).ledger(&id, None).await.unwrap();
    pages.iter().for_each(|(_, kind, page)| ledger.add(*kind, page));
    let (users, groups) = (ledger.users.handled(), ledger.groups.handled());
    assert_eq!(handled, Counts { users, groups, memberships: ledger.memberships.handled(), ..handled });
    handled.users + handled.groups + handled.memberships
}

/// The calls that a run makes if nothing goes wrong.
async fn calls_of(backend: &MemoryBackend, run: impl Future<Output = End>) -> std::ops::RangeInclusive<u64> {
    let before = backend.script().calls();
    run.await.report();
    before + 1..=backend.script().calls()
}

#[test]
fn each_invocation_of_a_restore_leaves_its_progress_in_the_header() {
    in_paused_time(async {
        let (backend, _, _) = exported(300).await;
        backend.script().set_latency(Duration::from_millis(40), Duration::from_millis(5));
        let mut event = begin(&backend, "import", import_input(20)).await;
        let (mut shown, mut more) = (Vec::new(), true);
        while more {
            let budget = Budget::for_invocation(Duration::from_secs(10));
            let progress = steps::import_pages(&backend.invocation(), event, budget).await.unwrap();
            shown.push(handled(&backend).await);
            (more, event) = (progress.more, json!(progress));
        }
        shown.dedup();
        assert!(shown.len() > 5 && shown.is_sorted(), "{shown:?}");
    });
}

#[test]
fn a_restore_that_failed_continues_the_count_in_its_header() {
    in_paused_time(async {
        let (backend, _, _) = exported(100).await;
        backend.script().set_latency(Duration::from_millis(40), Duration::from_millis(5));
        let denied = Some(Fault::Refuse(PoolErrorKind::AccessDenied));
        backend.script().change_before(Operation::AdminCreateUser, 50, {
            let script = backend.script().clone();
            move || script.always(Operation::AdminCreateUser, denied)
        });
        let end = Machine::new(&backend).import(import_input(20), "denied").await;
        assert_eq!(end.error().0, "AccessDenied");
        let before = handled(&backend).await;
        backend.script().always(Operation::AdminCreateUser, None);
        Machine::new(&backend).import(import_input(20), "again").await.report();
        let after = handled(&backend).await;
        assert!(before > 40 && after > before, "{before} {after}");
    });
}

#[test]
fn a_restore_whose_table_refuses_a_call_writes_no_empty_ledger_page_and_completes_later() {
    let calls = in_paused_time(async {
        let (backend, _, _) = exported(3).await;
        calls_of(&backend, Machine::new(&backend).import(import_input(200), "undisturbed")).await
    });
    let mut failed = 0;
    for call in calls {
        in_paused_time(async {
            let (backend, contents, target) = exported(3).await;
            backend.script().fault(call, Fault::Refuse(PoolErrorKind::Transient));
            let machine = Machine { retries: 0, ..Machine::new(&backend) };
            let mut end = machine.import(import_input(200), "first").await;
            if let End::Failed { error, .. } = &end {
                assert_eq!(error, "ServiceUnavailable", "{call}");
                failed += 1;
                let restore = newest_restore(&backend).await;
                if let Some(restore) = &restore {
                    let catalog = Catalog::new(backend.vault());
                    let (pages, _) = catalog.ledger(&restore.id, None).await.unwrap();
                    assert!(pages.iter().all(|(_, _, page)| page.tally().handled() > 0), "{call}");
                }
                if restore.is_some_and(|restore| restore.state == RestoreState::Succeeded) {
                    return;
                }
                end = machine.import(import_input(200), "again").await;
            }
            assert_eq!(compare(&contents, &target), Comparison::default(), "{call}");
            assert_books_balance(&backend, &contents, &target, &end.report()).await;
        });
    }
    assert!(failed > 20, "{failed}");
}

#[test]
fn an_export_that_cannot_write_records_keeps_the_pages_before_them_and_no_others() {
    /// Users on a page, and pages of users.
    const USERS: usize = 2;
    const PAGES: usize = 5;

    async fn prepared() -> MemoryBackend {
        let (backend, source, _) = backend();
        people::plain(USERS * PAGES, 0).fill(&source);
        source.set_shape(PageShape { sizes: vec![USERS], ..PageShape::default() });
        backend
    }
    let calls = in_paused_time(async {
        let backend = prepared().await;
        calls_of(&backend, Machine::new(&backend).export(export_input(), "undisturbed")).await
    });
    let mut kept = Vec::new();
    for call in calls {
        in_paused_time(async {
            let backend = prepared().await;
            backend.script().fault(call, Fault::Refuse(PoolErrorKind::Transient));
            let end = Machine { retries: 0, ..Machine::new(&backend) }.export(export_input(), "export").await;
            let catalog = Catalog::new(backend.vault());
            let Some(snapshot) = catalog.snapshots(&source_id(), None, 1).await.unwrap().pop() else {
                return;
            };
            for unit in catalog.units(&snapshot.id).await.unwrap() {
                let batch = catalog.last_batch(&snapshot.id, &unit.id(), unit.attempt).await.unwrap();
                let Some(batch) = batch else { continue };
                let entries = batch.verified(&unit.id()).unwrap().into_iter().flat_map(|page| page.0);
                let entries: Vec<_> = entries.collect();
                let named: Vec<_> =
                    entries.iter().map(|entry| (entry.key.as_str(), entry.digest.unwrap())).collect();
                let records = catalog.records::<UserRecord>(&source_id(), &named).await.unwrap();
                assert!(records.iter().all(Result::is_ok), "{call}: a page names a record that is missing");
                if matches!(end, End::Failed { .. }) {
                    kept.push(batch.pages());
                }
            }
        });
    }
    kept.sort_unstable();
    kept.dedup();
    assert_eq!(kept, [1, 2, 3, 4, 5], "pages that failed exports kept");
}
