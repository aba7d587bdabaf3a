//! What all parts of a comparison share.

use std::collections::{BTreeSet, HashMap};

use super::findings::Finding;
use crate::catalog::Catalog;
use crate::identity::{Fingerprint, FoundBy, PoolMatcher, Row, SnapshotUsers};
use crate::model::{Counts, GroupRoles, Listing, Snapshot, Sub, Unit};
use crate::pacing::{InFlightBytes, UserSizes};

/// Follows a comparison.
pub trait Observer {
    /// The pool differs from the snapshot.
    fn found(&mut self, finding: Finding);

    /// Called with the counts so far: users of the pool, groups of the snapshot, and their
    /// memberships.
    fn compared(&mut self, so_far: &Counts);
}

pub(super) struct Comparer<'a, P, V> {
    pub pool: &'a P,
    pub catalog: &'a Catalog<V>,
    pub snapshot: &'a Snapshot,
    pub units: &'a [Unit],
    pub users: SnapshotUsers,
    pub matcher: PoolMatcher,
    /// What the restore of the snapshot into the pool was to do with the roles of groups.
    pub roles: GroupRoles,
    /// By row: whether the snapshot user is matched.
    pub is_matched: Vec<bool>,
    /// The users that only the snapshot has, and whose records cannot be read.
    pub damaged: BTreeSet<Row>,
    /// All users of the pool, each with the snapshot user that it is. A user that is listed twice
    /// is compared once.
    pub in_pool: HashMap<Fingerprint, Option<Row>>,
    /// Users of the pool that the comparison matches after the last page.
    pub undecided: Vec<UndecidedUser>,
    pub so_far: Counts,
    /// The sizes of the users of the pool, for answers about members.
    pub sizes: &'a UserSizes,
    /// The users in answers about members.
    pub members_in_flight: InFlightBytes,
}

impl<P, V> Comparer<'_, P, V> {
    /// The unit of the snapshot that lists `listing`, if there is one.
    pub fn unit(&self, listing: &Listing) -> Option<&Unit> {
        self.units.iter().find(|unit| unit.listing == *listing)
    }
}

/// A user of the pool that cannot be matched before the whole pool is listed.
pub(super) struct UndecidedUser {
    pub sub: Sub,
    /// The most likely first.
    pub candidates: Vec<Candidate>,
}

/// The fields in which a user differs from its record. None if the record cannot be read.
pub(super) type Differences = Option<Vec<String>>;

/// A snapshot user that a pool user may be, and the fields that differ. So the record of the pool
/// user need not be kept.
pub(super) struct Candidate {
    pub row: Row,
    pub found_by: FoundBy,
    pub fields: Differences,
}
