//! What an item of the backup table is, told by its key. The only place in the benches that knows what the keys look like.

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The content of one user.
    UserRecord,
    /// The content of a group or of the pool.
    OtherRecord,
    /// A page of a snapshot.
    Page,
    /// A unit of a plan.
    Unit,
    /// The header of a snapshot or restore.
    Header,
    /// A lease on a pool.
    Lease,
    /// A page of a ledger.
    LedgerPage,
    /// An entry of a sub map.
    SubMap,
    /// Anything else.
    Other,
}

impl Kind {
    /// The kind of the item with this key; the beginning of a sort key will do.
    pub fn of(pk: &str, sk: &str) -> Self {
        let by_prefix = [
            (pk, "USER#", Self::UserRecord),
            (pk, "CONF#", Self::OtherRecord),
            (sk, "PAGES#", Self::Page),
            (sk, "UNIT#", Self::Unit),
            (sk, "SNAP#", Self::Header),
            (sk, "RESTORE#", Self::Header),
            (sk, "LEASE#", Self::Lease),
            (sk, "LEDGER#", Self::LedgerPage),
            (sk, "SUB#", Self::SubMap),
            (sk, "NEW#", Self::SubMap),
        ];
        by_prefix.into_iter().find(|(key, prefix, _)| key.starts_with(prefix)).map_or(Self::Other, |(.., kind)| kind)
    }

    /// The name, in the plural.
    pub fn name(self) -> &'static str {
        match self {
            Self::UserRecord => "user records",
            Self::OtherRecord => "group and pool records",
            Self::Page => "pages",
            Self::Unit => "units",
            Self::Header => "headers",
            Self::Lease => "leases",
            Self::LedgerPage => "ledger pages",
            Self::SubMap => "sub map entries",
            Self::Other => "other items",
        }
    }

    /// Whether it is the content of something in the pool.
    pub fn is_record(self) -> bool {
        matches!(self, Self::UserRecord | Self::OtherRecord)
    }
}
