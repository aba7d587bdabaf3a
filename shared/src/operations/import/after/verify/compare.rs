//! Compares a user of the target with its record, and recognises users of import jobs.

use crate::catalog::ReadRecord;
use crate::model::{Origin, RestoredUser, SubMapEntry, User, UserRecord, is_left_out};
use crate::operations::import::context::Context;
use crate::operations::import::creation_time;
use crate::ports::Backend;

/// The names of the fields that differ from the snapshot, except those that no restore can keep.
pub fn differences<B: Backend>(
    context: &Context<B>,
    user: &User,
    entry: &SubMapEntry,
    record: ReadRecord<UserRecord>,
) -> Vec<String> {
    let Ok(mut record) = record else { return vec!["record".to_owned()] };
    if matches!(entry.origin(), Some(Origin::Kept | Origin::SignedIn)) {
        return Vec::new();
    }
    let except = context.restore.options.old_sub_attribute.as_deref();
    let left_out = context.restore.leave_out_values(&mut record);
    let mut fields = user.record.fields_unlike(&record, except);
    fields.retain(|field| !is_left_out(&left_out, field));
    if entry.origin() == Some(Origin::Created) && !user.record.has_identities_of(&record) {
        fields.push("identities".to_owned());
    }
    fields
}

/// Whether this restore may have created the user.
pub fn may_be_created<B: Backend>(context: &Context<B>, user: &User) -> bool {
    creation_time::is_created_during(&context.restore, user.record.created)
}

/// The new sub map entry of a user that an import job created, now that the target shows the user.
/// None if nothing is new.
pub fn recognised(entry: &SubMapEntry, user: &User) -> Option<SubMapEntry> {
    let restored = entry.restored.as_ref().filter(|restored| restored.sub.is_none())?;
    let (sub, username) = (Some(user.sub.clone()), user.record.username.clone());
    let restored = Some(RestoredUser { sub, username, ..restored.clone() });
    Some(SubMapEntry { restored, by_job: true, ..entry.clone() })
}
