//! How an export ended.

use serde::{Deserialize, Serialize};

use super::ConfigurationReport;
use crate::format::{form, plural};
use crate::model::{
    CallStats, Counts, OneListing, PageLimit, PoolId, RunId, RunKind, Snapshot, SnapshotState, Sub, Unit,
    UserListing, lost_users,
};

/// How an export ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportReport {
    /// `export`.
    pub operation: RunKind,
    /// `SEALED`.
    pub status: SnapshotState,
    /// Always false: the state machine does not call finalize again.
    pub more: bool,
    pub snapshot_id: RunId,
    pub user_pool_id: PoolId,
    /// What the snapshot holds.
    #[serde(flatten)]
    pub counts: Counts,
    /// How the users were listed.
    pub listing: UserListing,
    /// The `sub`s that a membership names and the listing of users does not.
    pub members_without_user: u64,
    /// The first of these `sub`s.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members_without_user_subs: Vec<Sub>,
    /// Why the export did not accept a split listing, or may not make one. None if nothing is to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split_listing: Option<SplitEnd>,
    /// Records of the previous snapshot that were missing from the table, and were written again.
    pub records_written_again: u64,
    /// What large users cost. None if every call asked for 60 entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub large_users: Option<LargeUsers>,
    /// What the export captured of the configuration. None if it captured none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<Box<ConfigurationReport>>,
    /// The calls of the export.
    pub calls: CallStats,
    /// All of this in words.
    pub summary: String,
    /// Whether a message went to the topic.
    pub notified: bool,
}

/// What large users cost an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LargeUsers {
    /// How many entries the calls of a listing asked for at least. Ordinary calls ask for 60.
    pub least_limit: PageLimit,
    /// How often a listing started again, because a page was too large.
    pub restarts: u64,
}

impl LargeUsers {
    /// What large users cost an export with these units.
    pub fn of(units: &[Unit]) -> Option<Self> {
        let counts = units.iter().filter(|unit| !unit.is_superseded());
        let least_limit = counts.map(|unit| unit.limit).min().unwrap_or_default();
        let restarts = units.iter().map(|unit| u64::from(unit.large_pages)).sum();
        (!least_limit.is_max() || restarts > 0).then_some(Self { least_limit, restarts })
    }

    fn summary(self) -> String {
        let users = plural(u64::from(self.least_limit.get()), "user", "users");
        let mut words = format!(" Because of large users, a call asked for only {users} instead of 60.");
        if self.restarts > 0 {
            let times = plural(self.restarts, "time", "times");
            words += &format!(
                " Listings started again {times}, because a page was too large. The next export begins with the smaller \
                 number."
            );
        }
        words
    }
}

/// Why a snapshot does not hold a split listing, although splitting was allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SplitEnd {
    /// The split listing of this export failed. Exports use one listing for 30 days.
    Failed,
    /// The split listing of this export was in doubt, so that one listing lists all users.
    Doubted,
    /// The comparison of both listings shows nothing. The next split export compares them again.
    NotCompared,
    /// The split listing and the one listing of this export disagree. Splitting is off from now on.
    Disagrees,
    /// An earlier comparison has turned splitting off.
    Off,
    /// The pool has no earlier sealed snapshot.
    NoSnapshotBefore,
    /// The export looked up second factors.
    CapturesMfa,
    /// A split listing of an earlier export failed less than 30 days ago.
    FailedBefore,
    /// One listing takes under five minutes.
    Short,
    /// One listing makes nearly as many calls as the limit allows.
    KeepsUp,
}

impl From<OneListing> for SplitEnd {
    fn from(reason: OneListing) -> Self {
        match reason {
            OneListing::NoSnapshotBefore => Self::NoSnapshotBefore,
            OneListing::CapturesMfa => Self::CapturesMfa,
            OneListing::FailedBefore => Self::FailedBefore,
            OneListing::Off => Self::Off,
            OneListing::Short => Self::Short,
            OneListing::KeepsUp => Self::KeepsUp,
        }
    }
}

impl SplitEnd {
    pub fn of(snapshot: &Snapshot) -> Option<Self> {
        if snapshot.listings_disagree() {
            Some(Self::Disagrees)
        } else if snapshot.split_failure_is_remembered() {
            Some(Self::Failed)
        } else if snapshot.split_has_failed() {
            Some(Self::Doubted)
        } else if snapshot.split.is_undecided {
            Some(Self::NotCompared)
        } else {
            snapshot.split.one_listing.map(Self::from)
        }
    }

    fn summary(self) -> &'static str {
        match self {
            Self::Failed => {
                " ATTENTION: the split listing failed, so one listing lists all users. Exports of this pool use one \
                 listing for 30 days."
            }
            Self::Doubted => {
                " The split listing was in doubt, because many users had left or fewer were listed than expected. So one \
                 listing lists all users."
            }
            Self::NotCompared => {
                " The split listing and one listing could not be compared, because too many users differ or Cognito did \
                 not answer. The snapshot holds the one listing. The next split export compares them again."
            }
            Self::Disagrees => {
                " ATTENTION: the split listing and one listing disagree about the users. The snapshot holds the one \
                 listing. No later export of this pool splits its listing."
            }
            Self::Off => {
                " Splitting is off for this pool, because an earlier split listing and one listing disagreed about the users."
            }
            Self::NoSnapshotBefore => {
                " The listing was not split, because the pool had no earlier sealed snapshot to compare it with."
            }
            Self::CapturesMfa => {
                " The listing was not split, because an export that looks up second factors never splits."
            }
            Self::FailedBefore => {
                " The listing was not split, because a split listing failed in the last 30 days."
            }
            Self::Short => {
                " The listing was not split, because one listing takes under five minutes at the measured speed."
            }
            Self::KeepsUp => {
                " The listing was not split, because one listing makes nearly as many calls as the limit allows."
            }
        }
    }
}

