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
    /// The users whose `sub` begins with a digit: one of several listings that are made at once.
    UsersBySub {
        /// The digit.
        prefix: SubPrefix,
    },
}

/// The first digit of a `sub`. Every `sub` is a UUID in lower case, so that these are all there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "char", into = "char")]
pub struct SubPrefix(char);

impl SubPrefix {
    /// All of them.
    pub const ALL: [Self; 16] = {
        let digits = *b"0123456789abcdef";
        let mut all = [Self('0'); 16];
        let mut at = 0;
        while at < 16 {
            all[at] = Self(digits[at] as char);
            at += 1;
        }
        all
    };

    /// Whether a `sub` begins with it.
    pub fn begins(self, sub: &str) -> bool {
        sub.starts_with(self.0)
    }
}

impl TryFrom<char> for SubPrefix {
    type Error = String;

    fn try_from(digit: char) -> Result<Self, String> {
        Self::ALL.into_iter().find(|prefix| prefix.0 == digit).ok_or_else(|| format!("no sub begins with {digit:?}"))
    }
}

impl From<SubPrefix> for char {
    fn from(prefix: SubPrefix) -> Self {
        prefix.0
    }
}

impl fmt::Display for SubPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a unit in table keys: `groups`, `users`, `users-` and the digit that their `sub`s begin with, or `members-` and the digest
/// of the group's name, because a group's name may hold any character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnitId(String);

/// What the entries of a listing are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordKind {
    /// Groups.
    Group,
    /// Memberships of users in one group.
    Membership,
    /// Users.
    User,
}

impl UnitId {
    /// The unit of a name that was read off a key.
    pub fn named(name: &str) -> Self {
        Self(name.to_owned())
    }
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
            Self::UsersBySub { prefix } => format!("users-{prefix}"),
            Self::Members { group } => format!("members-{}", DigestBuilder::new("group name").text(group.as_str()).finish()),
        })
    }

    /// What the entries are.
    pub fn kind(&self) -> RecordKind {
        match self {
            Self::Groups => RecordKind::Group,
            Self::Members { .. } => RecordKind::Membership,
            Self::Users | Self::UsersBySub { .. } => RecordKind::User,
        }
    }

    /// The place in an export's order of work.
    pub fn phase(&self) -> u8 {
        match self {
            Self::Groups => 0,
            Self::Members { .. } => 1,
            Self::Users | Self::UsersBySub { .. } => 2,
        }
    }

    /// The place in an import's order of work: members need both their group and their user.
    pub fn import_phase(&self) -> u8 {
        match self {
            Self::Groups => 0,
            Self::Users | Self::UsersBySub { .. } => 1,
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
    /// Whether other units list the same: this one is left as it is, and counts for nothing.
    #[serde(default)]
    pub superseded: bool,
    /// Pages of the attempt, once done.
    pub pages: u64,
    /// The first page of the last sheet, once done.
    #[serde(default)]
    pub last_sheet: u64,
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
            superseded: false,
            pages: 0,
            last_sheet: 0,
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

    /// Whether there is still something of it to be listed.
    pub fn is_open(&self) -> bool {
        !self.done && !self.superseded
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
