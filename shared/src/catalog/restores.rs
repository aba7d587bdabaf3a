//! Restores: headers, forecasts, units, ledgers and sub maps.

use std::collections::{BTreeMap, HashMap};
use std::future::ready;
use std::pin::pin;

use futures::{Stream, StreamExt, TryStreamExt};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Catalog, CheckpointKey, QUERY_LIMIT, decode, encode, keys};
use crate::model::{
    CreationWindows, ExpiresAt, ForecastCheckpoint, LedgerPage, PoolId, RecordKind, Restore, RestoreState,
    RestoreUnit, RunId, Sub, SubMapEntry, Totals, UnitId,
};
use crate::ports::vault::{Key, Order, Query, ReadVault, Vault};
use crate::{Error, ErrorKind, Guidance, Result};

/// Headers of restores, or of their sub maps, in one query of a search.
const HEADERS_A_QUERY: u32 = 25;

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

/// The header of a sub map: its restore, as it was when its state changed last. The sub map is kept longer than the
/// header of the restore.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SubMapHeader {
    restore: Restore,
    /// None if the sub map is kept without end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<ExpiresAt>,
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
        self.read_last(keys::target_partition(target), keys::RESTORES, limit).await
    }

    /// The restore, or what its sub map says about it if its header has expired.
    pub async fn restore_with_sub_map(&self, target: &PoolId, id: &RunId) -> Result<Option<Restore>> {
        if let Some(restore) = self.restore(target, id).await? {
            return Ok(Some(restore));
        }
        let header: Option<SubMapHeader> = self.read(&keys::sub_map_header(target, id)).await?;
        Ok(header.map(|header| header.restore))
    }

    /// The restores into a pool whose sub maps are kept and that `counts` accepts, newest first, at most `limit`. If the
    /// header of a restore has expired, its sub map says what the restore was.
    pub async fn restores_with_sub_maps(
        &self,
        target: &PoolId,
        limit: u32,
        counts: impl Fn(&Restore) -> bool + Send + Sync,
    ) -> Result<Vec<Restore>> {
        let (limit, counts) = (limit as usize, |restore: &Restore| ready(counts(restore)));
        let headers = self.last_first::<SubMapHeader>(
            keys::target_partition(target),
            keys::SUB_MAPS,
            None,
            HEADERS_A_QUERY,
        );
        let kept = headers.map_ok(|header| header.restore).try_filter(counts).take(limit);
        let mut restores: Vec<Restore> = kept.try_collect().await?;
        let with_headers = self.restores_newest_first(target).try_filter(counts).take(limit);
        restores.extend(with_headers.try_collect::<Vec<_>>().await?);
        let by_id: BTreeMap<_, _> =
            restores.into_iter().map(|restore| (restore.id.clone(), restore)).collect();
        Ok(by_id.into_values().rev().take(limit).collect())
    }

    /// The last restore into a pool that may have written to it. Its header has not expired.
    ///
    /// A restore that was refused before it wrote is never continued. The settings of the target,
    /// or the newest snapshot, may have changed since.
    pub async fn last_restore_that_wrote(&self, target: &PoolId) -> Result<Option<Restore>> {
        let mut restores = pin!(self.restores_newest_first(target));
        while let Some(restore) = restores.try_next().await? {
            let forecast = self.forecast(&restore.id).await?;
            if forecast.is_some_and(|forecast| forecast.allows_writing()) {
                return Ok(Some(restore));
            }
        }
        Ok(None)
    }

    /// The restore into a pool on which the execution works, or worked last.
    pub async fn restore_of_execution(&self, target: &PoolId, execution: &str) -> Result<Option<Restore>> {
        let is_of_execution = |restore: &Restore| ready(restore.execution.id == execution);
        pin!(self.restores_newest_first(target).try_filter(is_of_execution)).try_next().await
    }

    /// All restores into a pool whose headers have not expired. Their number is not bounded: the operator may have
    /// started any number of imports that were refused.
    fn restores_newest_first(
        &self,
        target: &PoolId,
    ) -> impl Stream<Item = Result<Restore>> + Send + use<'_, V> {
        self.last_first(keys::target_partition(target), keys::RESTORES, None, HEADERS_A_QUERY)
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
        self.put_all(items.collect::<Result<_>>()?).await
    }

    /// Writes entries of the sub map. A restored user has an entry under each `sub`. A user that
    /// has kept its `sub` gets one item: a repair finds nearly all users of the pool
    /// unchanged.
    ///
    /// The entries by the old `sub` come first: a reader that finds the new `sub` writes nothing more.
    pub async fn put_sub_map(&self, restore: &Restore, entries: &[SubMapEntry]) -> Result<()> {
        let (mut by_old, mut by_new) = (Vec::with_capacity(entries.len()), Vec::with_capacity(entries.len()));
        for entry in entries {
            let item = self.with_expiry_at(encode(entry)?, self.sub_map_expiry(restore));
            if let Some(sub) = entry.restored.as_ref().and_then(|user| user.sub.as_ref()) {
                by_new.push((keys::new_sub(&restore.id, sub), item.clone()));
            }
            // An earlier pass may have written that the user was not restored.
            if !entry.kept_sub() || restore.pass > 1 {
                by_old.push((keys::sub_map(&restore.id, &entry.old_sub), item));
            }
        }
        for items in [by_old, by_new] {
            if !items.is_empty() {
                self.put_all(items).await?;
            }
        }
        Ok(())
    }

    /// Writes how far the ledger has been added up.
    pub async fn put_ledger_sum(&self, restore: &RunId, sum: &LedgerSum) -> Result<()> {
        self.put_all(vec![(keys::report(restore), encode(sum)?)]).await
    }

    /// Begins a restore. It writes the units first, then the header of the sub map, and the header of the restore
    /// last.
    pub async fn begin_restore(&self, restore: &Restore, units: &[RestoreUnit]) -> Result<()> {
        let key = keys::restore(&restore.target, &restore.id);
        if self.read::<Restore>(&key).await?.is_none() {
            self.put_restore_units(&restore.id, units).await?;
            self.put_sub_map_header(restore).await?;
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
        let mut before = None;
        let change = |restore: &mut Restore| {
            before = Some(restore.state);
            let unchanged = restore.clone();
            change(restore);
            Ok(*restore != unchanged)
        };
        let changed = self.change(&keys::restore(target, id), change).await?;
        if let Some(restore) = &changed
            && (restore.state != RestoreState::Running || before != Some(restore.state))
        {
            self.put_sub_map_header(restore).await?;
        }
        Ok(changed)
    }

    /// Writes what the sub map says about its restore.
    pub(super) async fn put_sub_map_header(&self, restore: &Restore) -> Result<()> {
        let key = keys::sub_map_header(&restore.target, &restore.id);
        let retention = restore.sub_map_retention;
        let expires_at = retention.map(|retention| retention.header_expiry(restore.expires_at));
        let header = SubMapHeader { restore: restore.clone(), expires_at };
        self.change_or_create(&key, &header, |stored| stored.clone_from(&header)).await.map(drop)
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
