//! What a comparison finds: counted, and told one by one.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{FindingKind, GroupName, RestoreState, RunId, Sub};

/// What came of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// How it was found out who is who.
    pub matched_by: MatchedBy,
    /// Users.
    pub users: Tally,
    /// Groups.
    pub groups: Tally,
    /// Memberships in groups of the snapshot.
    pub memberships: MembershipTally,
}

impl Comparison {
    /// Whether the pool holds all that the snapshot holds, as the snapshot has it. It may hold more.
    pub fn is_complete(&self) -> bool {
        let complete = |tally: &Tally| tally.different == 0 && tally.missing == 0;
        complete(&self.users) && complete(&self.groups) && self.memberships.missing == 0
    }
}

/// How users of the pool and of the snapshot were matched, users counted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MatchedBy {
    /// By `sub`: the pool is the snapshot's own.
    pub sub: u64,
    /// By the sub map of a restore.
    pub sub_map: u64,
    /// By the name people sign in with.
    pub name: u64,
    /// The restores whose sub maps were used, newest first.
    pub restores: Vec<RestoreUsed>,
    /// The attributes that people sign in with in this pool; none where it is the username.
    pub sign_in_attributes: Vec<String>,
    /// Whether the pool is the one that the snapshot was taken of.
    pub own_pool: bool,
}

/// A restore of the snapshot into the pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreUsed {
    /// Its id.
    pub restore_id: RunId,
    /// Where it stands.
    pub status: RestoreState,
}

/// Users or groups, counted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// In the pool as in the snapshot.
    pub same: u64,
    /// In the pool other than in the snapshot.
    pub different: u64,
    /// In the snapshot alone.
    pub missing: u64,
    /// In the pool alone.
    pub extra: u64,
    /// In how many each field differs, by its name. `record` stands for a record of the snapshot that cannot be read.
    pub fields: BTreeMap<String, u64>,
}

impl Tally {
    /// Counts one that both have.
    pub(super) fn compared(&mut self, fields: &[String]) {
        match fields.is_empty() {
            true => self.same += 1,
            false => self.different += 1,
        }
        fields.iter().for_each(|field| *self.fields.entry(field.clone()).or_default() += 1);
    }
}

/// Memberships, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MembershipTally {
    /// In both.
    pub present: u64,
    /// In the snapshot alone.
    pub missing: u64,
    /// In the pool alone.
    pub extra: u64,
    /// In the snapshot, of somebody whom it does not hold: deleted while it was taken. They are not compared, and nothing is missing.
    pub user_not_in_snapshot: u64,
}

/// Something that is not as the snapshot has it. Subs, names of groups and names of fields; never a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Finding {
    /// A user.
    #[serde(rename_all = "camelCase")]
    User {
        /// What it is.
        finding: FindingKind,
        /// The `sub` in the snapshot; of an extra user, the `sub` in the pool.
        sub: Sub,
        /// The `sub` in the pool, where that is another one.
        #[serde(skip_serializing_if = "Option::is_none")]
        pool_sub: Option<Sub>,
        /// What differs: names of attributes, `enabled`, `identities`; `record` where the snapshot's record cannot be read.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        fields: Vec<String>,
    },
    /// A group.
    Group {
        /// What it is.
        finding: FindingKind,
        /// Its name.
        group: GroupName,
        /// What differs: `description`, `precedence`, `role`; `record` where the snapshot's record cannot be read.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        fields: Vec<String>,
    },
    /// A membership, missing or extra.
    Membership {
        /// What it is.
        finding: FindingKind,
        /// The group.
        group: GroupName,
        /// The member's `sub` in the snapshot; of an extra member, the `sub` in the pool.
        sub: Sub,
    },
}

impl Finding {
    /// What it is.
    pub fn kind(&self) -> FindingKind {
        match self {
            Self::User { finding, .. } | Self::Group { finding, .. } | Self::Membership { finding, .. } => *finding,
        }
    }
}

/// The name of what differs where the snapshot's record cannot be read.
pub(super) const RECORD: &str = "record";
