//! A lease that a command of the operator holds, and renews as it works: the export lease of a pool, held by a removal,
//! a copy or a roll back, or the lease on the creation of a pool.

use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::catalog::{Catalog, Claim, Generation, LeaseKey, RebuildId, TakenLease};
use crate::format::time;
use crate::model::{Lease, PoolId, RunKind};
use crate::pacing::Tenure;
use crate::ports::Clock;
use crate::ports::vault::{Fence, Vault};
use crate::{Error, ErrorKind, Result};

/// How often the lease is renewed.
const RENEWED_EVERY: Duration = Duration::from_secs(60);
/// If the computer slept for so long, the lease may have passed to another command.
const OVERDUE: Duration = Duration::from_secs(60);

/// A moment, by the clock on the wall and by the clock of tokio. While the computer sleeps, only the first goes on.
#[derive(Debug, Clone, Copy)]
struct Awake {
    wall: SystemTime,
    at: Instant,
}

impl Awake {
    fn now() -> Self {
        Self { wall: SystemTime::now(), at: Instant::now() }
    }

    /// How long the computer slept since then.
    fn slept(self, wall: SystemTime, at: Instant) -> Duration {
        let passed = wall.duration_since(self.wall).unwrap_or_default();
        passed.saturating_sub(at.duration_since(self.at))
    }
}

/// A lease of a command. If a removal, a copy or a roll back holds the lease on the exports of a pool, no export of that
/// pool works on the table meanwhile. No other such command does, either.
#[derive(Debug)]
pub struct HeldLease<'a, V> {
    catalog: &'a Catalog<V>,
    key: LeaseKey,
    pool: PoolId,
    holder: String,
    lasting: SignedDuration,
    clock: Clock,
    renewed: Option<Timestamp>,
    generation: Generation,
    /// When the lease was taken.
    awake: Awake,
}

impl<'a, V: Vault> HeldLease<'a, V> {
    /// Takes the lease for an execution of a state machine that removes or copies snapshots, or takes it again. Undecided
    /// marks go, as in [`Self::take`]. Returns the lease of its holder if another run or command has it, or if this execution
    /// has released it.
    ///
    /// # Errors
    /// If the table cannot be read or written.
    pub async fn take_for_execution(
        catalog: &'a Catalog<V>,
        pool: &PoolId,
        execution: &str,
        clock: Clock,
    ) -> Result<std::result::Result<Self, Lease>> {
        let key = LeaseKey::of_pool(pool, RunKind::Export);
        let taken = Self::take_key(catalog, key, pool, (execution, false), clock).await?;
        if let Ok(lease) = &taken {
            lease.take_undecided_marks_away().await?;
        }
        Ok(taken)
    }

    /// Takes the lease for `holder`, which is a [`holder_name`]. The lease lasts 5 minutes after its
    /// last renewal. It is short because an operator's computer may be switched off, and exports
    /// must not wait for long.
    ///
    /// A removal that died may have left marks without a decision. They are taken away here,
    /// because the removal no longer has the lease.
    ///
    /// # Errors
    /// `ExportAlreadyRunning` if an export, a removal, a copy or a roll back holds it.
    pub async fn take(catalog: &'a Catalog<V>, pool: &PoolId, holder: &str, clock: Clock) -> Result<Self> {
        let key = LeaseKey::of_pool(pool, RunKind::Export);
        let taken = Self::take_key(catalog, key, pool, (holder, false), clock).await?;
        let taken = taken.map_err(|lease| at_work(pool, &lease, clock.now()))?;
        taken.take_undecided_marks_away().await?;
        Ok(taken)
    }

    /// Takes the lease on the creation of a pool. It lasts as long as [that of a removal](Self::take).
    ///
    /// # Errors
    /// `Overtaken` if another command holds it.
    pub async fn take_for_rebuild(
        catalog: &'a Catalog<V>,
        id: &RebuildId,
        holder: &str,
        clock: Clock,
    ) -> Result<Self> {
        let key = LeaseKey::of_rebuild(id);
        let taken = Self::take_key(catalog, key, &id.source, (holder, true), clock).await?;
        taken.map_err(|lease| {
            Error::new(
                ErrorKind::Overtaken,
                format!("Another command works on user pool {:?}: {}.", id.name, lease.shown_holder()),
                format!(
                    "Wait for its end, then start the command again: it continues. If it was killed, its lease ends {}.",
                    lease.end(clock.now())
                ),
            )
        })
    }

    /// Takes a lease, or returns the lease of its holder. `calls` says whether the command calls Cognito.
    async fn take_key(
        catalog: &'a Catalog<V>,
        key: LeaseKey,
        pool: &PoolId,
        (holder, calls): (&str, bool),
        clock: Clock,
    ) -> Result<std::result::Result<Self, Lease>> {
        let (now, lasting) = (clock.now(), SignedDuration::from_mins(5));
        let mine = Lease::with_duration(lasting, holder, now);
        let generation = match catalog.take_lease(&key, &mine, calls, now).await? {
            Claim::Taken(generation) => generation,
            Claim::HeldBy(lease) => return Ok(Err(lease)),
        };
        let (pool, holder) = (pool.clone(), holder.to_owned());
        let renewed = Some(now);
        Ok(Ok(Self { catalog, key, pool, holder, lasting, clock, renewed, generation, awake: Awake::now() }))
    }

