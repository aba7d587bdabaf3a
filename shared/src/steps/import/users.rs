//! Users: created with every settable attribute and what their options ask for; or, where they are there already, left or updated.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use super::intent::Intent;
use super::update::{self, Difference};
use super::{Handled, Import, OpenPage, password};
use crate::Result;
use crate::model::{
    Digest, Existing, Identity, InGroups, InJob, Marks, Met, NameKey, Outcome, Place, Reason, RestoredUser, Sub, SubMapEntry,
    User, UserRecord, UserStatus, Username,
};
use crate::pool::{NewUser, Pool, PoolErrorKind};
use crate::vault::Vault;

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
    in_groups: HashMap<Sub, InGroups>,
    /// Who of them an import job has created, by sign-in name.
    in_jobs: HashMap<NameKey, InJob>,
    /// Who was in the target before, by sign-in name.
    met: HashMap<NameKey, Met>,
    /// Who of the page became which user of the target: the sub map does not know yet.
    claims: Mutex<HashMap<Sub, Sub>>,
}

impl Page {
    /// Whether the user `there` of the target is `old`, and nobody else of this page.
    fn claim(&self, there: &Sub, old: &Sub) -> bool {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        claims.entry(there.clone()).or_insert_with(|| old.clone()) == old
    }
}

/// A user of the target, and how it got there.
struct There {
    outcome: Outcome,
    /// Not known yet where an import job made it.
    sub: Option<Sub>,
    username: Username,
    /// Whether the restore made it, now or earlier, and so may set what the snapshot says.
    ours: bool,
    /// Whether it has a password already, which may be the person's own by now.
    has_password: bool,
}

impl There {
    /// A user that an import job has created. The name it signs in with serves as a username in every call.
    fn by_job(intent: &Intent) -> Self {
        Self { outcome: Outcome::Created, sub: None, username: intent.name.clone(), ours: true, has_password: true }
    }
}

