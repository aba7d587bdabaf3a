//! The ledger of a restore: what became of every entry of the snapshot, and the sub map.
//!
//! One ledger page answers one page of the snapshot. It holds the outcome of each entry that needs a word, and counts for the rest.
//! It is the import's checkpoint: what it does not call done is still to be done.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::{Digest, EntryKind, Sub, Username};

/// What became of one entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "outcome")]
pub enum Outcome {
    /// Not yet tried, or tried without an answer.
    Pending,
    /// This restore made it.
    Created,
    /// It was there, just as the snapshot has it: left by an invocation that was cut short, or by somebody's own hand (groups).
    AlreadyThere,
    /// It was there and differed; it is now as the snapshot has it.
    Updated {
        /// The names of what was changed: attributes, `enabled`, `description`, `precedence`, `role`.
        changed: Vec<String>,
    },
    /// Left out on purpose.
    Skipped {
        /// Why.
        reason: Reason,
    },
    /// Tried and refused.
    Failed {
        /// Why.
        reason: Reason,
    },
}

/// Why something was skipped or failed. The table may say more than a log: details name attributes and table keys, never values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "code")]
pub enum Reason {
    /// A federated user: Cognito creates it again at the next federated sign-in; a native user of that name would block it.
    FederatedUser,
    /// The listing had named the same user before.
    ListedTwice,
    /// The member is not among the users of the snapshot: it was deleted while the export ran.
    UserNotInSnapshot,
    /// The member was itself skipped or could not be restored.
    UserNotRestored,
    /// The target has it already and was to be left as it is.
    AlreadyInTarget,
    /// The member was in the target already and was to be left as it is, its memberships included.
    UserKept,
    /// The target signs in by e-mail or phone, and the user has none.
    NoSignInName,
    /// Changing an address that is not verified would have Cognito send a message.
    WouldSendMessage,
    /// The record that the page names is not in the table.
    RecordMissing {
        /// Partition and sort key.
        key: String,
    },
    /// The record does not match its digest.
    RecordDamaged {
        /// Partition and sort key.
        key: String,
    },
    /// Another user of the target has the username.
    UsernameTaken,
    /// Another user of the target has the e-mail address, phone number or preferred username.
    AliasTaken,
    /// A group of that name exists with other settings; it was left as it is, and members were added to it.
    GroupDiffers,
    /// The group does not exist in the target.
    GroupMissing,
    /// The user does not exist in the target any more.
    UserMissing,
    /// Cognito refused the call.
    Refused {
        /// The operation and the error code.
        call: String,
        /// Cognito's words without any value.
        detail: String,
    },
}

impl Reason {
    /// The name, for counting; of a refused call the operation and its error code as well.
    pub fn code(&self) -> String {
        let code = match self {
            Self::FederatedUser => "federatedUser",
            Self::ListedTwice => "listedTwice",
            Self::UserNotInSnapshot => "userNotInSnapshot",
            Self::UserNotRestored => "userNotRestored",
            Self::AlreadyInTarget => "alreadyInTarget",
            Self::UserKept => "userKept",
            Self::NoSignInName => "noSignInName",
            Self::WouldSendMessage => "wouldSendMessage",
            Self::RecordMissing { .. } => "recordMissing",
            Self::RecordDamaged { .. } => "recordDamaged",
            Self::UsernameTaken => "usernameTaken",
            Self::AliasTaken => "aliasTaken",
            Self::GroupDiffers => "groupDiffers",
            Self::GroupMissing => "groupMissing",
            Self::UserMissing => "userMissing",
            Self::Refused { call, .. } => return format!("refused: {call}"),
        };
        code.to_owned()
    }

    /// Whether something of the snapshot is missing in the target because of it.
    pub fn is_loss(&self) -> bool {
        !matches!(self, Self::ListedTwice | Self::UserNotInSnapshot | Self::AlreadyInTarget | Self::UserKept)
    }
}

/// Something about a restored user that the person who restores has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Note {
    /// The status was another than the restored one.
    StatusNotKept,
    /// No verified e-mail address or phone number: the user cannot reset the password alone.
    CannotResetPassword,
    /// Links to identity providers were not made again.
    IdentitiesNotLinked,
    /// Codes by text message or e-mail were on and were not turned on again: the target has no MFA, or the user no address.
    MfaNotKept,
    /// An authenticator app or a key was on: nothing brings its secret back, so the user has to enrol it again.
    MustEnrolAgain,
    /// An invitation with a temporary password was sent.
    Invited,
}

impl Note {
    /// Whether something of the snapshot is missing in the target because of it. A status and a password cannot be kept by any
    /// means, so they are not counted as losses.
    pub fn is_loss(self) -> bool {
        matches!(self, Self::IdentitiesNotLinked | Self::MfaNotKept)
    }
}

