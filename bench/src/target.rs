//! The target pool. It needs only a few bits for each user, because every restored user is one of the source.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use shared::model::{Sub, User, UserRecord, UserStatus};

use crate::population::{Population, Version};

// The flags of a user. The version takes the upper half of the byte.
const CREATED: u8 = 1;
const CONFIRMED: u8 = 2;
const DISABLED: u8 = 4;
const IMPORTED: u8 = 8;
const VERSION_SHIFT: u32 = 4;

/// The target pool: the restored users, groups and memberships.
#[derive(Debug)]
pub struct TargetPool {
    /// The users of the source, with the `sub`s of the target.
    population: Population,
    /// By user number. Empty before the first user is created.
    flags: Vec<u8>,
    /// By user number: seconds from the first creation to the user's own.
    created_after: Vec<u32>,
    first_created: Option<Timestamp>,
    /// The names of the groups.
    pub groups: BTreeSet<String>,
    /// How many memberships were added.
    pub memberships: u64,
}

/// What created a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreatedBy {
    Call,
    ImportJob,
}

impl TargetPool {
    /// An empty pool for the users of `source`.
    pub fn new(source: Population) -> Self {
        Self {
            population: Population { seed: source.seed ^ 0x7A26, ..source },
            flags: Vec::new(),
            created_after: Vec::new(),
            first_created: None,
            groups: BTreeSet::new(),
            memberships: 0,
        }
    }

    /// The users of the source, with the `sub`s of the target. Not all of them exist yet.
    pub fn population(&self) -> Population {
        self.population
    }

    fn flags(&self, number: u32) -> u8 {
        self.flags.get(number as usize).copied().unwrap_or(0)
    }

    pub fn has(&self, number: u32) -> bool {
        self.flags(number) & CREATED != 0
    }

    /// Creates a user. Returns false if the user exists.
    pub fn create(&mut self, number: u32, version: Version, now: Timestamp, by: CreatedBy) -> bool {
        if self.has(number) {
            return false;
        }
        if self.flags.is_empty() {
            self.flags.resize(self.population.users as usize, 0);
            self.created_after.resize(self.population.users as usize, 0);
        }
        let first = *self.first_created.get_or_insert(now);
        let imported = if by == CreatedBy::ImportJob { IMPORTED } else { 0 };
        self.flags[number as usize] = CREATED | imported | version << VERSION_SHIFT;
        self.created_after[number as usize] = now.duration_since(first).as_secs() as u32;
        true
    }

    /// Gives a user a permanent password. Returns false if the user does not exist.
    pub fn confirm(&mut self, number: u32) -> bool {
        self.add_flag(number, CONFIRMED)
    }

    /// Disables a user. Returns false if the user does not exist.
    pub fn disable(&mut self, number: u32) -> bool {
        self.add_flag(number, DISABLED)
    }

    fn add_flag(&mut self, number: u32, flag: u8) -> bool {
        let exists = self.has(number);
        if exists {
            self.flags[number as usize] |= flag;
        }
        exists
    }

    /// A user as a listing shows it.
    pub fn user(&self, number: u32) -> User {
        User { sub: self.sub(number), record: self.record(number) }
    }

    pub fn sub(&self, number: u32) -> Sub {
        self.population.sub(number)
    }

    fn record(&self, number: u32) -> UserRecord {
        let flags = self.flags(number);
        let status = match (flags & CONFIRMED != 0, flags & IMPORTED != 0) {
            (true, _) => UserStatus::Confirmed,
            (false, true) => UserStatus::ResetRequired,
            (false, false) => UserStatus::ForceChangePassword,
        };
        let after = self.created_after.get(number as usize).copied().unwrap_or(0);
        let created = self.first_created.map(|first| first + SignedDuration::from_secs(after.into()));
        let record = self.population.record(number, flags >> VERSION_SHIFT);
        UserRecord { enabled: flags & DISABLED == 0, status, created, modified: created, ..record }
    }

    /// The number of users, and the number of disabled users.
    pub fn counts(&self) -> (u64, u64) {
        let count = |flag: u8| self.flags.iter().filter(|&&flags| flags & flag != 0).count() as u64;
        (count(CREATED), count(DISABLED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::population::People;

    #[test]
    fn a_user_of_the_target_shows_every_change_made_to_the_user() {
        let source = Population { users: 100, groups: 0, seed: 1, people: People::Ordinary };
        let mut target = TargetPool::new(source);
        let now: Timestamp = "2026-11-01T02:00:00Z".parse().unwrap();
        assert!(!target.has(7) && !target.confirm(7));
        assert!(target.create(7, 2, now, CreatedBy::Call) && !target.create(7, 2, now, CreatedBy::Call));
        assert!(target.create(8, 0, now + SignedDuration::from_secs(9), CreatedBy::ImportJob));
        assert_eq!(target.user(7).record.status, UserStatus::ForceChangePassword);
        assert_eq!(target.user(8).record.status, UserStatus::ResetRequired);
        assert_eq!(target.user(8).record.created, Some(now + SignedDuration::from_secs(9)));
        assert!(target.confirm(7) && target.disable(7));
        let user = target.user(7);
        assert_eq!((user.record.status.clone(), user.record.enabled), (UserStatus::Confirmed, false));
        assert_eq!(user.record.attributes, source.record(7, 2).attributes);
        assert_ne!(user.sub, source.sub(7));
        assert_eq!(target.counts(), (2, 1));
    }
}
