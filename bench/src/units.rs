//! Read and write units in one Region, by DynamoDB's rules.
//!
//! | request | units |
//! |---|---|
//! | write of an item, alone or in a batch | `max(1, ceil(size / 1 KB))` |
//! | strongly consistent read of an item, alone or in a batch | `max(1, ceil(size / 4 KB))` |
//! | strongly consistent query | `max(1, ceil(total size of the items / 4 KB))` |
//!
//! Source: "DynamoDB read and write operations", Amazon DynamoDB developer guide.

use std::collections::BTreeMap;

use crate::kind::Kind;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// How many writes. An item that is written twice counts twice.
    pub writes: u64,
    /// Their write units.
    pub units: u64,
}

/// The units written and read, by kind of item.
#[derive(Debug, Clone, Default)]
pub struct Units {
    written: BTreeMap<Kind, Written>,
    read: BTreeMap<Kind, u64>,
}

impl Units {
    /// Counts the write of an item with this size in bytes. A put whose condition is false costs the same.
    pub fn write(&mut self, kind: Kind, bytes: usize) {
        let written = self.written.entry(kind).or_default();
        written.writes += 1;
        written.units += bytes.div_ceil(1024).max(1) as u64;
    }

    /// Counts the read of an item, or of all items on a page of a query, with this size in bytes.
    pub fn read(&mut self, kind: Kind, bytes: usize) {
        *self.read.entry(kind).or_default() += bytes.div_ceil(4096).max(1) as u64;
    }

    pub fn written(&self, kind: Kind) -> Written {
        self.written.get(&kind).copied().unwrap_or_default()
    }

    /// The write units of the kinds for which `is_counted` returns true.
    pub fn write_units(&self, is_counted: impl Fn(Kind) -> bool) -> u64 {
        self.written.iter().filter(|(kind, _)| is_counted(**kind)).map(|(_, written)| written.units).sum()
    }

    /// The read units of all kinds.
    pub fn read_units(&self) -> u64 {
        self.read.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_each_item_are_rounded_up() {
        let mut units = Units::default();
        for bytes in [0, 1, 1024, 1025, 4096] {
            units.write(Kind::PageBatch, bytes);
        }
        assert_eq!(units.written(Kind::PageBatch), Written { writes: 5, units: 1 + 1 + 1 + 2 + 4 });
        units.write(Kind::UserRecord, 10);
        assert_eq!(units.write_units(Kind::is_record), 1);
        assert_eq!(units.write_units(|_| true), 10);
        for bytes in [0, 1, 4096, 4097] {
            units.read(Kind::PageBatch, bytes);
        }
        assert_eq!(units.read_units(), 1 + 1 + 1 + 2);
    }
}
