//! Goal: under any faults, a restore creates each user exactly once, and its report is true.
//!
//! Method: generated populations, faults, deaths and budgets, in one Region, or in either of two. Then compare the
//! target, the report, the ledger and the sub map with the snapshot, in each Region.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::{PoolId, RestoreState, RunId, Sub, UserStatus};
use shared::ports::Backend;
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool, PageShape};

use crate::support::disturbance::{self, Faults};
use crate::support::machine::{End, Machine};
use crate::support::people::{self, Population};
use crate::support::regions::{self, Place, TwoRegions, place};
use crate::support::restored::{Comparison, assert_books_balance, compare, not_restorable};
use crate::support::snapshot::{self, Contents};
use crate::support::{assert_rate, backend, cases, in_paused_time, source_id};

/// A source with a sealed snapshot, an empty target, and the deployment that restores into it.
struct World {
    /// In the Region of the target.
    backend: MemoryBackend,
    regions: Option<TwoRegions>,
    /// How long the snapshot may be under way to the Region of the target.
    lag: Duration,
    target: MemoryPool,
    target_id: PoolId,
    contents: Contents,
}

/// Where the source and the target are.
type Places = (Place, bool);

/// One Region, or two. With two, the target is in either.
fn places() -> impl Strategy<Value = Places> {
    (place(), prop::bool::weighted(0.7))
}

const ONE_REGION: Places = (Place::OneRegion, false);

impl World {
    /// Exports. In the second Region, the snapshot arrives within the lag.
    async fn exported((place, in_second): Places, population: &Population, shape: PageShape) -> Self {
        let (first, source, _) = backend();
        let regions = place.deploy(&first);
        let in_second = in_second && regions.is_some();
        let target_id = regions::target_id(in_second, 1);
        let target = regions::create_target(&first, &target_id);
        population.fill(&source);
        source.set_shape(shape.clone());
        target.set_shape(shape);
        let report = Machine::new(&first)
            .export(json!({"userPoolId": source_id(), "tps": 200}), "export")
            .await
            .report();
        let id = RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap();
        let contents = snapshot::read(&first, &source_id(), &id).await;
        let lag = match place {
            Place::TwoRegions(lag) if in_second => lag.longest,
            _ => Duration::ZERO,
        };
        let backend = match &regions {
            Some(regions) => regions.region(in_second).clone(),
            None => first,
        };
        Self { backend, regions, lag, target, target_id, contents }
    }

    /// The deployment, with faults in the next calls, each of which takes about this long.
    fn disturbed(&self, latency: Duration, faults: &Faults) -> &MemoryBackend {
        self.backend.script().set_latency(latency, latency / 10);
        disturbance::order_faults(&self.backend, faults);
        &self.backend
    }

    fn input(&self, tps: u32) -> Value {
        json!({"sourceUserPoolId": source_id(), "targetUserPoolId": self.target_id, "tps": tps})
    }

    /// Imports. If the snapshot has not arrived, the import is refused, and starts once more when it has.
    async fn import(&self, machine: &Machine, tps: u32, name: &str) -> End {
        let end = machine.import(self.input(tps), name).await;
        if self.lag.is_zero() || !matches!(end, End::Failed { .. }) {
            return end;
        }
        let (error, cause) = end.error();
        if ["SnapshotNotFound", "SnapshotNotSealed", "SnapshotDamaged"].contains(&error) {
            let touched = (self.target.user_count(), self.target.groups().len());
            assert_eq!(touched, (0, 0), "{error}: {cause}");
            // The lease of the import has ended by then, too.
            tokio::time::sleep(self.lag + Duration::from_secs(20 * 60)).await;
            return machine.import(self.input(tps), &format!("{name}-again")).await;
        }
        end
    }

    /// Checks that a finished restore restored everything that it can, and that its report and its items say so, in
    /// each Region.
    async fn assert_restored(&self, report: &Value) {
        self.backend.script().clear();
        self.assert_restored_in(&self.backend, report).await;
        if let Some(regions) = &self.regions {
            regions.settle();
            for backend in [&regions.first, &regions.second] {
                self.assert_restored_in(backend, report).await;
                let later = snapshot::read(backend, &source_id(), &self.contents.snapshot.id).await;
                self.contents.assert_is_still(&later);
            }
        }
    }

    async fn assert_restored_in(&self, backend: &MemoryBackend, report: &Value) {
        let (contents, target) = (&self.contents, &self.target);
        assert_books_balance(backend, contents, target, report).await;
        let comparison = compare(contents, target);
        assert_eq!((comparison.extra_users, comparison.extra_memberships), (0, 0), "{report}");
        let federated = |sub: &Sub| contents.users[sub][0].status == UserStatus::ExternalProvider;
        let left = Comparison {
            missing_users: contents.users.keys().filter(|sub| federated(sub)).cloned().collect(),
            missing_memberships: contents
                .memberships
                .iter()
                .filter(|(_, sub)| federated(sub))
                .cloned()
                .collect(),
            ..Comparison::default()
        };
        assert_eq!(comparison, left, "{report}");
        // A listing may name a user or a member twice.
        let counted = |kind: &str| report[kind]["leftToSignIn"].as_u64().unwrap() as usize;
        assert!(counted("users") >= left.missing_users.len(), "{report}");
        assert!(counted("memberships") >= left.missing_memberships.len(), "{report}");
        let status = if not_restorable(contents) == 0 { "SUCCEEDED" } else { "PARTIAL" };
        assert_eq!(report["status"], status, "{report}");
    }

