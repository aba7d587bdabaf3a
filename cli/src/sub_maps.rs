//! The sub maps of restores, as one list in the order of the old `sub`s, with the names that users sign
//! in with.
//!
//! The newest restore that handled a user decides. Into the own pool, the new `sub` of one restore is an
//! old `sub` of a later one. So the list follows the repairs, oldest first, as `shared::identity::Lineage`
//! does for a comparison.

use std::collections::{HashMap, VecDeque};

use shared::Result;
use shared::catalog::Catalog;
use shared::model::{Origin, Restore, RestoredUser, ScannedUser, Sub, SubMapEntry, UserRecord, Username};
use shared::ports::vault::Vault;

/// Entries that are handed out at once.
const PAGE: usize = 1000;
/// Records that are read at once. A record takes up to 400 KB.
const RECORDS_AT_ONCE: usize = 60;

/// An entry of a sub map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedEntry {
    /// What the newest restore did that handled the user.
    pub entry: SubMapEntry,
    /// The user in the target. If that restore did not restore it, its own scan of the target has found it.
    pub in_target: Option<RestoredUser>,
    /// The name that the user signs in with, as in the snapshot. None if the snapshot lacks it.
    pub sign_in_name: Option<Username>,
}

/// The sub maps of several restores into one pool.
pub struct MergedSubMaps<'a, V> {
    catalog: &'a Catalog<V>,
    /// The newest restore first.
    restores: &'a [Restore],
    /// Those whose sub maps are not at their end, the newest first.
    sources: Vec<Source<'a>>,
}

/// The sub map of one restore.
struct Source<'a> {
    restore: &'a Restore,
    waiting: VecDeque<SubMapEntry>,
    after: Option<String>,
    is_read: bool,
}

/// A user of a snapshot, and what the restores so far did with it.
struct Line<'a> {
    /// The entries under its old `sub` that are not counted yet, the newest first.
    entries: Vec<(&'a Restore, SubMapEntry)>,
    /// What the newest restore did.
    decided: SubMapEntry,
    in_target: Option<RestoredUser>,
    /// The `sub` under which later repairs of the target know the user.
    sub_in_target: Option<Sub>,
    /// The restore whose snapshot names the user, and its record.
    named_by: &'a Restore,
}

impl<'a> Line<'a> {
    /// A line with these entries, the newest first.
    fn new(entries: Vec<(&'a Restore, SubMapEntry)>) -> Option<Self> {
        let is_named = |(_, entry): &&(&Restore, SubMapEntry)| !entry.old_username.as_str().is_empty();
        let (named_by, named) = entries.iter().find(is_named).or(entries.first())?.clone();
        Some(Self { entries, decided: named, in_target: None, sub_in_target: None, named_by })
    }

    /// Counts what a later restore did with the user. Returns whether it needs a [check](Self::check).
    fn decide(&mut self, restore: &Restore, entry: SubMapEntry) -> bool {
        (self.decided.restored, self.decided.left_out) = (entry.restored.clone(), entry.left_out);
        if let Some(user) = entry.restored {
            self.sub_in_target = user.sub.clone();
            self.in_target = Some(user);
            return false;
        }
        if restore.target_pool().has_snapshot_subs() {
            self.sub_in_target.get_or_insert(entry.old_sub);
        }
        let is_checked = self.sub_in_target.is_some();
        self.in_target.take_if(|_| !is_checked);
        is_checked
    }

    /// The new `sub` of an earlier restore counts only if the scan of the newest one has `found` it.
    fn check(&mut self, found: Option<&ScannedUser>) {
        let found = found.filter(|found| self.sub_in_target.as_ref() == Some(&found.sub));
        self.in_target = found.map(|user| RestoredUser {
            sub: Some(user.sub.clone()),
            username: user.username.clone(),
            origin: Origin::Found,
        });
    }
}

impl<'a, V: Vault> MergedSubMaps<'a, V> {
    /// Begins with the sub maps of `restores`, newest first.
    pub fn new(catalog: &'a Catalog<V>, restores: &'a [Restore]) -> Self {
        let source = |restore| Source { restore, waiting: VecDeque::new(), after: None, is_read: false };
        Self { catalog, restores, sources: restores.iter().map(source).collect() }
    }

    /// The next entries. None are left if the list is empty.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub async fn next(&mut self) -> Result<Vec<NamedEntry>> {
        let mut lines = Vec::new();
        while lines.len() < PAGE {
            match Line::new(self.next_user().await?) {
                Some(line) => lines.push(line),
                None => break,
            }
        }
        for restore in self.restores.iter().rev() {
            self.follow(restore, &mut lines).await?;
        }
        let mut named = Vec::with_capacity(lines.len());
        for lines in lines.chunks(RECORDS_AT_ONCE) {
            named.extend(self.with_names(lines).await?);
        }
        Ok(named)
    }

