//! The service: a source pool, a target pool and a table in this process, in virtual time.
//!
//! Whatever the service keeps is its own ([`heap::uncounted`]); what it answers is the function's.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use heap::uncounted;
use jiff::Timestamp;
use shared::Result;
use shared::model::{Headroom, Metrics, PoolId, Retention, Tps};
use shared::ports::Clock;
use shared::ports::pool::Operation;
use shared::ports::{Announcement, Backend};
use tokio::time::Instant;

use crate::jobs::{Jobs, SimulatedJobFiles};
use crate::latency::{Latency, Times};
use crate::pool::SimulatedPool;
use crate::population::{History, Population};
use crate::quotas::Quotas;
use crate::table::{SimulatedVault, Table};
use crate::target::Target;
use crate::traffic::Traffic;

/// The Region of everything.
pub const REGION: &str = "eu-west-1";
/// When every scenario begins: 2026-11-01, 02:00 UTC, seconds since 1970.
const BEGIN: i64 = 1_793_498_400;

/// How the service behaves.
#[derive(Debug, Clone, Copy)]
pub struct Behaviour {
    /// How long a call to Cognito takes on average, from its departure to its answer.
    pub latency: Duration,
    /// How full the pages of listings are.
    pub pages: Pages,
}

/// How full the pages of listings are. Cognito promises nothing but that there are at most 60 entries on one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pages {
    /// 60 entries each, but for the last.
    Full,
    /// One in seven is shorter, one in fifty empty, with a token.
    Ragged,
}

impl Pages {
    /// The most entries of the `answer`-th answer.
    pub fn size(self, answer: u64) -> usize {
        match self {
            Self::Ragged if answer % 50 == 49 => 0,
            Self::Ragged if answer % 7 == 6 => 41,
            _ => 60,
        }
    }
}

/// What there is, and what is counted.
#[derive(Debug)]
pub struct World {
    /// The users and groups of the source.
    pub people: Population,
    /// What happened to them.
    pub history: History,
    /// The target, as far as it was restored.
    pub target: Target,
    /// Its import jobs.
    pub jobs: Jobs,
    /// The backup table.
    pub table: Table,
    /// Calls since they were last taken.
    pub traffic: Traffic,
    /// How many calls were taken of late.
    pub quotas: Quotas,
    /// Answers of listings so far.
    pub answers: u64,
}

/// The service. All of it is in one place, because all of it is in one thread.
#[derive(Debug)]
pub struct Service {
    world: Mutex<World>,
    people: Population,
    behaviour: Behaviour,
    latency: Mutex<Latency>,
    origin: Instant,
    clock: Clock,
    source: PoolId,
    target: Mutex<PoolId>,
}

impl Service {
    /// A service with these people in its source pool, and nobody in the target.
    ///
    /// # Errors
    /// When there is no room for temporary files.
    pub fn new(people: Population, behaviour: Behaviour) -> Result<Arc<Self>> {
        let world = World {
            people,
            history: History::default(),
            target: Target::new(people),
            jobs: Jobs::default(),
            table: Table::new()?,
            traffic: Traffic::default(),
            quotas: Quotas::default(),
            answers: 0,
        };
        Ok(Arc::new(Self {
            world: Mutex::new(world),
            people,
            behaviour,
            latency: Mutex::default(),
            origin: Instant::now(),
            clock: Clock::starting_at(Timestamp::from_second(BEGIN).unwrap_or_default()),
            source: PoolId::parse(&format!("{REGION}_SourcePool"))?,
            target: Mutex::new(PoolId::parse(&format!("{REGION}_TargetPool0"))?),
        }))
    }

    /// What there is.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The people of the source.
    pub fn people(&self) -> Population {
        self.people
    }

    /// How it behaves.
    pub fn behaviour(&self) -> Behaviour {
        self.behaviour
    }

    /// The wall clock.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Virtual time since the service began.
    pub fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// The source pool.
    pub fn source(&self) -> &PoolId {
        &self.source
    }

    /// The target pool.
    pub fn target(&self) -> PoolId {
        self.target.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts an empty pool in the place of the target.
    ///
    /// # Errors
    /// None but for a number that makes no id.
    pub fn replace_target(&self, number: usize) -> Result<()> {
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = PoolId::parse(&format!("{REGION}_TargetPool{number}"))?;
        let mut world = self.world();
        world.target = Target::new(self.people);
        world.jobs = Jobs::default();
        Ok(())
    }

    /// The time of the next call.
    pub fn draw(&self, mean: Duration) -> Times {
        self.latency.lock().unwrap_or_else(PoisonError::into_inner).draw(mean)
    }

    /// Notes that a call leaves now; returns when that is.
    pub fn note(&self, operation: Operation) -> Duration {
        let now = self.now();
        uncounted(|| self.world().traffic.note(now, operation));
        now
    }
}

/// The service, as the steps see it.
#[derive(Debug, Clone)]
pub struct SimulatedBackend(pub Arc<Service>);

impl Backend for SimulatedBackend {
    type Pool = SimulatedPool;
    type Vault = SimulatedVault;
    type JobFiles = SimulatedJobFiles;

    fn region(&self) -> Option<&str> {
        Some(REGION)
    }

    fn pool(&self, id: &PoolId) -> SimulatedPool {
        SimulatedPool::new(Arc::clone(&self.0), id.clone())
    }

    fn vault(&self) -> SimulatedVault {
        SimulatedVault::new(Arc::clone(&self.0))
    }

    fn job_files(&self) -> SimulatedJobFiles {
        SimulatedJobFiles::new(Arc::clone(&self.0))
    }

    fn default_tps(&self) -> Tps {
        Tps::DEFAULT
    }

    /// None is left: what the quotas allow is to be reached.
    fn headroom(&self) -> Option<Headroom> {
        Some(Headroom::default())
    }

    fn clock(&self) -> Clock {
        self.0.clock()
    }

    fn measure(&self, _: &Metrics) {}

    /// None: every snapshot stays.
    fn retention(&self) -> Option<&Retention> {
        None
    }

    async fn announce(&self, _: &Announcement) -> Result<bool> {
        Ok(false)
    }
}
