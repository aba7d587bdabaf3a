//! Users: created with every settable attribute and what their options ask for; or, where they are there already, left or updated.

use std::collections::{HashMap, HashSet};

use super::password;
use crate::Result;
use crate::model::{
    Digest, Existing, GroupMatch, Identity, InJob, NameKey, Outcome, Place, Reason, RestoredUser, ScannedUser, SeenUsers, Sub,
    SubMapEntry, User, UserRecord, UserStatus, Username,
};
use crate::operations::import::entries::intent::Intent;
use crate::operations::import::entries::update::{self, Difference};
use crate::operations::import::{Handled, Import, OpenPage};
use crate::ports::pool::{NewUser, Pool, PoolErrorKind};
use crate::ports::vault::Vault;

/// A user under work.
struct OpenUser {
    sub: Sub,
    digest: Digest,
    /// The page and the place on it.
    at: Place,
    /// Unit, page and place: who wrote a sub map entry.
    place: String,
    /// Whether this page has named the user before.
    repeated: bool,
}

/// What is known of the users of a page while they are worked on.
struct Page {
    /// What the sub map says of them.
    known: HashMap<Sub, SubMapEntry>,
    /// In which groups of the selection they are.
    in_groups: HashMap<Sub, GroupMatch>,
    /// Who of them an import job has created, by sign-in name.
    in_jobs: HashMap<NameKey, InJob>,
    /// Who of them was in the target before.
    met: HashMap<Sub, ScannedUser>,
    /// Whom earlier repairs of the pool have made of those who were not.
    successors: HashMap<Sub, Vec<RestoredUser>>,
}

/// A user of the target, and how it got there.
struct TargetUser {
    outcome: Outcome,
    /// Not known yet where an import job made it.
    sub: Option<Sub>,
    username: Username,
    /// Whether the restore made it, now or earlier, and so may set what the snapshot says.
    ours: bool,
    /// Whether it has a password already, which may be the person's own by now.
    has_password: bool,
}

impl TargetUser {
    /// A user that an import job has created. The name it signs in with serves as a username in every call.
    fn by_job(intent: &Intent) -> Self {
        Self { outcome: Outcome::Created, sub: None, username: intent.name.clone(), ours: true, has_password: true }
    }
}

impl<P: Pool, V: Vault> Import<P, V> {
    pub(crate) async fn restore_users(&self, page: &OpenPage<'_>, done: &mut Vec<(usize, Handled)>) -> Result<()> {
        let mut seen = HashSet::new();
        let first: HashMap<usize, bool> =
            page.content.0.iter().enumerate().map(|(place, entry)| (place, seen.insert(entry.key.as_str()))).collect();
        let unit = page.unit.id();
        let open = |place: usize| OpenUser {
            sub: Sub::new(page.key(place)),
            digest: page.content.0.get(place).and_then(|entry| entry.digest).unwrap_or_default(),
            at: Place { page: page.number, place: place as u8 },
            place: format!("{unit}#{}#{place}", page.number),
            repeated: !first.get(&place).copied().unwrap_or(true),
        };
        let users: Vec<_> = page.open.iter().map(|&place| (place, open(place))).collect();
        let subs: Vec<_> = users.iter().map(|(_, user)| user.sub.clone()).collect();
        let known = self.catalog.sub_map(&self.restore, &subs).await?;
        let named: Vec<(&str, Digest)> = users.iter().map(|(_, user)| (user.sub.as_str(), user.digest)).collect();
        let records = self.catalog.records::<UserRecord>(&self.restore.source, &named).await?;
        let in_groups = match &self.selection {
            Some(_) => self.catalog.in_groups(&self.restore.id, &subs).await?,
            None => HashMap::new(),
        };
        let in_jobs = self.created_by_jobs(page.number, records.iter().flatten()).await?;
        let readable: Vec<_> = subs.iter().zip(&records).filter_map(|(sub, record)| Some((sub, record.as_ref().ok()?))).collect();
        let met = self.user_matcher().shown(&readable).await?;
        let unmet: Vec<_> = subs.iter().filter(|sub| !met.contains_key(*sub)).cloned().collect();
        let successors = self.user_matcher().successors(&unmet).await?;
        let page_of = Page { known, in_groups, in_jobs, met, successors };
        let work = users.iter().zip(records).map(|((place, user), record)| (*place, self.restore_user(user, record, &page_of)));
        let work = work.collect();
        self.work_on(page.unit.listing.kind(), done, work).await
    }

