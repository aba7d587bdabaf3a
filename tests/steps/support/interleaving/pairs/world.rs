//! The world of a pair: a source of a user in a group, and an empty target.

use std::cell::RefCell;
use std::time::Duration;

use serde_json::{Value, json};
use shared::Result;
use shared::catalog::Catalog;
use shared::machine::Function;
use shared::model::{PoolDescription, PoolId, RunId, RunKind, Sub, SubPrefix};
use shared::ports::Backend;
use shared::ports::pool::Operation;
use shared_memory::{Applied, Fault, MemoryBackend, MemoryGlobalTable, MemoryPool, Turnstile};
use tokio::time::{sleep, timeout};

use crate::disturbance::History;
use crate::interleaving::course::Task;
use crate::interleaving::scheduler::Actor;
use crate::people::{self, Population};
use crate::restored::{Comparison, assert_books_balance, compare};
use crate::snapshot::{self, Contents};
use crate::{assert_rate, backend, source_id, target_id};

/// A limit that a run of the world reaches, so that a second invocation can break it.
pub const TPS: u32 = 3;
/// Longer than any lease.
pub const LEASES_END: Duration = Duration::from_secs(25 * 60);

pub struct World {
    pub backend: MemoryBackend,
    pub source: MemoryPool,
    pub target: MemoryPool,
    users: u64,
    /// What the input of an import has in addition.
    pub options: Value,
    /// The table, if it has a replica.
    pub global: Option<MemoryGlobalTable>,
}

impl World {
    pub fn new() -> Self {
        // The second of two plain users is the member of their group.
        let mut population = people::plain(2, 1);
        population.people.remove(0);
        Self::of(&population)
    }

    /// A world of two users, one of them in a group. It is too large for an exhaustive search.
    pub fn of_two_users() -> Self {
        Self::of(&people::plain(2, 1))
    }

    fn of(population: &Population) -> Self {
        let (backend, source, target) = backend();
        population.fill(&source);
        Self {
            backend,
            source,
            target,
            users: population.people.len() as u64,
            options: json!({}),
            global: None,
        }
    }

    /// The world with a sealed snapshot.
    pub async fn and_exported(self) -> (Self, Contents) {
        let contents = self.export("first").await;
        (self, contents)
    }

    /// A world with a sealed snapshot.
    pub async fn exported() -> (Self, Contents) {
        Self::new().and_exported().await
    }

    /// A world with two sealed snapshots, each of which names records that the other does not. Without
    /// faults, these are all its records.
    pub async fn exported_twice() -> (Self, [Contents; 2]) {
        let (world, first) = Self::exported().await;
        world.rename("another name");
        let second = world.export("second").await;
        (world, [first, second])
    }

    /// A world with a sealed snapshot, and an export page whose split listing an earlier invocation has begun. That one
    /// has died after 15 of the 16 listings. The last one names the user.
    pub async fn in_split_listing() -> (Self, Task) {
        let world = Self::new();
        while !SubPrefix::ALL[15].begins(world.first_sub().as_str()) {
            let user = world.source.user(&world.first_sub()).unwrap();
            world.source.delete_user(&user.sub);
            world.source.join(&world.source.put_user(user.record), &people::group_name(0));
        }
        world.export("first").await;
        // By the estimate and the latency, one listing would take long.
        world.source.set_estimate(100_000);
        let mut input = Self::export_input();
        input["splitListing"] = json!(true);
        let task = Task::first(&world.backend, "export", &input, "split");
        let task = task.reached(&world.backend, Function::ExportPage).await;
        let script = world.backend.script().clone();
        script.set_latency(Duration::from_secs(1), Duration::ZERO);
        let (before_first, before_last, source) = (script.clone(), script.clone(), world.source.clone());
        script.change_before(Operation::ListUsers, 1, move || {
            before_first.set_latency(Duration::ZERO, Duration::ZERO);
            source.set_estimate(1);
        });
        script.change_before(Operation::ListUsers, 16, move || {
            before_last.fault(before_last.calls() + 1, Fault::Die(Applied::Nothing));
        });
        let ended = timeout(Duration::from_secs(60), task.once(&world.backend)).await;
        assert!(ended.is_err(), "the first invocation did not die: {ended:?}");
        (world, task)
    }

    /// Adds a replica in another Region, with the target of imports. Returns the backend there.
    pub fn in_two_regions(&mut self) -> MemoryBackend {
        let id = PoolId::parse("eu-central-1_Target001").unwrap();
        self.target = self.backend.create_pool(&id, PoolDescription::with_defaults(&["note", "shoe_size"]));
        self.options = json!({"targetUserPoolId": id});
        let global = MemoryGlobalTable::replicate(&self.backend.vault());
        let second = self.backend.in_region("eu-central-1", global.second());
        self.global = Some(global);
        second
    }

