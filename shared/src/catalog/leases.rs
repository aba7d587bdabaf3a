//! Leases: a run takes one before it begins, each invocation takes it again, and the run releases it
//! at its end.

use std::pin::Pin;

use jiff::Timestamp;
use tokio::time::Instant;

use super::{Catalog, RebuildId, keys};
use crate::Result;
use crate::model::{Lease, PoolId, RunId, RunKind};
use crate::pacing::{LeaseView, Predecessor, Tenure, WAIT};
use crate::ports::vault::{Key, Vault};

/// Which lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseKey(Key);

impl LeaseKey {
    /// The lease on a pool: at most one export of it, and one import into it, at a time.
    pub fn of_pool(pool: &PoolId, operation: RunKind) -> Self {
        Self(keys::lease(pool, operation))
    }

    /// The lease of run `run`. `pool` is the source of an export, the target of an import.
    pub fn of_run(operation: RunKind, pool: &PoolId, is_dry_run: bool, run: &RunId) -> Self {
        if is_dry_run { Self::of_dry_run(run) } else { Self::of_pool(pool, operation) }
    }

    /// The lease on the creation of a pool.
    pub fn of_rebuild(id: &RebuildId) -> Self {
        Self(keys::rebuild_lease(id))
    }

    /// The lease of a dry run. It keeps no other run out. It only tells its invocations apart.
    pub fn of_dry_run(run: &RunId) -> Self {
        Self(keys::dry_run_lease(run))
    }
}

/// The result of a try to take a lease.
#[derive(Debug)]
pub enum Claim {
    Taken(Generation),
    /// Another holder has it.
    HeldBy(Lease),
}

/// What a lease says about an execution that Step Functions has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoppedLease {
    /// The execution does not hold it: it never did, it is released now, or another holder has it.
    NotHeld,
    /// The execution took it when no invocation from before the stop could run any more. So it is at work again, and
    /// the lease stays.
    TakenAgain,
}

/// The generation that a lease got when an invocation took it.
#[derive(Debug, Clone, Copy)]
pub struct Generation {
    number: u64,
    /// The generation at which the holder took the lease from another one.
    held_since: u64,
    taken_at: Instant,
    /// The lease as it was before. None if there was none.
    before: Option<BeforeTaken>,
}

/// What a lease said before an invocation took it.
#[derive(Debug, Clone, Copy)]
struct BeforeTaken {
    generation: u64,
    ended: bool,
}

impl Generation {
    /// The generation at which the holder took the lease from another one. As long as it stays, no other holder had the
    /// lease meanwhile.
    pub fn held_since(&self) -> u64 {
        self.held_since
    }

    /// What the invocation knows of earlier calls. It got the state of the limiter from generation
    /// `handed_on`.
    fn predecessor(&self, handed_on: Option<u64>) -> Predecessor {
        match self.before {
            None => Predecessor::Known,
            Some(before) if !before.ended => Predecessor::MayCall,
            Some(before) if handed_on == Some(before.generation) => Predecessor::Known,
            Some(_) => Predecessor::Ended,
        }
    }
}

/// A lease that an invocation has taken, at its generation.
#[derive(Debug, Clone)]
pub struct TakenLease<V> {
    catalog: Catalog<V>,
    key: LeaseKey,
    generation: Generation,
}

impl<V: Vault> TakenLease<V> {
    pub fn new(catalog: Catalog<V>, key: LeaseKey, generation: Generation) -> Self {
        Self { catalog, key, generation }
    }

    /// The generation, for the invocation that gets the state of the limiter.
    pub fn generation(&self) -> u64 {
        self.generation.number
    }

    /// Whether the invocation before this one did not end: it died, or it is still at work.
    pub fn follows_a_death(&self) -> bool {
        self.generation.predecessor(None) == Predecessor::MayCall
    }

    /// Writes that this invocation and all before it make no more calls, if it still has the lease. Then the next
    /// invocation need not wait. An invocation that ends before the one before it has stopped writes nothing.
    ///
    /// # Errors
    /// If the table cannot be written.
    pub async fn end(&self) -> Result<()> {
        let Generation { taken_at, .. } = self.generation;
        if self.generation.predecessor(None) == Predecessor::MayCall && taken_at.elapsed() < WAIT {
            return Ok(());
        }
        let end = |lease: &mut Lease| {
            let is_mine = lease.generation == self.generation.number && !lease.ended;
            if is_mine {
                lease.ended = true;
            }
            Ok(is_mine)
        };
        self.catalog.change(&self.key.0, end).await.map(drop)
    }
}

impl<V: Vault + Clone + 'static> TakenLease<V> {
    /// The time in which the invocation may call. `handed_on` is the generation from which it got
    /// the state of the limiter.
    pub fn tenure(&self, handed_on: Option<u64>) -> Tenure {
        let Generation { taken_at, .. } = self.generation;
        Tenure::new(Box::new(self.clone()), taken_at, self.generation.predecessor(handed_on))
    }
}

