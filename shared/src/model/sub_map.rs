//! The sub map: the old and the new `sub` of each restored user.

use serde::{Deserialize, Serialize};

use super::{Digest, Outcome, Place, Reason, Sub, Username};

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
    pub place: Place,
    /// The user in the target. None if the restore could not restore it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<RestoredUser>,
    /// Why the restore left the user out, if the input says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
    /// Whether Cognito could not send the user's invitation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_invited: bool,
    /// Whether an import job created the user, and a listing or a look-up has shown it since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_job: bool,
}

/// Why a restore left a user out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LeftOut {
    /// The user is federated, and left to its next sign-in.
    ToSignIn,
    /// The user was not confirmed.
    Unconfirmed,
}

impl LeftOut {
    /// The reason of a user that is left out. Its memberships have the same.
    pub fn reason(self) -> Reason {
        match self {
            Self::ToSignIn => Reason::LeftToSignIn,
            Self::Unconfirmed => Reason::Unconfirmed,
        }
    }

    /// The other way round. None if the outcome leaves no user out because of the input.
    pub fn of(outcome: &Outcome) -> Option<Self> {
        match outcome {
            Outcome::Skipped { reason: Reason::LeftToSignIn } => Some(Self::ToSignIn),
            Outcome::Skipped { reason: Reason::Unconfirmed } => Some(Self::Unconfirmed),
            _ => None,
        }
    }
}

impl SubMapEntry {
    /// Whether the user has the same `sub` as in the snapshot.
    pub fn kept_sub(&self) -> bool {
        self.restored.as_ref().is_some_and(|user| user.sub.as_ref() == Some(&self.old_sub))
    }

    /// Whether an import job created the user.
    pub fn is_by_job(&self) -> bool {
        self.by_job || self.restored.as_ref().is_some_and(|user| user.sub.is_none())
    }

    /// How the user got into the target; none if the restore could not restore it.
    pub fn origin(&self) -> Option<Origin> {
        self.restored.as_ref().map(|user| user.origin)
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
    pub origin: Origin,
}

/// How a restored user got into the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Origin {
    /// This restore created it.
    Created,
    /// It existed: as in the snapshot, or the restore updated it.
    Found,
    /// It existed, differed, and was left as it is, with its memberships.
    Kept,
    /// Cognito created it at a federated sign-in. It stays as the provider made it, and joins its groups.
    SignedIn,
}
