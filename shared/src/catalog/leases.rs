//! Leases: a run takes one, every invocation renews it, the last invocation releases it.

use jiff::Timestamp;

use super::{Catalog, keys};
use crate::Result;
use crate::model::{Lease, PoolId, RunKind};
use crate::ports::vault::Vault;

impl<V: Vault> Catalog<V> {
    /// Takes the lease, or renews it, as `mine` says. Returns the lease that is in force now. Its holder is
    /// another execution if the pool is taken.
    pub async fn take_lease_for(&self, pool: &PoolId, operation: RunKind, mine: Lease, now: Timestamp) -> Result<Lease> {
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

    /// Renews a lease that has not expired; returns whether it did. An expired or released lease may have
    /// had another holder since.
    pub async fn renew_lease(&self, pool: &PoolId, operation: RunKind, mine: &Lease, now: Timestamp) -> Result<bool> {
        let renew = |lease: &mut Lease| {
            let still_mine = lease.holder == mine.holder && lease.expires > now;
            if still_mine {
                *lease = mine.clone();
            }
            Ok(still_mine)
        };
        let renewed = self.change(&keys::lease(pool, operation), renew).await?;
        Ok(renewed.is_some_and(|renewed| renewed == *mine))
    }

    /// Releases the lease on `pool` if `execution` holds it.
    pub async fn release_lease(&self, pool: &PoolId, operation: RunKind, execution: &str, now: Timestamp) -> Result<()> {
        let release = |lease: &mut Lease| {
            let mine = lease.holder == execution && lease.expires > now;
            if mine {
                lease.expires = now;
            }
            Ok(mine)
        };
        self.change(&keys::lease(pool, operation), release).await.map(drop)
    }

    /// Takes or renews the lease on `pool` for `execution`. Returns the lease that is in force now. Its
    /// holder is another execution if the pool is taken.
    pub async fn take_lease(&self, pool: &PoolId, operation: RunKind, execution: &str, now: Timestamp) -> Result<Lease> {
        self.take_lease_for(pool, operation, Lease::new(execution, now), now).await
    }
}