impl UserListing {
    /// What a split listing means for the snapshot, and what to do about it. Empty for one listing.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::One => "",
            Self::Split => {
                "A split listing lists its users, with a filter that AWS does not document. If the filter overlooks a \
                 user who is new since the snapshot before, the export does not notice it. Every seventh such export also \
                 makes one listing. To be sure now, run an export that may not split its listing."
            }
        }
    }

    /// [`meaning`](Self::meaning), with a blank before it.
    pub(super) fn summary(self) -> String {
        match self.meaning() {
            "" => String::new(),
            words => format!(" {words}"),
        }
    }
}

impl ExportReport {
    /// A sealed snapshot in words: what it holds, what the snapshot before it held, what is incomplete.
    ///
    /// `vanished_groups` were deleted during the export.
    pub fn summary(
        sealed: &Snapshot,
        vanished_groups: u64,
        large_users: Option<LargeUsers>,
        configuration: Option<&ConfigurationReport>,
    ) -> String {
        let Snapshot { id, pool, counts, .. } = sealed;
        let before = sealed.seal.as_ref().and_then(|seal| seal.before);
        let mut words = format!(
            "Snapshot {id} of user pool {pool} is sealed: {} on {}, {}. {}",
            counts.summary(),
            plural(counts.pages, "page", "pages"),
            plural(counts.records_written, "new record", "new records"),
            comparison(counts, before.as_ref())
        );
        if vanished_groups > 0 {
            let groups = plural(vanished_groups, "group", "groups");
            words += &format!(" Deleted during the export: {groups}. Their memberships are incomplete.");
        }
        if sealed.members_without_user > 0 {
            let subs = plural(sealed.members_without_user, "`sub`", "`sub`s");
            let verb = form(sealed.members_without_user, "is", "are");
            words += &format!(
                " Named by a membership, but not among the users: {subs}, which {verb} probably deleted"
            );
            let first = sealed.subs_without_user.iter().map(Sub::as_str).collect::<Vec<_>>().join(", ");
            let more = sealed.members_without_user > sealed.subs_without_user.len() as u64;
            words += &match (first.is_empty(), more) {
                (true, _) => ".".to_owned(),
                (false, false) => format!(": {first}."),
                (false, true) => format!(". The first: {first}."),
            };
        }
        let again = sealed.look_ups.written_again;
        if again > 0 {
            let records = plural(again, "record", "records");
            let verb = form(again, "was", "were");
            words += &format!(
                " ATTENTION: {records} of earlier snapshots {verb} missing from the table and {verb} written again. The \
                 export looked up all other records of users. Find out what removed them."
            );
        }
        words += &large_users.map(LargeUsers::summary).unwrap_or_default();
        words += &configuration.map(ConfigurationReport::summary).unwrap_or_default();
        words += &sealed.listing.map(UserListing::summary).unwrap_or_default();
        words + SplitEnd::of(sealed).map(SplitEnd::summary).unwrap_or_default()
    }
}

/// The counts of a snapshot beside those of the snapshot before it.
fn comparison(now: &Counts, before: Option<&Counts>) -> String {
    match before {
        None => "It is the first sealed snapshot of this pool.".to_owned(),
        Some(before) if lost_users(before.users, now.users) => format!(
            "ATTENTION: the snapshot before held {}. Check that the missing users were deleted on purpose. Earlier snapshots \
             still hold them.",
            before.summary()
        ),
        Some(before) => format!("The snapshot before held {}.", before.summary()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Listing;

    fn counts(users: u64) -> Counts {
        Counts { users, groups: 1, memberships: 2, ..Counts::default() }
    }

    #[test]
    fn the_report_says_what_large_users_cost() {
        let words = |limit: u32, restarts| LargeUsers { least_limit: limit.into(), restarts }.summary();
        assert!(
            words(5, 1).contains("asked for only 5 users instead of 60. Listings started again 1 time, ")
        );
        assert!(words(1, 0).ends_with("asked for only 1 user instead of 60."));
        let open = |listing| Unit::open(PoolId::parse("eu-west-1_A").unwrap(), listing);
        let (mut users, groups) = (open(Listing::Users), open(Listing::Groups));
        assert_eq!(LargeUsers::of(&[users.clone(), groups.clone()]), None);
        users.large_pages = 1;
        users.start_again_with(PageLimit::from(5));
        let cost = LargeUsers { least_limit: PageLimit::from(5), restarts: 1 };
        assert_eq!(LargeUsers::of(&[users, groups]), Some(cost));
    }

    #[test]
    fn the_report_of_an_emptied_pool_warns() {
        let compared = |now, before: Option<u64>| comparison(&counts(now), before.map(counts).as_ref());
        assert!(compared(0, Some(300)).starts_with("ATTENTION: the snapshot before held 300 users"));
        assert!(!compared(290, Some(300)).contains("ATTENTION"));
        assert!(compared(1, None).contains("first"));
    }
}
