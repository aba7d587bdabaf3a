//! Units: the independent listings that a snapshot consists of.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Digest, DigestBuilder, GroupName, PoolId};

/// What a unit lists.
///
/// The order is the order of work in an export. Memberships are listed before users, so that whoever is named as a member and still
/// exists is met again among the users; a member that is not among them was deleted during the export.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Listing {
    /// All groups.
    Groups,
    /// The members of one group.
    Members {
        /// The group.
        group: GroupName,
    },
    /// All users.
    Users,
}

/// The name of a unit in table keys: `groups`, `users`, or `members-` and the digest of the group's name, because a group's name
/// may hold any character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnitId(String);

/// What the entries of a listing are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// Groups.
    Group,
    /// Memberships of users in one group.
    Membership,
    /// Users.
    User,
}

impl fmt::Display for UnitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Listing {
    /// The unit's name.
    pub fn unit_id(&self) -> UnitId {
        UnitId(match self {
            Self::Groups => "groups".to_owned(),
            Self::Users => "users".to_owned(),
            Self::Members { group } => format!("members-{}", DigestBuilder::new("group name").text(group.as_str()).finish()),
        })
    }

    /// What the entries are.
    pub fn kind(&self) -> EntryKind {
        match self {
            Self::Groups => EntryKind::Group,
            Self::Members { .. } => EntryKind::Membership,
            Self::Users => EntryKind::User,
        }
    }

    /// The place in an export's order of work.
    pub fn phase(&self) -> u8 {
        match self {
            Self::Groups => 0,
            Self::Members { .. } => 1,
            Self::Users => 2,
        }
    }

    /// The place in an import's order of work: members need both their group and their user.
    pub fn import_phase(&self) -> u8 {
        match self {
            Self::Groups => 0,
            Self::Users => 1,
            Self::Members { .. } => 2,
        }
    }
}

/// The plan and state of one unit of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unit {
    /// The pool that the snapshot was taken of.
    pub pool: PoolId,
    /// What it lists.
    pub listing: Listing,
    /// Which attempt at the listing counts, from 1. A rejected token starts the next one.
    pub attempt: u32,
    /// Whether the listing has ended on a null token.
    pub done: bool,
    /// Whether the group was deleted while its members were being listed.
    #[serde(default)]
    pub vanished: bool,
    /// Of the groups, once done: whether the plan has a unit for the members of each.
    #[serde(default)]
    pub planned: bool,
    /// Pages of the attempt, once done.
    pub pages: u64,
    /// Entries on these pages, once done.
    pub entries: u64,
    /// Records that these pages were the first to name, once done.
    pub records_written: u64,
    /// The last page's chain digest, once done.
    pub chain: Digest,
}

impl Unit {
    /// A unit not yet begun.
    pub fn open(pool: PoolId, listing: Listing) -> Self {
        Self {
            pool,
            listing,
            attempt: 1,
            done: false,
            vanished: false,
            planned: false,
            pages: 0,
            entries: 0,
            records_written: 0,
            chain: Digest::default(),
        }
    }

    /// The unit's name.
    pub fn id(&self) -> UnitId {
        self.listing.unit_id()
    }

    /// Whether the members of the groups that it lists are still to be planned.
    pub fn awaits_planning(&self) -> bool {
        self.listing == Listing::Groups && self.done && !self.planned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_with_awkward_names_have_units_of_their_own() {
        let members = |name: &str| Listing::Members { group: GroupName::new(name) }.unit_id().to_string();
        let ids: std::collections::BTreeSet<_> = ["a", "a#b", "a/b", "群组", "A"].map(members).into();
        assert_eq!(ids.len(), 5);
        assert!(ids.iter().all(|id| id.len() == "members-".len() + 32 && id.is_ascii()));
    }
}
