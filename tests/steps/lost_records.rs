//! Goal: an export finds records that the table has lost, writes them again, and counts each once.
//!
//! Method: remove records of users, groups and the pool between two exports, and let invocations die.

use std::time::Duration;

use serde_json::json;
use shared::ports::Backend;
use shared::ports::vault::Key;
use shared_memory::{Applied, Fault, MemoryBackend};

use crate::parallel_listings::{SLOW, USERS, read, report_of, set_latency, slow};
use crate::support::machine::Machine;
use crate::support::{in_paused_time, source_id};

/// The keys of the records of groups and of the pool begin with these.
const PREFIXES: [&str; 2] = ["REC#group#", "REC#pool#"];

/// Removes a record of this prefix. Returns its key.
fn lose_one(backend: &MemoryBackend, prefix: &str) -> Key {
    let key = backend.vault().items().into_keys().find(|key| key.sk.starts_with(prefix)).expect(prefix);
    backend.vault().remove(&key);
    key
}

/// Removes the records of some users. Returns their keys.
fn lose_records(backend: &MemoryBackend, every: usize) -> Vec<Key> {
    let records: Vec<_> =
        backend.vault().items().into_keys().filter(|key| key.pk.starts_with("USER#")).collect();
    let lost: Vec<_> = records.into_iter().step_by(every).collect();
    lost.iter().for_each(|key| drop(backend.vault().remove(key)));
    lost
}

#[test]
fn one_lost_record_is_written_again_within_eight_exports() {
    for is_slow in [false, true] {
        in_paused_time(async {
            let (backend, _) = slow(USERS).await;
            set_latency(&backend, if is_slow { SLOW } else { Duration::ZERO });
            report_of(&backend, "of the same kind").await;
            let lost = lose_records(&backend, usize::MAX);
            let mut again = 0;
            for number in 0..8 {
                let report = report_of(&backend, &format!("again {number}")).await;
                assert_eq!(report["status"], "SEALED");
                again += report["recordsWrittenAgain"].as_u64().unwrap();
            }
            assert!(backend.vault().items().contains_key(&lost[0]), "{is_slow}");
            assert_eq!(again, 1, "{is_slow}");
        });
    }
}

#[test]
fn one_missing_record_makes_the_same_export_look_up_all_records() {
    for is_slow in [false, true] {
        in_paused_time(async {
            let (backend, _) = slow(USERS).await;
            set_latency(&backend, if is_slow { SLOW } else { Duration::ZERO });
            report_of(&backend, "of the same kind").await;
            // So many are lost that every turn finds some.
            let lost = lose_records(&backend, 10);
            let report = report_of(&backend, "again").await;
            assert_eq!(report["listing"], if is_slow { "split" } else { "one" }, "{report}");
            assert_eq!(report["recordsWrittenAgain"], 120, "{report}");
            let words = report["summary"].as_str().unwrap();
            assert!(words.contains("120 records of earlier snapshots were missing"), "{words}");
            assert!(lost.iter().all(|key| backend.vault().items().contains_key(key)));
            assert_eq!(read(&backend, &report).await.users.len(), USERS);
            let report = report_of(&backend, "next").await;
            assert_eq!(report["recordsWrittenAgain"], 0, "{report}");
            assert!(!report["summary"].as_str().unwrap().contains("missing"), "{report}");
        });
    }
}

#[test]
fn lost_records_are_written_again_although_invocations_die() {
    for call in (1..120).step_by(11) {
        in_paused_time(async {
            let (backend, _) = slow(USERS).await;
            set_latency(&backend, if call % 2 == 0 { SLOW } else { Duration::ZERO });
            report_of(&backend, "of the same kind").await;
            let lost = lose_records(&backend, 10);
            backend.script().fault(backend.script().calls() + call, Fault::Die(Applied::Half));
            let report = report_of(&backend, "again").await;
            assert_eq!(report["recordsWrittenAgain"], 120, "death at call {call}: {report}");
            assert!(lost.iter().all(|key| backend.vault().items().contains_key(key)), "death at call {call}");
            assert_eq!(read(&backend, &report).await.users.len(), USERS);
        });
    }
}

/// A snapshot with a split listing comes before. The next export makes one listing, because its calls are fast.
#[test]
fn one_listing_after_a_split_listing_counts_the_lost_records() {
    for every in [10, usize::MAX] {
        in_paused_time(async {
            let (backend, _) = slow(USERS).await;
            let report = report_of(&backend, "split").await;
            assert_eq!(report["listing"], "split", "{report}");
            set_latency(&backend, Duration::ZERO);
            let lost = lose_records(&backend, every);
            let mut again = 0;
            // One lost record is found when its turn comes.
            for number in 0..8 {
                let report = report_of(&backend, &format!("again {number}")).await;
                assert_eq!(report["listing"], "one", "{report}");
                let of_this = report["recordsWrittenAgain"].as_u64().unwrap();
                assert!(lost.len() == 1 || number > 0 || of_this == lost.len() as u64, "{report}");
                again += of_this;
            }
            assert!(lost.iter().all(|key| backend.vault().items().contains_key(key)), "{every}");
            assert_eq!(again, lost.len() as u64, "{every}");
        });
    }
}

