//! Goal: under any exports, changes, removals, restores and copies, no remaining snapshot loses an item, and no
//! record stays that no snapshot names. A restore or a copy that succeeds during a removal is whole.
//!
//! Method: generated sequences of events, in one Region or in two. Exports and removals run in the first Region, restores
//! and copies in either. After each event, check all snapshots and records; in the end, those of both Regions.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;
use shared::ErrorKind;
use shared::model::{MfaSetting, Retention, Rule, RunId, Sub, UserRecord};
use shared::operations::prune::{Ended, RemovalRequest};
use shared::ports::pool::Operation;
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool, PageShape};

use crate::support::copied::{copy_to, is_visible, other_account};
use crate::support::disturbance::{self, Faults};
use crate::support::machine::{End, Machine};
use crate::support::pruned::{
    assert_all_whole, assert_no_strays, assert_tidy, headers, orphans, prune_by_hand, prune_or_die, records,
    sealed,
};
use crate::support::regions::{self, Place, REFUSED, TwoRegions, place};
use crate::support::restored::{Comparison, compare};
use crate::support::snapshot::{self, Contents};
use crate::support::{backend, cases, in_paused_time, people, source_id};

#[derive(Debug, Clone)]
enum Event {
    /// A user changes.
    Rename(Index, u8),
    /// A listing that lags behind shows a user in an earlier state.
    AsBefore(Index, Index),
    SignUp(u8),
    Delete(Index),
    DescribeGroup(u8),
    Configure(bool),
    Wait(u32),
    Export {
        faults: Faults,
        stops: bool,
    },
    /// An export that fails at a call.
    FailingExport(u64),
    Prune {
        wanted: Choice,
        faults: Faults,
    },
    /// Two removals, or a removal and an export, this many milliseconds apart.
    AtOnce {
        wanted: Choice,
        other: Option<Choice>,
        apart: u64,
    },
    /// A restore or a copy, and a removal so many milliseconds after its beginning. The faults strike the calls of
    /// both.
    ReadDuringRemoval {
        reader: Reader,
        wanted: Choice,
        faults: Faults,
        apart: u64,
    },
    /// An export with retention. Its finalize has invocations of so many milliseconds. Each runs a
    /// second time after a delay.
    ExportWithRetention {
        policy: Retention,
        faults: Faults,
        budget: u64,
        twins: Vec<u64>,
    },
}

#[derive(Debug, Clone)]
enum Choice {
    Policy(Retention),
    These(Vec<Index>),
}

/// A run that reads a snapshot.
#[derive(Debug, Clone)]
struct Reader {
    is_copy: bool,
    /// Whether it runs in the second Region, if there is one.
    in_second: bool,
    /// Which snapshot it reads.
    of: Index,
}

fn reader() -> impl Strategy<Value = Reader> {
    let reader = (any::<bool>(), prop::bool::weighted(0.7), any::<Index>());
    reader.prop_map(|(is_copy, in_second, of)| Reader { is_copy, in_second, of })
}

fn policy() -> impl Strategy<Value = Retention> {
    let rule = (prop::sample::select(&Rule::ALL[..]), 1u32..4);
    prop::collection::vec(rule, 1..3).prop_map(|rules| Retention::new(rules).unwrap())
}

