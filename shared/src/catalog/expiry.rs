//! When items expire.
//!
//! | items | expire |
//! |---|---|
//! | the header of a restore | 89 days after the restore began, or after its items were renewed |
//! | all other items of a restore, and its hold | 90 days after they were written |
//! | the entries of the sub map | after the retention of sub maps, if the input or the deployment has one |
//! | the header of the sub map | a day before its oldest entry |
//! | which run an execution carries out | 90 days after it was written |
//! | a stored selection | 90 days after it was written |
//! | everything else, above all snapshots | never |
//!
//! So a restore without a header is absent, and one with a header is whole. An import that is at work after 45 days
//! renews all items, and then the header.
//!
//! Enumerate copies a stored selection to the restore, so no import needs the stored one after it has begun. To continue a
//! restore after that, store the selection again: the digest of its names decides, and not its id.

use jiff::Timestamp;
use serde_dynamo::Item;

use super::{Catalog, QUERY_LIMIT, keys};
use crate::Result;
use crate::model::{ExpiresAt, Restore};
use crate::ports::vault::{EXPIRES_AT, Key, Order, Query, Vault, expiry_of, expiry_value};

impl<V: Vault> Catalog<V> {
    /// The item with the time at which it expires, if it does.
    pub(super) fn with_expiry(&self, key: &Key, item: Item) -> Item {
        let expires = keys::expires_as_written(key).then(|| ExpiresAt::of_item(self.vault.now()));
        self.with_expiry_at(item, expires)
    }

    /// The item with this time at which it expires.
    pub(super) fn with_expiry_at(&self, mut item: Item, expires_at: Option<ExpiresAt>) -> Item {
        if let Some(expires_at) = expires_at {
            item.inner_mut().insert(EXPIRES_AT.to_owned(), expiry_value(expires_at));
        }
        item
    }

    /// When an item of the restore's sub map expires that is written now.
    pub(super) fn sub_map_expiry(&self, restore: &Restore) -> Option<ExpiresAt> {
        restore.sub_map_retention.map(|retention| retention.expiry(self.vault.now()))
    }

    /// Writes items without a condition.
    pub(super) async fn put_all(&self, items: Vec<(Key, Item)>) -> Result<()> {
        let items = items.into_iter().map(|(key, item)| {
            let item = self.with_expiry(&key, item);
            (key, item)
        });
        self.vault.put_all(items.collect()).await
    }

    /// Renews the next items of a restore after the sort key `after`, as if they were written at `since`. Returns the
    /// sort key to continue after. After the last items, the hold follows.
    ///
    /// It changes no content, so other invocations may work on the restore at the same time.
    pub async fn renew_items(
        &self,
        restore: &Restore,
        since: Timestamp,
        after: Option<String>,
    ) -> Result<Option<String>> {
        let (pk, prefix) = (keys::restore_partition(&restore.id), String::new());
        let query = Query { pk, prefix, after, order: Order::Ascending, limit: QUERY_LIMIT };
        let found = self.vault.query(&query).await?;
        let (of_items, of_sub_map) =
            (ExpiresAt::of_item(since), restore.sub_map_retention.map(|retention| retention.expiry(since)));
        // Another retention may have been in force when an entry was written.
        let of_newest = self.sub_map_expiry(restore);
        let is_right = |expires_at: Option<ExpiresAt>| match (expires_at, of_sub_map, of_newest) {
            (Some(expires_at), Some(oldest), Some(newest)) => (oldest..=newest).contains(&expires_at),
            (expires_at, oldest, _) => expires_at.is_none() && oldest.is_none(),
        };
        let (mut items, mut sub_map) = (Vec::new(), Vec::new());
        for (sk, item) in found.items {
            let (key, expires_at) = (Key::new(query.pk.as_str(), sk), expiry_of(&item));
            // An item that expires later was written after `since`.
            let is_old = |renewed| expires_at.is_none_or(|expires_at| expires_at < renewed);
            if !keys::is_in_sub_map(&key) {
                items.extend(is_old(of_items).then_some(key));
            } else if !is_right(expires_at) {
                sub_map.push(key);
            }
        }
        self.vault.set_expiry(items, Some(of_items)).await?;
        self.vault.set_expiry(sub_map, of_sub_map).await?;
        if found.next.is_none() {
            self.vault.set_expiry(vec![keys::hold(&restore.snapshot, &restore.id)], Some(of_items)).await?;
        }
        Ok(found.next)
    }

    /// Writes that all items of a restore were written or renewed since `since`, also to the header of its sub map.
    pub async fn renew_header(&self, restore: &Restore, since: Timestamp) -> Result<()> {
        let renew = |restore: &mut Restore| {
            restore.expires_at = restore.expires_at.max(ExpiresAt::of_header(since));
            restore.retention_changed = false;
        };
        if let Some(renewed) = self.change_restore(&restore.target, &restore.id, renew).await? {
            self.put_sub_map_header(&renewed).await?;
        }
        Ok(())
    }
}
