//! Goal: paged work writes checkpoints, and only one of two invocations continues from each.
//!
//! Method: work that only counts runs in invocations of some seconds, in paused time.

use std::time::Duration;

use serde_json::json;
use shared::Result;
use shared::catalog::{Catalog, CheckpointKey, PagedWork};
use shared::machine::Function;
use shared::model::{ForecastCheckpoint, ListingCheckpoint, ListingPosition, RunId};
use shared::pacing::Budget;
use shared::ports::Backend;
use shared_memory::MemoryVault;

use crate::support::machine::{Machine, begin};
use crate::support::{backend, in_paused_time, people, source_id, target_id};

/// Counts to `pages`, one for each page. A page takes a second.
struct Counting<'a> {
    pages: u64,
    every: u32,
    budget: Budget,
    catalog: &'a Catalog<MemoryVault>,
    /// The count in the table before each page.
    seen: Vec<u64>,
}

impl PagedWork for Counting<'_> {
    type State = ListingCheckpoint;

    async fn page(&mut self, state: ListingCheckpoint) -> Result<ListingCheckpoint> {
        let stored = self.catalog.checkpoint(&key()).await?;
        self.seen.push(stored.unwrap_or_default().noted);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let noted = state.noted + 1;
        let position = ListingPosition { ended: noted >= self.pages, ..state.position };
        Ok(ListingCheckpoint { noted, position, ..state })
    }

    fn has_time(&self, _: &ListingCheckpoint) -> bool {
        !self.budget.is_spent()
    }

    fn is_due(&self, pages: u32) -> bool {
        pages >= self.every
    }
}

fn key() -> CheckpointKey<ListingCheckpoint> {
    CheckpointKey::target_scan(&RunId::parse("20261121T020000123Z-1a2b3c4d").unwrap())
}

/// Works in an invocation of `seconds`. Returns the count at the end if the work is done, and the counts
/// that it saw in the table.
async fn invocation(catalog: &Catalog<MemoryVault>, seconds: u64) -> (Option<u64>, Vec<u64>) {
    let budget = Budget::for_invocation(Duration::from_secs(seconds));
    let mut work = Counting { pages: 10, every: 4, budget, catalog, seen: Vec::new() };
    let state = catalog.checkpoint(&key()).await.unwrap().unwrap_or_default();
    let done = catalog.work_through(&key(), state, &mut work).await.unwrap();
    (done.map(|state| state.noted), work.seen)
}

#[test]
fn paged_work_writes_a_checkpoint_every_few_pages_and_at_its_end() {
    in_paused_time(async {
        let catalog = Catalog::new(backend().0.vault());
        assert_eq!(invocation(&catalog, 3_600).await, (Some(10), vec![0, 0, 0, 0, 4, 4, 4, 4, 8, 8]));
        let stored = catalog.checkpoint(&key()).await.unwrap().unwrap();
        assert_eq!((stored.step, stored.noted), (3, 10));
        assert_eq!(invocation(&catalog, 3_600).await, (Some(10), vec![]), "nothing is left to do");
    });
}

#[test]
fn paged_work_continues_after_an_invocation_that_ran_out_of_time() {
    in_paused_time(async {
        let catalog = Catalog::new(backend().0.vault());
        // An invocation uses four fifths of its time: here six seconds.
        assert_eq!(invocation(&catalog, 7).await, (None, vec![0, 0, 0, 0, 4, 4]));
        assert_eq!(invocation(&catalog, 0).await, (None, vec![6]), "the first page is always tried");
        assert_eq!(invocation(&catalog, 3_600).await, (Some(10), vec![7, 7, 7]));
    });
}

#[test]
fn of_two_invocations_only_one_continues_from_a_checkpoint() {
    in_paused_time(async {
        let catalog = Catalog::new(backend().0.vault());
        let first = ListingCheckpoint { step: 1, noted: 7, ..ListingCheckpoint::default() };
        let late = ListingCheckpoint { noted: 3, ..first.clone() };
        assert_eq!(catalog.put_checkpoint(&key(), 0, &first).await.unwrap(), first);
        assert_eq!(catalog.put_checkpoint(&key(), 0, &late).await.unwrap(), first, "it came too late");
        let second = ListingCheckpoint { step: 2, ..late };
        assert_eq!(catalog.put_checkpoint(&key(), 1, &second).await.unwrap(), second);
        assert_eq!(catalog.checkpoint(&key()).await.unwrap(), Some(second));
    });
}

/// The forecast counts its own pages and groups, so its steps are not those of other checkpoints.
#[test]
fn an_invocation_that_comes_too_late_does_not_set_a_forecast_back() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(70, 2).fill(&source);
        let machine = Machine::new(&backend);
        machine.export(json!({"userPoolId": source_id()}), "export").await.report();
        let input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id()});
        let report = machine.import(input, "import").await.report();
        let id = RunId::parse(report["restoreId"].as_str().unwrap()).unwrap();
        let catalog = Catalog::new(backend.vault());
        let done = catalog.forecast(&id).await.unwrap().unwrap();
        assert!(done.step() > 2 && done.is_complete());
        let late = ForecastCheckpoint { next_page: 1, members: None, ..done.clone() };
        for from in [0, 1, done.step() - 1] {
            let key = CheckpointKey::forecast(&id);
            assert_eq!(catalog.put_checkpoint(&key, from, &late).await.unwrap(), done, "from step {from}");
        }
        assert_eq!(catalog.forecast(&id).await.unwrap(), Some(done));
    });
}

/// Otherwise an invocation without time for the whole ledger would never end.
#[test]
fn the_sum_of_a_ledger_is_added_up_once() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(70, 2).fill(&source);
        Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
        let input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id()});
        let event = begin(&backend, "import", input).await;
        let time = Budget::for_invocation(Duration::from_secs(900));
        let progress = backend.carry_out(Function::ImportPage, event, time).await.unwrap();
        assert_eq!(progress["more"], false, "{progress}");
        let finalize = async |seconds| {
            let budget = Budget::for_invocation(Duration::from_secs(seconds));
            backend.carry_out(Function::Finalize, progress.clone(), budget).await.unwrap()
        };
        assert_eq!(finalize(0).await["more"], true, "nothing is added up yet");
        let report = finalize(900).await;
        assert_eq!((&report["status"], &report["users"]["created"]), (&json!("SUCCEEDED"), &json!(70)));
        let queries = backend.vault().queries("LEDGER#");
        // Cognito is asked for nothing more, and the sum is in the table.
        let again = finalize(0).await;
        assert_eq!((&again["status"], &again["users"]), (&report["status"], &report["users"]), "{again}");
        assert_eq!(backend.vault().queries("LEDGER#"), queries, "no ledger page is read again");
    });
}

#[test]
fn work_that_is_done_writes_no_checkpoint() {
    in_paused_time(async {
        let (backend, _, _) = backend();
        let catalog = Catalog::new(backend.vault());
        invocation(&catalog, 3_600).await;
        let written = backend.vault().items();
        invocation(&catalog, 3_600).await;
        assert_eq!(backend.vault().items(), written);
    });
}
