//! Candidates: the records that a removal may delete, as many as fit into memory.

use std::collections::{BTreeMap, HashSet};

use crate::catalog::{ConfigurationKind, Record};
use crate::model::{Digest, DigestBuilder, PageEntry, PoolDescription, PoolId, RecordKind, Sub, UserRecord};
use crate::ports::vault::Key;

/// A record that a snapshot names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Named {
    /// The record of a user whose `sub` is a UUID, as Cognito's `sub`s are, in 32 bytes.
    User([u8; 16], Digest),
    /// Any other record.
    Other(Key),
}

impl Named {
    /// The settings of the pool.
    pub fn settings(pool: &PoolId, digest: Digest) -> Self {
        Self::Other(PoolDescription::key(pool, "", digest))
    }

    /// A record of the configuration.
    pub fn configuration(pool: &PoolId, kind: ConfigurationKind, digest: Digest) -> Self {
        Self::Other(kind.key(pool, digest))
    }

    /// The record that an entry of a page names. None for a membership.
    pub fn by(pool: &PoolId, kind: RecordKind, entry: &PageEntry) -> Option<Self> {
        let digest = entry.digest?;
        // A user whose `sub` is a UUID takes 32 bytes. Any other record takes a whole key.
        match (kind, Sub::new(entry.key.as_str()).uuid_bytes()) {
            (RecordKind::User, Some(sub)) => Some(Self::User(sub, digest)),
            _ => kind.record_key(pool, &entry.key, digest).map(Self::Other),
        }
    }

    /// The position among all records: the first half of the `sub`, or of a digest of any other
    /// key.
    pub fn place(&self) -> u64 {
        let bytes = match self {
            Self::User(sub, _) => *sub,
            Self::Other(key) => DigestBuilder::new("place").text(&key.pk).text(&key.sk).finish().into_bytes(),
        };
        bytes.iter().take(8).fold(0, |place, byte| place << 8 | u64::from(*byte))
    }

    fn into_key(self, pool: &PoolId) -> Key {
        match self {
            Self::User(sub, digest) => UserRecord::key(pool, Sub::from_uuid_bytes(sub).as_str(), digest),
            Self::Other(key) => key,
        }
    }
}

/// The records of a range of positions that the removal may delete.
///
/// The range gets shorter if it holds too many records. The next range then takes the rest. A record takes
/// 35 bytes, twice that while the hash table grows, and as much again while the records are sorted. So the
/// largest range takes about 35 MB.
#[derive(Debug)]
pub(super) struct Candidates {
    from: u64,
    last: u64,
    most: usize,
    users: HashSet<([u8; 16], Digest)>,
    others: HashSet<Key>,
}

impl Candidates {
    /// The most records at once.
    pub const MAX: usize = 450_000;

    /// An empty range from a position on.
    pub fn from(place: u64, most: usize) -> Self {
        Self { from: place, last: u64::MAX, most, users: HashSet::new(), others: HashSet::new() }
    }

    /// The last position of the range.
    pub fn last(&self) -> u64 {
        self.last
    }

    pub fn is_empty(&self) -> bool {
        self.users.is_empty() && self.others.is_empty()
    }

    fn count(&self) -> usize {
        self.users.len() + self.others.len()
    }

    pub fn add(&mut self, record: Named) {
        if !(self.from..=self.last).contains(&record.place()) {
            return;
        }
        match record {
            Named::User(sub, digest) => self.users.insert((sub, digest)),
            Named::Other(key) => self.others.insert(key),
        };
        while self.count() > self.most && self.last > self.from {
            self.last = self.from + (self.last - self.from) / 2;
            let last = self.last;
            self.users.retain(|&(sub, digest)| Named::User(sub, digest).place() <= last);
            self.others.retain(|key| Named::Other(key.clone()).place() <= last);
        }
    }

    /// Removes a record that a kept snapshot names.
    pub fn take_away(&mut self, record: &Named) {
        match record {
            Named::User(sub, digest) => self.users.remove(&(*sub, *digest)),
            Named::Other(key) => self.others.remove(key),
        };
    }

