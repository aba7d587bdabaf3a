//! The kinds of entries that a snapshot holds, as one table.
//!
//! Counts, totals, copy, prune, metrics, the ledger and the tables of the command line follow this table. A kind that
//! lacks a row, a count or a metric does not compile.

use serde::{Deserialize, Serialize};

use super::Category;

/// What the entries of a unit are. Reports tell the kinds in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RecordKind {
    User,
    Group,
    /// The membership of a user in a group.
    Membership,
}

/// What the project knows of a kind.
struct Row {
    singular: &'static str,
    plural: &'static str,
    unit_prefix: &'static str,
    has_records: bool,
    export_phase: u8,
    import_phase: u8,
    restored_by: &'static [Category],
}

impl RecordKind {
    pub const ALL: [Self; 3] = [Self::User, Self::Group, Self::Membership];

    const fn row(self) -> Row {
        match self {
            Self::User => Row {
                singular: "user",
                plural: "users",
                unit_prefix: "users",
                has_records: true,
                export_phase: 2,
                import_phase: 1,
                restored_by: &[
                    Category::UserCreation,
                    Category::UserAccountRecovery,
                    Category::UserUpdate,
                    Category::UserResourceUpdate,
                    Category::UserRead,
                ],
            },
            Self::Group => Row {
                singular: "group",
                plural: "groups",
                unit_prefix: "groups",
                has_records: true,
                export_phase: 0,
                import_phase: 0,
                restored_by: &[Category::UserPoolResourceRead, Category::UserPoolResourceUpdate],
            },
            Self::Membership => Row {
                singular: "membership",
                plural: "memberships",
                unit_prefix: "members-",
                has_records: false,
                export_phase: 1,
                import_phase: 2,
                restored_by: &[Category::UserUpdate],
            },
        }
    }

    /// The name of one entry: `user`.
    pub fn singular(self) -> &'static str {
        self.row().singular
    }

    /// The name of several entries: `users`.
    pub fn plural(self) -> &'static str {
        self.row().plural
    }

    /// The name of `count` entries: `user` for 1, otherwise `users`.
    pub fn noun(self, count: u64) -> &'static str {
        if count == 1 { self.singular() } else { self.plural() }
    }

    /// What the names of its units begin with, in table keys.
    pub fn unit_prefix(self) -> &'static str {
        self.row().unit_prefix
    }

    /// The kind of a unit by its name. None if no kind has such units.
    pub fn of_unit(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| name.starts_with(kind.unit_prefix()))
    }

    /// Whether pages name records of this kind. A membership has no record of its own.
    pub fn has_records(self) -> bool {
        self.row().has_records
    }

    /// The place in an export. Memberships come before users. So a member that the later listing of
    /// users lacks was deleted during the export.
    pub fn export_phase(self) -> u8 {
        self.row().export_phase
    }

    /// The place in an import. Memberships come last: they need their group and their user.
    pub fn import_phase(self) -> u8 {
        self.row().import_phase
    }

    pub fn restored_by(self) -> &'static [Category] {
        self.row().restored_by
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::{Counts, GroupName, LedgerPage, Listing, Outcome, Totals};

    #[test]
    fn every_kind_has_its_own_name_phase_and_unit_prefix() {
        let all = |value: fn(RecordKind) -> String| {
            RecordKind::ALL.map(value).into_iter().collect::<BTreeSet<_>>().len()
        };
        assert_eq!(all(|kind| kind.singular().into()), RecordKind::ALL.len());
        assert_eq!(all(|kind| kind.plural().into()), RecordKind::ALL.len());
        assert_eq!(all(|kind| kind.export_phase().to_string()), RecordKind::ALL.len());
        assert_eq!(all(|kind| kind.import_phase().to_string()), RecordKind::ALL.len());
        let group = GroupName::new("users");
        for listing in [Listing::Groups, Listing::Users, Listing::Members { group }] {
            assert_eq!(RecordKind::of_unit(&listing.unit_id().to_string()), Some(listing.kind()));
        }
        assert_eq!(RecordKind::of_unit("clients"), None);
    }

    #[test]
    fn every_kind_has_its_own_count_and_tally() {
        let (mut counts, mut totals) = (Counts::default(), Totals::default());
        for (at, kind) in RecordKind::ALL.into_iter().enumerate() {
            counts.add(kind, at as u64 + 1, 0, 0);
            let mut page = LedgerPage::untouched((0..=at).map(|n| n.to_string()), 1);
            (0..=at).for_each(|place| page.record(place, Outcome::Created, &[]));
            totals.add(kind, &page);
        }
        for (at, kind) in RecordKind::ALL.into_iter().enumerate() {
            assert_eq!(
                (counts.of(kind), totals.of(kind).created),
                (at as u64 + 1, at as u64 + 1),
                "{}",
                kind.plural()
            );
        }
        let stored = serde_json::to_value((counts, totals)).unwrap();
        for kind in RecordKind::ALL {
            assert!(
                !stored[0][kind.plural()].is_null() && !stored[1][kind.plural()].is_null(),
                "{}",
                kind.plural()
            );
        }
    }
}
