//! Goal: an export removes the snapshots that no retention rule keeps, and never fails because of that.
//!
//! Method: exports a day apart with a retention, with faults, deaths and short invocations.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use shared::ErrorKind;
use shared::catalog::Catalog;
use shared::model::{Metric, Retention, RunId, Sub, UserRecord};
use shared::operations::HeldLease;
use shared::operations::prune::{Decision, RemainingWork, RemovalReason, RemovalRequest, plan, prune};
use shared::pacing::Budget;
use shared::ports::Backend;
use shared::ports::pool::PoolErrorKind;
use shared::ports::vault::{Access, Key};
use shared_memory::{Applied, CallSite, Fault, MemoryBackend, MemoryPool, Mishap, PageShape};

use crate::support::machine::Machine;
use crate::support::people;
use crate::support::pruned::{
    assert_all_whole, assert_tidy, by_policy, headers, orphans, prune_by_hand, sealed,
};
use crate::support::restored::items;
use crate::support::{backend, in_paused_time, source_id};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn retaining(rules: &str) -> (MemoryBackend, MemoryPool) {
    let (backend, source, _) = backend();
    people::plain(20, 2).fill(&source);
    source.set_shape(PageShape { sizes: vec![4], ..PageShape::default() });
    (backend.with_retention(Some(Retention::parse(rules).unwrap())), source)
}

async fn export(machine: &Machine, name: &str) -> Value {
    machine.export(json!({"userPoolId": source_id(), "tps": 200}), name).await.report()
}

fn id(report: &Value) -> RunId {
    RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap()
}

fn change_a_user(source: &MemoryPool, name: &str) {
    let mut users = source.users();
    users.sort_by(|one, other| one.sub.cmp(&other.sub));
    source.change_user(&users[0].sub, |record| {
        drop(record.attributes.insert("name".to_owned(), name.to_owned()))
    });
}

#[test]
fn retention_removes_snapshots_that_no_rule_keeps_and_reports_them() {
    in_paused_time(async {
        let (backend, source) = retaining("last=2");
        let machine = Machine::new(&backend);
        let mut reports = Vec::new();
        for day in ["one", "two", "three", "four"] {
            change_a_user(&source, day);
            reports.push(export(&machine, day).await);
            tokio::time::sleep(DAY).await;
        }
        assert_eq!(sealed(&backend).await, [id(&reports[3]), id(&reports[2])]);
        assert_all_whole(&backend).await;
        assert_tidy(&backend).await;
        assert!(orphans(&backend).await.is_empty());
        let removed = &reports[3]["retention"]["removed"];
        assert_eq!((&removed["snapshots"], &removed["records"]), (&json!(1), &json!(1)), "{}", reports[3]);
        let summary = reports[3]["summary"].as_str().unwrap();
        assert!(
            summary.contains("The snapshot before held 20 users")
                && summary.contains("Retention (last=2) removed 1 snapshot (1 record"),
            "{summary}"
        );
        assert_eq!(reports[0]["retention"]["removed"]["snapshots"], 0);
        assert!(!reports[0]["summary"].as_str().unwrap().contains("etention"));
        let measured = backend.metrics();
        assert_eq!(measured.last().unwrap().get(Metric::SnapshotsPruned), Some(1.0));
        assert_eq!(measured.last().unwrap().get(Metric::PruningFailed), Some(0.0));
        assert!(!backend.announcements().last().unwrap().is_error);
        // The export has released its lease.
        prune_by_hand(&backend, &by_policy("last=9")).await.unwrap();
    });
}

#[test]
fn without_a_retention_no_snapshot_is_removed() {
    in_paused_time(async {
        let (backend, source) = retaining("last=1");
        let backend = backend.with_retention(None);
        for day in ["one", "two", "three"] {
            change_a_user(&source, day);
            let report = export(&Machine::new(&backend), day).await;
            assert_eq!(report.get("retention"), None);
            tokio::time::sleep(DAY * 400).await;
        }
        assert_eq!(sealed(&backend).await.len(), 3);
    });
}

