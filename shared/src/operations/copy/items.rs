//! Records, as a snapshot names them.

use std::collections::HashSet;

use serde_dynamo::Item;

use super::report::ItemKind;
use crate::catalog::{Record, record_in};
use crate::model::{Digest, GroupRecord, PageContent, PoolDescription, RecordKind, Snapshot, Unit, UserRecord};
use crate::ports::vault::Key;

/// A record that a snapshot names.
#[derive(Debug)]
pub(super) struct Named {
    /// A user, a group, or the pool's configuration.
    pub kind: ItemKind,
    /// Its key.
    pub key: Key,
    digest: Digest,
}

impl Named {
    /// The configuration of the pool.
    pub fn configuration(snapshot: &Snapshot) -> Self {
        let digest = snapshot.configuration;
        Self { kind: ItemKind::Configuration, key: PoolDescription::key(&snapshot.pool, "", digest), digest }
    }

    /// The records that a page of `unit` names, each once. Members are named by their `sub` alone: their records are named by the
    /// pages of users.
    pub fn by(unit: &Unit, content: &PageContent) -> Vec<Self> {
        let (kind, key): (_, fn(&_, &str, Digest) -> Key) = match unit.listing.kind() {
            RecordKind::User => (ItemKind::User, UserRecord::key),
            RecordKind::Group => (ItemKind::Group, GroupRecord::key),
            RecordKind::Membership => return Vec::new(),
        };
        let mut seen = HashSet::new();
        let named = content.0.iter().map(|entry| {
            let digest = entry.digest.unwrap_or_default();
            Self { kind, key: key(&unit.pool, &entry.key, digest), digest }
        });
        named.filter(|record| seen.insert(record.key.clone())).collect()
    }

    /// Whether `item` holds the record.
    pub fn is_in(&self, item: &Item) -> bool {
        match self.kind {
            ItemKind::User => record_in::<UserRecord>(item, self.digest).is_some(),
            ItemKind::Group => record_in::<GroupRecord>(item, self.digest).is_some(),
            ItemKind::Configuration => record_in::<PoolDescription>(item, self.digest).is_some(),
            ItemKind::Page | ItemKind::Unit | ItemKind::Header => false,
        }
    }
}
