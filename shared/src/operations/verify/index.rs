//! The users of a snapshot, found by `sub`, in 32 bytes each.

use std::collections::HashMap;
use std::num::NonZeroU32;

use crate::Result;
use crate::catalog::Catalog;
use crate::model::{Digest, DigestBuilder, PageEntry, RecordKind, Snapshot, Sub, Unit};
use crate::ports::vault::Vault;

/// 16 bytes that stand for a `sub` (those of the UUID) or for a name (its digest).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Short([u8; 16]);

impl Short {
    /// Stands for a `sub`.
    pub fn of_sub(sub: &Sub) -> Self {
        Self(sub.uuid_bytes().unwrap_or_else(|| Self::digest("sub", sub.as_str())))
    }

    /// Stands for a name.
    pub fn of_name(name: &str) -> Self {
        Self(Self::digest("name", name))
    }

    fn digest(domain: &str, text: &str) -> [u8; 16] {
        DigestBuilder::new(domain).text(text).finish().into_bytes()
    }
}

/// A user's place in an index. An `Option` of it takes no more than its 4 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(NonZeroU32);

impl Place {
    /// Cognito's pools hold 40 million users at most.
    fn at(position: usize) -> Self {
        Self(NonZeroU32::MIN.saturating_add(position as u32))
    }

    /// Its position, from 0.
    pub fn position(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// The users of a snapshot, each with the record that the snapshot named first.
#[derive(Debug, Default)]
pub struct Index {
    /// In the order of the `sub`s.
    users: Vec<(Short, Digest)>,
    /// Subs that are no UUIDs, and cannot be told from their 16 bytes. Cognito gives out none.
    others: HashMap<Short, Sub>,
}

impl Index {
    /// Reads the pages of users of a snapshot.
    pub async fn read<V: Vault>(catalog: &Catalog<V>, snapshot: &Snapshot, units: &[Unit]) -> Result<Self> {
        let mut index = Self::default();
        index.users.reserve_exact(snapshot.counts.users as usize);
        for unit in units.iter().filter(|unit| unit.listing.kind() == RecordKind::User) {
            let add = |entry: PageEntry| index.add(Sub::new(entry.key), entry.digest.unwrap_or_default());
            catalog.sealed_entries(&snapshot.id, unit, add).await?;
        }
        Ok(index.sorted())
    }

    fn add(&mut self, sub: Sub, digest: Digest) {
        let short = Short::of_sub(&sub);
        self.users.push((short, digest));
        if sub.uuid_bytes().is_none() {
            self.others.insert(short, sub);
        }
    }

    /// The sort is stable: of a user who is named twice, the first record stays.
    fn sorted(mut self) -> Self {
        self.users.sort_by_key(|(sub, _)| *sub);
        self.users.dedup_by_key(|(sub, _)| *sub);
        self
    }

    /// How many users there are.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// All places.
    pub fn places(&self) -> impl Iterator<Item = Place> + use<> {
        (0..self.len()).map(Place::at)
    }

    /// Where a user is.
    pub fn place_of(&self, sub: &Sub) -> Option<Place> {
        self.place_of_short(Short::of_sub(sub))
    }

    /// Where the user is for whose `sub` this stands.
    pub fn place_of_short(&self, short: Short) -> Option<Place> {
        self.users.binary_search_by_key(&short, |(sub, _)| *sub).ok().map(Place::at)
    }

    /// The `sub` of the user at a place of this index.
    pub fn sub(&self, place: Place) -> Sub {
        let (short, _) = self.users[place.position()];
        self.others.get(&short).cloned().unwrap_or_else(|| Sub::from_uuid_bytes(short.0))
    }

    /// The record of the user at a place of this index.
    pub fn digest(&self, place: Place) -> Digest {
        self.users[place.position()].1
    }
}

/// Places by what stands for a user: 20 bytes a row.
#[derive(Debug, Default)]
pub struct Table(Vec<(Short, Place)>);

impl Table {
    /// A table of `rows`. Of two that begin alike, the first one stays.
    pub fn new(mut rows: Vec<(Short, Place)>) -> Self {
        rows.sort_by_key(|(short, _)| *short);
        rows.dedup_by_key(|(short, _)| *short);
        rows.shrink_to_fit();
        Self(rows)
    }

    /// The place, if there is one.
    pub fn get(&self, short: Short) -> Option<Place> {
        self.0.binary_search_by_key(&short, |(there, _)| *there).ok().map(|row| self.0[row].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: u64) -> Digest {
        DigestBuilder::new("test").number(number).finish()
    }

    #[test]
    fn sizes_are_as_promised() {
        assert_eq!(size_of::<(Short, Digest)>(), 32);
        assert_eq!(size_of::<(Short, Place)>(), 20);
        assert_eq!(size_of::<(Short, Option<Place>)>(), 20);
    }

    #[test]
    fn everybody_is_found_and_the_first_record_stays() {
        let uuid = |n: u8| Sub::from_uuid_bytes([n; 16]);
        let subs = [uuid(9), Sub::new("not a uuid"), uuid(3), uuid(7)];
        let mut index = Index::default();
        subs.iter().zip(0..).for_each(|(sub, number)| index.add(sub.clone(), digest(number)));
        index.add(subs[2].clone(), digest(99));
        let index = index.sorted();
        assert_eq!((index.len(), index.places().count()), (4, 4));
        for (sub, number) in subs.iter().zip(0..) {
            let place = index.place_of(sub).unwrap();
            assert_eq!((index.sub(place), index.digest(place)), (sub.clone(), digest(number)));
        }
        assert_eq!(index.place_of(&uuid(1)), None);
    }

    #[test]
    fn of_two_rows_the_first_one_stays() {
        let (one, other) = (Place::at(0), Place::at(41));
        let table = Table::new(vec![(Short::of_name("b"), one), (Short::of_name("a"), other), (Short::of_name("b"), other)]);
        assert_eq!(["a", "b", "c"].map(|name| table.get(Short::of_name(name))), [Some(other), Some(one), None]);
        assert_eq!(other.position(), 41);
    }
}