fn choice() -> impl Strategy<Value = Choice> {
    prop_oneof![
        3 => policy().prop_map(Choice::Policy),
        1 => prop::collection::vec(any::<Index>(), 1..4).prop_map(Choice::These),
    ]
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let index = any::<Index>;
    let faults = || prop_oneof![1 => Just(Vec::new()), 1 => disturbance::faults()];
    let event = prop_oneof![
        4 => (index(), 0u8..3).prop_map(|(at, name)| Event::Rename(at, name)),
        4 => (index(), index()).prop_map(|(user, state)| Event::AsBefore(user, state)),
        1 => any::<u8>().prop_map(Event::SignUp),
        1 => index().prop_map(Event::Delete),
        1 => (0u8..3).prop_map(Event::DescribeGroup),
        1 => any::<bool>().prop_map(Event::Configure),
        2 => (1u32..80).prop_map(Event::Wait),
        6 => (faults(), prop::bool::weighted(0.3)).prop_map(|(faults, stops)| Event::Export { faults, stops }),
        1 => (8u64..40).prop_map(Event::FailingExport),
        3 => (choice(), faults()).prop_map(|(wanted, faults)| Event::Prune { wanted, faults }),
        2 => (choice(), prop::option::of(choice()), 0u64..1_500).prop_map(|(wanted, other, apart)| Event::AtOnce { wanted, other, apart }),
        2 => (reader(), choice(), faults(), 0u64..3_000).prop_map(|(reader, wanted, faults, apart)| Event::ReadDuringRemoval { reader, wanted, faults, apart }),
        4 => (policy(), faults(), prop::sample::select(&[60u64, 300, 900_000][..]), prop::collection::vec(0u64..3_000, 0..8))
            .prop_map(|(policy, faults, budget, twins)| Event::ExportWithRetention { policy, faults, budget, twins }),
    ];
    prop::collection::vec(event, 4..22)
}

struct World {
    /// The first Region.
    backend: MemoryBackend,
    regions: Option<TwoRegions>,
    source: MemoryPool,
    /// Every state of every user so far.
    states: Vec<(Sub, UserRecord)>,
    /// What each snapshot held when it was first seen.
    seen: HashMap<RunId, Contents>,
    exports: usize,
    restores: u32,
}

/// A removal ends, or is refused because of another run or of what it was asked to remove.
fn assert_removed(removed: shared::Result<Ended>) {
    let refused = [
        ErrorKind::ExportAlreadyRunning,
        ErrorKind::LeaseLost,
        ErrorKind::SnapshotNotRemovable,
        ErrorKind::SnapshotNotFound,
    ];
    assert!(removed.as_ref().map_or_else(|error| refused.contains(&error.kind()), |_| true), "{removed:?}");
}

impl World {
    fn new(place: Place) -> Self {
        let (backend, source, _) = backend();
        let regions = place.deploy(&backend);
        people::plain(7, 2).fill(&source);
        source.set_shape(PageShape {
            sizes: vec![3, 2],
            repeat: false,
            dangling: true,
            echo: true,
            ..PageShape::default()
        });
        Self { backend, regions, source, states: Vec::new(), seen: HashMap::new(), exports: 0, restores: 0 }
    }

    fn user_at(&self, at: &Index) -> Option<Sub> {
        let mut subs: Vec<_> = self.source.users().into_iter().map(|user| user.sub).collect();
        subs.sort();
        (!subs.is_empty()).then(|| subs.swap_remove(at.index(subs.len())))
    }

    fn remember(&mut self) {
        for user in self.source.users() {
            let state = (user.sub, user.record);
            if !self.states.contains(&state) {
                self.states.push(state);
            }
        }
    }

    /// The backend of the second Region, or of the only one.
    fn region(&self, in_second: bool) -> &MemoryBackend {
        self.regions.as_ref().map_or(&self.backend, |regions| regions.region(in_second))
    }

    /// Checks that every sealed snapshot is whole, and as it was when it was first seen.
    async fn assert_all_as_sealed(&mut self) {
        for id in sealed(&self.backend).await {
            let contents = snapshot::read(&self.backend, &source_id(), &id).await;
            match self.seen.get(&id) {
                Some(first) => first.assert_is_still(&contents),
                None => drop(self.seen.insert(id, contents)),
            }
        }
    }

    /// Checks that both Regions have the same items, and whole snapshots, when everything has arrived.
    async fn assert_alike(&self) {
        if let Some(regions) = &self.regions {
            regions.settle();
            assert_all_whole(&regions.second).await;
        }
    }

