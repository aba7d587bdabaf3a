//! The sub map: the old and the new `sub` of each restored user.

use serde::{Deserialize, Serialize};

use super::{Digest, Sub, Username};

/// The old and the new identity of one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubMapEntry {
    /// The `sub` in the snapshot.
    pub old_sub: Sub,
    /// The username in the snapshot.
    pub old_username: Username,
    /// The record in the snapshot.
    pub digest: Digest,
    /// The page and the position that named the user first.
    pub place: String,
    /// The user in the target. None if the restore could not restore it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<RestoredUser>,
}

impl SubMapEntry {
    /// The number of the page and the position on it that named the user first.
    pub fn page_and_place(&self) -> Option<(u64, u8)> {
        let (rest, place) = self.place.rsplit_once('#')?;
        let (_, page) = rest.rsplit_once('#')?;
        Some((page.parse().ok()?, place.parse().ok()?))
    }

    /// Whether the user has the same `sub` as in the snapshot.
    pub fn kept_sub(&self) -> bool {
        self.restored.as_ref().is_some_and(|user| user.sub.as_ref() == Some(&self.old_sub))
    }

    /// Whether this restore created the user.
    pub fn is_created(&self) -> bool {
        self.restored.as_ref().is_some_and(|user| user.created)
    }
}

/// A user in the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoredUser {
    /// The `sub` that Cognito gave it. None if an import job created it and no listing has shown it since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<Sub>,
    /// The username. Without a `sub` it is the name that the user signs in with, which Cognito accepts as
    /// well.
    pub username: Username,
    /// Whether this restore created it. Otherwise it existed.
    pub created: bool,
    /// Whether it existed and was left as it is, with its memberships.
    #[serde(default)]
    pub kept: bool,
}
