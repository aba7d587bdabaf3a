//! Tallies: the outcomes of a restore, counted by kind of entry and by reason.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::{LedgerPage, Note, ReasonCode, RecordKind};

/// The outcomes of one kind of entry, counted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Entries that this restore created.
    pub created: u64,
    /// Entries that existed, as in the snapshot.
    pub already_there: u64,
    /// Entries that existed and were changed to what the snapshot has.
    #[serde(default)]
    pub updated: u64,
    /// Selected entries that were left out on purpose.
    pub skipped: u64,
    /// Entries that the selection leaves out. No other count includes them.
    #[serde(default)]
    pub not_selected: u64,
    /// Federated users that were left to their next sign-in, and their memberships.
    #[serde(default)]
    pub left_to_sign_in: u64,
    /// Entries that were tried and refused.
    pub failed: u64,
    /// Entries that were not tried yet.
    pub pending: u64,
    /// Skipped and failed entries that the target lacks.
    pub lost: u64,
    /// Skipped and failed entries, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reasons: BTreeMap<ReasonCode, u64>,
}

impl Tally {
    /// Entries that have an outcome.
    pub fn handled(&self) -> u64 {
        self.not_selected
            + self.created
            + self.already_there
            + self.updated
            + self.skipped
            + self.left_to_sign_in
            + self.failed
    }

    /// Entries of the selection. Without one, all entries of the snapshot.
    pub fn selected(&self) -> u64 {
        self.handled() + self.pending - self.not_selected
    }

    /// Entries that the operator wants restored. An entry that is listed twice counts once.
    pub fn wanted(&self) -> u64 {
        let twice = self.reasons.get(&ReasonCode::ListedTwice).copied().unwrap_or_default();
        self.selected() - twice
    }

    /// Entries that the target has now.
    pub fn present(&self) -> u64 {
        self.created + self.already_there + self.updated
    }
}

impl AddAssign<&Tally> for Tally {
    fn add_assign(&mut self, other: &Tally) {
        self.created += other.created;
        self.already_there += other.already_there;
        self.updated += other.updated;
        self.skipped += other.skipped;
        self.not_selected += other.not_selected;
        self.left_to_sign_in += other.left_to_sign_in;
        self.failed += other.failed;
        self.pending += other.pending;
        self.lost += other.lost;
        for (reason, count) in &other.reasons {
            *self.reasons.entry(reason.clone()).or_default() += count;
        }
    }
}

/// The outcomes of a whole restore.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    pub users: Tally,
    pub groups: Tally,
    pub memberships: Tally,
    /// Notes about restored users.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<Note, u64>,
    /// Pages of the snapshot that could not be read.
    pub damaged_pages: u64,
    /// The keys of the first of these pages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damaged_keys: Vec<String>,
}

impl Totals {
    /// How many keys of damaged pages are named.
    pub const NAMED_KEYS: usize = 10;

    pub fn of(&self, kind: RecordKind) -> &Tally {
        match kind {
            RecordKind::User => &self.users,
            RecordKind::Group => &self.groups,
            RecordKind::Membership => &self.memberships,
        }
    }

    fn of_mut(&mut self, kind: RecordKind) -> &mut Tally {
        match kind {
            RecordKind::User => &mut self.users,
            RecordKind::Group => &mut self.groups,
            RecordKind::Membership => &mut self.memberships,
        }
    }

    /// The outcomes of every kind.
    pub fn by_kind(&self) -> impl Iterator<Item = (RecordKind, &Tally)> {
        RecordKind::ALL.into_iter().map(|kind| (kind, self.of(kind)))
    }

    /// Adds a ledger page whose entries are of `kind`.
    pub fn add(&mut self, kind: RecordKind, page: &LedgerPage) {
        *self.of_mut(kind) += &page.tally();
        for (note, count) in &page.notes {
            *self.notes.entry(*note).or_default() += u64::from(*count);
        }
        if let Some(key) = &page.damaged_page {
            self.damaged_pages += 1;
            if self.damaged_keys.len() < Self::NAMED_KEYS && !self.damaged_keys.contains(key) {
                self.damaged_keys.push(key.clone());
            }
        }
    }

    /// Whether another pass would try an entry again.
    pub fn has_failures(&self) -> bool {
        let is_open = |tally: &Tally| tally.failed > 0 || tally.reasons.keys().any(ReasonCode::is_of_a_part);
        self.damaged_pages > 0 || self.by_kind().any(|(_, tally)| is_open(tally))
    }