#[test]
fn retention_keeps_and_names_the_snapshots_of_an_emptied_pool() {
    in_paused_time(async {
        let (backend, source) = retaining("last=1");
        let machine = Machine::new(&backend);
        let full = id(&export(&machine, "full").await);
        tokio::time::sleep(DAY).await;
        source.users().into_iter().skip(1).for_each(|user| source.delete_user(&user.sub));
        for name in ["emptied", "still", "later"] {
            let report = export(&machine, name).await;
            assert_eq!(
                (&report["retention"]["heldBack"], &report["retention"]["heldBackSnapshots"][0]),
                (&json!(1), &json!(full))
            );
            let summary = report["summary"].as_str().unwrap();
            assert!(
                summary.contains("ATTENTION: held back from retention: 1 snapshot")
                    && summary.contains(full.as_str()),
                "{summary}"
            );
            assert!(sealed(&backend).await.contains(&full));
            assert_all_whole(&backend).await;
            tokio::time::sleep(DAY * 100).await;
        }
        assert_eq!(sealed(&backend).await.len(), 2, "the snapshots of the emptied pool stay");
        assert_eq!(backend.metrics().last().unwrap().get(Metric::SnapshotsHeldBack), Some(1.0));
        prune_by_hand(&backend, &by_policy("last=1")).await.unwrap();
        assert_eq!(sealed(&backend).await.len(), 1);
        assert!(orphans(&backend).await.is_empty());
    });
}

#[test]
fn retention_compares_who_and_not_how_many() {
    in_paused_time(async {
        let (backend, source) = retaining("last=1");
        let machine = Machine::new(&backend);
        let full = id(&export(&machine, "full").await);
        tokio::time::sleep(DAY).await;
        // The pool is emptied and filled with as many others.
        source.users().into_iter().skip(15).for_each(|user| source.delete_user(&user.sub));
        for number in 100..115 {
            source.put_user(people::plain(1, 0).people[0].record(number));
        }
        let users = source.user_count();
        assert_eq!(users, 30);
        for user in source.users() {
            if user.record.username.as_str().len() < 7 {
                source.delete_user(&user.sub);
            }
        }
        let report = export(&machine, "junk").await;
        assert_eq!(report["retention"]["heldBackSnapshots"], json!([full]), "{report}");
        let summary = report["summary"].as_str().unwrap();
        assert!(summary.contains("missing from the next newer snapshot that stays"), "{summary}");
        assert_all_whole(&backend).await;
        assert_tidy(&backend).await;
        // A later snapshot with the same users is compared with its neighbour, and goes.
        tokio::time::sleep(DAY).await;
        let report = export(&machine, "later").await;
        assert_eq!(report["retention"]["removed"]["snapshots"], 1, "{report}");
        assert_eq!(report["retention"]["heldBackSnapshots"], json!([full]), "{report}");
    });
}

#[test]
fn a_fifth_of_the_users_may_leave_between_two_snapshots_and_one_more_holds_the_older_one_back() {
    for (leavers, held_back) in [(4, 0), (5, 1)] {
        in_paused_time(async {
            let (backend, source) = retaining("last=1");
            let machine = Machine::new(&backend);
            export(&machine, "before").await;
            tokio::time::sleep(DAY).await;
            source.users().into_iter().take(leavers).for_each(|user| source.delete_user(&user.sub));
            // Newcomers replace no leaver.
            for number in 100..120 {
                source.put_user(people::plain(1, 0).people[0].record(number));
            }
            let report = export(&machine, "after").await;
            assert_eq!(report["retention"]["heldBack"], held_back, "{leavers}: {report}");
        });
    }
}

#[test]
fn ordinary_leavers_over_many_snapshots_hold_nothing_back() {
    in_paused_time(async {
        let (backend, source) = retaining("last=12");
        let machine = Machine::new(&backend);
        for week in 0..20 {
            let leaver = source.users().into_iter().map(|user| user.sub).min();
            leaver.iter().for_each(|sub| source.delete_user(sub));
            source.put_user(people::plain(1, 0).people[0].record(100 + week));
            let report = export(&machine, &format!("week-{week}")).await;
            assert_eq!(report["retention"]["heldBack"], 0, "{report}");
            tokio::time::sleep(DAY * 7).await;
        }
        assert_eq!(sealed(&backend).await.len(), 12);
        assert_tidy(&backend).await;
    });
}

