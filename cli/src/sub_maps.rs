//! The sub maps of restores, as one list in the order of the old `sub`s, with the names that users sign
//! in with.

use std::collections::VecDeque;

use shared::Result;
use shared::catalog::Catalog;
use shared::model::{Restore, SubMapEntry, UserRecord, Username};
use shared::ports::vault::Vault;

/// Entries that are handed out at once.
const PAGE: usize = 1000;
/// Records that are read at once. A record takes up to 400 KB.
const RECORDS_AT_ONCE: usize = 60;

/// An entry of a sub map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedEntry {
    pub entry: SubMapEntry,
    /// The name that the user signs in with, as in the snapshot. None if the snapshot lacks it.
    pub sign_in_name: Option<Username>,
}

/// The sub maps of several restores into one pool. If several restores name a user, the newest that restored the user
/// counts.
pub struct MergedSubMaps<'a, V> {
    catalog: &'a Catalog<V>,
    /// The newest restore first.
    sources: Vec<Source<'a>>,
}

/// The sub map of one restore.
struct Source<'a> {
    restore: &'a Restore,
    waiting: VecDeque<SubMapEntry>,
    after: Option<String>,
    is_read: bool,
}

impl<'a, V: Vault> MergedSubMaps<'a, V> {
    /// Begins with the sub maps of `restores`, newest first.
    pub fn new(catalog: &'a Catalog<V>, restores: &'a [Restore]) -> Self {
        let source = |restore| Source { restore, waiting: VecDeque::new(), after: None, is_read: false };
        Self { catalog, sources: restores.iter().map(source).collect() }
    }

    /// The next entries. None are left if the list is empty.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub async fn next(&mut self) -> Result<Vec<NamedEntry>> {
        let mut page = Vec::new();
        while page.len() < PAGE {
            match self.next_user().await? {
                Some(found) => page.push(found),
                None => break,
            }
        }
        let mut named = Vec::with_capacity(page.len());
        for entries in page.chunks(RECORDS_AT_ONCE) {
            named.extend(self.with_names(entries).await?);
        }
        Ok(named)
    }

    /// Adds the names that users sign in with. If that is the username, no record is read.
    async fn with_names(&self, entries: &[(&Restore, SubMapEntry)]) -> Result<Vec<NamedEntry>> {
        let mut named: Vec<_> = entries
            .iter()
            .map(|(_, entry)| NamedEntry {
                sign_in_name: Some(entry.old_username.clone()),
                entry: entry.clone(),
            })
            .collect();
        let by_address = |restore: &Restore| !restore.settings.username_attributes.is_empty();
        let mut at = 0;
        for of_restore in entries.chunk_by(|(one, _), (other, _)| one.id == other.id) {
            let (restore, places) = (of_restore[0].0, at..at + of_restore.len());
            at = places.end;
            if !by_address(restore) {
                continue;
            }
            let wanted: Vec<_> =
                of_restore.iter().map(|(_, entry)| (entry.old_sub.as_str(), entry.digest)).collect();
            let records = self.catalog.records::<UserRecord>(&restore.source, &wanted).await?;
            for (named, record) in named[places].iter_mut().zip(records) {
                named.sign_in_name = record.ok().and_then(|record| restore.settings.sign_in_name(&record));
            }
        }
        Ok(named)
    }

    /// The entry of the next user, and the restore that it is of.
    async fn next_user(&mut self) -> Result<Option<(&'a Restore, SubMapEntry)>> {
        for source in &mut self.sources {
            while source.waiting.is_empty() && !source.is_read {
                let (entries, next) =
                    self.catalog.sub_map_page(&source.restore.id, source.after.take()).await?;
                source.waiting = entries.into();
                source.is_read = next.is_none();
                source.after = next;
            }
        }
        self.sources.retain(|source| !source.waiting.is_empty());
        let first =
            self.sources.iter().filter_map(|source| source.waiting.front()).map(|entry| &entry.old_sub).min();
        let Some(sub) = first.cloned() else { return Ok(None) };
        let mut chosen: Option<(&Restore, SubMapEntry)> = None;
        for source in &mut self.sources {
            let Some(entry) = source.waiting.pop_front_if(|entry| entry.old_sub == sub) else { continue };
            if chosen.as_ref().is_none_or(|(_, newer)| newer.restored.is_none() && entry.restored.is_some()) {
                chosen = Some((source.restore, entry));
            }
        }
        Ok(chosen)
    }
}
