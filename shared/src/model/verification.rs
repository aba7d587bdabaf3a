//! Verification: the target after a restore, compared with what the restore did.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ListingPosition, PAGE_SIZE, Sub};

/// How far the verification of a pass is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// Raised at every checkpoint, so only one of two invocations continues from each.
    pub step: u64,
    pub stage: VerificationStage,
    /// The attempt at listing the target, from 1.
    pub attempt: u32,
    /// Where the listing stands.
    pub position: ListingPosition,
    /// Users listed so far.
    pub listed: u64,
    /// The next page of the snapshot, from 1, to check for users that the listing did not show.
    pub next_page: u64,
    /// The unit of members that the last stage works on, from 0.
    #[serde(default)]
    pub member_unit: u64,
    /// The pages of that unit that are done.
    #[serde(default)]
    pub member_pages: u64,
    /// The result so far.
    pub result: VerificationResult,
}

impl Verification {
    /// Pages done: of the listing, and of the snapshot after it.
    pub fn pages_done(&self) -> u64 {
        self.listed.div_ceil(PAGE_SIZE.into()) + self.next_page.saturating_sub(1)
    }

    /// The pages of a verification of `users` users.
    pub fn pages_of(users: u64) -> u64 {
        users.div_ceil(PAGE_SIZE.into()) * 2
    }
}

/// The stages of a verification, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum VerificationStage {
    /// The target is listed, and every user is compared.
    #[default]
    Listing,
    /// The snapshot is read for users that the listing did not show. Each of them is looked up.
    Missing,
    /// The ledger took users back. Their memberships are taken back, too.
    Memberships,
    Done,
}

/// What a verification found, in users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationResult {
    /// Users as in the snapshot, in all that a restore keeps.
    pub same: u64,
    /// Users as in the snapshot, but for values that the target refuses. `same` does not count them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub without_refused_values: u64,
    /// Users that differ from the snapshot.
    pub different: u64,
    /// Restored users that the target no longer has.
    pub missing: u64,
    /// Users of the target that this restore did not restore.
    pub extra: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl VerificationResult {
    /// Whether the target has every restored user as in the snapshot.
    pub fn is_clean(&self) -> bool {
        self.different == 0 && self.missing == 0
    }
}

/// One difference that a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub kind: FindingKind,
    /// The `sub` in the snapshot. Of an extra user, the `sub` in the target.
    pub sub: Sub,
    /// The names of what differs: attributes, `enabled`, `identities`. Never a value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// Whether the ledger takes a missing user back. Then the next pass restores the user with its memberships.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taken_back: bool,
}

impl Finding {
    /// A finding whose user stays in the ledger as it is.
    pub fn new(kind: FindingKind, sub: Sub, fields: Vec<String>) -> Self {
        Self { kind, sub, fields, taken_back: false }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FindingKind {
    /// The user differs from the snapshot.
    Different,
    /// The user was restored, and the target no longer has it.
    Missing,
    /// The target has the user, and this restore did not restore it.
    Extra,
    /// The record of the snapshot is missing from the backup table or altered, so no import can restore it.
    Damaged,
}

impl FindingKind {
    /// The name in table keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::Different => "different",
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Damaged => "damaged",
        }
    }
}

/// The users that the listing of the target has shown, of [`PAGES`](Self::PAGES) pages of the snapshot: two
/// bits a user, 16 bytes a page.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SeenUsers(BTreeMap<u16, [u64; 2]>);

impl SeenUsers {
    /// Pages of the snapshot in one item.
    pub const PAGES: u64 = 1_000;

    /// The number of the item that holds a page.
    pub fn chunk_of(page: u64) -> u64 {
        page / Self::PAGES
    }

    fn at(page: u64) -> u16 {
        (page % Self::PAGES) as u16
    }

    /// Marks the user at position `place` (below 64) of `page` as seen, and whether it differs.
    pub fn set(&mut self, page: u64, place: u8, differs: bool) {
        let bit = 1u64.checked_shl(place.into()).unwrap_or(0);
        let [seen, different] = self.0.entry(Self::at(page)).or_default();
        *seen |= bit;
        if differs {
            *different |= bit;
        }
    }

    /// Whether a seen user differs. None if the user was not seen.
    pub fn get(&self, page: u64, place: u8) -> Option<bool> {
        let bit = 1u64.checked_shl(place.into()).unwrap_or(0);
        let [seen, different] = self.0.get(&Self::at(page)).copied().unwrap_or_default();
        (seen & bit != 0).then_some(different & bit != 0)
    }

    pub fn merge(&mut self, other: &Self) {
        for (at, [seen, different]) in &other.0 {
            let mine = self.0.entry(*at).or_default();
            mine[0] |= seen;
            mine[1] |= different;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_kept_apart_and_merged() {
        let (mut one, mut other) = (SeenUsers::default(), SeenUsers::default());
        one.set(1_003, 0, false);
        one.set(1_003, 59, true);
        other.set(1_004, 0, true);
        other.set(1_003, 1, false);
        one.merge(&other);
        let marks = |page| [0, 1, 2, 59].map(|place| one.get(page, place));
        assert_eq!(marks(1_003), [Some(false), Some(false), None, Some(true)]);
        assert_eq!(marks(1_004), [Some(true), None, None, None]);
        assert_eq!(
            (SeenUsers::chunk_of(999), SeenUsers::chunk_of(1_000), SeenUsers::chunk_of(1_999)),
            (0, 1, 1)
        );
    }

    #[test]
    fn marks_of_a_thousand_pages_fit_into_an_item() {
        let mut marks = SeenUsers::default();
        (0..SeenUsers::PAGES).for_each(|page| (0..60).for_each(|place| marks.set(page, place, true)));
        let item: serde_dynamo::Item = serde_dynamo::to_item(Kept { marks: marks.clone() }).unwrap();
        assert!(format!("{item:?}").len() < 200_000);
        assert_eq!(serde_dynamo::from_item::<_, Kept>(item).unwrap().marks, marks);
    }

    #[derive(Serialize, Deserialize)]
    struct Kept {
        marks: SeenUsers,
    }
}