impl<V: Vault> LeaseView for TakenLease<V> {
    fn is_current(&self) -> Pin<Box<dyn Future<Output = Result<bool>> + Send + '_>> {
        Box::pin(async {
            let lease: Option<Lease> = self.catalog.read(&self.key.0).await?;
            Ok(lease.is_some_and(|lease| lease.generation == self.generation.number))
        })
    }
}

impl<V: Vault> Catalog<V> {
    /// Takes a lease, or takes it again, and raises its generation. `calls` says whether the
    /// invocation is going to call Cognito.
    pub async fn take_lease(
        &self,
        LeaseKey(key): &LeaseKey,
        mine: &Lease,
        calls: bool,
        now: Timestamp,
    ) -> Result<Claim> {
        loop {
            let taken_at = Instant::now();
            let mut before = None;
            let take = |lease: &mut Lease| {
                let is_free = lease.free_for(&mine.holder, now);
                before = Some(lease.clone());
                if is_free {
                    *lease = lease.taken_by(mine, calls, now);
                }
                Ok(is_free)
            };
            let stored = self.change(key, take).await?;
            let (number, held_since, before) = match (stored, before) {
                (Some(lease), Some(before)) if before.free_for(&mine.holder, now) => {
                    let Lease { generation, ended, .. } = before;
                    (lease.generation, lease.held_since, Some(BeforeTaken { generation, ended }))
                }
                (Some(lease), _) => return Ok(Claim::HeldBy(lease)),
                (None, _) => {
                    let first = Lease { ended: !calls, ..mine.clone() };
                    if !self.create(key, &first).await? {
                        continue;
                    }
                    (first.generation, first.held_since, None)
                }
            };
            return Ok(Claim::Taken(Generation { number, held_since, taken_at, before }));
        }
    }

    /// Renews a lease that has not ended. Returns whether it did. After the end of a lease, another
    /// run may have held it.
    pub async fn renew_lease(&self, LeaseKey(key): &LeaseKey, mine: &Lease, now: Timestamp) -> Result<bool> {
        let renew = |lease: &mut Lease| {
            let still_mine = lease.holder == mine.holder && lease.expires > now;
            if still_mine {
                lease.expires = mine.expires;
            }
            Ok(still_mine)
        };
        let stored = self.change(key, renew).await?;
        Ok(stored.is_some_and(|stored| stored.holder == mine.holder && stored.expires == mine.expires))
    }

    /// Releases a lease. It does not say that the invocations of the run have ended: an invocation
    /// that Step Functions has lost may still call.
    pub async fn release_lease(
        &self,
        LeaseKey(key): &LeaseKey,
        execution: &str,
        now: Timestamp,
    ) -> Result<()> {
        let release = |lease: &mut Lease| {
            let mine = lease.holder == execution && lease.expires > now;
            if mine {
                lease.release(now);
            }
            Ok(mine)
        };
        self.change(key, release).await.map(drop)
    }

    /// Releases the lease of an execution that was stopped at `stopped`, unless the execution was redriven. After the
    /// release, no invocation of the execution takes it again.
    ///
    /// Step Functions does not end an invocation that runs at the stop. So such an invocation may still take the lease
    /// or renew it, for [`Lease::MAX_INVOCATION`]. Only an invocation that takes it later is of a redrive.
    pub async fn release_lease_of_stopped(
        &self,
        LeaseKey(key): &LeaseKey,
        execution: &str,
        stopped: Timestamp,
        now: Timestamp,
    ) -> Result<StoppedLease> {
        let mut found = StoppedLease::NotHeld;
        let release = |lease: &mut Lease| {
            let is_held = lease.holder == execution && !lease.is_released_by(execution);
            let is_at_work = is_held && lease.taken_at() > stopped + Lease::MAX_INVOCATION;
            found = if is_at_work { StoppedLease::TakenAgain } else { StoppedLease::NotHeld };
            let releases = is_held && !is_at_work;
            if releases {
                lease.release(now);
            }
            Ok(releases)
        };
        self.change(key, release).await?;
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_knows_the_calls_before_it_if_it_got_the_state_of_the_limiter_from_their_generation() {
        let after = |before: Option<(u64, bool)>, handed_on| {
            let before = before.map(|(generation, ended)| BeforeTaken { generation, ended });
            Generation { number: 8, held_since: 1, taken_at: Instant::now(), before }.predecessor(handed_on)
        };
        assert_eq!(after(None, None), Predecessor::Known, "there was no invocation");
        assert_eq!(after(Some((7, true)), Some(7)), Predecessor::Known);
        assert_eq!(after(Some((7, true)), Some(6)), Predecessor::Ended, "another one called since");
        assert_eq!(after(Some((7, true)), None), Predecessor::Ended);
        assert_eq!(after(Some((7, false)), Some(7)), Predecessor::MayCall);
        assert_eq!(after(Some((7, false)), None), Predecessor::MayCall);
    }
}
