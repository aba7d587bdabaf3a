//! Leases: a run takes one before it begins, each invocation renews it, and the run gives it back
//! at its end.

use jiff::Timestamp;

use super::{Catalog, keys};
use crate::Result;
use crate::model::{Lease, PoolId, RunKind};
use crate::ports::vault::Vault;

impl<V: Vault> Catalog<V> {
    /// Like [`Self::take_lease`], with a lease of another duration.
    pub async fn take_lease_for(
        &self,
        pool: &PoolId,
        operation: RunKind,
        mine: Lease,
        now: Timestamp,
    ) -> Result<Lease> {
        let key = keys::lease(pool, operation);
        loop {
            let held = self
                .change(&key, |lease: &mut Lease| {
                    let free = lease.free_for(&mine.holder, now);
                    if free {
                        *lease = mine.clone();
                    }
                    Ok(free)
                })
                .await?;
            match held {
                Some(lease) => return Ok(lease),
                None => {
                    if self.create(&key, &mine).await? {
                        return Ok(mine);
                    }
                }
            }
        }
    }

    /// Renews a lease that has not ended. Returns whether it did. After the end of a lease, another
    /// run may have held it.
    pub async fn renew_lease(
        &self,
        pool: &PoolId,
        operation: RunKind,
        mine: &Lease,
        now: Timestamp,
    ) -> Result<bool> {
        let renew = |lease: &mut Lease| {
            let still_mine = lease.holder == mine.holder && lease.expires > now;
            if still_mine {
                *lease = mine.clone();
            }
            Ok(still_mine)
        };
        let stored = self.change(&keys::lease(pool, operation), renew).await?;
        Ok(stored.is_some_and(|stored| stored == *mine))
    }

    pub async fn release_lease(
        &self,
        pool: &PoolId,
        operation: RunKind,
        execution: &str,
        now: Timestamp,
    ) -> Result<()> {
        let release = |lease: &mut Lease| {
            let mine = lease.holder == execution && lease.expires > now;
            if mine {
                lease.expires = now;
            }
            Ok(mine)
        };
        self.change(&keys::lease(pool, operation), release).await.map(drop)
    }

    /// Takes or renews the lease on `pool` for `execution`. Returns the lease that is in force now.
    /// If the lease has another holder, the execution did not get it.
    pub async fn take_lease(
        &self,
        pool: &PoolId,
        operation: RunKind,
        execution: &str,
        now: Timestamp,
    ) -> Result<Lease> {
        self.take_lease_for(pool, operation, Lease::new(execution, now), now).await
    }
}
