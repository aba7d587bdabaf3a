//! What a copy reports, under way and at its end.

use serde::Serialize;

pub use crate::model::CopyStage as Stage;
use crate::model::{CopiedItems, Counts, RecordKind};

/// What an item of a snapshot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemKind {
    Record(RecordKind),
    /// The record of the pool's configuration.
    Configuration,
    Page,
    Unit,
    Header,
}

/// Observes a copy.
pub trait Watch {
    /// `stage` has handled `so_far` of the snapshot.
    fn advanced(&mut self, stage: Stage, so_far: &Counts);
}

/// Observes nothing.
impl Watch for () {
    fn advanced(&mut self, _: Stage, _: &Counts) {}
}

/// Items of one kind, or bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Written at the destination.
    pub copied: u64,
    /// Not written, because the destination had it.
    pub already_there: u64,
}

impl Tally {
    fn count(&mut self, amount: u64, was_there: bool) {
        if was_there {
            self.already_there += amount;
        } else {
            self.copied += amount;
        }
    }

    fn add(&mut self, other: Self) {
        self.copied += other.copied;
        self.already_there += other.already_there;
    }
}

/// The items of a snapshot. A record counts once for each page that names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Items {
    /// Records of users.
    pub users: Tally,
    /// Records of groups.
    pub groups: Tally,
    /// The record of the pool's configuration.
    pub configuration: Tally,
    pub pages: Tally,
    pub units: Tally,
    pub header: Tally,
}

/// The result of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Copied {
    pub items: Items,
    /// The sizes of the items, in bytes, as DynamoDB counts them.
    pub bytes: Tally,
    /// Secrets of the configuration that the destination does not have.
    pub secrets_left_out: u64,
}

impl Items {
    pub fn all(&self) -> Tally {
        let mut all = Tally::default();
        let kinds = [self.users, self.groups, self.configuration, self.pages, self.units, self.header];
        kinds.into_iter().for_each(|tally| all.add(tally));
        all
    }

    fn of(&mut self, kind: ItemKind) -> &mut Tally {
        match kind {
            ItemKind::Record(RecordKind::User) => &mut self.users,
            ItemKind::Record(RecordKind::Group) => &mut self.groups,
            // A membership has no record of its own: it stands on its page.
            ItemKind::Record(RecordKind::Membership) => &mut self.pages,
            ItemKind::Configuration => &mut self.configuration,
            ItemKind::Page => &mut self.pages,
            ItemKind::Unit => &mut self.units,
            ItemKind::Header => &mut self.header,
        }
    }
}

impl From<&Copied> for CopiedItems {
    fn from(copied: &Copied) -> Self {
        let secrets_left_out = copied.secrets_left_out;
        Self { items: copied.items.all().copied, bytes: copied.bytes.copied, secrets_left_out }
    }
}

impl Copied {
    /// Counts an item of `bytes` bytes, or a record whose items have so many together.
    pub(super) fn count(&mut self, kind: ItemKind, bytes: usize, was_there: bool) {
        self.items.of(kind).count(1, was_there);
        self.bytes.count(bytes as u64, was_there);
    }

    pub(super) fn add(&mut self, other: &Self) {
        let (items, others) = (&mut self.items, &other.items);
        items.users.add(others.users);
        items.groups.add(others.groups);
        items.configuration.add(others.configuration);
        items.pages.add(others.pages);
        items.units.add(others.units);
        items.header.add(others.header);
        self.bytes.add(other.bytes);
        self.secrets_left_out += other.secrets_left_out;
    }
}
