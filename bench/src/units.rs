//! Read and write units, by DynamoDB's rules, in one Region: a write unit is 1 KB of an item, a read unit 4 KB, strongly consistent as all
//! reads of a vault are. Items read one by one, in a batch too, are rounded up each; the items of a query are rounded up together.
//! Source: "DynamoDB read and write operations", Amazon DynamoDB developer guide.

use std::collections::BTreeMap;

use crate::kind::Kind;

/// What was written of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Writes; an item that is written twice counts twice.
    pub writes: u64,
    /// Write units.
    pub units: u64,
}

/// What was written and read.
#[derive(Debug, Clone, Default)]
pub struct Units {
    written: BTreeMap<Kind, Written>,
    /// Read units.
    read: BTreeMap<Kind, u64>,
}

impl Units {
    /// Counts the write of an item of so many bytes. A put whose condition does not hold costs the same.
    pub fn write(&mut self, kind: Kind, bytes: usize) {
        let written = self.written.entry(kind).or_default();
        written.writes += 1;
        written.units += bytes.div_ceil(1024).max(1) as u64;
    }

    /// Counts the read of an item, or of a query's items together, of so many bytes. There is no read for nothing.
    pub fn read(&mut self, kind: Kind, bytes: usize) {
        *self.read.entry(kind).or_default() += bytes.div_ceil(4096).max(1) as u64;
    }

    /// What was written of one kind.
    pub fn written(&self, kind: Kind) -> Written {
        self.written.get(&kind).copied().unwrap_or_default()
    }

    /// Write units of all kinds that `keep` wants.
    pub fn write_units(&self, keep: impl Fn(Kind) -> bool) -> u64 {
        self.written.iter().filter(|(kind, _)| keep(**kind)).map(|(_, written)| written.units).sum()
    }

    /// Read units.
    pub fn read_units(&self) -> u64 {
        self.read.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_rounded_up_item_by_item() {
        let mut units = Units::default();
        for bytes in [0, 1, 1024, 1025, 4096] {
            units.write(Kind::Page, bytes);
        }
        assert_eq!(units.written(Kind::Page), Written { writes: 5, units: 1 + 1 + 1 + 2 + 4 });
        units.write(Kind::UserRecord, 10);
        assert_eq!(units.write_units(Kind::is_record), 1);
        assert_eq!(units.write_units(|_| true), 10);
        for bytes in [0, 1, 4096, 4097] {
            units.read(Kind::Page, bytes);
        }
        assert_eq!(units.read_units(), 1 + 1 + 1 + 2);
    }
}
