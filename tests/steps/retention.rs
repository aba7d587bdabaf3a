//! Goal: each sealed snapshot starts a removal of those that no retention rule keeps. No export fails because of it.
//!
//! Method: exports a day apart with a retention, with faults, deaths and short invocations.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::ErrorKind;
use shared::catalog::{Catalog, Claim, LeaseKey};
use shared::model::{Lease, Metric, Retention, RunId, RunKind, Sub, UserRecord};
use shared::operations::HeldLease;
use shared::operations::prune::{Decision, RemainingWork, RemovalReason, RemovalRequest, plan, prune};
use shared::pacing::Budget;
use shared::ports::Backend;
use shared::ports::pool::PoolErrorKind;
use shared::ports::vault::{Access, Key};
use shared::steps::finalize;
use shared_memory::{Applied, CallSite, Calls, Fault, MemoryBackend, MemoryPool, Mishap, PageShape};

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
        let removed = &reports[3]["removal"]["retention"]["removed"];
        assert_eq!((&removed["snapshots"], &removed["records"]), (&json!(1), &json!(1)), "{}", reports[3]);
        let summary = |report: &Value| report["removal"]["summary"].as_str().unwrap().to_owned();
        assert!(
            summary(&reports[3]).starts_with("Retention (last=2) removed 1 snapshot (1 record"),
            "{reports:?}"
        );
        assert!(summary(&reports[0]).contains("keeps every snapshot"), "{reports:?}");
        assert_eq!(reports[0]["removal"]["retention"]["removed"]["snapshots"], 0);
        let measured = backend.metrics();
        assert_eq!(measured.last().unwrap().get(Metric::SnapshotsPruned), Some(1.0));
        assert_eq!(measured.last().unwrap().get(Metric::PruningFailed), Some(0.0));
        let announced = backend.announcements();
        assert_eq!(
            announced.len(),
            4,
            "no operator has to look at a removal that applied the rules: {announced:?}"
        );
        // The removal has released its lease.
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
            assert_eq!(report.get("removal"), None);
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
                (
                    &report["removal"]["retention"]["heldBack"],
                    &report["removal"]["retention"]["heldBackSnapshots"][0]
                ),
                (&json!(1), &json!(full))
            );
            let summary = report["removal"]["summary"].as_str().unwrap();
            assert!(
                summary.contains("ATTENTION: held back from retention: 1 snapshot")
                    && summary.contains(full.as_str()),
                "{summary}"
            );
            assert!(sealed(&backend).await.contains(&full));
            assert_all_whole(&backend).await;
            tokio::time::sleep(DAY * 100).await;
        }
        let told = backend.announcements().into_iter().filter(|told| told.subject.contains("held back"));
        assert!(told.count() == 3 && !backend.announcements().iter().any(|told| told.is_error));
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
        assert_eq!(report["removal"]["retention"]["heldBackSnapshots"], json!([full]), "{report}");
        let summary = report["removal"]["summary"].as_str().unwrap();
        assert!(summary.contains("missing from the next newer snapshot that stays"), "{summary}");
        assert_all_whole(&backend).await;
        assert_tidy(&backend).await;
        // A later snapshot with the same users is compared with its neighbour, and goes.
        tokio::time::sleep(DAY).await;
        let report = export(&machine, "later").await;
        assert_eq!(report["removal"]["retention"]["removed"]["snapshots"], 1, "{report}");
        assert_eq!(report["removal"]["retention"]["heldBackSnapshots"], json!([full]), "{report}");
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
            assert_eq!(report["removal"]["retention"]["heldBack"], held_back, "{leavers}: {report}");
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
            assert_eq!(report["removal"]["retention"]["heldBack"], 0, "{report}");
            tokio::time::sleep(DAY * 7).await;
        }
        assert_eq!(sealed(&backend).await.len(), 12);
        assert_tidy(&backend).await;
    });
}

