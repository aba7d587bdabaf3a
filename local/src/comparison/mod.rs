//! The comparison of a restored pool with its source pool.
//!
//! It lists both pools completely and compares the contents. It uses nothing of the backup. It matches
//! users by username or, with [`Contents::keyed_by_address`], by the e-mail address or phone number of
//! their sign-in.

mod difference;
mod listing;

use anyhow::Result;
use aws_sdk_cognitoidentityprovider::Client;
use serde::{Deserialize, Serialize};

pub use difference::compare;
pub use listing::{Contents, Group, User, read};

/// The maximum number of examples of each kind in a [`Comparison`].
pub const MAX_EXAMPLES: usize = 3;

/// The differences between a source pool and its restored pool. After a faithful restore, all counts are 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// Users that only the source has.
    pub missing_users: usize,
    /// Users that only the restored pool has.
    pub extra_users: usize,
    /// Users in both pools that have another attribute, enabled flag or status than expected.
    pub different_users: usize,
    /// Groups that only the source has.
    pub missing_groups: usize,
    /// Groups that only the restored pool has.
    pub extra_groups: usize,
    /// Groups in both pools that have another description, precedence or role.
    pub different_groups: usize,
    /// Memberships that only the source has.
    pub missing_memberships: usize,
    /// Memberships that only the restored pool has.
    pub extra_memberships: usize,
    /// Sentences about some of the differences. They name users by `sub` and hold no personal data.
    pub examples: Vec<String>,
}

impl Comparison {
    /// The number of all differences.
    pub fn differences(&self) -> usize {
        self.missing_users
            + self.extra_users
            + self.different_users
            + self.missing_groups
            + self.extra_groups
            + self.different_groups
            + self.missing_memberships
            + self.extra_memberships
    }

    /// Whether the pools have no differences.
    pub fn is_clean(&self) -> bool {
        self.differences() == 0
    }
}

/// Lists both pools at the same time and compares them.
///
/// # Errors
/// If a listing fails.
pub async fn compare_pools(client: &Client, source: &str, restored: &str) -> Result<Comparison> {
    let (source, restored) = futures::try_join!(read(client, source), read(client, restored))?;
    Ok(compare(&source, &restored))
}
