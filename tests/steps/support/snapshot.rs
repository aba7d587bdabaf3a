//! The content of a snapshot, read and checked item by item.

use std::collections::{HashMap, HashSet};

use shared::catalog::{Catalog, Record};
use shared::model::{
    Digest, GroupName, GroupRecord, Listing, PageEntry, PoolDescription, PoolId, RunId, SealBuilder,
    Snapshot, SnapshotState, Sub, Unit, UserRecord,
};
use shared::ports::Backend;
use shared::ports::vault::Key;
use shared_memory::MemoryBackend;

use super::disturbance::History;

#[derive(Debug)]
pub struct Contents {
    pub snapshot: Snapshot,
    /// All records of each user.
    pub users: HashMap<Sub, Vec<UserRecord>>,
    pub groups: HashMap<GroupName, Vec<GroupRecord>>,
    pub memberships: HashSet<(GroupName, Sub)>,
    /// The keys of the records of its users.
    pub user_records: HashSet<Key>,
}

/// Reads a snapshot. Checks that it is sealed, and that every page and record exists, chained,
/// counted and covered by the seal.
pub async fn read(backend: &MemoryBackend, pool: &PoolId, id: &RunId) -> Contents {
    let catalog = Catalog::new(backend.vault());
    let snapshot = catalog.snapshot(pool, id).await.unwrap().expect("the snapshot exists");
    assert_eq!(snapshot.lasting_state(), Some(SnapshotState::Sealed));
    let configuration =
        catalog.records::<PoolDescription>(pool, &[("", snapshot.configuration)]).await.unwrap();
    assert!(configuration[0].is_ok(), "the configuration of {id} exists");
    let seal = snapshot.seal.clone().expect("a sealed snapshot has a seal");
    let units = catalog.units(id).await.unwrap();
    let mut sum = SealBuilder::new(&snapshot);
    units.iter().for_each(|unit| sum.add(unit));
    assert_eq!(sum.finish(), (snapshot.counts, seal.digest), "the plan changed after the seal");

    let mut contents = Contents {
        snapshot,
        users: HashMap::new(),
        groups: HashMap::new(),
        memberships: HashSet::new(),
        user_records: HashSet::new(),
    };
    for unit in &units {
        let entries = entries_of(&catalog, id, unit).await;
        let wanted: Vec<(&str, Digest)> =
            entries.iter().map(|entry| (entry.key.as_str(), entry.digest.unwrap_or_default())).collect();
        match &unit.listing {
            Listing::Users | Listing::UsersBySub { .. } => {
                let keys = wanted.iter().map(|(sub, digest)| UserRecord::key(pool, sub, *digest));
                contents.user_records.extend(keys);
                for ((sub, _), record) in
                    wanted.iter().zip(catalog.records::<UserRecord>(pool, &wanted).await.unwrap())
                {
                    contents
                        .users
                        .entry(Sub::new(*sub))
                        .or_default()
                        .push(record.expect("the record exists"));
                }
            }
            Listing::Groups => {
                for ((name, _), record) in
                    wanted.iter().zip(catalog.records::<GroupRecord>(pool, &wanted).await.unwrap())
                {
                    contents
                        .groups
                        .entry(GroupName::new(*name))
                        .or_default()
                        .push(record.expect("the record exists"));
                }
            }
            Listing::Members { group } => {
                assert!(entries.iter().all(|entry| entry.digest.is_none()));
                contents
                    .memberships
                    .extend(entries.iter().map(|entry| (group.clone(), Sub::new(entry.key.as_str()))));
            }
        }
    }
    contents
}

/// The entries of a unit that is complete.
async fn entries_of<V: shared::ports::vault::Vault>(
    catalog: &Catalog<V>,
    id: &RunId,
    unit: &Unit,
) -> Vec<PageEntry> {
    let (mut entries, mut before, mut number) = (Vec::new(), Digest::default(), 0);
    if unit.is_superseded() {
        return entries;
    }
    assert!(unit.is_done(), "{} is not done", unit.id());
    while number < unit.pages {
        let batch = catalog.batch_with(id, unit, number + 1).await.unwrap();
        let batch = batch.unwrap_or_else(|| panic!("page {} of {} is missing", number + 1, unit.id()));
        assert_eq!(
            (batch.first, batch.previous),
            (number + 1, before),
            "a page batch does not follow the one before"
        );
        assert_eq!(
            batch.next_token.is_none(),
            batch.last() == unit.pages,
            "the last page batch ends the listing, and no other"
        );
        let pages = batch.verified(&unit.id()).expect("the page batch is unaltered");
        entries.extend(pages.into_iter().flat_map(|page| page.0));
        (before, number) = (batch.chain, batch.last());
    }
    assert_eq!((unit.chain, unit.entries), (before, entries.len() as u64), "{}", unit.id());
    entries
}

impl Contents {
    /// Checks that a later read of the snapshot, or of a copy of it, finds what this one found.
    pub fn assert_is_still(&self, later: &Self) {
        assert_eq!(self.snapshot.id, later.snapshot.id);
        let (seal, later_seal) = (self.snapshot.seal.as_ref(), later.snapshot.seal.as_ref());
        assert_eq!(seal, later_seal, "the seal of {} changed", self.snapshot.id);
        assert_eq!(self.snapshot.counts, later.snapshot.counts);
        assert_eq!(
            (&self.users, &self.groups, &self.memberships),
            (&later.users, &later.groups, &later.memberships)
        );
    }

    /// Checks that the snapshot names every entry that the pool held throughout, and no entry that
    /// the pool never held.
    pub fn assert_agrees_with(&self, history: &History) {
        for sub in history.users_throughout() {
            assert!(self.users.contains_key(sub), "user {sub} is missing");
        }
        for group in history.groups_throughout() {
            assert!(self.groups.contains_key(group), "group {group} is missing");
        }
        for membership in history.memberships_throughout() {
            assert!(self.memberships.contains(membership), "membership {membership:?} is missing");
        }
        for (sub, records) in &self.users {
            let states = history.users.get(sub).unwrap_or_else(|| panic!("user {sub} never was"));
            assert!(records.iter().all(|record| states.contains(record)), "user {sub} never was so");
        }
        for (name, records) in &self.groups {
            let states = history.groups.get(name).unwrap_or_else(|| panic!("group {name} never was"));
            assert!(records.iter().all(|record| states.contains(record)), "group {name} never was so");
        }
        assert!(self.memberships.is_subset(&history.memberships), "a membership never was");
    }
}
