//! Units: the listings of a snapshot.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Digest, DigestBuilder, GroupName, LostRecords, PageLimit, PoolId, RecordKind};

/// What a unit lists, in the order in which an export works.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Listing {
    Groups,
    /// The members of one group.
    Members {
        group: GroupName,
    },
    /// All users, with one listing.
    Users,
    /// The users whose `sub` begins with one digit: a part of a split listing.
    UsersBySub {
        prefix: SubPrefix,
    },
}

/// The first digit of a `sub`. Every `sub` is a UUID in lower case, so there are 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "char", into = "char")]
pub struct SubPrefix(char);

impl SubPrefix {
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

    /// The place of the digit, from 0.
    pub fn place(self) -> usize {
        self.0.to_digit(16).unwrap_or_default() as usize
    }

    pub fn begins(self, sub: &str) -> bool {
        sub.starts_with(self.0)
    }
}

impl TryFrom<char> for SubPrefix {
    type Error = &'static str;

    fn try_from(digit: char) -> Result<Self, &'static str> {
        Self::ALL.into_iter().find(|prefix| prefix.0 == digit).ok_or("no sub begins so")
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

/// The name of a unit in table keys: `groups`, `users`, `users-<digit>`, or `members-<digest of the group's
/// name>`. A group's name may hold any character, so the key holds its digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnitId(String);

impl UnitId {
    /// The unit with a name from a key.
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
    /// The unit's name: the prefix of its kind, and what tells it from other units of that kind.
    pub fn unit_id(&self) -> UnitId {
        let prefix = self.kind().unit_prefix();
        UnitId(match self {
            Self::Groups | Self::Users => prefix.to_owned(),
            Self::UsersBySub { prefix: digit } => format!("{prefix}-{digit}"),
            Self::Members { group } => {
                format!("{prefix}{}", DigestBuilder::new("group name").text(group.as_str()).finish())
            }
        })
    }

    /// Whether the listing can name a user with this `sub`, or a group.
    pub fn can_name(&self, key: &str) -> bool {
        match self {
            Self::UsersBySub { prefix } => prefix.begins(key),
            _ => true,
        }
    }

    pub fn kind(&self) -> RecordKind {
        match self {
            Self::Groups => RecordKind::Group,
            Self::Members { .. } => RecordKind::Membership,
            Self::Users | Self::UsersBySub { .. } => RecordKind::User,
        }
    }

    /// The place in an export: see [`RecordKind::export_phase`].
    pub fn phase(&self) -> u8 {
        self.kind().export_phase()
    }

    /// The place in an import: see [`RecordKind::import_phase`].
    pub fn import_phase(&self) -> u8 {
        self.kind().import_phase()
    }
}

/// How far the listing of a unit is, and whether the unit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UnitState {
    /// The export still lists it.
    Open,
    /// The export still lists the members of a group that was deleted meanwhile.
    Vanishing,
    /// The listing has ended on a null token.
    Done,
    /// Of the groups: done, and the snapshot has a unit for the members of each group.
    Planned,
    /// Of members: done, and the group was deleted while the export listed its members.
    Vanished,
    /// Other units list the same, so this one counts for nothing.
    Superseded,
}

impl UnitState {
    /// The state after the end of the listing. A superseded unit stays superseded.
    #[must_use]
    pub fn after_end(self) -> Self {
        match self {
            Self::Open => Self::Done,
            Self::Vanishing => Self::Vanished,
            ended => ended,
        }
    }

    /// The state after the group of the unit was deleted. Another invocation may have ended the listing.
    #[must_use]
    pub fn after_group_deleted(self) -> Self {
        match self {
            Self::Open => Self::Vanishing,
            Self::Done => Self::Vanished,
            other => other,
        }
    }
}