    /// The report of a restore whose execution was stopped after finalize recorded its success. The next start was
    /// `refused`.
    async fn recorded_success(&self, refused: &End) -> Value {
        assert_eq!(refused.error().0, "TargetNotEmpty", "{refused:?}");
        let restores = Catalog::new(self.backend.vault()).restores(&self.target_id, 1).await.unwrap();
        assert_eq!(restores[0].state, RestoreState::Succeeded, "{refused:?}");
        let mut report = json!(restores[0].totals);
        report["status"] = json!(restores[0].state);
        report["restoreId"] = json!(restores[0].id);
        report
    }
}

proptest! {
    #![proptest_config(cases(90))]

    /// Throttling, lost replies, deaths, little time, repeated entries.
    #[test]
    fn a_restore_creates_each_user_exactly_once(
        places in places(),
        population in prop_oneof![people::restorable(40).boxed(), people::any_kind(40).boxed()],
        shape in disturbance::shape(),
        pace in disturbance::pace(),
        faults in disturbance::faults(),
    ) {
        in_paused_time(async {
            let world = World::exported(places, &population, shape).await;
            let backend = world.disturbed(pace.latency, &faults);
            let calls_before = backend.script().log().len();
            let machine = Machine::new(backend).with_budget(pace.budget);
            let report = world.import(&machine, pace.tps, "import").await.report();
            assert_rate(backend, calls_before, pace.tps);
            world.assert_restored(&report).await;
        });
    }

    /// A function dies, the execution is aborted, and the import starts again with the same input.
    #[test]
    fn an_aborted_restore_is_completed_by_starting_it_again(
        places in places(),
        population in people::any_kind(40),
        shape in disturbance::shape(),
        pace in disturbance::pace(),
        faults in disturbance::faults(),
    ) {
        in_paused_time(async {
            let world = World::exported(places, &population, shape).await;
            let backend = world.disturbed(Duration::ZERO, &faults);
            let machine = Machine { stop_at_death: true, ..Machine::new(backend).with_budget(pace.budget) };
            let mut started = 0;
            let report = loop {
                started += 1;
                match world.import(&machine, pace.tps, &started.to_string()).await {
                    End::Finished(report) => break report,
                    End::Stopped => tokio::time::sleep(Duration::from_secs(20 * 60)).await,
                    failed => break world.recorded_success(&failed).await,
                }
            };
            world.assert_restored(&report).await;
        });
    }

    /// Lambda may deliver an event twice. It may also keep a function running after the state machine has
    /// given it up.
    #[test]
    fn two_concurrent_invocations_restore_each_user_exactly_once(
        places in places(),
        population in people::any_kind(30),
        shape in disturbance::shape(),
        pace in disturbance::pace(),
        faults in disturbance::faults(),
        twins in prop::collection::vec(0u64..8_000, 1..12),
    ) {
        in_paused_time(async {
            let world = World::exported(places, &population, shape).await;
            let backend = world.disturbed(pace.latency, &faults);
            let mut machine = Machine::new(backend).with_budget(pace.budget);
            machine.twins = twins.into_iter().map(Duration::from_millis).collect();
            let report = world.import(&machine, pace.tps, "twice").await.report();
            backend.script().clear();
            machine.join_twins().await;
            world.assert_restored(&report).await;
        });
    }
}

/// Runs a small import once for each of its calls and each kind of death at that call.
fn for_every_death(case: impl AsyncFn(&World) -> Value) {
    let population = people::plain(7, 2);
    let shape = PageShape { sizes: vec![3, 0, 2], dangling: true, ..PageShape::default() };
    let (first, last) = in_paused_time(async {
        let world = World::exported(ONE_REGION, &population, shape.clone()).await;
        let before = world.backend.script().calls();
        world.import(&Machine::new(&world.backend), 200, "undisturbed").await.report();
        (before + 1, world.backend.script().calls())
    });
    for call in first..=last {
        for applied in [Applied::Nothing, Applied::Half, Applied::All] {
            in_paused_time(async {
                let world = World::exported(ONE_REGION, &population, shape.clone()).await;
                let script = world.backend.script();
                assert_eq!(script.calls() + 1, first);
                script.fault(call, Fault::Die(applied));
                let report = case(&world).await;
                world.assert_restored(&report).await;
            });
        }
    }
}

#[test]
fn death_at_any_call_of_a_restore_only_delays_it() {
    for_every_death(async |world| {
        world.import(&Machine::new(&world.backend), 200, "disturbed").await.report()
    });
}

#[test]
fn a_restore_aborted_at_any_call_is_completed_by_starting_it_again() {
    for_every_death(async |world| {
        let machine = Machine { stop_at_death: true, ..Machine::new(&world.backend) };
        match world.import(&machine, 200, "aborted").await {
            End::Finished(report) => return report,
            end => assert_eq!(end, End::Stopped),
        }
        tokio::time::sleep(Duration::from_secs(20 * 60)).await;
        match world.import(&machine, 200, "again").await {
            End::Finished(report) => report,
            refused => world.recorded_success(&refused).await,
        }
    });
}
