//! A deployment in two Regions: its table, and the replication, at random.

use std::time::Duration;

use proptest::prelude::*;
use shared::model::{PoolDescription, PoolId};
use shared::ports::Backend;
use shared_memory::{MemoryBackend, MemoryGlobalTable, MemoryPool};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::people;

const SECOND: &str = "eu-central-1";
/// The longest lag for which an import in the second Region and a removal always see each other.
pub const MAX_LAG: Duration = Duration::from_secs(10);

/// Errors of a restore or a copy whose snapshot is removed, or has not arrived in its Region.
pub const REFUSED: &[&str] =
    &["SnapshotBeingRemoved", "SnapshotNotFound", "RemovalUndecided", "SnapshotNotSealed"];

/// How the table replicates: no write waits longer than `longest`, and the seed decides how long each waits.
#[derive(Debug, Clone, Copy)]
pub struct Lag {
    pub longest: Duration,
    pub seed: u64,
}

/// Where the runs of a case are.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    OneRegion,
    /// Exports and removals run in the first Region.
    TwoRegions(Lag),
}

/// One Region in two of three cases, and otherwise two whose lag a removal and an import in the second Region allow.
pub fn place() -> impl Strategy<Value = Place> {
    let lag = (prop::sample::select(&[0u64, 100, 1_000, 4_000, 10_000][..]), any::<u64>())
        .prop_map(|(longest, seed)| Lag { longest: Duration::from_millis(longest), seed });
    prop_oneof![2 => Just(Place::OneRegion), 1 => lag.prop_map(Place::TwoRegions)]
}

impl Place {
    /// The deployment of a case. Replication begins now.
    pub fn deploy(self, first: &MemoryBackend) -> Option<TwoRegions> {
        match self {
            Self::OneRegion => None,
            Self::TwoRegions(lag) => {
                let regions = TwoRegions::of(first);
                // The end of the case ends it.
                drop(regions.replicate(lag));
                Some(regions)
            }
        }
    }
}

/// A deployment in two Regions. Both have the same pools.
#[derive(Debug, Clone)]
pub struct TwoRegions {
    pub first: MemoryBackend,
    pub second: MemoryBackend,
    pub global: MemoryGlobalTable,
}

impl TwoRegions {
    /// Adds a second Region to `first`.
    pub fn of(first: &MemoryBackend) -> Self {
        let global = MemoryGlobalTable::replicate(&first.vault());
        let second = first.in_region(SECOND, global.second());
        Self { first: first.clone(), second, global }
    }

    pub fn region(&self, in_second: bool) -> &MemoryBackend {
        if in_second { &self.second } else { &self.first }
    }

    /// Replicates at random, until the task is aborted.
    pub fn replicate(&self, lag: Lag) -> JoinHandle<()> {
        let (global, clock, mut random) = (self.global.clone(), self.first.clock(), lag.seed);
        let step = (lag.longest / 5).max(Duration::from_millis(1));
        let began = Instant::now();
        tokio::spawn(async move {
            loop {
                while global.in_flight() == 0 {
                    global.written().await;
                }
                let steps = began.elapsed().as_millis() / step.as_millis() + 1;
                sleep_until(began + step * steps as u32).await;
                let now = clock.now();
                global.deliver(|_, at| {
                    // The turns of kept cases depend on these numbers.
                    random = random
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    now.duration_since(at).unsigned_abs() + step >= lag.longest || (random >> 33) % 4 == 0
                });
            }
        })
    }

    /// Replicates everything. Then both Regions have the same items.
    pub fn settle(&self) {
        self.global.deliver_all();
        assert_eq!(self.first.vault().items(), self.second.vault().items());
    }
}

/// The id of a pool that imports restore into: the pool of this number in the Region.
pub fn target_id(in_second: bool, number: u32) -> PoolId {
    let region = if in_second { SECOND } else { "eu-west-1" };
    PoolId::parse(&format!("{region}_Target{number:03}")).unwrap()
}

/// Creates an empty pool that imports restore into.
pub fn create_target(backend: &MemoryBackend, id: &PoolId) -> MemoryPool {
    let target = backend.create_pool(id, PoolDescription::with_defaults(&["note", "shoe_size"]));
    target.add_provider(people::PROVIDER);
    target
}