    /// Who of a page an import job has created. What a later pass finds open goes through the API.
    async fn created_by_jobs(&self, number: u64, records: impl Iterator<Item = &UserRecord>) -> Result<HashMap<NameKey, InJob>> {
        let Some(jobs) = self.jobs.as_ref().filter(|jobs| jobs.settled > 0 && self.restore.pass == 1) else {
            return Ok(HashMap::new());
        };
        let settings = &self.restore.settings;
        let names: Vec<_> =
            records.filter_map(|record| settings.sign_in_name(record)).map(|name| settings.name_key(&name)).collect();
        let left_over = self.catalog.left_over(&self.restore.id, SeenUsers::chunk_of(number)).await?;
        let mut in_jobs = self.catalog.in_jobs(&self.restore.id, &names).await?;
        in_jobs.retain(|_, there| {
            let is_left_over = left_over.get(there.place.page, there.place.place).is_some();
            there.job <= jobs.settled && there.place.page == number && !is_left_over
        });
        Ok(in_jobs)
    }

    async fn restore_user(
        &self,
        user: &OpenUser,
        record: std::result::Result<UserRecord, Reason>,
        page: &Page,
    ) -> Result<Handled> {
        let known = page.known.get(&user.sub);
        let restored_elsewhere = known.is_some_and(|known| known.place != user.place && known.restored.is_some());
        if user.repeated || restored_elsewhere || !self.claims.is_first(&user.sub, user.at) {
            return Ok(Outcome::Skipped { reason: Reason::ListedTwice }.into());
        }
        let record = match record {
            Ok(record) => record,
            Err(reason) => return Ok(Outcome::Failed { reason }.into_handled(not_restored(user, Username::new("")))),
        };
        let in_groups = page.in_groups.get(&user.sub).copied().unwrap_or_default();
        if self.selection.as_ref().is_some_and(|selection| !selection.selects(&user.sub, &record, in_groups)) {
            return Ok(Outcome::Skipped { reason: Reason::NotSelected }.into());
        }
        let left_out = |outcome: Outcome| outcome.into_handled(not_restored(user, record.username.clone()));
        let intent = Intent::of(&user.sub, &record, &self.restore.settings, &self.restore.options);
        if let (Err(outcome), false) = (&intent, self.restore.is_repair()) {
            return Ok(left_out(outcome.clone()));
        }
        let by_job = intent.as_ref().ok().filter(|intent| {
            let there = page.in_jobs.get(&self.restore.settings.name_key(&intent.name));
            there.is_some_and(|there| there.place == user.at)
        });
        let there = match by_job {
            Some(intent) => Some(Ok(TargetUser::by_job(intent))),
            // In its own pool also whoever would not be created: a federated user, for one.
            None => self.meet(user, &record, intent.as_ref().ok(), page).await?,
        };
        let there = match (there, &intent) {
            (Some(there), _) => there,
            (None, Ok(intent)) => self.create(user, &record, intent).await?,
            (None, Err(outcome)) => Err(outcome.clone()),
        };
        let there = match there {
            Ok(there) if there.sub.as_ref().is_none_or(|sub| self.claims.claim(sub, &user.sub)) => there,
            Ok(_) => return Ok(left_out(Outcome::Failed { reason: Reason::UsernameTaken })),
            Err(outcome) => return Ok(left_out(outcome)),
        };
        let (outcome, notes) = match &intent {
            Ok(intent) if there.ours => {
                let outcome = self.complete(intent, &there).await?.unwrap_or(there.outcome);
                (outcome, if by_job.is_some() { intent.notes_of_job(&record) } else { intent.notes.clone() })
            }
            _ => (there.outcome, Vec::new()),
        };
        let kept = matches!(outcome, Outcome::Skipped { reason: Reason::AlreadyInTarget });
        let mut entry = not_restored(user, record.username);
        entry.restored = Some(RestoredUser { sub: there.sub, username: there.username, created: there.ours, kept });
        Ok(Handled { outcome, notes, sub_map: Some(entry) })
    }