    /// The generation at which the holder took the lease from another one. As long as it stays, no other holder had the
    /// lease meanwhile.
    pub fn held_since(&self) -> u64 {
        self.generation.held_since()
    }

    pub fn clock(&self) -> Clock {
        self.clock
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The condition of every deletion of a record.
    pub fn fence(&self) -> Fence {
        self.catalog.export_fence(&self.pool, &self.holder)
    }

    /// Renews the lease once a minute.
    ///
    /// # Errors
    /// `LeaseLost` if the lease has ended, or was released.
    pub async fn keep(&mut self) -> Result<()> {
        let now = self.clock.now();
        if self.renewed.is_some_and(|renewed| now.duration_since(renewed).unsigned_abs() < RENEWED_EVERY) {
            return Ok(());
        }
        self.renew().await
    }

    /// Renews the lease now.
    ///
    /// # Errors
    /// `LeaseLost` if the lease has ended, or was released.
    pub async fn renew(&mut self) -> Result<()> {
        let now = self.clock.now();
        let mine = Lease::with_duration(self.lasting, &self.holder, now);
        if !self.catalog.renew_lease(&self.key, &mine, now).await? {
            return Err(self.lost());
        }
        self.renewed = Some(now);
        Ok(())
    }

    /// Renews the lease once a minute until `work` ends.
    ///
    /// # Errors
    /// Those of the work. `LeaseLost` as soon as a renewal finds that the lease has ended, or was
    /// released, and if the computer slept: the work does not go on. The work is dropped then.
    pub async fn during<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mut work = pin!(work);
        loop {
            let since = self.awake;
            let has_slept = || since.slept(SystemTime::now(), Instant::now()) > OVERDUE;
            let awake =
                poll_fn(
                    |context| {
                        if has_slept() { Poll::Ready(None) } else { work.as_mut().poll(context).map(Some) }
                    },
                );
            tokio::select! {
                biased;
                done = awake => match done {
                    Some(done) => return done,
                    None => return Err(self.lost()),
                },
                () = tokio::time::sleep(RENEWED_EVERY) => self.renew().await?,
            }
        }
    }

    /// Takes away every mark of the pool that is not decided. Returns how many removals are
    /// decided and not complete.
    ///
    /// # Errors
    /// If the table cannot be read or written.
    pub async fn take_undecided_marks_away(&self) -> Result<u64> {
        self.catalog.take_undecided_marks_away(&self.pool).await
    }

    /// The error if the lease has ended.
    pub(super) fn lost(&self) -> Error {
        Error::new(
            ErrorKind::LeaseLost,
            format!(
                "The lease on user pool {} was lost: it ended, or another run or command took it.",
                self.pool
            ),
            "The command has stopped. Start it again: it continues.",
        )
    }

    /// Releases the lease.
    ///
    /// # Errors
    /// If the table cannot be written. The lease then ends by itself.
    pub async fn give_back(self) -> Result<()> {
        self.catalog.release_lease(&self.key, &self.holder, self.clock.now()).await
    }
}

impl<V: Vault + Clone + 'static> HeldLease<'_, V> {
    /// The lease with its generation.
    fn taken(&self) -> TakenLease<V> {
        TakenLease::new(self.catalog.clone(), self.key.clone(), self.generation)
    }

    /// The time in which the command may call Cognito.
    pub(super) fn tenure(&self) -> Tenure {
        let clock = self.clock;
        self.taken().tenure(None).on_a_computer_that_sleeps(move || clock.shown())
    }

    /// Releases the lease after the last call of Cognito. The next command then need not wait for late calls.
    ///
    /// # Errors
    /// If the table cannot be written. The lease then ends by itself.
    pub(super) async fn give_back_after_calls(self) -> Result<()> {
        self.taken().end().await?;
        self.give_back().await
    }
}

/// The name of a holder of a lease that no other holder has: a command, the time and a random
/// number.
pub fn holder_name(command: &str, now: Timestamp) -> String {
    // The keys of a hasher are random.
    let random = RandomState::new().hash_one(std::process::id());
    format!("`{command}` ({}, {random:016x})", time(now))
}

/// An export, a removal, a copy or a roll back holds the lease.
fn at_work(pool: &PoolId, lease: &Lease, now: Timestamp) -> Error {
    Error::new(
        ErrorKind::ExportAlreadyRunning,
        format!("User pool {pool} is in use: {} {}.", lease.shown_holder(), lease.work()),
        format!(
            "Nothing was changed. Wait until it has ended. If it was killed or aborted, its lease ends {}. Then repeat the \
             command.",
            lease.end(now)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_holder_of_the_lease_has_its_own_name() {
        let name = || holder_name("cognito-backup prune", Timestamp::UNIX_EPOCH);
        assert!(name().starts_with("`cognito-backup prune` (1970-01-01 00:00:00 UTC, "));
        assert_ne!(name(), name());
    }
}
