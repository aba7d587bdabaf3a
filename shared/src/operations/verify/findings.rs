//! The result of a comparison: differences one by one, and their counts.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::identity::FoundBy;
use crate::model::{
    FindingKind, GroupName, GroupRoles, ImportOptions, LeftOut, Restore, RestoreState, RunId, Sub,
    SubMapLifetime,
};

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    pub matched_by: MatchedBy,
    pub users: Tally,
    pub groups: Tally,
    /// Memberships in groups of the snapshot.
    pub memberships: MembershipTally,
    pub group_roles: ComparedRoles,
    /// The restore whose input says what the pool was to get. None if the table holds none of this snapshot
    /// into this pool.
    #[serde(skip)]
    pub restored: Option<DecisiveRestore>,
}

/// With what the roles of groups were compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ComparedRoles {
    /// With the roles in the snapshot.
    #[default]
    OfSnapshot,
    /// With the roles that the map of the restore names for those in the snapshot.
    Mapped,
    /// The restore was to give no roles.
    NotCompared,
}

impl ComparedRoles {
    /// With what the comparison compares roles, if this is the decisive restore's choice.
    pub fn of(roles: &GroupRoles) -> Self {
        match roles {
            GroupRoles::Keep => Self::OfSnapshot,
            GroupRoles::Map(_) => Self::Mapped,
            GroupRoles::Skip => Self::NotCompared,
        }
    }
}

/// The restore whose input says what the pool was to get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisiveRestore {
    pub id: RunId,
    pub options: ImportOptions,
    /// How long it keeps its sub map, as its input says.
    pub sub_map_lifetime: SubMapLifetime,
}

impl DecisiveRestore {
    pub(super) fn of(restore: &Restore) -> Self {
        Self {
            id: restore.id.clone(),
            options: restore.options.clone(),
            sub_map_lifetime: restore.sub_map_lifetime,
        }
    }
}

impl Comparison {
    /// Whether the pool holds all that the snapshot holds, unchanged. It may hold more.
    pub fn is_complete(&self) -> bool {
        let is_complete = |tally: &Tally| tally.different == 0 && tally.missing == 0 && tally.damaged == 0;
        is_complete(&self.users) && is_complete(&self.groups) && self.memberships.missing == 0
    }

    /// Users and groups whose records no import can restore.
    pub fn damaged(&self) -> u64 {
        self.users.damaged + self.groups.damaged
    }
}

/// How users of the pool and of the snapshot were matched, users counted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MatchedBy {
    pub sub: u64,
    /// By the sub map of a restore.
    pub sub_map: u64,
    /// By the sign-in name.
    pub name: u64,
    /// The restores whose sub maps were read, newest first.
    pub restores: Vec<RestoreUsed>,
    /// The attributes that users sign in with in this pool. None if they sign in with the username.
    pub sign_in_attributes: Vec<String>,
    /// Whether the snapshot was taken of this pool.
    pub own_pool: bool,
}

impl MatchedBy {
    pub(super) fn count(&mut self, found_by: FoundBy) {
        let counter = match found_by {
            FoundBy::Sub => &mut self.sub,
            FoundBy::SubMap => &mut self.sub_map,
            FoundBy::Name => &mut self.name,
        };
        *counter += 1;
    }
}

/// A restore whose sub map was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreUsed {
    pub restore_id: RunId,
    pub status: RestoreState,
}

/// Counts of users or groups.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// In the pool as in the snapshot.
    pub same: u64,
    /// In the pool, and different from the snapshot.
    pub different: u64,
    /// Only in the snapshot.
    pub missing: u64,
    /// Only in the pool.
    pub extra: u64,
    /// Only in the snapshot: federated users that the operator left to their next sign-in. Nothing is missing.
    #[serde(skip_serializing_if = "is_zero")]
    pub left_to_sign_in: u64,
    /// Only in the snapshot: users that the restore left out because they were not confirmed. Nothing is missing.
    #[serde(skip_serializing_if = "is_zero")]
    pub left_out_unconfirmed: u64,
    /// In the snapshot, whose record is missing from the backup table or altered. The pool may have them or not.
    pub damaged: u64,
    /// By field: how many differ in it.
    pub fields: BTreeMap<String, u64>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Tally {
    /// Counts a user or group that both have. `fields` are those in which it differs. None if its record cannot be
    /// read. Returns the finding, if there is one.
    pub(super) fn count_compared(&mut self, fields: Option<&[String]>) -> Option<FindingKind> {
        match fields {
            None => {
                self.damaged += 1;
                Some(FindingKind::Damaged)
            }
            Some([]) => {
                self.same += 1;
                None
            }
            Some(fields) => {
                self.different += 1;
                fields.iter().for_each(|field| *self.fields.entry(field.to_owned()).or_default() += 1);
                Some(FindingKind::Different)
            }
        }
    }

    /// Counts a user that only the snapshot has, because the restore left it out.
    pub(super) fn count_left_out(&mut self, why: LeftOut) {
        *match why {
            LeftOut::ToSignIn => &mut self.left_to_sign_in,
            LeftOut::Unconfirmed => &mut self.left_out_unconfirmed,
        } += 1;
    }

    /// Counts a user or group that only the snapshot has. Returns the finding.
    pub(super) fn count_missing(&mut self, is_damaged: bool) -> FindingKind {
        let (count, finding) = if is_damaged {
            (&mut self.damaged, FindingKind::Damaged)
        } else {
            (&mut self.missing, FindingKind::Missing)
        };
        *count += 1;
        finding
    }
}

/// Counts of memberships.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MembershipTally {
    /// In the pool and in the snapshot.
    pub present: u64,
    /// Only in the snapshot.
    pub missing: u64,
    /// Only in the snapshot: those of users that were left to their next sign-in. Nothing is missing.
    #[serde(skip_serializing_if = "is_zero")]
    pub left_to_sign_in: u64,
    /// Only in the snapshot: those of users that were left out because they were not confirmed. Nothing is missing.
    #[serde(skip_serializing_if = "is_zero")]
    pub left_out_unconfirmed: u64,
    /// Only in the snapshot: those of users and groups whose records are damaged. No import can restore them.
    #[serde(skip_serializing_if = "is_zero")]
    pub damaged: u64,
    /// Only in the pool.
    pub extra: u64,
    /// Memberships of users that the snapshot does not hold, because they were deleted while it was
    /// taken. They are not compared, and nothing is missing.
    pub member_without_user: u64,
}

/// A difference between the pool and the snapshot. It names subs, groups and fields, and never a
/// value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Finding {
    #[serde(rename_all = "camelCase")]
    User {
        finding: FindingKind,
        /// The `sub` in the snapshot. For an extra user, the `sub` in the pool.
        sub: Sub,
        /// The `sub` in the pool, if it differs.
        #[serde(skip_serializing_if = "Option::is_none")]
        pool_sub: Option<Sub>,
        /// The names of the attributes that differ, `enabled` and `identities`.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        fields: Vec<String>,
    },
    Group {
        finding: FindingKind,
        group: GroupName,
        /// `description`, `precedence` and `role`, if they differ.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        fields: Vec<String>,
    },
    /// A missing or an extra membership.
    Membership {
        finding: FindingKind,
        group: GroupName,
        /// The `sub` of the member in the snapshot. For an extra member, the `sub` in the pool.
        sub: Sub,
    },
}

impl Finding {
    pub fn kind(&self) -> FindingKind {
        match self {
            Self::User { finding, .. } | Self::Group { finding, .. } | Self::Membership { finding, .. } => {
                *finding
            }
        }
    }
}
