//! Outcomes: what a restore did with an entry of the snapshot, and why.

use serde::{Deserialize, Serialize};

/// The outcome of one entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "outcome")]
pub enum Outcome {
    /// The restore has not tried it, or got no answer.
    Pending,
    /// The restore created it.
    Created,
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

/// Why an entry was skipped or failed. Details name attributes and table keys, never values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "code")]
pub enum Reason {
    /// The user is federated. Cognito creates it at its next federated sign-in. A native user of
    /// that name would block it.
    FederatedUser,
    /// The listing named the same user before.
    ListedTwice,
    /// The member is not among the users of the snapshot: it was deleted while the export ran.
    UserNotInSnapshot,
    /// The member itself was skipped or failed.
    UserNotRestored,
    /// The target has it, and the input says to leave it.
    AlreadyInTarget,
    /// The target has the member, and the input says to leave it and its memberships.
    UserKept,
    /// The selection leaves it out.
    NotSelected,
    /// The target signs in by e-mail or phone, and the user has neither.
    NoSignInName,
    /// Cognito would send a message if the restore changed this unverified address.
    WouldSendMessage,
    /// The table lacks the record that the page names.
    RecordMissing {
        /// The partition key and the sort key.
        key: String,
    },
    /// The record does not match its digest.
    RecordDamaged {
        /// The partition key and the sort key.
        key: String,
    },
    /// Another user of the target has the username.
    UsernameTaken,
    /// Another user of the target has the e-mail address, phone number or preferred username.
    AliasTaken,
    /// A group of that name exists with other settings. The restore left it and added members to it.
    GroupDiffers,
    /// The target lacks the group.
    GroupMissing,
    /// The target no longer has the user.
    UserMissing,
    /// Cognito refused the call.
    Refused {
        /// The operation and the error code.
        call: String,
        /// Cognito's message without any value.
        detail: String,
    },
}

impl Reason {
    /// The name under which reasons are counted. For a refused call it includes the operation and its error
    /// code.
    pub fn code(&self) -> String {
        let code = match self {
            Self::FederatedUser => "federatedUser",
            Self::ListedTwice => "listedTwice",
            Self::UserNotInSnapshot => "userNotInSnapshot",
            Self::UserNotRestored => "userNotRestored",
            Self::AlreadyInTarget => "alreadyInTarget",
            Self::UserKept => "userKept",
            Self::NotSelected => "notSelected",
            Self::NoSignInName => "noSignInName",
            Self::WouldSendMessage => "wouldSendMessage",
            Self::RecordMissing { .. } => "recordMissing",
            Self::RecordDamaged { .. } => "recordDamaged",
            Self::UsernameTaken => "usernameTaken",
            Self::AliasTaken => "aliasTaken",
            Self::GroupDiffers => "groupDiffers",
            Self::GroupMissing => "groupMissing",
            Self::UserMissing => "userMissing",
            Self::Refused { call, .. } => return format!("refused: {call}"),
        };
        code.to_owned()
    }

    /// The reasons that are no losses. There is no other list of them.
    const NO_LOSSES: [Self; 5] = [
        Self::ListedTwice,
        Self::UserNotInSnapshot,
        Self::AlreadyInTarget,
        Self::UserKept,
        Self::NotSelected,
    ];

    /// Whether the target lacks a part of the snapshot for this reason.
    pub fn is_loss(&self) -> bool {
        !Self::NO_LOSSES.contains(self)
    }

    /// The same for a reason that was counted under its [`code`](Self::code).
    pub fn is_loss_code(code: &str) -> bool {
        Self::NO_LOSSES.iter().all(|reason| reason.code() != code)
    }
}

/// What the operator must know about a restored user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Note {
    /// The snapshot has another status.
    StatusNotKept,
    /// The user has no verified e-mail address or phone number, so the user cannot reset the password
    /// alone.
    CannotResetPassword,
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
}

impl Note {
    /// Whether the target lacks a part of the snapshot. Nothing can restore a status or a password, so
    /// neither counts as a loss.
    pub fn is_loss(self) -> bool {
        matches!(self, Self::IdentitiesNotLinked | Self::MfaNotKept)
    }
}