#[test]
fn comparisons_are_left_to_the_next_invocation_and_forgotten_at_the_end() {
    in_paused_time(async {
        // Retention is turned on late: most snapshots go at once.
        let (backend, source) = retaining("last=1");
        let backend = backend.with_retention(None);
        for number in 0..12 {
            change_a_user(&source, &number.to_string());
            export(&Machine::new(&backend), &number.to_string()).await;
            tokio::time::sleep(DAY).await;
        }
        let backend = backend.with_retention(Some(Retention::parse("last=1").unwrap()));
        backend.script().set_latency(Duration::from_millis(1), Duration::from_millis(30));
        let machine = Machine::new(&backend).with_budget(Duration::from_millis(3_100));
        let report = export(&machine, "slow").await;
        assert!(machine.invocations().len() > 5, "one invocation is too short for all comparisons");
        assert_eq!(
            (&report["retention"]["removed"]["snapshots"], report["retention"].get("failure")),
            (&json!(12), None),
            "{report}"
        );
        assert_tidy(&backend).await;
        assert_all_whole(&backend).await;
        assert!(!items(&backend).into_keys().any(|key| key.sk == "PRUNING"), "the checkpoint is gone");
    });
}

#[test]
fn the_plan_of_a_removal_by_hand_says_which_snapshots_hold_lost_users() {
    in_paused_time(async {
        let (backend, source) = retaining("last=9");
        let machine = Machine::new(&backend);
        export(&machine, "full").await;
        tokio::time::sleep(DAY).await;
        source.users().into_iter().skip(10).for_each(|user| source.delete_user(&user.sub));
        for name in ["emptied", "later"] {
            export(&machine, name).await;
            tokio::time::sleep(DAY).await;
        }
        let (catalog, before) = (Catalog::new(backend.vault()), items(&backend));
        let plan = plan(&catalog, &source_id(), &by_policy("last=1"), backend.clock().now()).await.unwrap();
        let fates: Vec<_> = plan.snapshots.into_iter().map(|planned| planned.fate).collect();
        assert_eq!(
            fates[1..],
            [Decision::Removed(RemovalReason::NoRule), Decision::Removed(RemovalReason::NoRuleAndLostUsers)]
        );
        assert_eq!(items(&backend), before, "a plan changes nothing");
        prune_by_hand(&backend, &by_policy("last=1")).await.unwrap();
        assert_eq!(sealed(&backend).await.len(), 1, "the operator has looked");
        assert_tidy(&backend).await;
    });
}

#[test]
fn a_failed_retention_is_reported_and_the_next_export_tries_again() {
    in_paused_time(async {
        let (backend, source) = retaining("last=2");
        let machine = Machine::new(&backend);
        let mut ids = Vec::new();
        for day in ["one", "two"] {
            change_a_user(&source, day);
            ids.push(id(&export(&machine, day).await));
            tokio::time::sleep(DAY).await;
        }
        let vault = backend.vault();
        let key = items(&backend)
            .into_keys()
            .find(|key| key.pk.ends_with(ids[1].as_str()) && key.sk.starts_with("PAGES#users"))
            .unwrap();
        let page = vault.remove(&key).unwrap();
        change_a_user(&source, "three");
        let report = export(&machine, "three").await;
        assert_eq!(
            (&report["status"], &report["retention"]["failure"]["error"]),
            (&json!("SEALED"), &json!("SnapshotDamaged"))
        );
        let summary = report["summary"].as_str().unwrap();
        assert!(
            summary.contains("ATTENTION: retention (last=2) failed") && summary.contains(&key.sk),
            "{summary}"
        );
        let announced = backend.announcements().pop().unwrap();
        assert!(announced.is_error && announced.subject.contains("retention NOT APPLIED"), "{announced:?}");
        let measured = backend.metrics().pop().unwrap();
        assert_eq!(
            (measured.get(Metric::PruningFailed), measured.get(Metric::SnapshotsSealed)),
            (Some(1.0), Some(1.0))
        );
        let ended = Catalog::new(backend.vault())
            .lease(&source_id(), shared::model::RunKind::Export)
            .await
            .unwrap()
            .unwrap();
        assert!(ended.expires <= backend.clock().now(), "the lease is given back");

        vault.put_by_hand(&key, page);
        tokio::time::sleep(DAY).await;
        let report = export(&machine, "four").await;
        assert_eq!(
            (&report["retention"].get("failure"), &report["retention"]["removed"]["snapshots"]),
            (&None, &json!(2))
        );
        assert_tidy(&backend).await;
        assert_all_whole(&backend).await;
    });
}

