use crate::model::{Outcome, PREFERRED_USERNAME, Reason, Sub, User, UserRecord, UserStatus, Username};
use crate::operations::import::intent::Intent;

/// A user of the target that a user of the snapshot becomes.
pub struct TargetUser {
    pub outcome: Outcome,
    /// The `sub` in the target. None if an import job created the user and no listing has shown it
    /// since.
    pub sub: Option<Sub>,
    pub username: Username,
    /// Whether this restore created it, now or earlier. The restore completes only such users.
    pub is_created_by_restore: bool,
    /// Whether this invocation created it. Then no earlier invitation was of this user.
    pub is_new: bool,
    /// Whether Cognito created it at a federated sign-in to the target.
    pub has_signed_in: bool,
    /// Whether it has a password, which the user may have set.
    pub has_password: bool,
    /// Whether Cognito could not send its invitation, or its answer about it is lost, and when.
    pub failed_invitation: Option<FailedInvitation>,
    /// Whether it lacks a value that the restore leaves out.
    pub lacks_left_out: bool,
    /// Whether it may have no `preferred_username`. No call has shown what a job gave to a user.
    pub lacks_preferred_username: bool,
}

impl TargetUser {
    /// A user that an import job created. Its sign-in name serves as its username in every call.
    pub fn by_job(intent: &Intent) -> Self {
        let username = intent.name.clone();
        Self {
            outcome: Outcome::Created,
            sub: None,
            username,
            is_created_by_restore: true,
            is_new: false,
            has_signed_in: false,
            has_password: true,
            failed_invitation: None,
            lacks_left_out: false,
            lacks_preferred_username: true,
        }
    }

    /// Whether an import job created it. Any other user has its `sub`.
    pub fn is_by_job(&self) -> bool {
        self.sub.is_none()
    }

    /// A user that this invocation created.
    pub fn created(user: User) -> Self {
        Self { has_password: false, is_new: true, ..Self::created_before(&user, Outcome::Created) }
    }

    /// A user that an earlier invocation created, as a look-up shows it.
    pub fn created_before(user: &User, outcome: Outcome) -> Self {
        Self { is_created_by_restore: true, ..Self::existing(user, outcome) }
    }

    /// A federated user that was left to its sign-in, and has signed in to the target.
    pub fn signed_in(sub: Sub, username: Username) -> Self {
        Self {
            outcome: Outcome::AlreadyThere,
            sub: Some(sub),
            username,
            is_created_by_restore: false,
            is_new: false,
            has_signed_in: true,
            has_password: true,
            failed_invitation: None,
            lacks_left_out: false,
            lacks_preferred_username: false,
        }
    }

    /// A user that the restore did not create, as a look-up shows it.
    pub fn existing(user: &User, outcome: Outcome) -> Self {
        Self {
            outcome,
            sub: Some(user.sub.clone()),
            username: user.record.username.clone(),
            is_created_by_restore: false,
            is_new: false,
            has_signed_in: false,
            has_password: user.record.status != UserStatus::ForceChangePassword,
            failed_invitation: None,
            lacks_left_out: false,
            lacks_preferred_username: lacks_preferred_username(&user.record),
        }
    }
}

/// When an invitation failed, or its answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailedInvitation {
    /// Just now. The next start sends it again.
    Now,
    /// In an earlier pass or invocation.
    Before,
}

/// Whether a user has no `preferred_username`.
pub fn lacks_preferred_username(record: &UserRecord) -> bool {
    record.attributes.get(PREFERRED_USERNAME).is_none_or(String::is_empty)
}

/// The user of the target, or the outcome without one.
pub enum Resolution {
    /// The target has the user, with this outcome.
    Found(TargetUser),
    /// The user is not restored: it is left out, or it cannot be created.
    Settled(Outcome),
    /// Cognito created the user, could not send the invitation, and does not show the user yet.
    NotInvited(Outcome),
}

impl Resolution {
    /// The same, if the user of the target lacks values that the restore leaves out.
    pub fn lacking(self, lacks_left_out: bool) -> Self {
        match self {
            Self::Found(target) => Self::Found(TargetUser { lacks_left_out, ..target }),
            settled => settled,
        }
    }

    pub fn failed(reason: Reason) -> Self {
        Self::Settled(Outcome::Failed { reason })
    }
}
