//! The users of a snapshot in memory: found by `sub`, in 32 bytes each.

use std::collections::HashMap;
use std::num::NonZeroU32;

use crate::Result;
use crate::catalog::Catalog;
use crate::model::{Digest, DigestBuilder, NameKey, PageEntry, RecordKind, Snapshot, Sub, Unit};
use crate::ports::vault::ReadVault;

/// 16 bytes that stand for a `sub` (those of the UUID) or for a sign-in name (its digest).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    pub fn of_sub(sub: &Sub) -> Self {
        let digest = || DigestBuilder::new("sub").text(sub.as_str()).finish().into_bytes();
        Self(sub.uuid_bytes().unwrap_or_else(digest))
    }

    /// The first hexadecimal digit of a `sub`, or of its digest.
    pub fn first_digit(self) -> u8 {
        self.0[0] >> 4
    }

    pub fn of_name(name: NameKey) -> Self {
        Self(name.0.into_bytes())
    }
}

/// The row of a user. An `Option` of it takes no more than its 4 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row(NonZeroU32);

impl Row {
    /// A pool holds at most 40 million users. Source: "Quotas in Amazon Cognito", developer guide.
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
pub struct SnapshotUsers {
    /// In the order of the `sub`s.
    rows: Vec<(Fingerprint, Digest)>,
    /// Subs that are no UUIDs. Their 16 bytes do not identify them. Cognito issues no such `sub`.
    others: HashMap<Fingerprint, Sub>,
}

impl SnapshotUsers {
    pub async fn read<V: ReadVault>(
        catalog: &Catalog<V>,
        snapshot: &Snapshot,
        units: &[Unit],
    ) -> Result<Self> {
        let mut users = Self::default();
        users.rows.reserve_exact(snapshot.counts.users as usize);
        for unit in units.iter().filter(|unit| unit.listing.kind() == RecordKind::User) {
            let add = |entry: PageEntry| users.add(Sub::new(entry.key), entry.digest.unwrap_or_default());
            catalog.sealed_entries(&snapshot.id, unit, add).await?;
        }
        Ok(users.sorted())
    }

    fn add(&mut self, sub: Sub, digest: Digest) {
        let fingerprint = Fingerprint::of_sub(&sub);
        self.rows.push((fingerprint, digest));
        if sub.uuid_bytes().is_none() {
            self.others.insert(fingerprint, sub);
        }
    }

    /// The sort is stable, so the first record of a user that is named twice stays.
    fn sorted(mut self) -> Self {
        self.rows.sort_by_key(|(sub, _)| *sub);
        self.rows.dedup_by_key(|(sub, _)| *sub);
        self
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows of all users.
    pub fn rows(&self) -> impl Iterator<Item = Row> + use<> {
        (0..self.len()).map(Row::at)
    }

    /// The row of the user with this `sub`.
    pub fn row_of(&self, sub: &Sub) -> Option<Row> {
        self.row_of_fingerprint(Fingerprint::of_sub(sub))
    }

    /// The row of the user whose `sub` has this fingerprint.
    pub fn row_of_fingerprint(&self, fingerprint: Fingerprint) -> Option<Row> {
        self.rows.binary_search_by_key(&fingerprint, |(sub, _)| *sub).ok().map(Row::at)
    }

    /// The `sub` of the user in a row of this snapshot.
    pub fn sub(&self, row: Row) -> Sub {
        let (fingerprint, _) = self.rows[row.position()];
        self.others.get(&fingerprint).cloned().unwrap_or_else(|| Sub::from_uuid_bytes(fingerprint.0))
    }

    /// The record of the user in a row of this snapshot.
    pub fn digest(&self, row: Row) -> Digest {
        self.rows[row.position()].1
    }
}

/// Rows by fingerprint: 20 bytes each.
#[derive(Debug, Default)]
pub(super) struct RowsByFingerprint(Vec<(Fingerprint, Row)>);

impl RowsByFingerprint {
    /// Of two rows with the same fingerprint, the first one stays.
    pub fn new(mut rows: Vec<(Fingerprint, Row)>) -> Self {
        rows.sort_by_key(|(fingerprint, _)| *fingerprint);
        rows.dedup_by_key(|(fingerprint, _)| *fingerprint);
        rows.shrink_to_fit();
        Self(rows)
    }

    pub fn get(&self, fingerprint: Fingerprint) -> Option<Row> {
        self.0.binary_search_by_key(&fingerprint, |(known, _)| *known).ok().map(|at| self.0[at].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: u64) -> Digest {
        DigestBuilder::new("test").number(number).finish()
    }

    fn name(name: &str) -> Fingerprint {
        Fingerprint::of_name(NameKey(DigestBuilder::new("name").text(name).finish()))
    }

    #[test]
    fn a_user_takes_32_bytes_and_a_row_by_fingerprint_20() {
        assert_eq!(size_of::<(Fingerprint, Digest)>(), 32);
        assert_eq!(size_of::<(Fingerprint, Row)>(), 20);
        assert_eq!(size_of::<(Fingerprint, Option<Row>)>(), 20);
    }

    #[test]
    fn every_user_is_found_by_sub_and_keeps_the_first_record() {
        let uuid = |n: u8| Sub::from_uuid_bytes([n; 16]);
        let subs = [uuid(9), Sub::new("not a uuid"), uuid(3), uuid(7)];
        let mut users = SnapshotUsers::default();
        subs.iter().zip(0..).for_each(|(sub, number)| users.add(sub.clone(), digest(number)));
        users.add(subs[2].clone(), digest(99));
        let users = users.sorted();
        assert_eq!((users.len(), users.rows().count()), (4, 4));
        assert!(!users.is_empty() && SnapshotUsers::default().is_empty());
        for (sub, number) in subs.iter().zip(0..) {
            let row = users.row_of(sub).unwrap();
            assert_eq!((users.sub(row), users.digest(row)), (sub.clone(), digest(number)));
        }
        assert_eq!(users.row_of(&uuid(1)), None);
    }

    #[test]
    fn a_sub_begins_with_its_first_digit() {
        let first = |sub: &str| Fingerprint::of_sub(&Sub::new(sub)).first_digit();
        assert_eq!(
            ["017ae49d", "917ae49d", "f17ae49d"]
                .map(|start| first(&format!("{start}-f84c-47fc-99bf-1b780e65dec8"))),
            [0, 9, 15]
        );
    }

    #[test]
    fn of_two_rows_with_one_fingerprint_the_first_one_stays() {
        let (first, second) = (Row::at(0), Row::at(41));
        let rows = RowsByFingerprint::new(vec![(name("b"), first), (name("a"), second), (name("b"), second)]);
        assert_eq!(["a", "b", "c"].map(|text| rows.get(name(text))), [Some(second), Some(first), None]);
        assert_eq!(second.position(), 41);
    }
}