    /// The keys of the records that are left, with their positions, in order.
    pub fn in_order(self, pool: &PoolId) -> impl Iterator<Item = (u64, Key)> {
        let mut users: Vec<_> = self.users.into_iter().collect();
        users.sort_unstable();
        let others: BTreeMap<(u64, Key), ()> =
            self.others.into_iter().map(|key| ((Named::Other(key.clone()).place(), key), ())).collect();
        let mut users = users.into_iter().map(|(sub, digest)| Named::User(sub, digest)).peekable();
        let mut others = others.into_keys().peekable();
        std::iter::from_fn(move || {
            let user = users.peek().map(Named::place);
            match (user, others.peek()) {
                (None, _) => others.next(),
                (Some(place), Some((other, _))) if *other < place => others.next(),
                (Some(place), _) => users.next().map(|user| (place, user.into_key(pool))),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::model::GroupRecord;

    fn pool() -> PoolId {
        PoolId::parse("eu-west-1_A").unwrap()
    }

    fn named() -> impl Strategy<Value = Named> {
        let user = (0u8..40, 0u8..3, any::<bool>()).prop_map(|(sub, digest, near)| {
            let mut bytes = [7; 16];
            bytes[if near { 15 } else { 0 }] = sub;
            Named::User(bytes, Digest::from_bytes([digest; 16]))
        });
        prop_oneof![5 => user, 1 => (0u8..40).prop_map(|n| Named::Other(Key::new("CONF#p", format!("REC#{n}"))))]
    }

    proptest! {
        /// The ranges together hold every record once, in order, without the records that kept
        /// snapshots name.
        #[test]
        fn ranges_cover_everything_once(
            going in prop::collection::vec(named(), 0..120),
            staying in prop::collection::vec(named(), 0..60),
            most in 1usize..50,
        ) {
            let (mut next, mut deleted, mut places) = (Some(0), Vec::new(), Vec::new());
            let mut ranges = 0;
            while let Some(from) = next {
                let mut candidates = Candidates::from(from, most);
                going.iter().for_each(|record| candidates.add(record.clone()));
                let last = candidates.last();
                prop_assert!(candidates.count() <= most || last == from);
                staying.iter().for_each(|record| candidates.take_away(record));
                for (place, key) in candidates.in_order(&pool()) {
                    prop_assert!((from..=last).contains(&place));
                    places.push(place);
                    deleted.push(key);
                }
                next = last.checked_add(1);
                ranges += 1;
                prop_assert!(ranges < 500);
            }
            prop_assert!(places.is_sorted());
            let staying: HashSet<_> = staying.into_iter().collect();
            let expected: BTreeSet<_> = going.into_iter().filter(|record| !staying.contains(record)).map(|record| record.into_key(&pool())).collect();
            prop_assert_eq!(deleted.len(), expected.len());
            prop_assert_eq!(deleted.into_iter().collect::<BTreeSet<_>>(), expected);
        }
    }

    #[test]
    fn a_record_that_a_page_names_has_the_key_of_that_record() {
        let digest = DigestBuilder::new("x").finish();
        let entry = |key: &str, digest| PageEntry { key: key.to_owned(), digest };
        let sub = "617ae49d-f84c-47fc-99bf-1b780e65dec8";
        for (kind, key, expected) in [
            (RecordKind::User, sub, UserRecord::key(&pool(), sub, digest)),
            (RecordKind::User, "odd", UserRecord::key(&pool(), "odd", digest)),
            (RecordKind::Group, "group#1", GroupRecord::key(&pool(), "group#1", digest)),
        ] {
            let named = Named::by(&pool(), kind, &entry(key, Some(digest))).unwrap();
            assert_eq!(named.into_key(&pool()), expected);
        }
        assert_eq!(Named::by(&pool(), RecordKind::Membership, &entry(sub, None)), None);
    }

    #[test]
    fn a_user_is_at_the_place_of_the_first_half_of_its_sub() {
        let sub = std::array::from_fn(|at| at as u8 + 1);
        assert_eq!(Named::User(sub, Digest::default()).place(), 0x0102_0304_0506_0708);
        let others = ["one", "other"].map(|sk| Named::Other(Key::new("CONF#p", sk)).place());
        assert_ne!(others[0], others[1]);
    }

    #[test]
    fn a_range_with_too_many_records_gets_shorter() {
        let mut candidates = Candidates::from(0, 3);
        assert!(candidates.is_empty());
        let user = |first: u8| Named::User(std::array::from_fn(|_| first), Digest::default());
        for first in [0, 0x20, 0x90] {
            candidates.add(user(first));
        }
        assert_eq!((candidates.count(), candidates.last()), (3, u64::MAX));
        candidates.add(Named::Other(Key::new("CONF#p", "REC")));
        candidates.add(user(0x10));
        assert!(candidates.count() <= 3 && candidates.last() < u64::MAX, "{candidates:?}");
        let last = candidates.last();
        [0, 0x10, 0x20, 0x90].into_iter().for_each(|first| candidates.take_away(&user(first)));
        candidates.take_away(&Named::Other(Key::new("CONF#p", "REC")));
        assert!(candidates.is_empty() && candidates.last() == last);
    }
}