    /// Finds the user where the target had it before the restore wrote to it, or somebody else of the name; none where it is not there,
    /// as far as that can be known. It is looked up only where it is to be changed.
    async fn meet(
        &self,
        user: &OpenUser,
        record: &UserRecord,
        intent: Option<&Intent>,
        page: &Page,
    ) -> Result<Option<std::result::Result<TargetUser, Outcome>>> {
        let Some(met) = page.met.get(&user.sub) else { return self.look_for(user, record, intent, page).await };
        let found = |outcome| TargetUser {
            outcome,
            sub: Some(met.sub.clone()),
            username: met.username.clone(),
            ours: false,
            has_password: true,
        };
        if let Some(claimed) = self.catalog.restored_as(&self.restore.id, &met.sub).await? {
            return Ok(Some(match claimed.restored.filter(|_| claimed.old_sub == user.sub) {
                Some(restored) if restored.kept => Ok(found(Outcome::Skipped { reason: Reason::AlreadyInTarget })),
                Some(_) => Ok(found(Outcome::AlreadyThere)),
                None => Err(Outcome::Failed { reason: Reason::UsernameTaken }),
            }));
        }
        let options = &self.restore.options;
        if met.content == record.kept_digest(options.old_sub_attribute.as_deref()) {
            return Ok(Some(Ok(found(Outcome::AlreadyThere))));
        }
        if options.existing == Existing::Skip {
            return Ok(Some(Ok(found(Outcome::Skipped { reason: Reason::AlreadyInTarget }))));
        }
        match self.pool.get_user(&met.username).await {
            Ok(there) if there.sub == met.sub => self.find(user, record, there, Reason::UsernameTaken).await.map(Some),
            // Deleted since, and perhaps made again.
            Ok(_) => Ok(None),
            Err(error) if error.kind == PoolErrorKind::UserNotFound => Ok(None),
            Err(error) => self.entry_refused(error).map(|outcome| Some(Err(outcome))),
        }
    }

    /// Looks in its own pool for a user whom no listing has shown: a listing may overlook who is changed meanwhile, and an address that
    /// has been given up since would let the same person be created twice. Elsewhere, and where the username itself is created, the
    /// pool refuses that by itself, so that nobody is looked for.
    async fn look_for(
        &self,
        user: &OpenUser,
        record: &UserRecord,
        intent: Option<&Intent>,
        page: &Page,
    ) -> Result<Option<std::result::Result<TargetUser, Outcome>>> {
        let is_first_pass = self.restore.pass == 1;
        if !self.restore.is_repair() || (intent.is_none() && is_first_pass) {
            return Ok(None);
        }
        let taken = Reason::UsernameTaken;
        let mut candidates = Vec::new();
        if intent.is_none_or(|intent| intent.name != record.username) {
            candidates.push((&record.username, Some(&user.sub)));
        }
        let successors = page.successors.get(&user.sub).into_iter().flatten();
        candidates.extend(successors.map(|there| (&there.username, there.sub.as_ref())));
        // Cognito gives nobody else the name of an identity.
        if record.status == UserStatus::ExternalProvider && !is_first_pass {
            candidates.push((&record.username, None));
        }
        for (username, sub) in candidates {
            match self.pool.get_user(username).await {
                Ok(there) if sub.is_none_or(|sub| *sub == there.sub) => {
                    return self.find(user, record, there, taken).await.map(Some);
                }
                Ok(_) => {}
                Err(error) if error.kind == PoolErrorKind::UserNotFound => {}
                Err(error) => return self.entry_refused(error).map(|outcome| Some(Err(outcome))),
            }
        }
        Ok(None)
    }