    /// Records and pages of the snapshot that could not be read.
    pub fn damaged(&self) -> u64 {
        let damaged = |tally: &Tally| -> u64 {
            tally.reasons.iter().filter(|(reason, _)| reason.is_damage()).map(|(_, count)| count).sum()
        };
        self.damaged_pages + self.by_kind().map(|(_, tally)| damaged(tally)).sum::<u64>()
    }

    /// Whether an entry is lost or pending for another reason than damage of the snapshot. The memberships of a damaged
    /// user or group are lost because of the damage.
    pub fn lacks_more_than_damaged(&self) -> bool {
        let is_other = |kind: RecordKind, reason: &ReasonCode| match reason {
            ReasonCode::UserNotRestored | ReasonCode::GroupMissing => kind != RecordKind::Membership,
            reason => reason.is_loss() && !reason.is_damage(),
        };
        self.by_kind().any(|(kind, tally)| {
            tally.pending > 0 || tally.reasons.keys().any(|reason| is_other(kind, reason))
        })
    }

    /// The notes that make the restore `PARTIAL`, and how many users each is about.
    pub fn lossy_notes(&self) -> impl Iterator<Item = (Note, u64)> {
        self.notes
            .iter()
            .map(|(note, count)| (*note, *count))
            .filter(|(note, count)| note.is_loss() && *count > 0)
    }

    /// Whether every entry is restored, and only parts of entries are missing that no pass tries again.
    pub fn lacks_only_parts(&self) -> bool {
        self.lossy_notes().next().is_some()
            && self.damaged_pages == 0
            && self.by_kind().all(|(_, tally)| tally.lost == 0 && tally.pending == 0)
    }

    /// Whether users were left to their next federated sign-in. A later pass looks for them.
    pub fn has_left_to_sign_in(&self) -> bool {
        self.by_kind().any(|(_, tally)| tally.left_to_sign_in > 0)
    }

    /// Whether no entry of the snapshot is lost or pending. A restore is `PARTIAL` if this is false, or
    /// if the verification has findings.
    pub fn is_complete(&self) -> bool {
        self.damaged_pages == 0
            && self.by_kind().all(|(_, tally)| tally.lost == 0 && tally.pending == 0)
            && self.lossy_notes().next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Outcome, Reason};

    fn keys(count: usize) -> impl Iterator<Item = String> {
        (0..count).map(|n| format!("sub-{n}"))
    }

    #[test]
    fn only_what_is_missing_in_the_target_makes_a_restore_partial() {
        let mut page = LedgerPage::untouched(keys(2), 1);
        page.record(0, Outcome::Created, &[Note::CannotResetPassword]);
        page.record(1, Outcome::Skipped { reason: Reason::ListedTwice }, &[]);
        let mut totals = Totals::default();
        totals.add(RecordKind::User, &page);
        assert!(totals.is_complete());
        let damaged = LedgerPage::damaged("SNAP#x PAGES#users#1#1".into(), 1);
        totals.add(RecordKind::User, &damaged);
        assert!(!totals.is_complete() && totals.damaged_keys.len() == 1);
        assert!(damaged.is_done(1) && !damaged.is_done(2));
        let mut lossy = Totals::default();
        let mut page = LedgerPage::untouched(keys(1), 1);
        page.record(0, Outcome::Created, &[Note::IdentitiesNotLinked]);
        lossy.add(RecordKind::User, &page);
        assert!(!lossy.is_complete());
    }

    #[test]
    fn the_damage_of_a_snapshot_is_told_from_other_losses() {
        let of = |reasons: &[(RecordKind, ReasonCode)]| {
            let mut totals = Totals::default();
            for (kind, reason) in reasons {
                totals.of_mut(*kind).reasons.insert(reason.clone(), 2);
            }
            (totals.damaged(), totals.lacks_more_than_damaged())
        };
        use RecordKind::{Group, Membership, User};
        assert_eq!(of(&[]), (0, false));
        let damage = [
            (User, ReasonCode::RecordMissing),
            (Group, ReasonCode::RecordDamaged),
            (Membership, ReasonCode::UserNotRestored),
            (Membership, ReasonCode::GroupMissing),
            (User, ReasonCode::AlreadyInTarget),
        ];
        assert_eq!(of(&damage), (4, false));
        for other in [ReasonCode::UsernameTaken, ReasonCode::NotInvited, ReasonCode::UserMissing] {
            assert_eq!(of(&[damage[0].clone(), (User, other)]), (2, true));
        }
        let pages = Totals { damaged_pages: 1, ..Totals::default() };
        assert_eq!((pages.damaged(), pages.lacks_more_than_damaged()), (1, false));
        let pending = Tally { pending: 1, ..Tally::default() };
        assert!(Totals { users: pending, ..Totals::default() }.lacks_more_than_damaged());
    }
}