impl<P: Pool, V: Vault> Import<P, V> {
    pub(super) async fn restore_users(&self, page: &OpenPage<'_>, done: &mut Vec<(usize, Handled)>) -> Result<()> {
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
        let known = self.catalog.sub_map(&self.restore.id, &subs).await?;
        let named: Vec<(&str, Digest)> = users.iter().map(|(_, user)| (user.sub.as_str(), user.digest)).collect();
        let records = self.catalog.records::<UserRecord>(&self.restore.source, &named).await?;
        let in_groups = match &self.selection {
            Some(_) => self.catalog.in_groups(&self.restore.id, &subs).await?,
            None => HashMap::new(),
        };
        let in_jobs = self.created_by_jobs(page.number, records.iter().flatten()).await?;
        let met = self.met(records.iter().flatten()).await?;
        let page_of = Page { known, in_groups, in_jobs, met, claims: Mutex::default() };
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
        let left_over = self.catalog.left_over(&self.restore.id, Marks::chunk_of(number)).await?;
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
        if user.repeated || restored_elsewhere {
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
        let intent = match Intent::of(&user.sub, &record, &self.restore.settings, &self.restore.options) {
            Ok(intent) => intent,
            Err(outcome) => return Ok(left_out(outcome)),
        };
        let name = self.restore.settings.name_key(&intent.name);
        let by_job = page.in_jobs.get(&name).filter(|there| there.place == user.at);
        let there = match (by_job, page.met.get(&name)) {
            (Some(_), _) => Ok(There::by_job(&intent)),
            (None, Some(met)) => self.meet(user, &record, &intent, met).await?,
            (None, None) => self.create(user, &record, &intent).await?,
        };
        let there = match there {
            Ok(there) if there.sub.as_ref().is_none_or(|sub| page.claim(sub, &user.sub)) => there,
            Ok(_) => return Ok(left_out(Outcome::Failed { reason: Reason::UsernameTaken })),
            Err(outcome) => return Ok(left_out(outcome)),
        };
        let outcome = match there.ours {
            true => self.complete(&intent, &there).await?.unwrap_or(there.outcome),
            false => there.outcome,
        };
        let notes = match (there.ours, by_job) {
            (false, _) => Vec::new(),
            (true, None) => intent.notes,
            (true, Some(_)) => intent.notes_of_job(&record),
        };
        let kept = matches!(outcome, Outcome::Skipped { reason: Reason::AlreadyInTarget });
        let mut entry = not_restored(user, record.username);
        entry.restored = Some(RestoredUser { sub: there.sub, username: there.username, created: there.ours, kept });
        Ok(Handled { outcome, notes, sub_map: Some(entry) })
    }

    /// Finds the user where the target had it before the restore wrote to it, or somebody else of the name. It is looked up only where
    /// it is to be changed.
    async fn meet(
        &self,
        user: &OpenUser,
        record: &UserRecord,
        intent: &Intent,
        met: &Met,
    ) -> Result<std::result::Result<There, Outcome>> {
        let found = |outcome| There {
            outcome,
            sub: Some(met.sub.clone()),
            username: met.username.clone(),
            ours: false,
            has_password: true,
        };
        if let Some(claimed) = self.catalog.restored_as(&self.restore.id, &met.sub).await? {
            return Ok(match claimed.restored.filter(|_| claimed.old_sub == user.sub) {
                Some(restored) if restored.kept => Ok(found(Outcome::Skipped { reason: Reason::AlreadyInTarget })),
                Some(_) => Ok(found(Outcome::AlreadyThere)),
                None => Err(Outcome::Failed { reason: Reason::UsernameTaken }),
            });
        }
        let options = &self.restore.options;
        if met.content == record.kept_digest(options.old_sub_attribute.as_deref()) {
            return Ok(Ok(found(Outcome::AlreadyThere)));
        }
        if options.existing == Existing::Skip {
            return Ok(Ok(found(Outcome::Skipped { reason: Reason::AlreadyInTarget })));
        }
        match self.pool.get_user(&met.username).await {
            Ok(there) if there.sub == met.sub => self.find(user, record, there, Reason::UsernameTaken).await,
            // Deleted since, and perhaps made again.
            Ok(_) => self.create(user, record, intent).await,
            Err(error) if error.kind == PoolErrorKind::UserNotFound => self.create(user, record, intent).await,
            Err(error) => self.entry_refused(error).map(Err),
        }
    }

    /// Creates the user, or finds it as an earlier attempt or somebody else left it. The inner error is the outcome of a user that
    /// cannot be created.
    async fn create(&self, user: &OpenUser, record: &UserRecord, intent: &Intent) -> Result<std::result::Result<There, Outcome>> {
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
                return Ok(Ok(There { outcome, sub: Some(sub), username, ours: true, has_password: false }));
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
    ) -> Result<std::result::Result<There, Outcome>> {
        let options = &self.restore.options;
        let found = |outcome, ours| There {
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
        let difference = Difference::between(&there.record, record, options.old_sub_attribute.as_deref());
        // As the snapshot has it and created since the restore began: left by an invocation that was cut short.
        let since_it_began = there.record.created.is_some_and(|created| created.as_second() >= self.restore.began().as_second());
        let begun = since_it_began && !difference.is_in_attributes();
        Ok(match options.existing {
            Existing::Fail if difference.is_in_attributes() => Err(Outcome::Failed { reason: taken }),
            Existing::Fail => Ok(found(made_now, true)),
            _ if begun => Ok(found(made_now, true)),
            _ if taken == Reason::AliasTaken => Err(Outcome::Failed { reason: taken }),
            _ if difference.is_none() => Ok(found(Outcome::AlreadyThere, false)),
            Existing::Skip => Ok(found(Outcome::Skipped { reason: Reason::AlreadyInTarget }, false)),
            Existing::Update => match difference.would_send_message(&self.restore.settings) {
                true => Err(Outcome::Failed { reason: Reason::WouldSendMessage }),
                false => match update::user(&self.pool, &there.record.username, &difference).await {
                    Ok(()) => Ok(found(Outcome::Updated { changed: difference.names() }, false)),
                    Err(error) => return self.entry_refused(error).map(Err),
                },
            },
        })
    }

    /// Does what a user that this restore made still lacks; all of it can be done twice. Everything is tried; the first refusal is
    /// the outcome.
    async fn complete(&self, intent: &Intent, there: &There) -> Result<Option<Outcome>> {
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
        if intent.disable
            && let Err(error) = self.pool.disable_user(username).await
        {
            keep_first(self.entry_refused(error)?);
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

fn not_restored(user: &OpenUser, old_username: Username) -> SubMapEntry {
    SubMapEntry { old_sub: user.sub.clone(), old_username, digest: user.digest, place: user.place.clone(), restored: None }
}
