//! Verification: what a target holds after a restore, compared with what the restore says it brought.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{BreakOffs, Sub};

/// How far the verification of a pass has come.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// Counted up at every checkpoint, so that of two invocations at once only one goes on from each.
    pub step: u64,
    /// What is being done.
    pub stage: VerificationStage,
    /// Which attempt at listing the target this is, from 1.
    pub attempt: u32,
    /// How often it was broken off.
    #[serde(default)]
    pub broken_off: BreakOffs,
    /// Where the listing goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Users listed so far.
    pub listed: u64,
    /// The next page of the snapshot to look for people whom the listing did not show, from 1.
    pub next_page: u64,
    /// The result so far.
    pub result: VerificationResult,
}

impl Verification {
    /// How much is done, in pages: of the listing, and of the snapshot after it.
    pub fn pages_done(&self) -> u64 {
        self.listed.div_ceil(PAGE) + self.next_page.saturating_sub(1)
    }

    /// How many pages a verification of so many users takes.
    pub fn pages_of(users: u64) -> u64 {
        users.div_ceil(PAGE) * 2
    }
}

/// The most users of a page.
const PAGE: u64 = 60;

/// The stages of a verification, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum VerificationStage {
    /// The target is listed, and every user compared.
    #[default]
    Listing,
    /// The snapshot is gone through for users whom the listing did not show; each is looked up.
    Missing,
    /// Nothing is left.
    Done,
}

/// What a verification found, users counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationResult {
    /// As in the snapshot, but for what no restore can keep.
    pub same: u64,
    /// Other than in the snapshot.
    pub different: u64,
    /// Restored, and not there any more.
    pub missing: u64,
    /// In the target, and not by this restore.
    pub extra: u64,
}

impl VerificationResult {
    /// Whether everybody who was restored is there, as the snapshot has it.
    pub fn is_clean(&self) -> bool {
        self.different == 0 && self.missing == 0
    }
}

/// Something that a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// The `sub` in the snapshot; of an extra user, the `sub` in the target.
    pub sub: Sub,
    /// The names of what differs: attributes, `enabled`, `identities`. Never a value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

/// What a verification can find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FindingKind {
    /// Other than in the snapshot.
    Different,
    /// Restored, and not there any more.
    Missing,
    /// In the target, and not by this restore.
    Extra,
}

impl FindingKind {
    /// The name, as in table keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::Different => "different",
            Self::Missing => "missing",
            Self::Extra => "extra",
        }
    }
}

/// Whom the listing of the target has shown, of [`PAGES`](Self::PAGES) pages of the snapshot: two bits a place, 16 bytes a page.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SeenUsers(BTreeMap<u16, [u64; 2]>);

impl SeenUsers {
    /// Pages of the snapshot in one item.
    pub const PAGES: u64 = 1_000;

    /// The item that holds a page.
    pub fn chunk_of(page: u64) -> u64 {
        page / Self::PAGES
    }

    fn at(page: u64) -> u16 {
        (page % Self::PAGES) as u16
    }

    /// Notes that the user at `place` (below 64) of `page` was shown, and whether it differs.
    pub fn set(&mut self, page: u64, place: u8, differs: bool) {
        let bit = 1u64.checked_shl(place.into()).unwrap_or(0);
        let [seen, different] = self.0.entry(Self::at(page)).or_default();
        *seen |= bit;
        if differs {
            *different |= bit;
        }
    }

    /// Whether the user was shown, and if so, whether it differs.
    pub fn get(&self, page: u64, place: u8) -> Option<bool> {
        let bit = 1u64.checked_shl(place.into()).unwrap_or(0);
        let [seen, different] = self.0.get(&Self::at(page)).copied().unwrap_or_default();
        (seen & bit != 0).then_some(different & bit != 0)
    }

    /// Adds what somebody else has noted.
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
        assert_eq!((SeenUsers::chunk_of(999), SeenUsers::chunk_of(1_000), SeenUsers::chunk_of(1_999)), (0, 1, 1));
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
