//! The export lease of a pool, held by a removal and renewed as it works.

use jiff::{SignedDuration, Timestamp};

use super::refusals::{at_work, lease_lost};
use crate::Result;
use crate::catalog::Catalog;
use crate::model::{Lease, PoolId, RunKind};
use crate::ports::Clock;
use crate::ports::vault::{Fence, Vault};

/// How often the lease is renewed.
const RENEWED_EVERY: SignedDuration = SignedDuration::from_secs(60);

/// The lease on the exports of a pool, held by a removal.
#[derive(Debug)]
pub struct HeldLease<'a, V> {
    catalog: &'a Catalog<V>,
    pool: PoolId,
    holder: String,
    lasting: SignedDuration,
    clock: Clock,
    renewed: Option<Timestamp>,
}

impl<'a, V: Vault> HeldLease<'a, V> {
    /// The lease that an execution took when its export began.
    pub fn of_export(catalog: &'a Catalog<V>, pool: &PoolId, execution: &str, clock: Clock) -> Self {
        Self {
            catalog,
            pool: pool.clone(),
            holder: execution.to_owned(),
            lasting: Lease::DURATION,
            clock,
            renewed: None,
        }
    }

    /// Takes the lease for `holder`, a name that no other holder has used. The lease lasts 5
    /// minutes after its last renewal. It is short because an operator's computer may be switched
    /// off, and exports must not wait for long.
    ///
    /// # Errors
    /// `ExportAlreadyRunning` if an export or another removal holds it.
    pub async fn take(catalog: &'a Catalog<V>, pool: &PoolId, holder: &str, clock: Clock) -> Result<Self> {
        let (now, lasting) = (clock.now(), SignedDuration::from_mins(5));
        let mine = Lease::with_duration(lasting, holder, now);
        let there = catalog.take_lease_for(pool, RunKind::Export, mine, now).await?;
        if there.holder != holder {
            return Err(at_work(pool, &there));
        }
        let holder = holder.to_owned();
        Ok(Self { catalog, pool: pool.clone(), holder, lasting, clock, renewed: Some(now) })
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
        if self.renewed.is_some_and(|renewed| now.duration_since(renewed) < RENEWED_EVERY) {
            return Ok(());
        }
        let mine = Lease::with_duration(self.lasting, &self.holder, now);
        if !self.catalog.renew_lease(&self.pool, RunKind::Export, &mine, now).await? {
            return Err(lease_lost(&self.pool));
        }
        self.renewed = Some(now);
        Ok(())
    }

    /// The error of a deletion that the fence prevented.
    pub(super) fn lost(&self) -> crate::Error {
        lease_lost(&self.pool)
    }

    /// Releases the lease.
    ///
    /// # Errors
    /// If the table cannot be written. The lease then ends by itself.
    pub async fn give_back(self) -> Result<()> {
        self.catalog.release_lease(&self.pool, RunKind::Export, &self.holder, self.clock.now()).await
    }
}
