//! Restores: headers, forecasts, units, ledgers and sub maps.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Catalog, CheckpointKey, QUERY_LIMIT, decode, encode, keys};
use crate::model::{
    CreationWindows, ForecastCheckpoint, LedgerPage, PoolId, RecordKind, Restore, RestoreUnit, RunId, Sub,
    SubMapEntry, Totals, UnitId,
};
use crate::ports::vault::{Key, Order, Query, ReadVault, Vault};
use crate::{Error, ErrorKind, Guidance, Result};

/// How many of the newest restores a search looks at for one that wrote to the pool.
const MAX_RESTORES_WITHOUT_WRITES: u32 = 10;

/// The sum of a ledger, and how far it has been added up.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerSum {
    /// The pass whose outcomes are added up.
    pub pass: u32,
    pub totals: Totals,
    /// The ledger pages in the sum.
    pub pages: u64,
    /// The sort key of the last ledger page in the sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added_up_to: Option<String>,
    /// Whether that was the last ledger page.
    pub complete: bool,
}

/// What the table says about the entries of a page that the restore may have created.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Creations {
    windows: CreationWindows,
}

impl<V: ReadVault> Catalog<V> {
    /// The forecast of a restore, if it has begun.
    pub async fn forecast(&self, id: &RunId) -> Result<Option<ForecastCheckpoint>> {
        self.checkpoint(&CheckpointKey::forecast(id)).await
    }

    pub async fn restore(&self, target: &PoolId, id: &RunId) -> Result<Option<Restore>> {
        self.read(&keys::restore(target, id)).await
    }

    /// The restores into a pool, newest first, at most `limit`.
    pub async fn restores(&self, target: &PoolId, limit: u32) -> Result<Vec<Restore>> {
        let query = Query {
            pk: keys::pool_partition(target),
            prefix: keys::RESTORES.to_owned(),
            after: None,
            order: Order::Descending,
            limit,
        };
        let found = self.vault.query(&query).await?;
        found.items.into_iter().map(|(sk, item)| decode(&Key::new(query.pk.as_str(), sk), item)).collect()
    }

    /// All restores into a pool, newest first.
    pub async fn all_restores(&self, target: &PoolId) -> Result<Vec<Restore>> {
        self.read_all(keys::pool_partition(target), keys::RESTORES, Order::Descending).await
    }

    /// The last restore into a pool that may have written to it, among the last
    /// [`MAX_RESTORES_WITHOUT_WRITES`].
    ///
    /// A restore that was refused before it wrote is never continued. The settings of the target,
    /// or the newest snapshot, may have changed since.
    pub async fn last_restore_that_wrote(&self, target: &PoolId) -> Result<Option<Restore>> {
        for restore in self.restores(target, MAX_RESTORES_WITHOUT_WRITES).await? {
            let forecast = self.forecast(&restore.id).await?;
            if forecast.is_some_and(|forecast| forecast.allows_writing()) {
                return Ok(Some(restore));
            }
        }
        Ok(None)
    }

    /// All units of a restore, at most 10,002.
    pub async fn restore_units(&self, restore: &RunId) -> Result<Vec<RestoreUnit>> {
        self.read_all(keys::restore_partition(restore), keys::UNITS, Order::Ascending).await
    }

    pub async fn ledger_page(
        &self,
        restore: &RunId,
        unit: &UnitId,
        number: u64,
    ) -> Result<Option<LedgerPage>> {
        self.read(&keys::ledger_page(restore, unit, number)).await
    }

    /// When the restore may have created entries of a page.
    pub async fn creation_windows(
        &self,
        restore: &RunId,
        unit: &UnitId,
        number: u64,
    ) -> Result<CreationWindows> {
        let stored: Option<Creations> = self.read(&keys::creations(restore, unit, number)).await?;
        Ok(stored.unwrap_or_default().windows)
    }

    /// The next ledger pages after `after`, and the sort key to continue after.
    pub async fn ledger(
        &self,
        restore: &RunId,
        after: Option<String>,
    ) -> Result<(Vec<(String, RecordKind, LedgerPage)>, Option<String>)> {
        let query = Query {
            pk: keys::restore_partition(restore),
            prefix: keys::LEDGER.to_owned(),
            after,
            order: Order::Ascending,
            limit: QUERY_LIMIT,
        };
        let found = self.vault.query(&query).await?;
        let pages = found.items.into_iter().map(|(sk, item)| {
            let page = decode(&Key::new(query.pk.as_str(), sk.as_str()), item)?;
            let kind = keys::ledger_kind(&sk)
                .ok_or_else(|| unknown_kind(&Key::new(query.pk.as_str(), sk.as_str())))?;
            Ok((sk.clone(), kind, page))
        });
        Ok((pages.collect::<Result<_>>()?, found.next))
    }

    /// The entries of the sub map for these users of the snapshot, if they have one. A user that
    /// has kept its `sub` has one, too.
    pub async fn sub_map(&self, restore: &Restore, subs: &[Sub]) -> Result<HashMap<Sub, SubMapEntry>> {
        let mut entries = self.sub_map_of(&restore.id, subs).await?;
        if restore.target_pool().has_snapshot_subs() {
            // These entries replace an entry that an earlier pass has written.
            let kept = self.sub_map_by_new_subs(&restore.id, subs).await?;
            entries.extend(kept.into_iter().filter(|(sub, entry)| *sub == entry.old_sub));
        }
        Ok(entries)
    }

