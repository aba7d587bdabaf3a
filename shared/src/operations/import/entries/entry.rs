//! The types that the modules of this folder share about units, pages and entries.

use std::collections::HashSet;

use crate::model::{Note, Outcome, PageContent, RestoreUnit, SubMapEntry};

/// How the work on units or pages ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkEnd {
    /// Nothing is left.
    Done,
    /// The time is spent, or an entry has to wait for another invocation.
    OutOfTime,
}

/// Whether a page is due when it is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It is due, so every entry gets an outcome.
    Due,
    /// It is not due yet, so entries that cannot be restored yet stay pending.
    Ahead,
}

/// A page of the snapshot that is being restored.
pub struct OpenPage<'a> {
    pub unit: &'a RestoreUnit,
    /// The number of the page in its unit, from 1.
    pub number: u64,
    pub turn: Turn,
    pub content: &'a PageContent,
    /// The places of the open entries, from 0.
    pub open: Vec<usize>,
    /// The places of the open entries that an earlier pass created without their role.
    pub without_role: HashSet<usize>,
}

impl OpenPage<'_> {
    /// The `sub` or the name at a place.
    pub fn key(&self, place: usize) -> &str {
        self.content.0.get(place).map_or("", |entry| entry.key.as_str())
    }
}

/// The result of one entry.
pub struct Handled {
    pub outcome: Outcome,
    pub notes: Vec<Note>,
    /// The sub map entry of a user.
    pub sub_map: Option<SubMapEntry>,
}

impl From<Outcome> for Handled {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, notes: Vec::new(), sub_map: None }
    }
}