    /// Creates the user, or finds it as an earlier attempt or somebody else left it. The inner error is the outcome of a user that
    /// cannot be created.
    async fn create(
        &self,
        user: &OpenUser,
        record: &UserRecord,
        intent: &Intent,
    ) -> Result<std::result::Result<TargetUser, Outcome>> {
        let options = &self.restore.options;
        let settable = record.restorable_attributes().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut new = NewUser {
            username: intent.name.clone(),
            attributes: settable.collect(),
            temporary_password: password::random(self.restore.settings.password_length)?,
            invitation: intent.invitation,
        };
        if let Some(attribute) = &options.old_sub_attribute {
            new.attributes.insert(attribute.clone(), user.sub.to_string());
        }
        let error = match self.pool.create_user(&new).await {
            Ok(User { sub, record }) => {
                let (outcome, username) = (Outcome::Created, record.username);
                return Ok(Ok(TargetUser { outcome, sub: Some(sub), username, ours: true, has_password: false }));
            }
            Err(error) => error,
        };
        let taken = match error.kind {
            PoolErrorKind::AlreadyExists => Reason::UsernameTaken,
            PoolErrorKind::AliasTaken => Reason::AliasTaken,
            _ => return self.entry_refused(error).map(Err),
        };
        let there = match self.pool.get_user(&intent.name).await {
            Ok(there) => there,
            Err(error) if error.kind == PoolErrorKind::UserNotFound => return Ok(Err(Outcome::Failed { reason: taken })),
            Err(error) => return self.entry_refused(error).map(Err),
        };
        let is_namesake = there.record.username.as_str().to_lowercase() == intent.name.as_str().to_lowercase();
        if self.restore.settings.username_attributes.is_empty() && !is_namesake {
            // Found by an alias that looks like the name: somebody else.
            return Ok(Err(Outcome::Failed { reason: taken }));
        }
        self.find(user, record, there, taken).await
    }

    /// Decides what becomes of a user of the target that has the name.
    async fn find(
        &self,
        user: &OpenUser,
        record: &UserRecord,
        there: User,
        taken: Reason,
    ) -> Result<std::result::Result<TargetUser, Outcome>> {
        let options = &self.restore.options;
        let is_the_same = there.sub == user.sub;
        if !is_the_same && self.user_matcher().is_own(&there.sub).await? {
            // Another user of the snapshot has the name now, and is there in its own right.
            return Ok(Err(Outcome::Failed { reason: taken }));
        }
        let found = |outcome, ours| TargetUser {
            outcome,
            sub: Some(there.sub.clone()),
            username: there.record.username.clone(),
            ours,
            has_password: there.record.status != UserStatus::ForceChangePassword,
        };
        let made_now = self.made_by_this_restore(there.record.created);
        // Two people of the snapshot never become one, however alike their names are to the target.
        if let Some(claimed) = self.catalog.restored_as(&self.restore.id, &there.sub).await? {
            return Ok(match claimed.restored.filter(|_| claimed.old_sub == user.sub) {
                Some(restored) if restored.created => Ok(found(made_now, true)),
                Some(restored) if restored.kept => Ok(found(Outcome::Skipped { reason: Reason::AlreadyInTarget }, false)),
                Some(_) => Ok(found(Outcome::AlreadyThere, false)),
                None => Err(Outcome::Failed { reason: taken }),
            });
        }
        if !is_the_same && is_a_guest(&there, record) {
            return Ok(Err(Outcome::Failed { reason: taken }));
        }
        let difference = Difference::between(&there.record, record, options.old_sub_attribute.as_deref());
        // As the snapshot has it and created since the restore began: left by an invocation that was cut short.
        let since_it_began = there.record.created.is_some_and(|created| created.as_second() >= self.restore.began().as_second());
        // Whom Cognito itself made, at a federated sign-in, is nobody's to complete.
        let can_be_ours = !is_the_same && there.record.status != UserStatus::ExternalProvider;
        let begun = since_it_began && can_be_ours && !difference.is_in_attributes();
        Ok(match options.existing {
            Existing::Fail if difference.is_in_attributes() => Err(Outcome::Failed { reason: taken }),
            Existing::Fail => Ok(found(made_now, true)),
            _ if begun => Ok(found(made_now, true)),
            _ if taken == Reason::AliasTaken => Err(Outcome::Failed { reason: taken }),
            _ if difference.is_none() => Ok(found(Outcome::AlreadyThere, false)),
            Existing::Skip => Ok(found(Outcome::Skipped { reason: Reason::AlreadyInTarget }, false)),
            Existing::Update => match difference.would_send_message(&self.restore.settings) {
                true => Err(Outcome::Failed { reason: Reason::WouldSendMessage }),
                // Before anything is written: somebody else of the snapshot may be about to.
                false if !self.claims.claim(&there.sub, &user.sub) => Err(Outcome::Failed { reason: taken }),
                false => match update::user(&self.pool, &there.record.username, &difference).await {
                    Ok(()) => Ok(found(Outcome::Updated { changed: difference.names() }, false)),
                    Err(error) => return self.entry_refused(error).map(Err),
                },
            },
        })
    }