/// One entry of the snapshot with its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The user's `sub` or the group's name; empty while nobody has read the page.
    pub key: String,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// The ledger page of one page of the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerPage {
    /// The pass in which it was last worked on.
    pub pass: u32,
    /// Entries with the outcome [`Outcome::Created`].
    pub created: u32,
    /// Entries with the outcome [`Outcome::AlreadyThere`].
    pub already_there: u32,
    /// All other entries, by their place on the page from 0.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exceptions: BTreeMap<String, Entry>,
    /// Notes about users that were restored.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<Note, u32>,
    /// The key of the snapshot's page, if it is missing or does not match its digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damaged_page: Option<String>,
}

impl LedgerPage {
    /// A page on which nothing was done yet.
    pub fn untouched(keys: impl Iterator<Item = String>, pass: u32) -> Self {
        let pending = |(at, key): (usize, String)| (Self::place(at), Entry { key, outcome: Outcome::Pending });
        Self { pass, exceptions: keys.enumerate().map(pending).collect(), ..Self::default() }
    }

    /// The page of the ledger for a page of the snapshot that cannot be read.
    pub fn damaged(key: String, pass: u32) -> Self {
        Self { pass, damaged_page: Some(key), ..Self::default() }
    }

    fn place(at: usize) -> String {
        format!("{at:02}")
    }

    /// Whether nothing is left to do in `pass`: what failed in an earlier pass is tried once again in a later one.
    pub fn is_done(&self, pass: u32) -> bool {
        (self.damaged_page.is_none() || self.pass == pass) && !self.exceptions.values().any(|entry| self.is_open(entry, pass))
    }

    fn is_open(&self, entry: &Entry, pass: u32) -> bool {
        match entry.outcome {
            Outcome::Pending => true,
            // The page of the snapshot that names the member may have been damaged, and mended since.
            Outcome::Failed { .. } | Outcome::Skipped { reason: Reason::UserNotRestored | Reason::UserNotInSnapshot } => {
                self.pass < pass
            }
            _ => false,
        }
    }

    /// The places, from 0, that are to be worked on in `pass`.
    pub fn open_places(&self, pass: u32) -> Vec<usize> {
        let open = self.exceptions.iter().filter(|(_, entry)| self.is_open(entry, pass));
        open.filter_map(|(place, _)| place.parse().ok()).collect()
    }

    /// Begins `pass`: what failed before is pending again.
    pub fn begin_pass(&mut self, pass: u32) {
        let open: Vec<_> = self.open_places(pass).into_iter().map(Self::place).collect();
        for place in open {
            if let Some(entry) = self.exceptions.get_mut(&place) {
                entry.outcome = Outcome::Pending;
            }
        }
        self.pass = pass;
    }

    /// Notes the outcome of the entry at `place`, and what there is to say about it. A second outcome for the same place is ignored.
    pub fn record(&mut self, place: usize, outcome: Outcome, notes: &[Note]) {
        let key = Self::place(place);
        let Some(entry) = self.exceptions.get_mut(&key).filter(|entry| entry.outcome == Outcome::Pending) else { return };
        match outcome {
            Outcome::Created => self.created += 1,
            Outcome::AlreadyThere => self.already_there += 1,
            Outcome::Pending => return,
            updated @ Outcome::Updated { .. } => {
                entry.outcome = updated;
                self.add_notes(notes);
                return;
            }
            other => {
                entry.outcome = other;
                return;
            }
        }
        self.exceptions.remove(&key);
        self.add_notes(notes);
    }

    fn add_notes(&mut self, notes: &[Note]) {
        for note in notes {
            *self.notes.entry(*note).or_default() += 1;
        }
    }

    /// The outcome of the entry at `place`; none where that is `Created` or `AlreadyThere`.
    pub fn outcome(&self, place: usize) -> Option<&Outcome> {
        self.exceptions.get(&Self::place(place)).map(|entry| &entry.outcome)
    }

    /// The outcomes, counted.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally { created: self.created.into(), already_there: self.already_there.into(), ..Tally::default() };
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
                Outcome::Skipped { reason } => {
                    tally.skipped += 1;
                    reason
                }
                Outcome::Failed { reason } => {
                    tally.failed += 1;
                    reason
                }
            };
            tally.lost += u64::from(reason.is_loss());
            *tally.reasons.entry(reason.code()).or_default() += 1;
        }
        tally
    }
}

/// Outcomes of one kind of entry, counted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Made by this restore.
    pub created: u64,
    /// There already, as the snapshot has it.
    pub already_there: u64,
    /// There already, and changed to what the snapshot has.
    #[serde(default)]
    pub updated: u64,
    /// Left out on purpose.
    pub skipped: u64,
    /// Tried and refused.
    pub failed: u64,
    /// Not yet tried.
    pub pending: u64,
    /// How many of the skipped and failed are missing in the target.
    pub lost: u64,
    /// The skipped and failed, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reasons: BTreeMap<String, u64>,
}