#[test]
fn comparisons_are_left_to_the_next_invocation_and_forgotten_at_the_end() {
    // How many invocations the removals needed that ended.
    let mut needed = BTreeSet::new();
    let mut too_short = BTreeSet::new();
    for budget in (1_000..13_000).step_by(1_000) {
        in_paused_time(async {
            // Most snapshots go at once.
            let (backend, exported) = late_rules().await;
            backend.script().set_latency(Duration::from_millis(1), Duration::from_millis(30));
            let machine = Machine::new(&backend).with_budget(Duration::from_millis(budget));
            let report = machine.remove(&exported, "slow").await.unwrap();
            if let Some(failure) = report["retention"].get("failure") {
                assert_eq!(failure["error"], "PruningTooLong", "{report}");
                too_short.insert((budget, machine.invocations().len()));
            } else {
                assert_eq!(report["retention"]["removed"]["snapshots"], 12, "{report}");
                needed.insert(machine.invocations().len());
                assert_tidy(&backend).await;
                assert!(
                    !items(&backend).into_keys().any(|key| key.sk == "PRUNING"),
                    "the checkpoint is gone"
                );
            }
            assert_all_whole(&backend).await;
        });
    }
    assert!(needed.iter().any(|invocations| *invocations > 1), "{needed:?} {too_short:?}");
}

/// 13 daily snapshots of a deployment without rules, which gets the rule to keep the last one. Returns the last report.
async fn late_rules() -> (MemoryBackend, Value) {
    let (backend, source) = retaining("last=1");
    let without_rules = Machine::new(&backend.clone().with_retention(None));
    let mut exported = Value::Null;
    for number in 0..13 {
        change_a_user(&source, &number.to_string());
        exported = export(&without_rules, &number.to_string()).await;
        tokio::time::sleep(DAY).await;
    }
    (backend, exported)
}

/// An invocation of a removal that began `before` now.
async fn invocation_of_removal(
    backend: &MemoryBackend,
    exported: &Value,
    before: SignedDuration,
    budget: Duration,
) -> Value {
    let started_at = backend.clock().now() - before;
    let event = json!({
        "operation": "removal",
        "userPoolId": source_id(),
        "snapshotId": exported["snapshotId"],
        "execution": {"id": "long", "startedAt": started_at.to_string()},
    });
    let report = finalize(backend, event, Budget::for_invocation(budget)).await.unwrap();
    serde_json::to_value(report).unwrap()
}