/// One unit of a snapshot, and how far its listing is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unit {
    /// The pool that the snapshot was taken of.
    pub pool: PoolId,
    pub listing: Listing,
    /// The attempt that counts, from 1. A refused token or a page that is too large starts the next attempt.
    pub attempt: u32,
    /// How many entries each call asks for. It never grows while the export works on the unit.
    #[serde(default, skip_serializing_if = "PageLimit::is_max")]
    pub limit: PageLimit,
    /// How many attempts began for another reason than a refused token: a page was too large, or the export lists
    /// everything again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub restarts: u32,
    /// How many attempts a page that was too large ended.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub large_pages: u32,
    /// Whether the attempt looks up all records of its users in the table.
    #[serde(default)]
    pub looks_up_all: bool,
    pub state: UnitState,
    /// Pages of the attempt, when it is done.
    pub pages: u64,
    /// The first page of the last page batch, when it is done.
    #[serde(default)]
    pub last_batch: u64,
    /// Entries on these pages, when it is done.
    pub entries: u64,
    /// Records that no earlier snapshot holds, when it is done.
    pub records_written: u64,
    /// The bytes of users on its largest page, when it is done. 0 if all pages are small.
    #[serde(default, skip_serializing_if = "is_none")]
    pub largest_page: u64,
    /// The lost records that its attempts have found.
    #[serde(default, skip_serializing_if = "LostRecords::is_empty")]
    pub lost: LostRecords,
    /// The chain digest of the last page, when it is done.
    pub chain: Digest,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_none(bytes: &u64) -> bool {
    *bytes == 0
}

impl Unit {
    /// A unit that is not begun.
    pub fn open(pool: PoolId, listing: Listing) -> Self {
        Self {
            pool,
            listing,
            attempt: 1,
            limit: PageLimit::MAX,
            restarts: 0,
            large_pages: 0,
            looks_up_all: false,
            state: UnitState::Open,
            pages: 0,
            last_batch: 0,
            entries: 0,
            records_written: 0,
            largest_page: 0,
            lost: LostRecords::default(),
            chain: Digest::default(),
        }
    }

    pub fn id(&self) -> UnitId {
        self.listing.unit_id()
    }

    /// The same unit under the next attempt, which looks up all records.
    #[must_use]
    pub fn looking_up_all(&self) -> Self {
        Self { looks_up_all: true, ..self.listed_again() }
    }

    /// The same unit under the next attempt.
    #[must_use]
    pub fn listed_again(&self) -> Self {
        let Self { limit, large_pages, looks_up_all, ref lost, .. } = *self;
        let (attempt, restarts) = (self.attempt + 1, self.restarts + 1);
        let open = Self::open(self.pool.clone(), self.listing.clone());
        Self { attempt, limit, restarts, large_pages, looks_up_all, lost: lost.clone(), ..open }
    }

    /// Starts the next attempt with a smaller limit.
    pub fn start_again_with(&mut self, limit: PageLimit) {
        self.attempt += 1;
        self.restarts += 1;
        self.limit = limit;
    }

    /// How many attempts a refused token ended.
    pub fn broken_off(&self) -> u32 {
        (self.attempt - 1).saturating_sub(self.restarts)
    }

    /// Whether the units for the members of its groups are still missing.
    pub fn awaits_planning(&self) -> bool {
        self.listing == Listing::Groups && self.state == UnitState::Done
    }

    /// Whether the export still lists it.
    pub fn is_open(&self) -> bool {
        matches!(self.state, UnitState::Open | UnitState::Vanishing)
    }

    /// Whether its listing has ended and it counts.
    pub fn is_done(&self) -> bool {
        matches!(self.state, UnitState::Done | UnitState::Planned | UnitState::Vanished)
    }

    /// Whether other units list the same, so this one counts for nothing.
    pub fn is_superseded(&self) -> bool {
        self.state == UnitState::Superseded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_with_awkward_names_have_their_own_units() {
        let members = |name: &str| Listing::Members { group: GroupName::new(name) }.unit_id().to_string();
        let ids: std::collections::BTreeSet<_> = ["a", "a#b", "a/b", "群组", "A"].map(members).into();
        assert_eq!(ids.len(), 5);
        assert!(ids.iter().all(|id| id.len() == "members-".len() + 32 && id.is_ascii()));
    }
}
