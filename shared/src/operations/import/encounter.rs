//! The user of the target that stands for a user of the snapshot, as the target scan shows it, and what the
//! restore does with it. The plan counts by this rule, and the import acts by it.

use super::intent::NotCreated;
use crate::model::{Existing, Restore, ScannedUser, Sub, UserRecord};

/// What the restore finds in the target for a user of the snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encounter<'a> {
    /// A federated user that has signed in to the target. It stays as it is.
    SignedIn(&'a ScannedUser),
    /// The user. The restore compares it with the snapshot.
    Present(&'a ScannedUser),
    /// No user that the restore takes for the one of the snapshot.
    Absent,
}

impl<'a> Encounter<'a> {
    /// Decides about the user that the scan has `found` for the user `sub` of the snapshot. `not_created`
    /// tells why the restore would create no user.
    pub fn of(
        restore: &Restore,
        sub: &Sub,
        record: &UserRecord,
        not_created: Option<NotCreated>,
        found: Option<&'a ScannedUser>,
    ) -> Self {
        let Some(found) = found else { return Self::Absent };
        let pool = restore.target_pool();
        if not_created == Some(NotCreated::LeftToSignIn) {
            let stays = !pool.has_snapshot_subs() || restore.options.existing == Existing::Skip;
            let is_itself = pool.has_snapshot_subs() && found.sub == *sub;
            // Users can sign up under such a name, or choose it as their alias.
            let has_name = found.username.as_str().to_lowercase() == record.username.as_str().to_lowercase();
            if stays && !is_itself && found.is_federated && has_name {
                return Self::SignedIn(found);
            }
        }
        if not_created.is_none() || pool.may_hold_uncreatable_users() {
            Self::Present(found)
        } else {
            Self::Absent
        }
    }
}

/// How a user of the target differs from the snapshot, as far as its digest tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// It is as in the snapshot. `lacks_left_out` tells whether it lacks a value that the restore leaves out.
    Same { lacks_left_out: bool },
    /// It differs, and stays as it is.
    Kept,
    /// It differs, and the restore changes it.
    Changed,
}

impl Comparison {
    pub fn of(restore: &Restore, record: &UserRecord, left_out: &[String], found: &ScannedUser) -> Self {
        let options = &restore.options;
        if found.content == record.kept_digest(options.old_sub_attribute.as_deref()) {
            let lacks_left_out = left_out.iter().any(|name| !found.left_out.contains(name));
            Self::Same { lacks_left_out }
        } else if options.existing == Existing::Skip {
            Self::Kept
        } else {
            Self::Changed
        }
    }
}