/// The last of three exports, whose retention removes the first. Returns the number of calls before the
/// retention, and of all calls.
async fn about_to_retain() -> (MemoryBackend, Machine) {
    let (backend, source) = retaining("last=2");
    let machine = Machine::new(&backend);
    for day in ["one", "two"] {
        change_a_user(&source, day);
        export(&machine, day).await;
        tokio::time::sleep(DAY).await;
    }
    change_a_user(&source, "three");
    (backend, machine)
}

#[test]
fn death_at_any_call_of_an_export_with_retention_only_delays_it() {
    let keys = |backend: &MemoryBackend| items(backend).into_keys().collect::<BTreeSet<Key>>();
    // An invocation does not know what one that died has removed.
    let retention = |report: &Value| {
        let mut retention = report["retention"].clone();
        retention.as_object_mut().map(|members| members.remove("removed"));
        retention
    };
    let (calls, remaining, applied) = in_paused_time(async {
        let (backend, machine) = about_to_retain().await;
        let before = backend.script().calls();
        let report = export(&machine, "last").await;
        (backend.script().calls() - before, keys(&backend), retention(&report))
    });
    assert!(calls > 60, "{calls}");
    for call in 1..=calls {
        for fault in [
            Fault::Die(Applied::Nothing),
            Fault::Die(Applied::Half),
            Fault::Die(Applied::All),
            Fault::LostReply,
        ] {
            in_paused_time(async {
                let (backend, machine) = about_to_retain().await;
                backend.script().fault(backend.script().calls() + call, fault);
                let report = export(&machine, "last").await;
                assert_eq!(report["status"], "SEALED");
                assert!(
                    report["summary"].as_str().unwrap().contains("The snapshot before held 20 users"),
                    "{report}"
                );
                assert_eq!(retention(&report), applied, "{call} {fault:?}");
                assert_eq!(keys(&backend), remaining, "{call} {fault:?}");
                assert_all_whole(&backend).await;
            });
        }
    }
}

#[test]
fn a_retention_with_little_time_takes_several_invocations() {
    in_paused_time(async {
        let (backend, _) = about_to_retain().await;
        backend.script().set_latency(Duration::from_millis(1), Duration::from_millis(30));
        let machine = Machine::new(&backend).with_budget(Duration::from_millis(1_500));
        let report = export(&machine, "slow").await;
        assert_eq!(
            (&report["retention"]["removed"]["snapshots"], report["retention"].get("failure")),
            (&json!(1), None),
            "{report}"
        );
        assert_tidy(&backend).await;
        assert_all_whole(&backend).await;
        assert_eq!(headers(&backend).await.len(), 2);
    });
}

#[test]
fn a_retention_that_needs_more_time_than_any_invocation_has_ends() {
    in_paused_time(async {
        let (backend, source) = retaining("last=60");
        for number in 0..60 {
            change_a_user(&source, &number.to_string());
            export(&Machine::new(&backend), &number.to_string()).await;
            tokio::time::sleep(DAY).await;
        }
        backend.script().set_latency(Duration::ZERO, Duration::from_millis(30));
        let machine = Machine::new(&backend).with_budget(Duration::from_millis(700));
        let report = export(&machine, "too slow").await;
        assert_eq!(
            (&report["status"], &report["retention"]["failure"]["error"]),
            (&json!("SEALED"), &json!("PruningTooLong"))
        );
        assert!(machine.invocations().len() < 60, "{}", machine.invocations().len());
        assert_all_whole(&backend).await;
        backend.script().set_latency(Duration::ZERO, Duration::ZERO);
        tokio::time::sleep(DAY).await;
        prune_by_hand(&backend, &by_policy("last=1")).await.unwrap();
        assert_tidy(&backend).await;
    });
}

/// A deployment with daily snapshots of different users, and a table that answers slowly from now on.
async fn slow_to_remove(snapshots: usize) -> MemoryBackend {
    let (backend, source) = retaining("last=9");
    for number in 0..snapshots {
        change_a_user(&source, &number.to_string());
        export(&Machine::new(&backend), &number.to_string()).await;
        tokio::time::sleep(DAY).await;
    }
    backend.script().set_latency(Duration::ZERO, Duration::from_millis(30));
    backend
}

