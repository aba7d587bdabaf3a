//! Own pool or other pool: what a target is to a snapshot, and what depends on it.

use super::PoolId;

/// What a pool is to the snapshot that is restored into it or compared with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetPool {
    /// The pool that the snapshot was taken of. A restore into it is a repair.
    Own,
    /// Any other pool.
    Other,
}

impl TargetPool {
    pub fn of(source: &PoolId, target: &PoolId) -> Self {
        if source == target { Self::Own } else { Self::Other }
    }

    /// Whether a `sub` of the snapshot is the `sub` of the same user in the pool.
    pub fn has_snapshot_subs(self) -> bool {
        self == Self::Own
    }

    /// Whether a federated user has the username of the snapshot: Cognito makes the same one of an identity
    /// again, as long as the pool and its provider are the same.
    pub fn keeps_federated_usernames(self) -> bool {
        self == Self::Own
    }

    /// Whether most entries of the snapshot exist in the pool. Then the restore finds them by listings: the
    /// forecast scans users first, and the members of each group are scanned.
    pub fn holds_most_entries(self) -> bool {
        self == Self::Own
    }

    /// Whether the pool may hold users of the snapshot that the restore would not create, federated ones for
    /// example.
    pub fn may_hold_uncreatable_users(self) -> bool {
        self == Self::Own
    }

    /// Whether the restore looks up a user that the scan did not find before it creates the user: the user
    /// may have another name by now. Another pool refuses to create a user that exists.
    pub fn looks_up_before_creation(self) -> bool {
        self == Self::Own
    }

    /// Whether the sub maps of all repairs count, of any snapshot: a later repair may have brought back what
    /// an earlier one had. Otherwise only those of the restores of the same snapshot count.
    pub fn follows_repairs(self) -> bool {
        self == Self::Own
    }
}
