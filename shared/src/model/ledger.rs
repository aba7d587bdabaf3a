//! The ledger of a restore: the outcome of every entry.
//!
//! One ledger page answers one page of the snapshot. It names the entries with a reason and counts the
//! others. The ledger is the import's checkpoint: an entry without an outcome is still to be restored.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{Note, Outcome, Reason, Tally};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The user's `sub` or the group's name. Empty if the page was never read.
    pub key: String,
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Whether an earlier pass created it without its role. Then a later pass may give it the role.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lacks_role: bool,
    /// The notes that the page counts for it, if it was created without a part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

impl Entry {
    fn new(key: String, outcome: Outcome) -> Self {
        Self { key, outcome, lacks_role: false, notes: Vec::new() }
    }

    /// Whether this pass or an earlier one created it without its role.
    fn lacks_role(&self) -> bool {
        let without_role =
            matches!(self.outcome, Outcome::CreatedWithout { reason: Reason::RoleNotRestored { .. } });
        self.lacks_role || without_role
    }
}

/// An entry that the target has without a part of the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IncompleteEntry {
    /// The user's `sub`.
    pub key: String,
    /// The notes that are losses.
    pub notes: Vec<Note>,
}

/// The outcomes of the entries of one page.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerPage {
    /// The pass that last worked on the page.
    pub pass: u32,
    /// Entries with the outcome [`Outcome::Created`].
    pub created: u32,
    /// Entries with the outcome [`Outcome::AlreadyThere`].
    pub already_there: u32,
    /// All other entries, by their position on the page from 0.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exceptions: BTreeMap<String, Entry>,
    /// Notes about restored users.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<Note, u32>,
    /// Entries that the target has without a part, by their position. Only notes tell it, so no pass tries them again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub incomplete: BTreeMap<String, IncompleteEntry>,
    /// The key of the snapshot's page, if that page is missing or does not match its digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damaged_page: Option<String>,
}

impl LedgerPage {
    /// A page without any outcome.
    pub fn untouched(keys: impl Iterator<Item = String>, pass: u32) -> Self {
        let pending = |(at, key): (usize, String)| (Self::place(at), Entry::new(key, Outcome::Pending));
        Self { pass, exceptions: keys.enumerate().map(pending).collect(), ..Self::default() }
    }

    /// The ledger page of a page that cannot be read.
    pub fn damaged(key: String, pass: u32) -> Self {
        Self { pass, damaged_page: Some(key), ..Self::default() }
    }

    fn place(at: usize) -> String {
        format!("{at:02}")
    }

    /// Whether nothing is left to do in `pass`. A later pass tries again what failed in an earlier one.
    pub fn is_done(&self, pass: u32) -> bool {
        (self.damaged_page.is_none() || self.pass == pass)
            && !self.exceptions.values().any(|entry| self.is_open(entry, pass))
    }

    fn is_open(&self, entry: &Entry, pass: u32) -> bool {
        match entry.outcome {
            Outcome::Pending => true,
            // The page that names the member's user may have been damaged, and repaired since.
            Outcome::Failed { .. }
            | Outcome::CreatedWithout { .. }
            | Outcome::Skipped {
                reason: Reason::UserNotRestored | Reason::MemberWithoutUser | Reason::LeftToSignIn,
            } => self.pass < pass,
            _ => false,
        }
    }

    /// The positions, from 0, of the entries that `pass` works on.
    pub fn open_places(&self, pass: u32) -> Vec<usize> {
        let open = self.exceptions.iter().filter(|(_, entry)| self.is_open(entry, pass));
        open.filter_map(|(place, _)| place.parse().ok()).collect()
    }

    /// The positions, from 0, of open entries that an earlier pass created without their role.
    pub fn places_without_role(&self) -> HashSet<usize> {
        let without_role = self.exceptions.iter().filter(|(_, entry)| entry.lacks_role);
        without_role.filter_map(|(place, _)| place.parse().ok()).collect()
    }

    /// Begins `pass`: failed entries are pending again, and their notes no longer count.
    pub fn begin_pass(&mut self, pass: u32) {
        let open: Vec<_> = self.open_places(pass).into_iter().map(Self::place).collect();
        let mut notes = Vec::new();
        for place in open {
            let Some(entry) = self.exceptions.get_mut(&place) else { continue };
            entry.lacks_role = entry.lacks_role();
            entry.outcome = Outcome::Pending;
            notes.append(&mut entry.notes);
            self.incomplete.remove(&place);
        }
        self.remove_notes(&notes);
        self.pass = pass;
    }

