//! What a copy tells, under way and at its end.

use serde::Serialize;
use serde_dynamo::Item;

use crate::item_size;
use crate::model::Counts;
use crate::ports::vault::Key;

/// What an item of a snapshot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemKind {
    /// The record of a user.
    User,
    /// The record of a group.
    Group,
    /// The record of the pool's configuration.
    Configuration,
    /// A page.
    Page,
    /// A unit.
    Unit,
    /// The header.
    Header,
}

/// Where a copy is. Every stage goes through the whole snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The source is checked.
    Source,
    /// Items are copied.
    Copy,
    /// The destination is verified.
    Destination,
}

/// Who is told how a copy goes.
pub trait Watch {
    /// So much of the snapshot is dealt with by now in `stage`.
    fn advanced(&mut self, stage: Stage, so_far: &Counts);
}

/// Items of one kind, or bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Written at the destination.
    pub copied: u64,
    /// Not written: the destination had it already.
    pub already_there: u64,
}

impl Tally {
    fn count(&mut self, amount: u64, was_there: bool) {
        match was_there {
            true => self.already_there += amount,
            false => self.copied += amount,
        }
    }

    fn add(&mut self, other: Self) {
        self.copied += other.copied;
        self.already_there += other.already_there;
    }
}

/// The items of a snapshot. A record that several pages name counts with each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Items {
    /// Records of users.
    pub users: Tally,
    /// Records of groups.
    pub groups: Tally,
    /// The record of the pool's configuration.
    pub configuration: Tally,
    /// Pages.
    pub pages: Tally,
    /// Units.
    pub units: Tally,
    /// The header.
    pub header: Tally,
}

/// What a copy came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Copied {
    /// The items.
    pub items: Items,
    /// Their sizes, bytes, as DynamoDB counts them.
    pub bytes: Tally,
}

impl Items {
    /// All of them.
    pub fn all(&self) -> Tally {
        let mut all = Tally::default();
        let kinds = [self.users, self.groups, self.configuration, self.pages, self.units, self.header];
        kinds.into_iter().for_each(|tally| all.add(tally));
        all
    }

    fn of(&mut self, kind: ItemKind) -> &mut Tally {
        match kind {
            ItemKind::User => &mut self.users,
            ItemKind::Group => &mut self.groups,
            ItemKind::Configuration => &mut self.configuration,
            ItemKind::Page => &mut self.pages,
            ItemKind::Unit => &mut self.units,
            ItemKind::Header => &mut self.header,
        }
    }
}

impl Copied {
    pub(super) fn count(&mut self, kind: ItemKind, key: &Key, item: &Item, was_there: bool) {
        self.items.of(kind).count(1, was_there);
        self.bytes.count(item_size::of(key, item) as u64, was_there);
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
    }
}