/// A removal that makes no progress is given up, so it must say truly whether it did.
#[test]
fn a_removal_says_whether_its_comparisons_progressed() {
    let mut said = BTreeSet::new();
    for budget in (0..1_500).step_by(100) {
        in_paused_time(async {
            let backend = slow_to_remove(4).await;
            let (catalog, source) = (Catalog::new(backend.vault()), source_id());
            let mut lease = HeldLease::take(&catalog, &source, "prune", backend.clock()).await.unwrap();
            let wanted =
                RemovalRequest::ByPolicy { retention: Retention::parse("last=1").unwrap(), automatic: true };
            let budget = Budget::for_invocation(Duration::from_millis(budget));
            let ended = prune(&catalog, &source, &wanted, &mut lease, budget, &mut ()).await.unwrap();
            if let RemainingWork::Some { progressed } = ended.remaining
                && ended.plan.snapshots.is_empty()
            {
                let compared = catalog.prune_checkpoint(&source).await.unwrap().unwrap().compared;
                // Each snapshot is compared in one part.
                let has_verdict = !serde_json::to_value(compared).unwrap()["done"].is_null();
                assert_eq!(progressed, has_verdict, "{budget:?}");
                said.insert(progressed);
            }
        });
    }
    assert_eq!(said.len(), 2, "some budgets suffice for a comparison and some do not");
}

/// Without a removal, nothing but the comparisons would be left in the table.
#[test]
fn comparisons_are_forgotten_if_no_snapshot_goes() {
    in_paused_time(async {
        let (backend, source) = retaining("last=1");
        let backend = backend.with_retention(None);
        // A third of the users leaves after each export, so each snapshot holds lost users.
        for number in 0..4 {
            export(&Machine::new(&backend), &number.to_string()).await;
            tokio::time::sleep(DAY).await;
            let users = source.users();
            users.iter().take(users.len() / 3).for_each(|user| source.delete_user(&user.sub));
        }
        let backend = backend.with_retention(Some(Retention::parse("last=1").unwrap()));
        backend.script().set_latency(Duration::from_millis(1), Duration::from_millis(30));
        let machine = Machine::new(&backend).with_budget(Duration::from_millis(500));
        let report = export(&machine, "slow").await;
        assert!(machine.invocations().len() > 5, "one invocation is too short for all comparisons");
        assert_eq!(report["retention"]["removed"]["snapshots"], json!(0), "{report}");
        assert_eq!(report["retention"].get("failure"), None, "{report}");
        assert!(!items(&backend).into_keys().any(|key| key.sk == "PRUNING"), "the checkpoint is gone");
    });
}

/// Groups stay, so only the users of a snapshot tell whether the pool has lost users.
#[test]
fn users_without_a_group_count_as_lost_users_and_groups_do_not() {
    in_paused_time(async {
        for (lost, held_back) in [(4, 0), (5, 1)] {
            let (backend, source, _) = backend();
            people::plain(20, 0).fill(&source);
            (0..10).for_each(|number| source.put_group(people::group(number)));
            let backend = backend.with_retention(Some(Retention::parse("last=1").unwrap()));
            export(&Machine::new(&backend), "before").await;
            tokio::time::sleep(DAY).await;
            source.users().iter().take(lost).for_each(|user| source.delete_user(&user.sub));
            let report = export(&Machine::new(&backend), "after").await;
            assert_eq!(report["retention"]["heldBack"], json!(held_back), "{lost} of 20: {report}");
        }
    });
}

/// A removal that repeats itself without progress would never end.
#[test]
fn a_removal_in_any_budget_ends_or_says_that_it_makes_no_progress() {
    let mut ends = BTreeSet::new();
    for budget in (0..1_000).step_by(100) {
        in_paused_time(async {
            let backend = slow_to_remove(3).await;
            let (catalog, source) = (Catalog::new(backend.vault()), source_id());
            let mut lease = HeldLease::take(&catalog, &source, "prune", backend.clock()).await.unwrap();
            let mut times = 0;
            let progressed = loop {
                times += 1;
                assert!(times < 100, "with {budget} ms it works for ever");
                let budget = Budget::for_invocation(Duration::from_millis(budget));
                let wanted = by_policy("last=1");
                let ended = prune(&catalog, &source, &wanted, &mut lease, budget, &mut ()).await.unwrap();
                match ended.remaining {
                    RemainingWork::None => break true,
                    RemainingWork::Some { progressed: false } => break false,
                    RemainingWork::Some { progressed: true } => {}
                }
            };
            ends.insert((progressed, times > 1));
        });
    }
    let expected = BTreeSet::from([(false, false), (false, true), (true, false), (true, true)]);
    assert!(ends.is_subset(&expected) && ends.contains(&(true, true)), "{ends:?}");
    assert!(ends.iter().any(|(progressed, _)| !progressed), "{ends:?}");
}