    /// Counts what `restore` did with the users. All older restores are counted.
    async fn follow(&self, restore: &Restore, lines: &mut [Line<'a>]) -> Result<()> {
        let (mut handled, mut known) = (Vec::new(), HashMap::<Sub, Vec<usize>>::new());
        for (at, line) in lines.iter_mut().enumerate() {
            if let Some((_, entry)) = line.entries.pop_if(|(other, _)| other.id == restore.id) {
                handled.push((at, entry));
            } else if let Some(sub) = &line.sub_in_target
                && restore.target_pool().follows_repairs()
            {
                known.entry(sub.clone()).or_default().push(at);
            }
        }
        if !known.is_empty() {
            let subs: Vec<Sub> = known.keys().cloned().collect();
            for (sub, entry) in self.catalog.sub_map(restore, &subs).await? {
                // A user that has kept its `sub` is as before.
                let lines_of = known.remove(&sub).unwrap_or_default();
                let is_news = |at: &usize| !entry.kept_sub() || lines[*at].in_target.is_none();
                let news: Vec<_> = lines_of.into_iter().filter(is_news).collect();
                handled.extend(news.into_iter().map(|at| (at, entry.clone())));
            }
        }
        let mut unrestored = Vec::new();
        for (at, entry) in handled {
            if lines[at].decide(restore, entry) {
                unrestored.push(at);
            }
        }
        self.check(restore, lines, &unrestored).await
    }

    /// Looks up which users the target had when `restore` scanned it, although `restore` did not restore them.
    async fn check(&self, restore: &Restore, lines: &mut [Line<'a>], unrestored: &[usize]) -> Result<()> {
        if restore.target_pool().has_snapshot_subs() {
            let subs: Vec<Sub> =
                unrestored.iter().filter_map(|&at| lines[at].sub_in_target.clone()).collect();
            let found = self.catalog.target_users_by_sub(&restore.id, &subs).await?;
            for &at in unrestored {
                let found = lines[at].sub_in_target.as_ref().and_then(|sub| found.get(sub)).cloned();
                lines[at].check(found.as_ref());
            }
            return Ok(());
        }
        for places in unrestored.chunks(RECORDS_AT_ONCE) {
            let of_lines: Vec<_> = places.iter().map(|&at| &lines[at]).collect();
            let names = self.names_in(restore, &of_lines).await?;
            let keys: Vec<_> =
                names.iter().map(|name| name.as_ref().map(|name| restore.settings.name_key(name))).collect();
            let wanted: Vec<_> = keys.iter().flatten().copied().collect();
            let found = self.catalog.target_users_by_name(&restore.id, &wanted).await?;
            for (&at, key) in places.iter().zip(keys) {
                lines[at].check(key.and_then(|key| found.get(&key)));
            }
        }
        Ok(())
    }

    /// The names under which the scan of `restore` has noted the users of these lines.
    async fn names_in(&self, restore: &Restore, lines: &[&Line<'a>]) -> Result<Vec<Option<Username>>> {
        if restore.settings.username_attributes.is_empty() {
            let username = |line: &&Line| line.in_target.as_ref().map(|user| user.username.clone());
            return Ok(lines.iter().map(username).collect());
        }
        let mut names = Vec::with_capacity(lines.len());
        for of_restore in lines.chunk_by(|one, other| one.named_by.id == other.named_by.id) {
            names.extend(self.sign_in_names(of_restore, restore).await?);
        }
        Ok(names)
    }

    /// The names that the users of these lines sign in with in the target of `restore`. One restore has named them
    /// all.
    async fn sign_in_names(&self, lines: &[&Line<'a>], restore: &Restore) -> Result<Vec<Option<Username>>> {
        let Some(first) = lines.first() else { return Ok(Vec::new()) };
        let wanted: Vec<_> =
            lines.iter().map(|line| (line.decided.old_sub.as_str(), line.decided.digest)).collect();
        let records = self.catalog.records::<UserRecord>(&first.named_by.source, &wanted).await?;
        let name = |record: &UserRecord| restore.settings.sign_in_name(record);
        Ok(records.into_iter().map(|record| record.ok().as_ref().and_then(name)).collect())
    }

    /// Adds the names that users sign in with. If that is the username, no record is read.
    async fn with_names(&self, lines: &[Line<'a>]) -> Result<Vec<NamedEntry>> {
        let mut named = Vec::with_capacity(lines.len());
        for of_restore in lines.chunk_by(|one, other| one.named_by.id == other.named_by.id) {
            let restore = of_restore[0].named_by;
            let names = if restore.settings.username_attributes.is_empty() {
                let username = |line: &Line| {
                    Some(line.decided.old_username.clone()).filter(|name| !name.as_str().is_empty())
                };
                of_restore.iter().map(username).collect()
            } else {
                self.sign_in_names(&of_restore.iter().collect::<Vec<_>>(), restore).await?
            };
            named.extend(of_restore.iter().zip(names).map(|(line, sign_in_name)| NamedEntry {
                entry: line.decided.clone(),
                in_target: line.in_target.clone(),
                sign_in_name,
            }));
        }
        Ok(named)
    }

    /// The entries of the next user, each with its restore, the newest first. Empty at the end.
    async fn next_user(&mut self) -> Result<Vec<(&'a Restore, SubMapEntry)>> {
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
        let Some(sub) = first.cloned() else { return Ok(Vec::new()) };
        let of_user = |source: &mut Source<'a>| {
            let entry = source.waiting.pop_front_if(|entry| entry.old_sub == sub)?;
            Some((source.restore, entry))
        };
        Ok(self.sources.iter_mut().filter_map(of_user).collect())
    }
}
