//! The sub map: who of a snapshot became whom in the target.

use serde::{Deserialize, Serialize};

use super::{Digest, Sub, Username};

/// What the sub map says of one user of the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubMapEntry {
    /// The `sub` in the snapshot.
    pub old_sub: Sub,
    /// The username in the snapshot.
    pub old_username: Username,
    /// The record in the snapshot.
    pub digest: Digest,
    /// The page and place that named the user first.
    pub place: String,
    /// The user in the target; none if it could not be restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<RestoredUser>,
}

impl SubMapEntry {
    /// The number of the page and the place on it that named the user first.
    pub fn page_and_place(&self) -> Option<(u64, u8)> {
        let (rest, place) = self.place.rsplit_once('#')?;
        let (_, page) = rest.rsplit_once('#')?;
        Some((page.parse().ok()?, place.parse().ok()?))
    }

    /// Whether the user is there under the `sub` that it has in the snapshot.
    pub fn kept_sub(&self) -> bool {
        self.restored.as_ref().is_some_and(|user| user.sub.as_ref() == Some(&self.old_sub))
    }

    /// Whether the restore made the user.
    pub fn is_created(&self) -> bool {
        self.restored.as_ref().is_some_and(|user| user.created)
    }
}

/// A user in the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoredUser {
    /// The `sub` that Cognito gave it; none while an import job has created it and nobody has seen it since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<Sub>,
    /// Its username; while there is no `sub`, the name it signs in with, which serves as well.
    pub username: Username,
    /// Whether this restore made it, rather than finding it there.
    pub created: bool,
    /// Whether it was there and was left as it is, memberships included.
    #[serde(default)]
    pub kept: bool,
}