    /// Records the outcome of the entry at `place`, with notes. A second outcome for the same place is
    /// ignored.
    pub fn record(&mut self, place: usize, outcome: Outcome, notes: &[Note]) {
        let key = Self::place(place);
        let Some(entry) = self.exceptions.get_mut(&key).filter(|entry| entry.outcome == Outcome::Pending)
        else {
            return;
        };
        match outcome {
            Outcome::Created => self.created += 1,
            Outcome::AlreadyThere => self.already_there += 1,
            Outcome::Pending => return,
            present @ (Outcome::Updated { .. } | Outcome::CreatedWithout { .. }) => {
                if matches!(present, Outcome::CreatedWithout { .. }) {
                    entry.notes = notes.to_vec();
                }
                entry.outcome = present;
                let name = entry.key.clone();
                self.add_notes(key, name, notes);
                return;
            }
            other => {
                entry.outcome = other;
                return;
            }
        }
        let name = self.exceptions.remove(&key).map(|entry| entry.key).unwrap_or_default();
        self.add_notes(key, name, notes);
    }

    /// Removes the outcome of an entry that the target has no longer: a user, or a membership of that user. The
    /// next pass restores it. `notes` are those that the page counts for the entry.
    pub fn take_back(&mut self, place: usize, key: String, notes: &[Note]) {
        let at = Self::place(place);
        let mut lost = Entry::new(key, Outcome::Failed { reason: Reason::UserMissing });
        let notes = match self.exceptions.get_mut(&at) {
            None if self.created > 0 => {
                self.created -= 1;
                notes.to_vec()
            }
            None if self.already_there > 0 => {
                self.already_there -= 1;
                notes.to_vec()
            }
            Some(entry) if matches!(entry.outcome, Outcome::CreatedWithout { .. }) => {
                lost.lacks_role = entry.lacks_role();
                std::mem::take(&mut entry.notes)
            }
            None | Some(_) => return,
        };
        self.incomplete.remove(&at);
        self.exceptions.insert(at, lost);
        self.remove_notes(&notes);
    }

    fn remove_notes(&mut self, notes: &[Note]) {
        for note in notes {
            if let Some(count) = self.notes.get_mut(note) {
                *count = count.saturating_sub(1);
            }
        }
        self.notes.retain(|_, count| *count > 0);
    }

    fn add_notes(&mut self, place: String, key: String, notes: &[Note]) {
        for note in notes {
            *self.notes.entry(*note).or_default() += 1;
        }
        let losses: Vec<_> = notes.iter().copied().filter(|note| note.is_loss()).collect();
        if !losses.is_empty() {
            self.incomplete.insert(place, IncompleteEntry { key, notes: losses });
        }
    }

    /// Whether the target has the entry at `place` without values that it refuses.
    pub fn lacks_values(&self, place: usize) -> bool {
        let entry = self.incomplete.get(&Self::place(place));
        entry.is_some_and(|entry| entry.notes.contains(&Note::ValueNotRestored))
    }

    /// Whether the target has the entry at `place`, as far as the page says. An empty page says nothing about its
    /// entries.
    pub fn is_present(&self, place: usize) -> bool {
        let is_empty = self.created == 0 && self.already_there == 0 && self.exceptions.is_empty();
        let is_present =
            |outcome: &Outcome| matches!(outcome, Outcome::Updated { .. } | Outcome::CreatedWithout { .. });
        !is_empty && self.outcome(place).is_none_or(is_present)
    }

    /// The outcome of the entry at `place`. None if it is `Created` or `AlreadyThere`.
    pub fn outcome(&self, place: usize) -> Option<&Outcome> {
        self.exceptions.get(&Self::place(place)).map(|entry| &entry.outcome)
    }