#[test]
fn one_listing_after_a_split_listing_counts_the_lost_records_although_invocations_die() {
    for call in (1..160).step_by(23) {
        in_paused_time(async {
            let (backend, _) = slow(USERS).await;
            report_of(&backend, "split").await;
            set_latency(&backend, Duration::ZERO);
            let lost = lose_records(&backend, 10);
            backend.script().fault(backend.script().calls() + call, Fault::Die(Applied::Half));
            let report = report_of(&backend, "again").await;
            assert_eq!(report["listing"], "one", "death at call {call}: {report}");
            assert_eq!(report["recordsWrittenAgain"], lost.len(), "death at call {call}: {report}");
            assert!(lost.iter().all(|key| backend.vault().items().contains_key(key)), "death at call {call}");
        });
    }
}

/// Every seventh split export also makes one listing. Both read the split listing before them.
#[test]
fn a_compared_split_listing_counts_a_lost_record_once() {
    in_paused_time(async {
        let (backend, _) = slow(USERS).await;
        for number in 1..=6 {
            report_of(&backend, &format!("split {number}")).await;
        }
        let lost = lose_records(&backend, usize::MAX);
        let mut again = 0;
        for number in 7..=14 {
            let report = report_of(&backend, &format!("split {number}")).await;
            assert_eq!(report["listing"], if number % 7 == 0 { "one" } else { "split" }, "{report}");
            again += report["recordsWrittenAgain"].as_u64().unwrap();
        }
        assert!(lost.iter().all(|key| backend.vault().items().contains_key(key)));
        assert_eq!(again, lost.len() as u64);
    });
}

/// Many invocations list a large pool. Each of them finds its place in the listings before.
#[test]
fn one_listing_after_a_split_listing_looks_up_few_records_in_any_number_of_invocations() {
    in_paused_time(async {
        // Each of the 16 listings fills more than one page batch.
        let users = 18_000;
        let (backend, _) = slow(users).await;
        set_latency(&backend, Duration::from_secs(2));
        let report = report_of(&backend, "split").await;
        assert_eq!(report["listing"], "split", "{report}");
        let looked_up = backend.vault().looked_up();
        let machine = Machine::new(&backend).with_budget(Duration::from_secs(30));
        let report = machine.export(json!({"userPoolId": source_id()}), "one").await.report();
        assert_eq!(report["listing"], "one", "{report}");
        let looked_up = backend.vault().looked_up() - looked_up;
        assert!(looked_up < users as u64 / 4, "{looked_up} records looked up");
    });
}

/// Exports with this fault after records of some users and of this prefix were lost. Returns the calls.
fn written_again(prefix: Option<&str>, fault: Option<(u64, Fault)>) -> u64 {
    in_paused_time(async {
        let (backend, _) = slow(120).await;
        set_latency(&backend, Duration::ZERO);
        let mut lost = lose_records(&backend, 3);
        if let Some(prefix) = prefix {
            lost.push(lose_one(&backend, prefix));
        }
        let begun = backend.script().calls();
        if let Some((call, fault)) = fault {
            backend.script().fault(begun + call, fault);
        }
        let report = report_of(&backend, "again").await;
        assert!(lost.iter().all(|key| backend.vault().items().contains_key(key)), "{prefix:?} {fault:?}");
        assert_eq!(report["recordsWrittenAgain"], lost.len() as u64, "{prefix:?} {fault:?}: {report}");
        backend.script().calls() - begun
    })
}

const FAULTS: [Fault; 3] = [Fault::LostReply, Fault::Die(Applied::Nothing), Fault::Die(Applied::Half)];

#[test]
fn a_death_or_a_lost_reply_at_any_call_counts_no_lost_record_twice() {
    let calls = written_again(None, None);
    for call in 1..=calls {
        for fault in FAULTS {
            written_again(None, Some((call, fault)));
        }
    }
}

/// The pool and the groups come first. So these calls are among the first of the export.
#[test]
fn a_death_or_a_lost_reply_counts_each_lost_record_of_a_group_and_a_pool_once() {
    for prefix in PREFIXES {
        for call in 1..=40 {
            for fault in FAULTS {
                written_again(Some(prefix), Some((call, fault)));
            }
        }
    }
}

/// A record of each kind makes the export look up the records of all users.
#[test]
fn one_lost_record_of_any_kind_makes_the_same_export_look_up_all_records() {
    for prefix in PREFIXES {
        in_paused_time(async {
            let (backend, _) = slow(USERS).await;
            set_latency(&backend, Duration::ZERO);
            let key = lose_one(&backend, prefix);
            let users = lose_records(&backend, 10).len();
            let report = report_of(&backend, "again").await;
            assert_eq!(report["recordsWrittenAgain"], users + 1, "{prefix}: {report}");
            assert!(backend.vault().items().contains_key(&key), "{prefix}");
            let report = report_of(&backend, "next").await;
            assert_eq!(report["recordsWrittenAgain"], 0, "{prefix}: {report}");
        });
    }
}

#[test]
fn a_group_and_a_pool_that_changed_are_no_lost_records() {
    in_paused_time(async {
        let (backend, source) = slow(USERS).await;
        set_latency(&backend, Duration::ZERO);
        let mut group = source.groups()[0].0.clone();
        group.description = Some("changed".to_owned());
        source.put_group(group);
        source.configure(|pool| pool.name = "changed".to_owned());
        let report = report_of(&backend, "changed").await;
        assert_eq!((&report["recordsWritten"], &report["recordsWrittenAgain"]), (&json!(1), &json!(0)));
    });
}
