//! Listing checks: what an export compares before it believes the listing of the users.

use serde::{Deserialize, Serialize};

use super::Sub;

/// What a check asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ListingQuestion {
    /// Which `sub`s does a membership name, and the one listing not?
    Members,
    /// Which `sub`s does the previous snapshot or a membership name, and the split listing not?
    Split,
    /// Which `sub`s does only the one listing name, or only the split listing?
    Agreement,
}

impl ListingQuestion {
    /// The name in table keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::Members => "members",
            Self::Split => "split",
            Self::Agreement => "agreement",
        }
    }
}

/// Why an export does not believe a split listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Doubt {
    /// A look-up found a user that a listing does not name.
    UserFound,
    /// More `sub`s are unknown than the export looks up.
    TooManyUnknown,
    /// The listing names fewer users than Cognito estimates, or than the previous snapshot less the deleted ones.
    TooFewUsers,
    /// Cognito did not answer a look-up.
    LookUpFailed,
    /// A part of the previous snapshot cannot be read, so there is nothing to check against.
    PreviousUnreadable,
}

impl Doubt {
    /// Whether the doubt is about the filter, so that exports do not use the filter for 30 days. Otherwise
    /// many users may have left, or the estimate may be wrong, although the filter finds all users.
    pub fn is_of_the_filter(self) -> bool {
        match self {
            Self::UserFound | Self::LookUpFailed => true,
            Self::TooManyUnknown | Self::TooFewUsers | Self::PreviousUnreadable => false,
        }
    }
}

/// What names a `sub` that a listing does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NamedBy {
    pub previous: bool,
    pub membership: bool,
    /// The split listing. In a comparison of both listings, the other `sub`s are named by the one listing.
    pub split: bool,
}

/// The stages of a check, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CheckStage {
    /// The export compares what is in the table, part by part.
    #[default]
    Comparison,
    /// It looks up the unknown users, part by part.
    LookUp,
    /// It looks up the first unknown users only.
    Sample,
    Done,
}

/// How far a check is, and what it has found. It compares the `sub`s in parts, so that memory holds only one part
/// of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListingCheck {
    /// Raised at every checkpoint, so only one of two invocations continues from each.
    pub step: u64,
    pub stage: CheckStage,
    /// The next part to compare, or the part whose users are looked up. From 0.
    pub part: usize,
    /// The unknown `sub`s of each part that was compared.
    pub unknown: Vec<u64>,
    /// Look-ups that are done in this part.
    pub looked_up: usize,
    /// Users that the listing names, each once.
    pub named: u64,
    /// Users that the previous snapshot names, each once.
    pub before: u64,
    /// Users of the previous snapshot that a look-up did not find.
    pub deleted: u64,
    /// `sub`s that a membership names and no listing does.
    pub members_without_user: u64,
    /// The first of these.
    pub subs_without_user: Vec<Sub>,
    /// The first unknown `sub`s. Kept here, so that looking them up needs no further comparison.
    pub sample: Vec<(Sub, NamedBy)>,
    /// A user that Cognito has and the one listing does not name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlooked: Option<Sub>,
    /// Why the split listing is not believed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Doubt>,
}

impl ListingCheck {
    /// The parts of a check with look-ups: one for each first digit of a `sub`.
    pub const PARTS: usize = 16;

    /// `sub`s that are looked up if not all are.
    pub const SAMPLE: usize = 60;
    /// `sub`s without a user that the report names.
    pub const MAX_NAMED: usize = 5;

    /// All unknown `sub`s so far.
    pub fn all_unknown(&self) -> u64 {
        self.unknown.iter().sum()
    }

    /// The most unknown `sub`s of a pool of `users` that an export looks up: one of 100 users, but at least 60 and at
    /// most 2,000. A listing of 2,000 pages takes as many calls.
    pub fn max_unknown(users: u64) -> u64 {
        (users / 100).clamp(60, 2_000)
    }

    /// Keeps the first `sub`s without a user.
    pub fn name_without_user(&mut self, sub: Sub) {
        if self.subs_without_user.len() < Self::MAX_NAMED {
            self.subs_without_user.push(sub);
        }
    }

    /// Ends the check with a doubt.
    #[must_use]
    pub fn doubted(self, doubt: Doubt) -> Self {
        Self { stage: CheckStage::Done, doubt: Some(doubt), ..self }
    }

    /// Ends the check of a split listing whose unknown users are all gone. `estimated` is Cognito's estimate of the
    /// users.
    #[must_use]
    pub fn judged(self, estimated: u64) -> Self {
        let expected = estimated.max(self.before.saturating_sub(self.deleted));
        let doubt = (self.named < expected).then_some(Doubt::TooFewUsers);
        Self { stage: CheckStage::Done, doubt, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundredth_of_the_users_may_be_unknown_within_bounds() {
        let limits = [0, 5_999, 6_100, 150_000, 200_000, 10_000_000].map(ListingCheck::max_unknown);
        assert_eq!(limits, [60, 60, 61, 1_500, 2_000, 2_000]);
    }

    #[test]
    fn a_split_listing_names_all_users_that_are_expected_and_not_deleted() {
        let doubt = |named, before, deleted, estimated| {
            ListingCheck { named, before, deleted, ..ListingCheck::default() }.judged(estimated).doubt
        };
        assert_eq!(doubt(990, 1_000, 10, 900), None);
        assert_eq!(doubt(989, 1_000, 10, 900), Some(Doubt::TooFewUsers));
        assert_eq!(doubt(1_499, 1_000, 0, 1_500), Some(Doubt::TooFewUsers));
        assert_eq!(doubt(1_500, 1_000, 0, 1_500), None);
    }
}
