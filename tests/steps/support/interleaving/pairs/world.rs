//! The world of a pair: a source of two users and a group, and an empty target.

use std::cell::RefCell;
use std::time::Duration;

use serde_json::{Value, json};
use shared::Result;
use shared::catalog::Catalog;
use shared::model::{RunId, RunKind, Sub};
use shared::ports::Backend;
use shared_memory::{MemoryBackend, MemoryPool, Turnstile};
use tokio::time::sleep;

use crate::disturbance::History;
use crate::interleaving::course::Task;
use crate::interleaving::scheduler::Actor;
use crate::restored::{Comparison, assert_books_balance, compare};
use crate::snapshot::{self, Contents};
use crate::{assert_rate, backend, people, source_id, target_id};

/// A limit that a run of the world reaches, so that a second invocation can break it.
pub const TPS: u32 = 3;
/// Longer than any lease.
pub const LEASES_END: Duration = Duration::from_secs(25 * 60);

pub struct World {
    pub backend: MemoryBackend,
    pub source: MemoryPool,
    pub target: MemoryPool,
}

impl World {
    pub fn new() -> Self {
        Self::with(2, 1)
    }

    fn with(users: usize, groups: usize) -> Self {
        let (backend, source, target) = backend();
        people::plain(users, groups).fill(&source);
        Self { backend, source, target }
    }

    /// A world with a sealed snapshot.
    pub async fn exported() -> (Self, Contents) {
        let world = Self::new();
        let contents = world.export("first").await;
        (world, contents)
    }

    /// A world with a sealed snapshot of one user.
    pub async fn exported_one() -> (Self, Contents) {
        let world = Self::with(1, 0);
        let contents = world.export("first").await;
        (world, contents)
    }

    /// A world with two sealed snapshots, each of which names records that the other does not. Without
    /// faults, these are all its records.
    pub async fn exported_twice() -> (Self, [Contents; 2]) {
        let (world, first) = Self::exported().await;
        world.rename("another name");
        let second = world.export("second").await;
        (world, [first, second])
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
        let input = json!({"userPoolId": source_id(), "tps": TPS});
        Task::first(&self.backend, "export", &input, name)
    }

    /// Imports the snapshot, or the newest one.
    pub fn import_task(&self, name: &str, snapshot: Option<&RunId>) -> Task {
        let mut input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": TPS});
        if let Some(snapshot) = snapshot {
            input["snapshot"] = json!(snapshot);
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
            (2, 1, 1)
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
        Actor::new(name, &turnstile, async {
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
