use crate::model::{Outcome, Reason, Sub, User, UserStatus, Username};
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
    /// Whether it has a password, which the user may have set.
    pub has_password: bool,
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
            has_password: true,
        }
    }

    /// Whether an import job created it. Any other user has its `sub`.
    pub fn is_by_job(&self) -> bool {
        self.sub.is_none()
    }

    /// A user that this invocation created.
    pub fn created(user: User) -> Self {
        let User { sub, record } = user;
        let (sub, username) = (Some(sub), record.username);
        Self { outcome: Outcome::Created, sub, username, is_created_by_restore: true, has_password: false }
    }

    /// A user that an earlier invocation created, as a look-up shows it.
    pub fn created_before(user: &User, outcome: Outcome) -> Self {
        Self { is_created_by_restore: true, ..Self::existing(user, outcome) }
    }

    /// A user that the restore did not create, as a look-up shows it.
    pub fn existing(user: &User, outcome: Outcome) -> Self {
        Self {
            outcome,
            sub: Some(user.sub.clone()),
            username: user.record.username.clone(),
            is_created_by_restore: false,
            has_password: user.record.status != UserStatus::ForceChangePassword,
        }
    }
}

/// The user of the target, or the outcome without one.
pub enum Resolution {
    /// The target has the user, with this outcome.
    Found(TargetUser),
    /// The user is not restored: it is left out, or it cannot be created.
    Settled(Outcome),
}

impl Resolution {
    pub fn failed(reason: Reason) -> Self {
        Self::Settled(Outcome::Failed { reason })
    }
}