/// An export waits two hours for the lease of a removal, and then fails.
#[test]
fn a_removal_that_has_worked_for_90_minutes_ends_and_the_next_one_continues() {
    let mut ended = 0;
    for budget in (1..13).map(Duration::from_secs) {
        in_paused_time(async {
            let (backend, exported) = late_rules().await;
            backend.script().set_latency(Duration::from_millis(1), Duration::from_millis(30));
            let young =
                invocation_of_removal(&backend, &exported, SignedDuration::from_mins(60), budget).await;
            if young["more"] != true {
                return;
            }
            let old =
                invocation_of_removal(&backend, &exported, SignedDuration::from_mins(120), budget).await;
            if old["status"] != "UNFINISHED" {
                return;
            }
            ended += 1;
            assert_eq!(old["more"], false, "{old}");
            assert!(old["summary"].as_str().unwrap().contains("starts a removal that continues"), "{old}");
            let catalog = Catalog::new(backend.vault());
            let lease = catalog.lease(&source_id(), RunKind::Export).await.unwrap().unwrap();
            assert!(lease.expires <= backend.clock().now(), "no export waits");
            assert_all_whole(&backend).await;
            backend.script().set_latency(Duration::ZERO, Duration::ZERO);
            let report = Machine::new(&backend).remove(&exported, "next").await.unwrap();
            assert_eq!(report["status"], "APPLIED", "{report}");
            assert_eq!(sealed(&backend).await.len(), 1);
            assert_tidy(&backend).await;
        });
    }
    assert!(ended > 0, "some removal was at work");
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
            (&report["status"], &report["removal"]["retention"]["failure"]["error"]),
            (&json!("SEALED"), &json!("SnapshotDamaged"))
        );
        let summary = report["removal"]["summary"].as_str().unwrap();
        assert!(
            summary.contains("ATTENTION: retention (last=2) failed") && summary.contains(&key.sk),
            "{summary}"
        );
        let announced = backend.announcements().pop().unwrap();
        assert!(announced.is_error && announced.subject.contains("retention NOT APPLIED"), "{announced:?}");
        let measured = backend.metrics().pop().unwrap();
        assert_eq!(
            (measured.get(Metric::PruningFailed), measured.get(Metric::SnapshotsPruned)),
            (Some(1.0), Some(0.0))
        );
        let ended =
            Catalog::new(backend.vault()).lease(&source_id(), RunKind::Export).await.unwrap().unwrap();
        assert!(ended.expires <= backend.clock().now(), "the lease is given back");

        // The item is recovered. Another execution for the same event tries again, and then there is nothing more to do.
        vault.put_by_hand(&key, page);
        for name in ["again", "and again"] {
            let again = machine.remove(&report, name).await.unwrap();
            assert_eq!(
                (&again["status"], &again["retention"]["removed"]["snapshots"]),
                (&json!("APPLIED"), &json!(1))
            );
        }
        tokio::time::sleep(DAY).await;
        let report = export(&machine, "four").await;
        assert_eq!(
            (
                &report["removal"]["retention"].get("failure"),
                &report["removal"]["retention"]["removed"]["snapshots"]
            ),
            (&None, &json!(1))
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
        let mut retention = report["removal"]["retention"].clone();
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
            (
                &report["removal"]["retention"]["removed"]["snapshots"],
                report["removal"]["retention"].get("failure")
            ),
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
            (&report["status"], &report["removal"]["retention"]["failure"]["error"]),
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
        assert_eq!(report["removal"]["retention"]["removed"]["snapshots"], json!(0), "{report}");
        assert_eq!(report["removal"]["retention"].get("failure"), None, "{report}");
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
            assert_eq!(
                report["removal"]["retention"]["heldBack"],
                json!(held_back),
                "{lost} of 20: {report}"
            );
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

/// A lease of another run or command on the pool, which lasts for `minutes`.
async fn hold_the_pool(backend: &MemoryBackend, holder: &str, minutes: i64) {
    let (catalog, now) = (Catalog::new(backend.vault()), backend.clock().now());
    let lease = Lease::with_duration(SignedDuration::from_mins(minutes), holder, now);
    let key = LeaseKey::of_pool(&source_id(), RunKind::Export);
    assert!(matches!(catalog.take_lease(&key, &lease, false, now).await.unwrap(), Claim::Taken(_)));
}

#[test]
fn a_removal_beside_an_export_does_nothing_and_the_next_one_removes_what_it_left() {
    in_paused_time(async {
        let (backend, machine) = about_to_retain().await;
        let third = Machine::new(&backend.clone().with_retention(None));
        let exported = export(&third, "three").await;
        hold_the_pool(&backend, "arn:aws:states:eu-west-1:1:execution:cognito-backup-export:x", 20).await;
        let before = items(&backend);
        let skipped = machine.remove(&exported, "skipped").await.unwrap();
        assert_eq!((&skipped["status"], skipped.get("retention")), (&json!("SKIPPED"), None));
        assert!(skipped["summary"].as_str().unwrap().contains("exports it to this table"), "{skipped}");
        assert_eq!(items(&backend), before);
        tokio::time::sleep(DAY).await;
        let report = export(&machine, "four").await;
        assert_eq!(report["removal"]["retention"]["removed"]["snapshots"], 2, "{report}");
        assert_tidy(&backend).await;
    });
}

#[test]
fn an_export_waits_for_the_end_of_a_removal_also_if_a_schedule_starts_it() {
    for scheduled in [false, true] {
        in_paused_time(async {
            let (backend, source) = retaining("last=2");
            let machine = Machine::new(&backend);
            let holder = crate::support::machine::execution_arn("removal", "at-work");
            export(&machine, "one").await;
            change_a_user(&source, "two");
            hold_the_pool(&backend, &holder, 1).await;
            let input = json!({"userPoolId": source_id(), "tps": 200, "scheduled": scheduled});
            let report = machine.export(input, "two").await.report();
            assert_eq!(report["status"], "SEALED", "{report}");
            let waited: Vec<_> = machine.history.lock().unwrap().clone();
            assert!(waited.iter().any(|answer| answer.contains("RemovalUndecided")), "{waited:?}");
        });
    }
}

/// No state of a removal gives the lease back if an operator aborts it, so the lease ends by itself.
#[test]
fn a_removal_that_is_aborted_at_any_call_fails_no_export_and_delays_it_by_minutes() {
    let removing = async || {
        let (backend, machine) = about_to_retain().await;
        let exported = export(&Machine::new(&backend.clone().with_retention(None)), "three").await;
        (backend, machine, exported)
    };
    let calls = in_paused_time(async {
        let (backend, machine, exported) = removing().await;
        let before = backend.script().calls();
        machine.remove(&exported, "whole").await.unwrap();
        backend.script().calls() - before
    });
    assert!(calls > 20, "{calls}");
    let mut waited = BTreeSet::new();
    for call in 1..=calls {
        in_paused_time(async {
            let (backend, machine, exported) = removing().await;
            backend.script().fault(backend.script().calls() + call, Fault::Die(Applied::All));
            let aborted = Machine { stop_at_death: true, ..machine.clone() };
            assert_eq!(aborted.remove(&exported, "aborted").await, None, "{call}");
            let began = tokio::time::Instant::now();
            let next = Machine { retries_as_deployed: true, ..machine };
            let report = export(&next, "four").await;
            let minutes = began.elapsed().as_secs() / 60;
            assert!(minutes <= 10, "{call}: the export waited {minutes} minutes");
            waited.insert(minutes > 0);
            assert_eq!(report["removal"]["status"], "APPLIED", "{call}: {report}");
            assert_eq!(sealed(&backend).await.len(), 2, "{call}");
            assert_all_whole(&backend).await;
            assert_tidy(&backend).await;
        });
    }
    assert_eq!(waited.len(), 2, "some exports have to wait, and some need not");
}

/// Only the event starts a removal. An alarm watches the metric.
#[test]
fn a_lost_event_delays_a_removal_to_the_next_sealed_snapshot() {
    in_paused_time(async {
        let (backend, machine) = about_to_retain().await;
        let report = export(&Machine::new(&backend.clone().losing_events()), "three").await;
        assert_eq!((&report["status"], report.get("removal")), (&json!("SEALED"), None));
        assert_eq!(backend.metrics().last().unwrap().get(Metric::EventsLost), Some(1.0));
        assert_eq!(sealed(&backend).await.len(), 3);
        tokio::time::sleep(DAY).await;
        let report = export(&machine, "four").await;
        assert_eq!(report["removal"]["retention"]["removed"]["snapshots"], 2, "{report}");
        assert_tidy(&backend).await;
    });
}

#[test]
fn an_event_that_is_delivered_twice_removes_once_and_reports_the_same() {
    in_paused_time(async {
        let (backend, machine) = about_to_retain().await;
        let report = export(&machine, "last").await;
        let after = items(&backend);
        let again = machine.remove(&report, "again").await.unwrap();
        assert_eq!(again, report["removal"]);
        assert_eq!(items(&backend), after);
    });
}

#[test]
fn two_removals_at_once_leave_what_one_leaves() {
    for apart in [0, 1, 20, 200, 2_000] {
        in_paused_time(async {
            let (backend, machine) = about_to_retain().await;
            let exported = export(&Machine::new(&backend.clone().with_retention(None)), "last").await;
            backend.script().set_latency(Duration::from_millis(1), Duration::from_millis(30));
            let second = async {
                tokio::time::sleep(Duration::from_millis(apart)).await;
                machine.remove(&exported, "second").await.unwrap()
            };
            let (first, second) = tokio::join!(machine.remove(&exported, "first"), second);
            let statuses = [first.unwrap()["status"].clone(), second["status"].clone()];
            assert!(statuses.contains(&json!("APPLIED")), "{statuses:?}");
            backend.script().set_latency(Duration::ZERO, Duration::ZERO);
            assert_tidy(&backend).await;
            assert_all_whole(&backend).await;
            assert_eq!(sealed(&backend).await.len(), 2);
        });
    }
}

/// Any principal of the account may put an event. It names the pool, and nothing else of it counts.
#[test]
fn a_removal_for_a_snapshot_that_does_not_exist_is_skipped() {
    in_paused_time(async {
        // All snapshots but one could go.
        let (backend, _) = late_rules().await;
        let before = items(&backend);
        let forged = json!({"userPoolId": source_id(), "snapshotId": "20991231T000000000Z-00000000"});
        let report = Machine::new(&backend).remove(&forged, "forged").await.unwrap();
        assert_eq!(report["status"], "SKIPPED", "{report}");
        assert_eq!(items(&backend), before);
    });
}

#[test]
fn an_export_deletes_no_item_whatever_the_rules_say() {
    in_paused_time(async {
        let (backend, source) = retaining("last=1");
        let machine = Machine::new(&backend);
        for day in ["one", "two"] {
            change_a_user(&source, day);
            export(&machine, day).await;
            tokio::time::sleep(DAY).await;
        }
        let called = machine.called.lock().unwrap();
        let deletes = |calls: &Calls| {
            let deletions = [Access::DeleteAll, Access::DeleteFenced];
            calls.table.iter().any(|(_, access)| deletions.contains(access))
        };
        let deleting: Vec<_> =
            called.iter().filter(|(_, calls)| deletes(calls)).map(|(role, _)| *role).collect();
        assert_eq!(deleting, ["removal"]);
    });
}
