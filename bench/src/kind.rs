//! The kind of an item of the backup table, read from its key. No other file of the benches knows the
//! format of keys.

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The record of a user.
    UserRecord,
    /// The record of a group or of the pool.
    OtherRecord,
    /// A batch of pages of a snapshot.
    PageBatch,
    /// A unit of a snapshot or restore.
    Unit,
    /// The header of a snapshot or restore.
    Header,
    /// A lease on a pool.
    Lease,
    /// A page of the ledger of a restore.
    LedgerPage,
    /// An entry of a sub map.
    SubMap,
    /// Any other item.
    Other,
}

impl Kind {
    /// The kind of the item with this key. The beginning of the sort key is enough.
    pub fn of(pk: &str, sk: &str) -> Self {
        let by_prefix = [
            (pk, "USER#", Self::UserRecord),
            (pk, "CONF#", Self::OtherRecord),
            (sk, "PAGES#", Self::PageBatch),
            (sk, "UNIT#", Self::Unit),
            (sk, "SNAP#", Self::Header),
            (sk, "RESTORE#", Self::Header),
            (sk, "LEASE#", Self::Lease),
            (sk, "LEDGER#", Self::LedgerPage),
            (sk, "SUB#", Self::SubMap),
            (sk, "NEW#", Self::SubMap),
        ];
        by_prefix
            .into_iter()
            .find(|(key, prefix, _)| key.starts_with(prefix))
            .map_or(Self::Other, |(.., kind)| kind)
    }

    /// The name in the plural.
    pub fn name(self) -> &'static str {
        match self {
            Self::UserRecord => "user records",
            Self::OtherRecord => "group and pool records",
            Self::PageBatch => "page batches",
            Self::Unit => "units",
            Self::Header => "headers",
            Self::Lease => "leases",
            Self::LedgerPage => "ledger pages",
            Self::SubMap => "sub map entries",
            Self::Other => "other items",
        }
    }

    /// Whether the item is a record of a user, a group or the pool.
    pub fn is_record(self) -> bool {
        matches!(self, Self::UserRecord | Self::OtherRecord)
    }
}
