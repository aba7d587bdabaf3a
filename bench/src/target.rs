//! The target pool: a few bits a user, because whoever is restored is somebody of the source.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use shared::model::{Sub, User, UserRecord, UserStatus};

use crate::population::{Population, Version};

const CREATED: u8 = 1;
const CONFIRMED: u8 = 2;
const DISABLED: u8 = 4;
/// Made by an import job.
const IMPORTED: u8 = 8;
/// The version takes the upper half.
const VERSION_SHIFT: u32 = 4;

/// Who was restored, and how far.
#[derive(Debug)]
pub struct Target {
    /// The same people under `sub`s of the target's own.
    people: Population,
    state: Vec<u8>,
    /// When each user was created, seconds since the first.
    created: Vec<u32>,
    first_created: Option<Timestamp>,
    /// Names of groups.
    pub groups: BTreeSet<String>,
    /// Memberships added.
    pub memberships: u64,
}

/// How a user comes into being.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By a call.
    Call,
    /// By an import job.
    Job,
}

impl Target {
    /// An empty pool for the people of `source`.
    pub fn new(source: Population) -> Self {
        Self {
            people: Population { seed: source.seed ^ 0x7A26, ..source },
            state: Vec::new(),
            created: Vec::new(),
            first_created: None,
            groups: BTreeSet::new(),
            memberships: 0,
        }
    }

    /// The same people under the `sub`s that they have here.
    pub fn people(&self) -> Population {
        self.people
    }

    fn state(&self, number: u32) -> u8 {
        self.state.get(number as usize).copied().unwrap_or(0)
    }

    /// Whether somebody is here.
    pub fn has(&self, number: u32) -> bool {
        self.state(number) & CREATED != 0
    }

    /// Creates a user; false where it is there.
    pub fn create(&mut self, number: u32, version: Version, now: Timestamp, way: Way) -> bool {
        if self.has(number) {
            return false;
        }
        if self.state.is_empty() {
            self.state.resize(self.people.users as usize, 0);
            self.created.resize(self.people.users as usize, 0);
        }
        let first = *self.first_created.get_or_insert(now);
        let imported = if way == Way::Job { IMPORTED } else { 0 };
        self.state[number as usize] = CREATED | imported | version << VERSION_SHIFT;
        self.created[number as usize] = now.duration_since(first).as_secs() as u32;
        true
    }

    /// Gives a user a permanent password; false where there is no such user.
    pub fn confirm(&mut self, number: u32) -> bool {
        self.add(number, CONFIRMED)
    }

    /// Keeps a user from signing in; false where there is no such user.
    pub fn disable(&mut self, number: u32) -> bool {
        self.add(number, DISABLED)
    }

    fn add(&mut self, number: u32, flag: u8) -> bool {
        let is_there = self.has(number);
        if is_there {
            self.state[number as usize] |= flag;
        }
        is_there
    }

    /// A user as a listing shows it.
    pub fn user(&self, number: u32) -> User {
        User { sub: self.sub(number), record: self.record(number) }
    }

    /// The `sub` of a user.
    pub fn sub(&self, number: u32) -> Sub {
        self.people.sub(number)
    }

    fn record(&self, number: u32) -> UserRecord {
        let state = self.state(number);
        let status = match (state & CONFIRMED != 0, state & IMPORTED != 0) {
            (true, _) => UserStatus::Confirmed,
            (false, true) => UserStatus::ResetRequired,
            (false, false) => UserStatus::ForceChangePassword,
        };
        let after = self.created.get(number as usize).copied().unwrap_or(0);
        let created = self.first_created.map(|first| first + SignedDuration::from_secs(after.into()));
        let record = self.people.record(number, state >> VERSION_SHIFT);
        UserRecord { enabled: state & DISABLED == 0, status, created, modified: created, ..record }
    }

    /// How many users there are, and how many of them are disabled.
    pub fn counts(&self) -> (u64, u64) {
        let with = |flag: u8| self.state.iter().filter(|&&state| state & flag != 0).count() as u64;
        (with(CREATED), with(DISABLED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_what_was_done_to_it() {
        let source = Population { users: 100, groups: 0, seed: 1 };
        let mut target = Target::new(source);
        let now: Timestamp = "2026-11-01T02:00:00Z".parse().unwrap();
        assert!(!target.has(7) && !target.confirm(7));
        assert!(target.create(7, 2, now, Way::Call) && !target.create(7, 2, now, Way::Call));
        assert!(target.create(8, 0, now + SignedDuration::from_secs(9), Way::Job));
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