    /// A restore of a snapshot into a new pool, or a copy into a new table. If it succeeds, it is whole.
    async fn read(&self, reader: &Reader, id: &RunId, number: u32) {
        let in_second = reader.in_second && self.regions.is_some();
        let (backend, contents) = (self.region(in_second), &self.seen[id]);
        let is_refused = |name: &str| {
            REFUSED.contains(&name) || (in_second && ["CopyIncomplete", "SnapshotDamaged"].contains(&name))
        };
        if reader.is_copy {
            let (destination, _) = other_account();
            let invocation = backend.invocation();
            let copied = tokio::select! {
                biased;
                copied = copy_to(&invocation, &destination, id) => Some(copied),
                () = invocation.death() => None,
            };
            if let Some(Err(error)) = &copied {
                assert!(error.kind().retryable() || is_refused(error.kind().name()), "{error:?}");
            }
            let is_visible = is_visible(&destination, id).await;
            assert!(is_visible || !matches!(copied, Some(Ok(_))), "{copied:?}");
            if is_visible {
                contents.assert_is_still(&snapshot::read(&destination, &source_id(), id).await);
            }
            return;
        }
        let target_id = regions::target_id(in_second, number);
        let target = regions::create_target(backend, &target_id);
        let input = json!({
            "sourceUserPoolId": source_id(), "targetUserPoolId": target_id, "snapshot": id, "tps": 200,
            // Users leave the source.
            "acceptShrunk": true,
        });
        match Machine::new(backend).import(input, &format!("import-{number}")).await {
            End::Finished(report) => {
                assert_eq!(report["status"], "SUCCEEDED", "{report}");
                assert_eq!(compare(contents, &target), Comparison::default(), "{report}");
            }
            refused => {
                assert!(is_refused(refused.error().0), "{refused:?}");
                assert_eq!((target.user_count(), target.groups().len()), (0, 0), "{refused:?}");
            }
        }
    }

    async fn wanted(&self, choice: &Choice) -> RemovalRequest {
        match choice {
            Choice::Policy(retention) => {
                RemovalRequest::ByPolicy { retention: retention.clone(), automatic: false }
            }
            Choice::These(at) => {
                let all: Vec<_> = headers(&self.backend).await.into_iter().map(|header| header.id).collect();
                RemovalRequest::Named(
                    at.iter()
                        .filter(|_| !all.is_empty())
                        .map(|at| all[at.index(all.len())].clone())
                        .collect(),
                )
            }
        }
    }

    async fn export(&mut self, machine: Machine) {
        self.exports += 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let _ = machine
            .export(json!({"userPoolId": source_id(), "tps": 200}), &format!("export-{}", self.exports))
            .await;
        self.backend.script().clear();
        machine.join_twins().await;
    }

    /// Waits until all leases have ended.
    async fn let_leases_end(&self) {
        tokio::time::sleep(Duration::from_secs(20 * 60)).await;
    }

