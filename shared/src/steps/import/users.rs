//! Users: created with every settable attribute, given a random permanent password, disabled where they were.

use std::collections::{HashMap, HashSet};

use super::{Handled, Import, OpenPage, password};
use crate::Result;
use crate::model::{Digest, Note, Outcome, Reason, RestoredUser, Sub, SubMapEntry, UserRecord, UserStatus, restored_status};
use crate::pool::{NewUser, Pool, PoolErrorKind};
use crate::vault::Vault;

/// A user under work.
struct OpenUser {
    sub: Sub,
    /// Unit, page and place: who wrote a sub map entry.
    place: String,
    /// Whether this page has named the user before.
    repeated: bool,
}

impl<P: Pool, V: Vault> Import<P, V> {
    pub(super) async fn restore_users(&self, page: &OpenPage<'_>, done: &mut Vec<(usize, Handled)>) -> Result<()> {
        let mut seen = HashSet::new();
        let first: HashMap<usize, bool> =
            page.content.0.iter().enumerate().map(|(place, entry)| (place, seen.insert(entry.key.as_str()))).collect();
        let unit = page.unit.id();
        let open = |place: usize| OpenUser {
            sub: Sub::new(page.key(place)),
            place: format!("{unit}#{}#{place}", page.number),
            repeated: !first.get(&place).copied().unwrap_or(true),
        };
        let users: Vec<_> = page.open.iter().map(|&place| (place, open(place))).collect();
        let subs: Vec<_> = users.iter().map(|(_, user)| user.sub.clone()).collect();
        let known = self.catalog.sub_map(&self.restore.id, &subs).await?;
        let digest = |place: usize| page.content.0.get(place).and_then(|entry| entry.digest).unwrap_or_default();
        let named: Vec<(&str, Digest)> = users.iter().map(|(place, user)| (user.sub.as_str(), digest(*place))).collect();
        let records = self.catalog.records::<UserRecord>(&self.restore.source, &named).await?;
        let work = users.iter().zip(records).map(|((place, user), record)| (*place, self.restore_user(user, record, &known)));
        let work = work.collect();
        self.work_on(page.unit.listing.kind(), done, work).await
    }

    async fn restore_user(
        &self,
        user: &OpenUser,
        record: std::result::Result<UserRecord, Reason>,
        known: &HashMap<Sub, SubMapEntry>,
    ) -> Result<Handled> {
        let known = known.get(&user.sub);
        let restored_elsewhere = known.is_some_and(|known| known.place != user.place && known.restored.is_some());
        if user.repeated || restored_elsewhere {
            return Ok(Outcome::Skipped { reason: Reason::ListedTwice }.into());
        }
        let record = match record {
            Ok(record) => record,
            Err(reason) => return Ok(self.not_restored(user, Outcome::Failed { reason })),
        };
        if restored_status(&record.status).is_none() {
            return Ok(self.not_restored(user, Outcome::Skipped { reason: Reason::FederatedUser }));
        }
        let (outcome, there) = match self.create(&record).await? {
            Ok(created) => created,
            Err(outcome) => return Ok(self.not_restored(user, outcome)),
        };
        let created = outcome == Outcome::Created;
        let outcome = match self.complete(&record).await? {
            Some(failed) => failed,
            None => outcome,
        };
        Ok(Handled {
            outcome,
            notes: notes(&record),
            sub_map: Some(SubMapEntry {
                old_sub: user.sub.clone(),
                place: user.place.clone(),
                restored: Some(RestoredUser { sub: there, username: record.username, created }),
            }),
        })
    }

    fn not_restored(&self, user: &OpenUser, outcome: Outcome) -> Handled {
        let entry = SubMapEntry { old_sub: user.sub.clone(), place: user.place.clone(), restored: None };
        Handled { outcome, notes: Vec::new(), sub_map: Some(entry) }
    }

    /// Creates the user, or finds it as an earlier attempt left it: the outcome so far and the new `sub`. The inner error is the
    /// outcome of a user that cannot be created.
    async fn create(&self, record: &UserRecord) -> Result<std::result::Result<(Outcome, Sub), Outcome>> {
        let settable = record.settable_attributes().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let user = NewUser {
            username: record.username.clone(),
            attributes: settable.collect(),
            temporary_password: password::random(self.restore.password_length)?,
        };
        let error = match self.pool.create_user(&user).await {
            Ok(created) => return Ok(Ok((Outcome::Created, created.sub))),
            Err(error) => error,
        };
        let taken = match error.kind {
            PoolErrorKind::AlreadyExists => Reason::UsernameTaken,
            PoolErrorKind::AliasTaken => Reason::AliasTaken,
            _ => return self.entry_refused(error).map(Err),
        };
        match self.pool.get_user(&user.username).await {
            Ok(there) if is_same_person(&there.record, &user) => {
                Ok(Ok((self.made_by_this_restore(there.record.created), there.sub)))
            }
            Ok(_) => Ok(Err(Outcome::Failed { reason: taken })),
            Err(error) if error.kind == PoolErrorKind::UserNotFound => Ok(Err(Outcome::Failed { reason: taken })),
            Err(error) => self.entry_refused(error).map(Err),
        }
    }

    /// Does what a created user still lacks; all of it can be done twice. Returns the outcome if something was refused.
    async fn complete(&self, record: &UserRecord) -> Result<Option<Outcome>> {
        // Another one than the temporary password: a pool may refuse the last few passwords.
        let password = password::random(self.restore.password_length)?;
        if let Err(error) = self.pool.set_password(&record.username, &password).await {
            return self.entry_refused(error).map(Some);
        }
        if !record.enabled
            && let Err(error) = self.pool.disable_user(&record.username).await
        {
            return self.entry_refused(error).map(Some);
        }
        Ok(None)
    }
}

/// Whether a user of the target is the one that was to be created: same name, and every attribute as it was to be set.
fn is_same_person(there: &UserRecord, wanted: &NewUser) -> bool {
    there.username.as_str().to_lowercase() == wanted.username.as_str().to_lowercase()
        && wanted.attributes.iter().all(|(name, value)| there.attributes.get(name) == Some(value))
        && there.settable_attributes().all(|(name, _)| wanted.attributes.contains_key(name))
}

fn notes(record: &UserRecord) -> Vec<Note> {
    let notes = [
        (record.status != UserStatus::Confirmed, Note::StatusNotKept),
        (!record.can_reset_password(), Note::CannotResetPassword),
        (record.has_linked_identities(), Note::IdentitiesNotLinked),
        (!record.mfa_options.is_empty(), Note::MfaNotKept),
    ];
    notes.into_iter().filter_map(|(applies, note)| applies.then_some(note)).collect()
}