    /// Like [`Self::sub_map`], without the users that have kept their `sub`.
    pub async fn sub_map_of(&self, restore: &RunId, subs: &[Sub]) -> Result<HashMap<Sub, SubMapEntry>> {
        let mut keys: Vec<_> = subs.iter().map(|sub| keys::sub_map(restore, sub)).collect();
        keys.sort();
        keys.dedup();
        let items = self.vault.get_all(keys).await?;
        let entries = items.into_iter().map(|(key, item)| {
            let entry: SubMapEntry = decode(&key, item)?;
            Ok((entry.old_sub.clone(), entry))
        });
        entries.collect()
    }

    /// The next entries of the sub map after `after`, in the order of the old `sub`s, and the sort
    /// key to continue after.
    pub async fn sub_map_page(
        &self,
        restore: &RunId,
        after: Option<String>,
    ) -> Result<(Vec<SubMapEntry>, Option<String>)> {
        let query = Query {
            pk: keys::restore_partition(restore),
            prefix: keys::SUB_MAP.to_owned(),
            after,
            order: Order::Ascending,
            limit: QUERY_LIMIT,
        };
        let found = self.vault.query(&query).await?;
        let entries =
            found.items.into_iter().map(|(sk, item)| decode(&Key::new(query.pk.as_str(), sk), item));
        Ok((entries.collect::<Result<_>>()?, found.next))
    }

    /// The entry of the sub map with this `sub` in the target.
    pub async fn sub_map_by_new_sub(&self, restore: &RunId, sub: &Sub) -> Result<Option<SubMapEntry>> {
        self.read(&keys::new_sub(restore, sub)).await
    }

    /// The sum of the ledger, if it has begun.
    pub async fn ledger_sum(&self, restore: &RunId) -> Result<Option<LedgerSum>> {
        self.read(&keys::report(restore)).await
    }
}

impl<V: Vault> Catalog<V> {
    /// Writes units of a restore. They only say which pages may need work. The ledger decides.
    pub async fn put_restore_units(&self, restore: &RunId, units: &[RestoreUnit]) -> Result<()> {
        let items = units
            .iter()
            .map(|unit| Ok((keys::unit(keys::restore_partition(restore), &unit.id()), encode(unit)?)));
        self.vault.put_all(items.collect::<Result<_>>()?).await
    }

    /// Writes entries of the sub map. A restored user has an entry under each `sub`. A user that
    /// has kept its `sub` gets one item: a repair finds nearly all users of the pool
    /// unchanged.
    pub async fn put_sub_map(&self, restore: &Restore, entries: &[SubMapEntry]) -> Result<()> {
        let mut items = Vec::with_capacity(entries.len() * 2);
        for entry in entries {
            // An earlier pass may have written that the user was not restored.
            if !entry.kept_sub() || restore.pass > 1 {
                items.push((keys::sub_map(&restore.id, &entry.old_sub), encode(entry)?));
            }
            if let Some(sub) = entry.restored.as_ref().and_then(|user| user.sub.as_ref()) {
                items.push((keys::new_sub(&restore.id, sub), encode(entry)?));
            }
        }
        self.vault.put_all(items).await
    }

    /// Writes how far the ledger has been added up.
    pub async fn put_ledger_sum(&self, restore: &RunId, sum: &LedgerSum) -> Result<()> {
        self.vault.put_all(vec![(keys::report(restore), encode(sum)?)]).await
    }

    /// Begins a restore. It writes the units first and the header last.
    pub async fn begin_restore(&self, restore: &Restore, units: &[RestoreUnit]) -> Result<()> {
        let key = keys::restore(&restore.target, &restore.id);
        if self.read::<Restore>(&key).await?.is_none() {
            self.put_restore_units(&restore.id, units).await?;
            self.create(&key, restore).await?;
        }
        Ok(())
    }

    /// Begins the forecast of a restore, unless it has begun.
    pub async fn begin_forecast(&self, run: &ForecastCheckpoint) -> Result<()> {
        self.create(&keys::forecast(&run.restore.id), run).await.map(drop)
    }

    pub async fn change_restore(
        &self,
        target: &PoolId,
        id: &RunId,
        mut change: impl FnMut(&mut Restore) + Send,
    ) -> Result<Option<Restore>> {
        self.change(&keys::restore(target, id), |restore: &mut Restore| {
            let before = restore.clone();
            change(restore);
            Ok(*restore != before)
        })
        .await
    }

    /// Writes that the restore is about to create entries of a page.
    pub async fn open_creation_window(
        &self,
        restore: &RunId,
        unit: &UnitId,
        number: u64,
        now: Timestamp,
    ) -> Result<()> {
        let key = keys::creations(restore, unit, number);
        let open = |creations: &mut Creations| creations.windows.open(now);
        self.change_or_create(&key, &Creations::default(), open).await.map(drop)
    }

    /// Changes a ledger page, or `first` if there is none yet, and returns the changed page.
    /// `change` may be called several times, because several invocations may add outcomes to the
    /// same page at once.
    pub async fn change_ledger_page(
        &self,
        restore: &RunId,
        unit: &UnitId,
        number: u64,
        first: &LedgerPage,
        change: impl FnMut(&mut LedgerPage) + Send,
    ) -> Result<LedgerPage> {
        self.change_or_create(&keys::ledger_page(restore, unit, number), first, change).await
    }
}

/// A ledger page of an unknown kind must not count as another kind.
fn unknown_kind(key: &Key) -> Error {
    Error::new(
        ErrorKind::UnsupportedSchema,
        format!("Item {key} is a ledger page of a kind that this version does not know."),
        Guidance::NEWER_VERSION,
    )
}
