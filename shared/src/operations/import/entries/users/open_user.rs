//! A user of the snapshot that is being restored.

use std::collections::HashSet;

use crate::model::{Digest, Place, Restore, RestoredUser, Sub, SubMapEntry, UserRecord, Username};
use crate::operations::import::entries::entry::OpenPage;

pub struct OpenUser {
    /// The `sub` in the snapshot.
    pub sub: Sub,
    /// The digest of the record.
    pub digest: Digest,
    pub at: Place,
    /// Whether an earlier place of the page lists the same user.
    pub is_repeated: bool,
    /// The attributes whose values the restore leaves out, and the record with them. Selections see them.
    pub left_out: Vec<String>,
    pub with_left_out: Option<Box<UserRecord>>,
}

impl OpenUser {
    /// The open users of a page.
    pub fn of_page(page: &OpenPage<'_>) -> Vec<Self> {
        let mut seen = HashSet::new();
        let is_first: Vec<bool> =
            page.content.0.iter().map(|entry| seen.insert(entry.key.as_str())).collect();
        let user = |&place: &usize| Self {
            sub: Sub::new(page.key(place)),
            digest: page.content.0.get(place).and_then(|entry| entry.digest).unwrap_or_default(),
            at: Place { page: page.number, place: place as u8 },
            is_repeated: is_first.get(place).is_some_and(|is_first| !is_first),
            left_out: Vec::new(),
            with_left_out: None,
        };
        page.open.iter().map(user).collect()
    }

    /// Removes the values that the restore leaves out from the record of the user.
    pub fn leave_out_values(&mut self, restore: &Restore, record: &mut UserRecord) {
        if restore.value_rules.is_none() {
            return;
        }
        let whole = record.clone();
        self.left_out = restore.leave_out_values(record);
        self.with_left_out = (!self.left_out.is_empty()).then(|| Box::new(whole));
    }

    /// Whether the sub map says that another place has restored the user.
    pub fn is_restored_elsewhere(&self, entry: &SubMapEntry) -> bool {
        entry.place != self.at && entry.restored.is_some()
    }

    /// The sub map entry of the user.
    pub fn sub_map_entry(&self, old_username: Username, restored: Option<RestoredUser>) -> SubMapEntry {
        let (old_sub, digest, place) = (self.sub.clone(), self.digest, self.at);
        SubMapEntry {
            old_sub,
            old_username,
            digest,
            place,
            restored,
            left_out: None,
            not_invited: false,
            by_job: false,
        }
    }
}
