//! The records that a snapshot names.

use std::collections::HashSet;

use super::report::ItemKind;
use crate::catalog::{Record, RecordItems};
use crate::model::{Digest, PageContent, PoolDescription, Snapshot, Unit};
use crate::ports::vault::Key;

/// A record that a snapshot names.
#[derive(Debug)]
pub(super) struct Named {
    pub kind: ItemKind,
    pub key: Key,
    digest: Digest,
}

impl Named {
    /// The configuration of the pool.
    pub fn configuration(snapshot: &Snapshot) -> Self {
        let digest = snapshot.configuration;
        Self { kind: ItemKind::Configuration, key: PoolDescription::key(&snapshot.pool, "", digest), digest }
    }

    /// The records that a page of `unit` names, each once. A page of memberships has no records,
    /// because the pages of users name them.
    pub fn by(unit: &Unit, content: &PageContent) -> Vec<Self> {
        let kind = unit.listing.kind();
        let mut seen = HashSet::new();
        let named = content.0.iter().filter_map(|entry| {
            let digest = entry.digest.unwrap_or_default();
            let key = kind.record_key(&unit.pool, &entry.key, digest)?;
            Some(Self { kind: ItemKind::Record(kind), key, digest })
        });
        named.filter(|record| seen.insert(record.key.clone())).collect()
    }

    /// Whether `items` hold the record.
    pub fn is_in(&self, items: &RecordItems) -> bool {
        match self.kind {
            ItemKind::Record(kind) => kind.is_record(items, self.digest),
            ItemKind::Configuration => items.holds::<PoolDescription>(self.digest),
            ItemKind::Page | ItemKind::Unit | ItemKind::Header => false,
        }
    }
}
