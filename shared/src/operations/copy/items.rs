//! The records that a snapshot names.

use std::collections::HashSet;

use super::report::ItemKind;
use crate::catalog::{ConfigurationKind, Record, RecordItems};
use crate::model::{Digest, PageContent, PoolDescription, PoolId, RecordKind, Snapshot, Unit};
use crate::ports::vault::Key;

/// A record that a snapshot names.
#[derive(Debug)]
pub(super) struct Named {
    pub kind: ItemKind,
    pub key: Key,
    content: Content,
    digest: Digest,
}

/// What a record holds.
#[derive(Debug)]
enum Content {
    /// The settings of the pool.
    Settings,
    Entry(RecordKind),
    Configuration(ConfigurationKind),
}

impl Named {
    /// The settings of the pool.
    pub fn settings(snapshot: &Snapshot) -> Self {
        let digest = snapshot.configuration;
        let key = PoolDescription::key(&snapshot.pool, "", digest);
        Self { kind: ItemKind::Configuration, key, content: Content::Settings, digest }
    }

    /// A record of the configuration.
    pub fn configuration(pool: &PoolId, kind: ConfigurationKind, digest: Digest) -> Self {
        let content = Content::Configuration(kind);
        Self { kind: ItemKind::Configuration, key: kind.key(pool, digest), content, digest }
    }

    /// The records that a page of `unit` names, each once. A page of memberships has no records,
    /// because the pages of users name them.
    pub fn by(unit: &Unit, content: &PageContent) -> Vec<Self> {
        let kind = unit.listing.kind();
        let mut seen = HashSet::new();
        let named = content.0.iter().filter_map(|entry| {
            let digest = entry.digest.unwrap_or_default();
            let key = kind.record_key(&unit.pool, &entry.key, digest)?;
            Some(Self { kind: ItemKind::Record(kind), key, content: Content::Entry(kind), digest })
        });
        named.filter(|record| seen.insert(record.key.clone())).collect()
    }

    /// Whether `items` hold the record.
    pub fn is_in(&self, items: &RecordItems) -> bool {
        match self.content {
            Content::Settings => items.holds::<PoolDescription>(self.digest),
            Content::Entry(kind) => kind.is_record(items, self.digest),
            Content::Configuration(kind) => kind.is_record(items, self.digest),
        }
    }
}
