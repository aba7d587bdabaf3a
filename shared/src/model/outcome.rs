//! Outcomes: what a restore did with an entry of the snapshot, and why.

use serde::{Deserialize, Serialize};

use super::Reason;

/// The outcome of one entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "outcome")]
pub enum Outcome {
    /// The restore has not tried it, or got no answer.
    Pending,
    /// The restore created it.
    Created,
    /// The restore created it without a part, which a later pass tries again.
    CreatedWithout { reason: Reason },
    /// The target had it as the snapshot has it: an earlier invocation made it, or the operator did
    /// (groups).
    AlreadyThere,
    /// The target had it with other content. It is now as in the snapshot.
    Updated {
        /// The names of what was changed: attributes, `enabled`, `description`, `precedence`, `role`.
        changed: Vec<String>,
    },
    /// The restore left it out.
    Skipped { reason: Reason },
    /// The restore tried it, and it was refused.
    Failed { reason: Reason },
}

impl Outcome {
    /// Why the entry was skipped or failed, or what it lacks; none for any other outcome.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::CreatedWithout { reason } | Self::Skipped { reason } | Self::Failed { reason } => {
                Some(reason)
            }
            Self::Pending | Self::Created | Self::AlreadyThere | Self::Updated { .. } => None,
        }
    }
}

/// What the operator must know about a restored user or group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Note {
    /// The snapshot has another status.
    StatusNotKept,
    /// The user cannot reset the password alone. One of the next three notes says why.
    CannotResetPassword,
    /// Only an administrator resets passwords in the target.
    OnlyAdminResets,
    /// The user has no verified address of a kind that the target sends codes to.
    NoVerifiedAddress,
    /// The only such address is the user's only second factor, so Cognito sends no code to it.
    OnlyAddressIsFactor,
    /// The user was not confirmed in the snapshot.
    WasUnconfirmed,
    /// Links to identity providers are missing.
    IdentitiesNotLinked,
    /// Codes by text message or e-mail are off now: the target has no MFA, or the user has no address.
    MfaNotKept,
    /// The user had an authenticator app or a key. No API gives out its secret, so the user must enrol it
    /// again.
    MustEnrolAgain,
    /// Cognito sent an invitation with a temporary password.
    Invited,
    /// An import job created the user: RESET_REQUIRED, so the user sets a new password with a code at the
    /// next sign-in.
    ResetRequired,
    /// A group has no role, because the input says so.
    RoleLeftOut,
    /// The restore left out a value that the target refuses.
    ValueNotRestored,
}

impl Note {
    /// The notes that are losses.
    pub const LOSSES: [Self; 3] = [Self::IdentitiesNotLinked, Self::MfaNotKept, Self::ValueNotRestored];

    /// Whether the target lacks a part of the snapshot. Nothing can restore a status or a password, so
    /// neither counts as a loss.
    pub fn is_loss(self) -> bool {
        Self::LOSSES.contains(&self)
    }
}
