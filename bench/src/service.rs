//! The simulated service: a source pool, a target pool and a backup table in this process, in virtual time.
//!
//! [`heap::uncounted`] covers what the service stores. Its answers count as memory of the functions.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use heap::uncounted;
use jiff::{SignedDuration, Timestamp};
use shared::Result;
use shared::model::PoolId;
use shared::ports::Clock;
use shared::ports::pool::Operation;
use tokio::time::Instant;

use crate::import_jobs::{ImportJobs, ROWS_PER_SECOND};
use crate::latency::{CallTime, Latency};
use crate::population::{History, Population};
use crate::quotas::Quotas;
use crate::table::Table;
use crate::target::{CreatedBy, TargetPool};
use crate::traffic::Traffic;

/// The Region of both pools and the table.
pub const REGION: &str = "eu-west-1";
/// When every scenario starts: 2026-11-01, 02:00 UTC, in seconds since 1970.
const SCENARIO_START: i64 = 1_793_498_400;

/// How the service behaves.
#[derive(Debug, Clone, Copy)]
pub struct Behaviour {
    /// The mean time of a call to Cognito, from its departure to its answer.
    pub latency: Duration,
    /// How full the pages of listings are.
    pub page_fill: PageFill,
}

/// How full the pages of listings are. Cognito promises only that a page has at most 60 entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageFill {
    /// Every page except the last has 60 entries.
    Full,
    /// 1 page in 7 has 41 entries, and 1 page in 50 is empty but has a token.
    Ragged,
}

impl PageFill {
    /// The maximum number of entries on page `number`.
    pub fn max_entries(self, number: u64) -> usize {
        match self {
            Self::Ragged if number % 50 == 49 => 0,
            Self::Ragged if number % 7 == 6 => 41,
            _ => 60,
        }
    }
}

/// Everything that calls read and change, and everything that the bench counts.
#[derive(Debug)]
pub struct State {
    /// The users and groups of the source pool.
    pub population: Population,
    /// How the users of the source changed.
    pub history: History,
    pub target: TargetPool,
    /// The import jobs of the target pool.
    pub import_jobs: ImportJobs,
    pub table: Table,
    /// The calls of the current run.
    pub traffic: Traffic,
    /// The calls accepted in the current second.
    pub quotas: Quotas,
    /// How many pages the service has answered.
    pub pages: u64,
}

impl State {
    /// Ends every import job whose time has come, and creates its users. `clock_time` is the time of day now.
    pub fn run_import_jobs(&mut self, now: Duration, clock_time: Timestamp) {
        while let Some((job, rows)) = self.import_jobs.end_next(now) {
            let total = rows.len() as u64;
            let created = rows.into_iter().enumerate().filter(|&(row, (user, version))| {
                // A job creates its users one after the other. It creates the last one now.
                let ago = SignedDuration::from_secs((total - row as u64) as i64 / ROWS_PER_SECOND as i64);
                self.target.create(user, version, clock_time - ago, CreatedBy::ImportJob)
            });
            let imported = created.count() as u64;
            self.import_jobs.set_result(job, imported, total - imported);
        }
    }
}

/// The service. One mutex holds its whole state, because all calls run in one thread.
#[derive(Debug)]
pub struct Service {
    state: Mutex<State>,
    population: Population,
    behaviour: Behaviour,
    latency: Mutex<Latency>,
    started: Instant,
    clock: Clock,
    source: PoolId,
    target: Mutex<PoolId>,
}

impl Service {
    /// A service with this population in its source pool, and an empty target pool.
    ///
    /// # Errors
    /// If the temporary file of the table cannot be created.
    pub fn new(population: Population, behaviour: Behaviour) -> Result<Arc<Self>> {
        let state = State {
            population,
            history: History::default(),
            target: TargetPool::new(population),
            import_jobs: ImportJobs::default(),
            table: Table::new()?,
            traffic: Traffic::default(),
            quotas: Quotas::default(),
            pages: 0,
        };
        Ok(Arc::new(Self {
            state: Mutex::new(state),
            population,
            behaviour,
            latency: Mutex::default(),
            started: Instant::now(),
            clock: Clock::starting_at(Timestamp::from_second(SCENARIO_START).unwrap_or_default()),
            source: PoolId::parse(&format!("{REGION}_SourcePool"))?,
            target: Mutex::new(PoolId::parse(&format!("{REGION}_TargetPool0"))?),
        }))
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The users and groups of the source pool.
    pub fn population(&self) -> Population {
        self.population
    }

    pub fn behaviour(&self) -> Behaviour {
        self.behaviour
    }

    /// The time of day.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Virtual time since the service started.
    pub fn now(&self) -> Duration {
        self.started.elapsed()
    }

    pub fn source(&self) -> &PoolId {
        &self.source
    }

    pub fn target(&self) -> PoolId {
        self.target.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the target pool with an empty one, whose id has this number.
    ///
    /// # Errors
    /// If the number does not give a valid pool id.
    pub fn replace_target(&self, number: usize) -> Result<()> {
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) =
            PoolId::parse(&format!("{REGION}_TargetPool{number}"))?;
        let mut state = self.state();
        state.target = TargetPool::new(self.population);
        state.import_jobs = ImportJobs::default();
        Ok(())
    }

    /// The time of the next call.
    pub fn next_call_time(&self, mean: Duration) -> CallTime {
        self.latency.lock().unwrap_or_else(PoisonError::into_inner).next(mean)
    }

    /// Counts a call that leaves the function now. Returns when it leaves.
    pub fn count_call(&self, operation: Operation) -> Duration {
        let now = self.now();
        uncounted(|| self.state().traffic.add(now, operation));
        now
    }
}