    pub fn tally(&self) -> Tally {
        let mut tally = Tally {
            created: self.created.into(),
            already_there: self.already_there.into(),
            ..Tally::default()
        };
        for entry in self.exceptions.values() {
            let reason = match &entry.outcome {
                Outcome::Pending => {
                    tally.pending += 1;
                    continue;
                }
                Outcome::Created | Outcome::AlreadyThere => continue,
                Outcome::Updated { .. } => {
                    tally.updated += 1;
                    continue;
                }
                Outcome::CreatedWithout { reason } => {
                    tally.created += 1;
                    reason
                }
                Outcome::Skipped { reason: reason @ Reason::LeftToSignIn } => {
                    tally.left_to_sign_in += 1;
                    reason
                }
                Outcome::Skipped { reason: Reason::NotSelected } => {
                    tally.not_selected += 1;
                    continue;
                }
                Outcome::Skipped { reason } => {
                    tally.skipped += 1;
                    reason
                }
                Outcome::Failed { reason } => {
                    tally.failed += 1;
                    reason
                }
            };
            let code = reason.code();
            tally.lost += u64::from(code.is_loss());
            *tally.reasons.entry(code).or_default() += 1;
        }
        tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ReasonCode;

    fn keys(count: usize) -> impl Iterator<Item = String> {
        (0..count).map(|n| format!("sub-{n}"))
    }

    #[test]
    fn a_page_is_done_when_every_entry_has_an_outcome() {
        let mut page = LedgerPage::untouched(keys(3), 1);
        assert_eq!(page.open_places(1), [0, 1, 2]);
        page.record(0, Outcome::Created, &[Note::StatusNotKept]);
        page.record(0, Outcome::Created, &[Note::StatusNotKept]);
        page.record(1, Outcome::Failed { reason: Reason::UsernameTaken }, &[]);
        assert!(!page.is_done(1));
        page.record(2, Outcome::Skipped { reason: Reason::ListedTwice }, &[]);
        assert!(page.is_done(1));
        let tally = page.tally();
        assert_eq!(
            (tally.created, tally.failed, tally.skipped, tally.lost, tally.handled()),
            (1, 1, 1, 1, 3)
        );
        assert_eq!(page.notes[&Note::StatusNotKept], 1);
    }

    #[test]
    fn the_next_pass_tries_what_failed_and_nothing_else() {
        let mut page = LedgerPage::untouched(keys(3), 1);
        page.record(0, Outcome::Created, &[]);
        page.record(1, Outcome::Failed { reason: Reason::AliasTaken }, &[]);
        page.record(2, Outcome::Skipped { reason: Reason::FederatedUser }, &[]);
        assert!(page.is_done(1) && !page.is_done(2));
        assert_eq!(page.open_places(2), [1]);
        page.begin_pass(2);
        page.record(1, Outcome::Created, &[]);
        assert!(page.is_done(2));
        assert_eq!(page.tally().created, 2);

        let mut left = LedgerPage::untouched(keys(2), 1);
        left.record(0, Outcome::Skipped { reason: Reason::LeftToSignIn }, &[]);
        left.record(1, Outcome::CreatedWithout { reason: Reason::RoleNotRestored { call: None } }, &[]);
        assert!(left.is_done(1) && left.open_places(2) == [0, 1]);
        let tally = left.tally();
        assert_eq!((tally.created, tally.left_to_sign_in, tally.skipped, tally.lost), (1, 1, 0, 1));
        assert_eq!((tally.handled(), tally.present()), (2, 1));

        let mut selected = LedgerPage::untouched(keys(3), 1);
        selected.record(0, Outcome::Created, &[]);
        selected.record(1, Outcome::Skipped { reason: Reason::NotSelected }, &[]);
        selected.record(2, Outcome::Skipped { reason: Reason::Unconfirmed }, &[]);
        let tally = selected.tally();
        assert_eq!((tally.skipped, tally.not_selected, tally.selected(), tally.handled()), (1, 1, 2, 3));
        assert_eq!(tally.reasons, [(ReasonCode::Unconfirmed, 1)].into());

        let mut members = LedgerPage::untouched(keys(3), 1);
        members.record(0, Outcome::Created, &[]);
        members.record(1, Outcome::Skipped { reason: Reason::UserNotRestored }, &[]);
        members.record(2, Outcome::Skipped { reason: Reason::MemberWithoutUser }, &[]);
        assert_eq!(members.open_places(2), [1, 2]);
    }

    #[test]
    fn an_entry_that_is_taken_back_is_tried_again_and_its_notes_do_not_count() {
        let without_address = Outcome::CreatedWithout { reason: Reason::NotInvited };
        let mut page = LedgerPage::untouched(keys(4), 1);
        page.record(0, Outcome::Created, &[Note::StatusNotKept, Note::MustEnrolAgain]);
        page.record(1, Outcome::Created, &[Note::StatusNotKept]);
        page.record(2, without_address, &[Note::MustEnrolAgain]);
        page.record(3, Outcome::Skipped { reason: Reason::ListedTwice }, &[]);
        for place in [0, 2, 3, 0, 2, 3] {
            let notes = [Note::StatusNotKept, Note::MustEnrolAgain];
            page.take_back(place, format!("sub-{place}"), &notes);
        }
        let tally = page.tally();
        assert_eq!((tally.created, tally.failed, tally.skipped, tally.handled()), (1, 2, 1, 4));
        assert_eq!(page.notes, [(Note::StatusNotKept, 1)].into());
        assert!(page.is_done(1) && page.open_places(2) == [0, 2]);
    }

    #[test]
    fn an_entry_that_lacks_a_part_is_named_until_another_pass_tries_it() {
        let mut page = LedgerPage::untouched(keys(4), 1);
        let notes = [Note::StatusNotKept, Note::ValueNotRestored];
        page.record(0, Outcome::Created, &notes);
        page.record(1, Outcome::Updated { changed: vec![] }, &[Note::MfaNotKept]);
        page.record(2, Outcome::CreatedWithout { reason: Reason::NotInvited }, &notes);
        page.record(3, Outcome::AlreadyThere, &[Note::StatusNotKept]);
        let named = |page: &LedgerPage| -> Vec<_> {
            page.incomplete.values().map(|entry| (entry.key.clone(), entry.notes.clone())).collect()
        };
        let of = |at: usize, note| (format!("sub-{at}"), vec![note]);
        let all = [of(0, Note::ValueNotRestored), of(1, Note::MfaNotKept), of(2, Note::ValueNotRestored)];
        assert_eq!(named(&page), all);
        assert_eq!([0, 1, 2, 3].map(|place| page.lacks_values(place)), [true, false, true, false]);
        page.begin_pass(2);
        assert_eq!(named(&page), all[..2]);
        page.take_back(0, "sub-0".to_owned(), &notes);
        assert_eq!(named(&page), all[1..2]);
        assert_eq!(page.notes, [(Note::MfaNotKept, 1), (Note::StatusNotKept, 1)].into());
    }

    #[test]
    fn a_membership_that_is_taken_back_still_says_that_its_group_lacks_a_role() {
        let mut page = LedgerPage::untouched(keys(1), 1);
        page.record(0, Outcome::CreatedWithout { reason: Reason::RoleNotRestored { call: None } }, &[]);
        page.take_back(0, "sub-0".to_owned(), &[]);
        page.begin_pass(2);
        assert_eq!(page.places_without_role(), [0].into());
    }

    #[test]
    fn a_page_says_which_entries_the_target_has() {
        let mut page = LedgerPage::untouched(keys(5), 1);
        page.record(0, Outcome::Created, &[]);
        page.record(1, Outcome::CreatedWithout { reason: Reason::NotInvited }, &[]);
        page.record(2, Outcome::Updated { changed: Vec::new() }, &[]);
        page.record(3, Outcome::Failed { reason: Reason::UserMissing }, &[]);
        assert_eq!([0, 1, 2, 3, 4].map(|place| page.is_present(place)), [true, true, true, false, false]);
        assert!(!LedgerPage::default().is_present(0), "nothing is known of its entries");
    }

    #[test]
    fn a_page_round_trips_through_an_item() {
        let mut page = LedgerPage::untouched(keys(2), 1);
        page.record(1, Outcome::Created, &[Note::ValueNotRestored]);
        page.record(0, Outcome::Failed { reason: Reason::RecordMissing { key: "k".into() } }, &[]);
        let item: serde_dynamo::Item = serde_dynamo::to_item(&page).unwrap();
        assert_eq!(serde_dynamo::from_item::<_, LedgerPage>(item), Ok(page));
    }

    #[test]
    fn notes_of_an_entry_that_lacks_a_part_count_once() {
        let mut page = LedgerPage::untouched(keys(2), 1);
        let notes = [Note::MustEnrolAgain];
        page.record(0, Outcome::CreatedWithout { reason: Reason::NotInvited }, &notes);
        page.record(1, Outcome::CreatedWithout { reason: Reason::RoleNotRestored { call: None } }, &[]);
        for pass in [2, 3] {
            page.begin_pass(pass);
            assert!(page.notes.is_empty(), "{:?}", page.notes);
            assert_eq!(page.places_without_role(), [1].into());
            page.record(0, Outcome::CreatedWithout { reason: Reason::NotInvited }, &notes);
            assert_eq!(page.notes, [(Note::MustEnrolAgain, 1)].into());
        }
        page.begin_pass(4);
        page.record(0, Outcome::Created, &notes);
        assert_eq!((page.created, &page.notes), (1, &[(Note::MustEnrolAgain, 1)].into()));
    }
}