impl Tally {
    /// Entries with any outcome at all.
    pub fn handled(&self) -> u64 {
        self.created + self.already_there + self.updated + self.skipped + self.failed
    }

    /// Entries that are in the target now.
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
    /// Users.
    pub users: Tally,
    /// Groups.
    pub groups: Tally,
    /// Memberships.
    pub memberships: Tally,
    /// Notes about restored users.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<Note, u64>,
    /// Pages of the snapshot that could not be read.
    pub damaged_pages: u64,
    /// The keys of the first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damaged_keys: Vec<String>,
}

impl Totals {
    /// How many keys of damaged pages are named.
    pub const NAMED_KEYS: usize = 10;

    /// Adds a ledger page whose entries are of `kind`.
    pub fn add(&mut self, kind: EntryKind, page: &LedgerPage) {
        let tally = match kind {
            EntryKind::User => &mut self.users,
            EntryKind::Group => &mut self.groups,
            EntryKind::Membership => &mut self.memberships,
        };
        *tally += &page.tally();
        for (note, count) in &page.notes {
            *self.notes.entry(*note).or_default() += u64::from(*count);
        }
        if let Some(key) = &page.damaged_page {
            self.damaged_pages += 1;
            if self.damaged_keys.len() < Self::NAMED_KEYS {
                self.damaged_keys.push(key.clone());
            }
        }
    }

    /// Whether everything that the snapshot holds is in the target.
    pub fn is_complete(&self) -> bool {
        let tallies = [&self.users, &self.groups, &self.memberships];
        self.damaged_pages == 0
            && tallies.iter().all(|tally| tally.lost == 0 && tally.pending == 0)
            && !self.notes.iter().any(|(note, &count)| note.is_loss() && count > 0)
    }
}

/// What the sub map says of one user of the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubMapEntry {
    /// The `sub` in the snapshot.
    pub old_sub: Sub,
    /// The username in the snapshot.
    pub old_username: Username,
    /// The record in the snapshot.
    pub digest: Digest,
    /// The page and place that named the user first.
    pub place: String,
    /// The user in the target; none if it could not be restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<RestoredUser>,
}

impl SubMapEntry {
    /// The number of the page and the place on it that named the user first.
    pub fn page_and_place(&self) -> Option<(u64, u8)> {
        let (rest, place) = self.place.rsplit_once('#')?;
        let (_, page) = rest.rsplit_once('#')?;
        Some((page.parse().ok()?, place.parse().ok()?))
    }

    /// Whether the restore made the user.
    pub fn is_created(&self) -> bool {
        self.restored.as_ref().is_some_and(|user| user.created)
    }
}

/// A user in the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoredUser {
    /// The `sub` that Cognito gave it.
    pub sub: Sub,
    /// Its username.
    pub username: Username,
    /// Whether this restore made it, rather than finding it there.
    pub created: bool,
    /// Whether it was there and was left as it is, memberships included.
    #[serde(default)]
    pub kept: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!((tally.created, tally.failed, tally.skipped, tally.lost, tally.handled()), (1, 1, 1, 1, 3));
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

        let mut members = LedgerPage::untouched(keys(3), 1);
        members.record(0, Outcome::Created, &[]);
        members.record(1, Outcome::Skipped { reason: Reason::UserNotRestored }, &[]);
        members.record(2, Outcome::Skipped { reason: Reason::UserNotInSnapshot }, &[]);
        assert_eq!(members.open_places(2), [1, 2]);
    }

    #[test]
    fn a_page_round_trips_through_an_item() {
        let mut page = LedgerPage::untouched(keys(2), 1);
        page.record(0, Outcome::Failed { reason: Reason::RecordMissing { key: "k".into() } }, &[]);
        let item: serde_dynamo::Item = serde_dynamo::to_item(&page).unwrap();
        assert_eq!(serde_dynamo::from_item::<_, LedgerPage>(item), Ok(page));
    }

    #[test]
    fn only_what_is_missing_in_the_target_makes_a_restore_partial() {
        let mut page = LedgerPage::untouched(keys(2), 1);
        page.record(0, Outcome::Created, &[Note::CannotResetPassword]);
        page.record(1, Outcome::Skipped { reason: Reason::ListedTwice }, &[]);
        let mut totals = Totals::default();
        totals.add(EntryKind::User, &page);
        assert!(totals.is_complete());
        let damaged = LedgerPage::damaged("SNAP#x PAGE#users#1#1".into(), 1);
        totals.add(EntryKind::User, &damaged);
        assert!(!totals.is_complete() && totals.damaged_keys.len() == 1);
        assert!(damaged.is_done(1) && !damaged.is_done(2));
        let mut lossy = Totals::default();
        let mut page = LedgerPage::untouched(keys(1), 1);
        page.record(0, Outcome::Created, &[Note::IdentitiesNotLinked]);
        lossy.add(EntryKind::User, &page);
        assert!(!lossy.is_complete());
    }
}
