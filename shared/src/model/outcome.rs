//! Outcomes: what became of an entry of the snapshot, why, and what there is to say about it.

use serde::{Deserialize, Serialize};

/// What became of one entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "outcome")]
pub enum Outcome {
    /// Not yet tried, or tried without an answer.
    Pending,
    /// This restore made it.
    Created,
    /// It was there, just as the snapshot has it: left by an invocation that was cut short, or by somebody's own hand (groups).
    AlreadyThere,
    /// It was there and differed; it is now as the snapshot has it.
    Updated {
        /// The names of what was changed: attributes, `enabled`, `description`, `precedence`, `role`.
        changed: Vec<String>,
    },
    /// Left out on purpose.
    Skipped {
        /// Why.
        reason: Reason,
    },
    /// Tried and refused.
    Failed {
        /// Why.
        reason: Reason,
    },
}

/// Why something was skipped or failed. The table may say more than a log: details name attributes and table keys, never values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "code")]
pub enum Reason {
    /// A federated user: Cognito creates it again at the next federated sign-in; a native user of that name would block it.
    FederatedUser,
    /// The listing had named the same user before.
    ListedTwice,
    /// The member is not among the users of the snapshot: it was deleted while the export ran.
    UserNotInSnapshot,
    /// The member was itself skipped or could not be restored.
    UserNotRestored,
    /// The target has it already and was to be left as it is.
    AlreadyInTarget,
    /// The member was in the target already and was to be left as it is, its memberships included.
    UserKept,
    /// Not among those who were to be restored.
    NotSelected,
    /// The target signs in by e-mail or phone, and the user has none.
    NoSignInName,
    /// Changing an address that is not verified would have Cognito send a message.
    WouldSendMessage,
    /// The record that the page names is not in the table.
    RecordMissing {
        /// Partition and sort key.
        key: String,
    },
    /// The record does not match its digest.
    RecordDamaged {
        /// Partition and sort key.
        key: String,
    },
    /// Another user of the target has the username.
    UsernameTaken,
    /// Another user of the target has the e-mail address, phone number or preferred username.
    AliasTaken,
    /// A group of that name exists with other settings; it was left as it is, and members were added to it.
    GroupDiffers,
    /// The group does not exist in the target.
    GroupMissing,
    /// The user does not exist in the target any more.
    UserMissing,
    /// Cognito refused the call.
    Refused {
        /// The operation and the error code.
        call: String,
        /// Cognito's words without any value.
        detail: String,
    },
}

impl Reason {
    /// The name, for counting; of a refused call the operation and its error code as well.
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
    const NO_LOSSES: [Self; 5] =
        [Self::ListedTwice, Self::UserNotInSnapshot, Self::AlreadyInTarget, Self::UserKept, Self::NotSelected];

    /// Whether the target lacks a part of the snapshot for this reason.
    pub fn is_loss(&self) -> bool {
        !Self::NO_LOSSES.contains(self)
    }

    /// The same of a reason that was counted under its [`code`](Self::code).
    pub fn is_loss_code(code: &str) -> bool {
        Self::NO_LOSSES.iter().all(|reason| reason.code() != code)
    }
}

/// Something about a restored user that the person who restores has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Note {
    /// The status was another than the restored one.
    StatusNotKept,
    /// No verified e-mail address or phone number: the user cannot reset the password alone.
    CannotResetPassword,
    /// Links to identity providers were not made again.
    IdentitiesNotLinked,
    /// Codes by text message or e-mail were on and were not turned on again: the target has no MFA, or the user no address.
    MfaNotKept,
    /// An authenticator app or a key was on: nothing brings its secret back, so the user has to enrol it again.
    MustEnrolAgain,
    /// An invitation with a temporary password was sent.
    Invited,
    /// Brought by an import job: RESET_REQUIRED, so the user sets a new password with a code at the next sign-in.
    ResetRequired,
}

impl Note {
    /// Whether something of the snapshot is missing in the target because of it. A status and a password cannot be kept by any
    /// means, so they are not counted as losses.
    pub fn is_loss(self) -> bool {
        matches!(self, Self::IdentitiesNotLinked | Self::MfaNotKept)
    }
}
