//! The referee: what of a source pool is in the restored one, and what is not.
//!
//! It lists both pools completely and compares what it reads, without asking the backup anything. People are told apart by
//! username, or, with [`Contents::by_address`], by what they sign in with.

mod difference;
mod listing;

use anyhow::Result;
use aws_sdk_cognitoidentityprovider::Client;
use serde::{Deserialize, Serialize};

pub use difference::compare;
pub use listing::{Contents, Group, User, read};

/// How many examples a [`Comparison`] names of each kind.
pub const EXAMPLES: usize = 3;

/// What is missing, too many or different in the restored pool. All zero is what one wants to see.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// Users of the source that the restored pool lacks.
    pub missing_users: usize,
    /// Users of the restored pool that the source lacks.
    pub extra_users: usize,
    /// Users in both, with another attribute, enabled flag or status than expected.
    pub different_users: usize,
    /// Groups of the source that the restored pool lacks.
    pub missing_groups: usize,
    /// Groups of the restored pool that the source lacks.
    pub extra_groups: usize,
    /// Groups in both, with another description, precedence or role.
    pub different_groups: usize,
    /// Memberships of the source that the restored pool lacks.
    pub missing_memberships: usize,
    /// Memberships of the restored pool that the source lacks.
    pub extra_memberships: usize,
    /// A few of them for a person to look into. Users are named by `sub`: no personal data.
    pub examples: Vec<String>,
}

impl Comparison {
    /// How many differences there are in all.
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

    /// Whether nothing is missing, too many or different.
    pub fn is_clean(&self) -> bool {
        self.differences() == 0
    }
}

/// Lists both pools, at the same time, and compares them.
///
/// # Errors
/// When a listing fails.
pub async fn compare_pools(client: &Client, source: &str, restored: &str) -> Result<Comparison> {
    let (source, restored) = futures::try_join!(read(client, source), read(client, restored))?;
    Ok(compare(&source, &restored))
}