/// One transaction deletes 99 records. A user may have more versions, and the checkpoint names only the user.
#[test]
fn a_removal_ends_with_all_versions_of_a_user_and_each_invocation_deletes_those_of_one_user() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(3, 0).fill(&source);
        let subs: BTreeSet<Sub> = source.users().into_iter().map(|user| user.sub).collect();
        let versions = [110, 88, 5];
        for day in 0..=110 {
            for (sub, versions) in subs.iter().zip(versions) {
                let name = |record: &mut UserRecord| {
                    drop(record.attributes.insert("name".to_owned(), day.to_string()))
                };
                if day <= versions {
                    source.change_user(sub, name);
                }
            }
            export(&Machine::new(&backend), &day.to_string()).await;
            tokio::time::sleep(DAY).await;
        }
        // Each deletion takes all the time of an invocation.
        backend.script().set_weather(Some(Box::new(|site| {
            let is_deletion = matches!(site, CallSite::Vault(_, Access::DeleteFenced));
            Mishap { fault: None, delay: Duration::from_secs(if is_deletion { 20 } else { 0 }) }
        })));
        let (catalog, source) = (Catalog::new(backend.vault()), source_id());
        let mut lease = HeldLease::take(&catalog, &source, "prune", backend.clock()).await.unwrap();
        let mut deleted = Vec::new();
        for _ in 0..2 {
            let (budget, wanted) = (Budget::for_invocation(Duration::from_secs(20)), by_policy("last=1"));
            let ended = prune(&catalog, &source, &wanted, &mut lease, budget, &mut ()).await.unwrap();
            assert_eq!(ended.remaining, RemainingWork::Some { progressed: true });
            deleted.push(ended.removed.records);
        }
        assert_eq!(deleted, [110 + 88, 5]);
        assert!(orphans(&backend).await.is_empty());
    });
}

/// A comparison may read for longer than the lease of the removal lasts.
#[test]
fn a_long_comparison_keeps_its_lease() {
    in_paused_time(async {
        let (backend, source) = retaining("last=9");
        for number in 0..4 {
            change_a_user(&source, &number.to_string());
            export(&Machine::new(&backend), &number.to_string()).await;
            tokio::time::sleep(DAY).await;
        }
        backend.script().set_latency(Duration::ZERO, Duration::from_secs(20));
        let ended = prune_by_hand(&backend, &by_policy("last=1")).await.unwrap();
        assert_eq!(ended.removed.snapshots, 3);
    });
}

#[test]
fn damage_in_a_newer_snapshot_stops_the_automatic_retention_and_no_plan_of_an_operator() {
    in_paused_time(async {
        let (backend, _) = retaining("last=9");
        for name in ["one", "two"] {
            export(&Machine::new(&backend), name).await;
            tokio::time::sleep(DAY).await;
        }
        let newest = sealed(&backend).await[0].clone();
        let of_newest = format!("SNAP#{newest}");
        let key = items(&backend)
            .into_keys()
            .find(|key| key.pk == of_newest && key.sk.starts_with("PAGES#users"))
            .unwrap();
        backend.vault().remove(&key).unwrap();
        let (catalog, now) = (Catalog::new(backend.vault()), backend.clock().now());
        let planned = async |automatic| {
            let retention = Retention::parse("last=1").unwrap();
            let wanted = RemovalRequest::ByPolicy { retention, automatic };
            plan(&catalog, &source_id(), &wanted, now).await
        };
        assert_eq!(planned(true).await.unwrap_err().kind(), ErrorKind::SnapshotDamaged);
        let from = backend.script().calls();
        let by_hand = planned(false).await.unwrap();
        let until = backend.script().calls();
        assert!(matches!(by_hand.snapshots[1].fate, Decision::Removed(RemovalReason::NoRule)), "{by_hand:?}");
        // A table that cannot be read is no damage.
        for call in 1..=until - from {
            let refused = Fault::Refuse(PoolErrorKind::Transient);
            backend.script().fault(backend.script().calls() + call, refused);
            assert_eq!(planned(false).await.unwrap_err().kind(), ErrorKind::ServiceUnavailable, "{call}");
        }
    });
}