    /// Lets all writes arrive in the other Region.
    pub fn settle(&self) {
        self.global.iter().for_each(MemoryGlobalTable::deliver_all);
    }

    pub fn first_sub(&self) -> Sub {
        self.source.users().into_iter().map(|user| user.sub).min().unwrap()
    }

    pub fn rename(&self, name: &str) {
        self.source.change_user(&self.first_sub(), |record| {
            drop(record.attributes.insert("name".to_owned(), name.to_owned()));
        });
    }

    pub fn export_task(&self, name: &str) -> Task {
        Task::first(&self.backend, "export", &Self::export_input(), name)
    }

    fn export_input() -> Value {
        json!({"userPoolId": source_id(), "tps": TPS})
    }

    /// Imports the snapshot, or the newest one.
    pub fn import_task(&self, name: &str, snapshot: Option<&RunId>) -> Task {
        let mut input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": TPS});
        if let Some(snapshot) = snapshot {
            input["snapshot"] = json!(snapshot);
        }
        for (option, value) in self.options.as_object().unwrap() {
            input[option] = value.clone();
        }
        Task::first(&self.backend, "import", &input, name)
    }

    /// Exports without a disturbance, and waits until the limiter has forgotten it.
    pub async fn export(&self, name: &str) -> Contents {
        let report = self.export_task(name).to_the_end(&self.backend).await.unwrap();
        sleep(Duration::from_secs(3_600)).await;
        self.contents(&report).await
    }

    pub async fn contents(&self, report: &Value) -> Contents {
        let id = RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap();
        snapshot::read(&self.backend, &source_id(), &id).await
    }

    /// The number of calls of pools so far.
    pub fn calls(&self) -> usize {
        self.backend.script().log().len()
    }

    /// Checks the report of an export of the source as it is.
    pub async fn assert_exported(&self, report: &Value, from: usize) -> Contents {
        assert_eq!(report["status"], "SEALED", "{report}");
        let contents = self.contents(report).await;
        contents.assert_agrees_with(&History::of(&self.source));
        assert_eq!(
            (contents.snapshot.counts.users, contents.snapshot.counts.groups, contents.memberships.len()),
            (self.users, 1, 1)
        );
        assert_rate(&self.backend, from, TPS);
        contents
    }

    /// Checks that a new export can begin at once. Returns what it seals.
    pub async fn assert_can_export(&self) -> Contents {
        let report = self.export_task("the next").to_the_end(&self.backend).await.unwrap();
        assert_eq!(report["status"], "SEALED", "{report}");
        self.contents(&report).await
    }

    /// Checks that no import has the lease of the target. Without it, its hold on a snapshot counts for nothing.
    pub async fn assert_no_import(&self) {
        let lease = Catalog::new(self.backend.vault()).lease(&target_id(), RunKind::Import).await.unwrap();
        let now = self.backend.clock().now();
        assert!(lease.as_ref().is_none_or(|lease| lease.expires <= now), "a lease is left: {lease:?}");
    }

    /// Checks the report of an import that ended.
    pub async fn assert_imported(&self, contents: &Contents, report: &Value, from: usize) {
        assert_eq!(report["status"], "SUCCEEDED", "{report}");
        assert_eq!(compare(contents, &self.target), Comparison::default(), "{report}");
        assert_books_balance(&self.backend, contents, &self.target, report).await;
        assert_rate(&self.backend, from, TPS);
    }
}

/// What an actor came to.
pub struct Outcome<T>(RefCell<Option<T>>);

impl<T> Outcome<T> {
    pub fn none() -> Self {
        Self(RefCell::new(None))
    }

    pub fn take(self) -> T {
        self.0.into_inner().expect("every actor ends")
    }

    /// An actor that works with a backend of its own.
    pub fn of<'a, F: Future<Output = T> + 'a>(
        &'a self,
        name: &'static str,
        backend: &MemoryBackend,
        work: impl FnOnce(MemoryBackend) -> F,
    ) -> Actor<'a> {
        let turnstile = Turnstile::default();
        let work = work(backend.behind(&turnstile));
        Actor::new(name, &turnstile, backend, async {
            let outcome = work.await;
            *self.0.borrow_mut() = Some(outcome);
        })
    }
}

/// The answer of a task of which Step Functions sees this one. A lost invocation has its own.
pub async fn answer_of(task: &Task, backend: &MemoryBackend, seen: Result<Value>) -> Value {
    match seen {
        Err(error) if error.kind().retryable() => {
            sleep(Duration::from_secs(2)).await;
            task.until_done(backend).await.unwrap()
        }
        seen => seen.unwrap(),
    }
}