    async fn happen(&mut self, event: &Event) {
        let backend = self.backend.clone();
        match event {
            Event::Rename(at, name) => self.user_at(at).into_iter().for_each(|sub| {
                self.source.change_user(&sub, |record| {
                    drop(record.attributes.insert("name".to_owned(), format!("Änne {name}")))
                });
            }),
            Event::AsBefore(at, state) => self.user_at(at).into_iter().for_each(|sub| {
                let states: Vec<_> = self.states.iter().filter(|(of, _)| *of == sub).collect();
                if !states.is_empty() {
                    self.source.show_stale(&sub, states[state.index(states.len())].1.clone());
                }
            }),
            Event::SignUp(number) => drop(self.source.sign_up(&disturbance::newcomer((*number).into()))),
            Event::Delete(at) => self.user_at(at).into_iter().for_each(|sub| self.source.delete_user(&sub)),
            Event::DescribeGroup(text) => {
                let description = Some(format!("Group {text}"));
                self.source.put_group(shared::model::GroupRecord { description, ..people::group(0) });
            }
            Event::Configure(mfa) => {
                self.source.configure(|pool| pool.mfa = if *mfa { MfaSetting::On } else { MfaSetting::Off })
            }
            Event::Wait(hours) => tokio::time::sleep(Duration::from_secs(u64::from(*hours) * 3600)).await,
            Event::Export { faults, stops } => {
                disturbance::order_faults(&backend, faults);
                self.export(Machine { stop_at_death: *stops, ..Machine::new(&backend) }).await;
                self.let_leases_end().await;
            }
            Event::FailingExport(calls) => {
                backend.script().change(backend.script().calls() + calls, {
                    let backend = backend.clone();
                    move || backend.script().always(Operation::ListUsers, Some(Fault::RejectToken))
                });
                self.export(Machine { retries: 1, ..Machine::new(&backend) }).await;
            }
            Event::Prune { wanted, faults } => self.prune(wanted, faults).await,
            Event::AtOnce { wanted, other, apart } => {
                backend.script().set_latency(Duration::from_millis(10), Duration::from_millis(10));
                let wanted = self.wanted(wanted).await;
                let newest = sealed(&backend).await.first().cloned();
                let later = async {
                    tokio::time::sleep(Duration::from_millis(*apart)).await;
                    match other {
                        Some(other) => {
                            assert_removed(prune_by_hand(&backend, &self.wanted(other).await).await)
                        }
                        None => drop(
                            Machine::new(&backend)
                                .export(
                                    json!({"userPoolId": source_id(), "tps": 200}),
                                    &format!("at-once-{}", self.states.len()),
                                )
                                .await,
                        ),
                    }
                };
                let (removed, ()) = tokio::join!(prune_by_hand(&backend, &wanted), later);
                assert_removed(removed);
                let remaining = sealed(&backend).await;
                assert!(
                    newest.is_none_or(|newest| remaining.contains(&newest) || remaining[0] > newest),
                    "the newest sealed snapshot stays until a newer one is sealed"
                );
                backend.script().set_latency(Duration::ZERO, Duration::ZERO);
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
            Event::ReadDuringRemoval { reader, wanted, faults, apart } => {
                let ids = sealed(&backend).await;
                if ids.is_empty() {
                    return;
                }
                self.restores += 1;
                let (id, wanted) = (&ids[reader.of.index(ids.len())], self.wanted(wanted).await);
                backend.script().set_latency(Duration::from_millis(10), Duration::from_millis(10));
                disturbance::order_faults(&backend, faults);
                let removal = async {
                    tokio::time::sleep(Duration::from_millis(*apart)).await;
                    if let Some(Err(error)) = prune_or_die(&backend, &wanted).await {
                        let told = [
                            ErrorKind::SnapshotInUse,
                            ErrorKind::SnapshotNotRemovable,
                            ErrorKind::SnapshotNotFound,
                        ];
                        assert!(error.kind().retryable() || told.contains(&error.kind()), "{error:?}");
                    }
                };
                tokio::join!(self.read(reader, id, self.restores), removal);
                backend.script().clear();
                backend.script().set_latency(Duration::ZERO, Duration::ZERO);
                self.let_leases_end().await;
            }
            Event::ExportWithRetention { policy, faults, budget, twins } => {
                let with_retention = backend.clone().with_retention(Some(policy.clone()));
                backend.script().set_latency(Duration::from_millis(1), Duration::from_millis(2));
                disturbance::order_faults(&backend, faults);
                let mut machine = Machine::new(&with_retention).with_budget(Duration::from_millis(*budget));
                machine.twins = twins.iter().copied().map(Duration::from_millis).collect();
                self.export(machine).await;
                backend.script().set_latency(Duration::ZERO, Duration::ZERO);
                self.let_leases_end().await;
            }
        }
    }

    /// A restore that was refused leaves its hold.
    async fn assert_tidy(&self) {
        if self.restores == 0 {
            assert_tidy(&self.backend).await;
        } else {
            assert_no_strays(&self.backend).await;
        }
    }

    /// Removes until it succeeds, and checks the table after each try.
    async fn prune(&mut self, choice: &Choice, faults: &Faults) {
        let backend = self.backend.clone();
        let wanted = self.wanted(choice).await;
        let (unnamed, newest) = (orphans(&backend).await, sealed(&backend).await.first().cloned());
        disturbance::order_faults(&backend, faults);
        for _ in 0..=faults.len() {
            let ended = prune_or_die(&backend, &wanted).await;
            let script = backend.script();
            match ended {
                Some(Ok(ended)) => {
                    script.clear();
                    assert!(
                        orphans(&backend).await.is_subset(&unnamed),
                        "records that no snapshot names are gone"
                    );
                    self.assert_tidy().await;
                    let remaining: BTreeSet<_> =
                        headers(&backend).await.into_iter().map(|header| header.id).collect();
                    let stays = ended
                        .plan
                        .ids(|fate| !matches!(fate, shared::operations::prune::Decision::Removed(_)));
                    assert_eq!(remaining, stays.into_iter().collect());
                    break;
                }
                Some(Err(error)) => {
                    let named = matches!(wanted, RemovalRequest::Named(_));
                    let told = [ErrorKind::SnapshotNotRemovable, ErrorKind::SnapshotNotFound]
                        .contains(&error.kind());
                    assert!(error.kind().retryable() || (named && told), "{error:?}");
                    if named && told {
                        script.clear();
                        break;
                    }
                }
                None => {}
            }
            tokio::time::sleep(Duration::from_secs(301)).await;
        }
        backend.script().clear();
        assert_eq!(sealed(&backend).await.first(), newest.as_ref(), "the newest sealed snapshot stays");
        tokio::time::sleep(Duration::from_secs(301)).await;
    }
}

proptest! {
    #![proptest_config(cases(90))]

    #[test]
    fn prune_never_takes_an_item_of_a_remaining_snapshot(place in place(), events in events()) {
        in_paused_time(async {
            let mut world = World::new(place);
            for event in &events {
                world.remember();
                world.happen(event).await;
                world.assert_all_as_sealed().await;
            }
            world.assert_alike().await;
            // In the end, all snapshots except the newest can be removed. The remaining items are
            // those that it names, and records of exports that died before they wrote the page.
            let unnamed = orphans(&world.backend).await;
            let last = Choice::Policy(Retention::parse("last=1").unwrap());
            world.let_leases_end().await;
            let newest: Vec<_> = sealed(&world.backend).await.into_iter().take(1).collect();
            world.prune(&last, &vec![]).await;
            world.assert_all_as_sealed().await;
            world.assert_alike().await;
            for in_second in [false, true] {
                let backend = world.region(in_second);
                prop_assert!(orphans(backend).await.is_subset(&unnamed));
                prop_assert_eq!(&sealed(backend).await, &newest);
                prop_assert!(records(backend).len() < 40);
            }
            Ok(())
        })?;
    }

    /// Exports the same pool during and just after a removal, at each call in turn.
    #[test]
    fn an_export_during_a_removal_is_complete(
        place in place(),
        dies in prop::option::of((1u64..90, prop::sample::select(&[Applied::Nothing, Applied::Half, Applied::All][..]))),
        later in 0u64..1_000,
        latency in 0u64..20,
    ) {
        in_paused_time(async {
            let mut world = World::new(place);
            for name in 0..3 {
                world.remember();
                world.happen(&Event::Export { faults: vec![], stops: false }).await;
                let subs: Vec<_> = world.source.users().into_iter().map(|user| user.sub).collect();
                for sub in subs {
                    world.source.change_user(&sub, |record| drop(record.attributes.insert("name".to_owned(), format!("{name}"))));
                }
            }
            world.happen(&Event::Export { faults: vec![], stops: false }).await;
            for (sub, record) in world.states.iter().rev().cloned().collect::<Vec<_>>() {
                world.source.show_stale(&sub, record);
            }
            let backend = world.backend.clone();
            backend.script().set_latency(Duration::ZERO, Duration::from_millis(latency));
            if let Some((call, applied)) = dies {
                backend.script().fault(backend.script().calls() + call, Fault::Die(applied));
            }
            let wanted = RemovalRequest::ByPolicy { retention: Retention::parse("last=1").unwrap(), automatic: false };
            let exporting = async {
                tokio::time::sleep(Duration::from_millis(later)).await;
                for number in 0..3 {
                    let machine = Machine::new(&backend);
                    let _ = machine.export(json!({"userPoolId": source_id(), "tps": 200}), &format!("now-{number}")).await;
                    tokio::time::sleep(Duration::from_secs(200)).await;
                }
            };
            let _ = tokio::join!(prune_or_die(&backend, &wanted), exporting);
            backend.script().clear();
            assert_all_whole(&backend).await;
            world.let_leases_end().await;
            prune_by_hand(&backend, &wanted).await.unwrap();
            assert_all_whole(&backend).await;
            assert_tidy(&backend).await;
            world.assert_alike().await;
        });
    }
}
