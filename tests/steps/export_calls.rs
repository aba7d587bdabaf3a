//! Goal: the checks of an export add at most 1 % to its calls to Cognito if no user was deleted since the snapshot
//! before.
//!
//! Method: count every call of an export to Cognito. The **base** is what the listing itself needs: one
//! call to Cognito for each page of users, of groups and of members that counts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use shared::catalog::Catalog;
use shared::model::RunId;
use shared::ports::Backend;
use shared_memory::{CallSite, MemoryBackend, Mishap};

use crate::support::machine::Machine;
use crate::support::{backend, in_paused_time, people, source_id};

/// One page in a hundred is ten calls.
const USERS: usize = 60_000;

/// The calls of an export to Cognito.
struct Counted {
    /// Pages that count.
    pages: u64,
    calls: u64,
    /// The calls by site.
    sites: BTreeMap<String, u64>,
}

/// Exports, and counts the calls.
async fn export(backend: &MemoryBackend, name: &str, listing: &str) -> Counted {
    let counts = Arc::new(Mutex::new((BTreeMap::new(), 0)));
    let counting = Arc::clone(&counts);
    backend.script().set_weather(Some(Box::new(move |site| {
        if matches!(site, CallSite::Pool { .. }) {
            let (sites, calls) = &mut *counting.lock().unwrap();
            *sites.entry(site.to_string()).or_default() += 1;
            *calls += 1;
        }
        Mishap::default()
    })));
    let input = json!({"userPoolId": source_id(), "splitListing": true, "tps": 200});
    let report = Machine::new(backend).export(input, name).await.report();
    backend.script().set_weather(None);
    assert_eq!((&report["listing"], &report["users"]), (&json!(listing), &json!(USERS)), "{report}");
    let id = RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap();
    let units = Catalog::new(backend.vault()).units(&id).await.unwrap();
    let pages = units.iter().filter(|unit| !unit.is_superseded()).map(|unit| unit.pages).sum();
    let (sites, calls) = std::mem::take(&mut *counts.lock().unwrap());
    assert_eq!(report["calls"]["total"], calls, "the report counts the calls to Cognito");
    Counted { pages, calls, sites }
}

#[test]
fn the_calls_of_an_export_grow_by_at_most_1_percent_if_no_user_was_deleted() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(USERS, 3).fill(&source);
        export(&backend, "first", "one").await;
        for listing in ["one", "split"] {
            if listing == "split" {
                // One listing would take over five minutes.
                backend.script().set_latency(Duration::from_secs(1), Duration::from_millis(5));
            }
            let Counted { pages, calls, sites } = export(&backend, listing, listing).await;
            assert!(pages > 1_000, "{pages}");
            assert!((calls - pages) * 100 <= pages, "{listing}: {pages} pages, {sites:#?}");
        }
    });
}