    /// Does what a user that this restore made still lacks; all of it can be done twice. Everything is tried; the first refusal is
    /// the outcome.
    async fn complete(&self, intent: &Intent, there: &TargetUser) -> Result<Option<Outcome>> {
        let username = &there.username;
        let mut refused = None;
        let mut keep_first = |outcome: Outcome| {
            refused.get_or_insert(outcome);
        };
        if intent.invitation.is_none() && !there.has_password {
            // Another one than the temporary password: a pool may refuse the last few passwords.
            let password = password::random(self.restore.settings.password_length)?;
            if let Err(error) = self.pool.set_password(username, &password).await {
                keep_first(self.entry_refused(error)?);
            }
        }
        for identity in &intent.identities {
            if let Err(outcome) = self.link(username, identity).await? {
                keep_first(outcome);
            }
        }
        if let Some(codes) = &intent.codes
            && let Err(error) = self.pool.set_mfa(username, codes).await
        {
            keep_first(self.entry_refused(error)?);
        }
        // Last: Cognito may refuse what is asked for a disabled user.
        if intent.disable
            && let Err(error) = self.pool.disable_user(username).await
        {
            keep_first(self.entry_refused(error)?);
        }
        Ok(refused)
    }

    /// Links an identity to the user, unless it is linked already.
    async fn link(&self, username: &Username, identity: &Identity) -> Result<std::result::Result<(), Outcome>> {
        let error = match self.pool.link_identity(username, identity).await {
            Ok(()) => return Ok(Ok(())),
            Err(error) => error,
        };
        // Cognito refuses to link twice, and tells that apart from nothing else.
        if matches!(error.kind, PoolErrorKind::InvalidParameter | PoolErrorKind::AliasTaken | PoolErrorKind::Refused) {
            match self.pool.get_user(username).await {
                Ok(there) if there.record.identities().is_some_and(|linked| linked.contains(identity)) => return Ok(Ok(())),
                Ok(_) => {}
                Err(other) => return self.entry_refused(other).map(Err),
            }
        }
        match error.kind {
            // Not the pool, which was there a moment ago: the provider.
            PoolErrorKind::NotFound => Ok(Err(Outcome::Failed {
                reason: Reason::Refused { call: format!("{} {}", error.operation.name(), error.code), detail: error.detail },
            })),
            _ => self.entry_refused(error).map(Err),
        }
    }
}

/// Whether somebody whom Cognito made at a federated sign-in has the address of a native user of the snapshot. Whoever has the username
/// itself is the same person: the status of a federated user may have been another one.
fn is_a_guest(there: &User, record: &UserRecord) -> bool {
    let is_federated = |record: &UserRecord| record.status == UserStatus::ExternalProvider;
    is_federated(&there.record) && !is_federated(record) && there.record.username != record.username
}

fn not_restored(user: &OpenUser, old_username: Username) -> SubMapEntry {
    SubMapEntry { old_sub: user.sub.clone(), old_username, digest: user.digest, place: user.place.clone(), restored: None }
}
