//! Verification: the target is listed again and every user compared with the snapshot; then the snapshot is gone through for those
//! whom the listing did not show, and each of these is looked up, because a listing may overlook who has just been created.
//!
//! Two bits a user are kept while the target is listed. What is counted is counted once: the marks are written before the checkpoint
//! that makes them count, and whoever goes on from an older checkpoint only marks the same users again.

use std::collections::HashMap;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};

use crate::Result;
use crate::model::{
    Category, Digest, Existing, Finding, FindingKind, LedgerPage, Listing, NameKey, Outcome, Reason, RestoreUnit, RestoredUser,
    SeenUsers, Sub, SubMapEntry, User, UserRecord, Verification, VerificationStage,
};
use crate::operations::export::broken_off_again;
use crate::operations::import::Import;
use crate::operations::refusals::refused;
use crate::ports::pool::{Pool, PoolErrorKind};
use crate::ports::vault::Vault;

/// The most entries of a page.
const PAGE: u32 = 60;
/// Pages between two checkpoints: at least so many, and so many for each chunk of marks that has to be written down then. The target is
/// listed in another order than the snapshot, so that in a large pool every page adds to many chunks of up to 18 KB.
const PAGES_AT_ONCE: usize = 50;
const PAGES_PER_CHUNK: usize = 6;
/// At most so many, or the progress would stand still for too long.
const MAX_PAGES_AT_ONCE: usize = 600;
/// Chunks of marks written at once.
const CHUNKS_AT_ONCE: usize = 8;

/// A verification under work.
struct Work {
    state: Verification,
    /// SeenUsers by chunk: what was read of the table and what has been added since.
    marks: HashMap<u64, SeenUsers>,
    /// Pages since the last checkpoint.
    pages: usize,
}

impl<P: Pool, V: Vault> Import<P, V> {
    /// Goes on with the verification of this pass; returns whether anything is left.
    pub(crate) async fn verify(&self) -> Result<bool> {
        let begun = self.catalog.verification(&self.restore.id, self.restore.pass).await?;
        let state = begun.unwrap_or_else(|| Verification { attempt: 1, next_page: 1, ..Verification::default() });
        let mut work = Work { state, marks: HashMap::new(), pages: 0 };
        let mut is_first = true;
        while work.state.stage != VerificationStage::Done {
            // The first page is tried in any case, or a short invocation would never come to anything.
            if self.budget.is_spent() || !(is_first || self.budget.leaves(self.time_of(work.state.stage))) {
                self.checkpoint(&mut work).await?;
                return Ok(work.state.stage != VerificationStage::Done);
            }
            is_first = false;
            let stage = work.state.stage;
            match stage {
                VerificationStage::Listing => self.compare_page(&mut work).await?,
                VerificationStage::Missing | VerificationStage::Done => self.look_for_missing(&mut work).await?,
            }
            work.pages += 1;
            // The marks have to be complete before anybody is looked for who is not among them.
            let at_once = (work.marks.len() * PAGES_PER_CHUNK).clamp(PAGES_AT_ONCE, MAX_PAGES_AT_ONCE);
            if work.pages >= at_once || work.state.stage != stage {
                self.checkpoint(&mut work).await?;
            }
        }
        Ok(false)
    }

    /// How long a page takes at most: in the stage of the missing, each user of it may have to be looked up.
    fn time_of(&self, stage: VerificationStage) -> Duration {
        let calls = if stage == VerificationStage::Missing { PAGE } else { 0 };
        Duration::from_secs(1) * calls / self.ceilings.rate(Category::UserRead, self.tps)
    }

    /// Writes down how far the work has come. Where another invocation has done so before, it goes on from there.
    async fn checkpoint(&self, work: &mut Work) -> Result<()> {
        let (restore, pass) = (&self.restore.id, self.restore.pass);
        if work.pages == 0 {
            return Ok(());
        }
        let attempt = work.state.attempt;
        let add = |(chunk, marks): (&u64, &SeenUsers)| {
            let (chunk, marks) = (*chunk, marks.clone());
            async move { self.catalog.add_marks(restore, pass, attempt, chunk, &marks).await }
        };
        stream::iter(&work.marks).map(add).buffer_unordered(CHUNKS_AT_ONCE).try_collect::<()>().await?;
        let next = Verification { step: work.state.step + 1, ..work.state.clone() };
        work.state = self.catalog.put_verification(restore, pass, &next).await?;
        let pages = work.state.pages_done();
        self.catalog.change_restore(&self.restore.target, restore, |restore| restore.verified_pages = pages).await?;
        work.marks.clear();
        work.pages = 0;
        Ok(())
    }

    /// Lists one page of the target and compares it.
    async fn compare_page(&self, work: &mut Work) -> Result<()> {
        let token = work.state.token.clone();
        let listed = match self.pool.list_users(token.as_deref()).await {
            Ok(listed) if token.is_none() || listed.next_token != token => listed,
            Err(error) if error.kind != PoolErrorKind::InvalidParameter || token.is_none() => {
                return Err(refused(self.pool.id(), error));
            }
            // The token was refused, or the listing does not get on: from the beginning.
            _ => {
                let execution = &self.restore.execution;
                let broken_off = broken_off_again(&work.state.broken_off, execution, self.pool.id(), "users")?;
                let attempt = work.state.attempt + 1;
                work.state = Verification { attempt, broken_off, token: None, listed: 0, ..work.state.clone() };
                work.state.result.extra = 0;
                work.marks.clear();
                return Ok(());
            }
        };
        let (extra, findings) = self.compare(&listed.entries, &mut work.marks).await?;
        self.catalog.put_findings(&self.restore.id, self.restore.pass, &findings).await?;
        work.state.result.extra += extra;
        work.state.listed += listed.entries.len() as u64;
        work.state.token = listed.next_token;
        if work.state.token.is_none() {
            work.state.stage = VerificationStage::Missing;
        }
        Ok(())
    }

    /// Compares users of the target; returns how many are not of this restore, and what was found.
    async fn compare(&self, users: &[User], marks: &mut HashMap<u64, SeenUsers>) -> Result<(u64, Vec<Finding>)> {
        let subs: Vec<Sub> = users.iter().map(|user| user.sub.clone()).collect();
        let mut entries = self.catalog.restored_as_all(&self.restore.id, &subs).await?;
        self.recognise(users, &mut entries).await?;
        let met: Vec<(&User, &SubMapEntry)> =
            users.iter().filter_map(|user| entries.get(&user.sub).map(|entry| (user, entry))).collect();
        let named: Vec<(&str, Digest)> = met.iter().map(|(_, entry)| (entry.old_sub.as_str(), entry.digest)).collect();
        let records = self.catalog.records::<UserRecord>(&self.restore.source, &named).await?;

        let mut findings = Vec::new();
        let extra: Vec<&Sub> = subs.iter().filter(|sub| !entries.contains_key(*sub)).collect();
        // Where others were there before, they are no news.
        if self.restore.options.existing == Existing::Fail {
            let extra = extra.iter().map(|sub| Finding { kind: FindingKind::Extra, sub: (*sub).clone(), fields: Vec::new() });
            findings.extend(extra);
        }
        for ((user, entry), record) in met.into_iter().zip(records) {
            let Some((page, place)) = entry.page_and_place() else { continue };
            let fields = self.differences(user, entry, record);
            marks.entry(SeenUsers::chunk_of(page)).or_default().set(page, place, !fields.is_empty());
            if !fields.is_empty() {
                findings.push(Finding { kind: FindingKind::Different, sub: entry.old_sub.clone(), fields });
            }
        }
        Ok((extra.len() as u64, findings))
    }

    /// Adds the users whom import jobs have created: they are seen for the first time now, and known by the names they sign in with.
    async fn recognise(&self, users: &[User], entries: &mut HashMap<Sub, SubMapEntry>) -> Result<()> {
        if self.jobs.as_ref().is_none_or(|jobs| jobs.settled == 0) {
            return Ok(());
        }
        let settings = &self.restore.settings;
        let new = users.iter().filter(|user| !entries.contains_key(&user.sub) && self.is_of_this_restore(user));
        let named: Vec<(NameKey, &User)> =
            new.filter_map(|user| settings.name_there(&user.record).map(|name| (settings.name_key(&name), user))).collect();
        let keys: Vec<_> = named.iter().map(|(key, _)| *key).collect();
        let in_jobs = self.catalog.in_jobs(&self.restore.id, &keys).await?;
        let old_subs: Vec<_> = in_jobs.values().map(|there| there.old_sub.clone()).collect();
        let mut sub_map = self.catalog.sub_map(&self.restore, &old_subs).await?;
        let mut recognised = Vec::new();
        for (key, user) in named {
            // Taken out: nobody is recognised twice, however often the page names somebody.
            let entry = in_jobs.get(&key).and_then(|there| sub_map.remove(&there.old_sub));
            if let Some(entry) = entry.and_then(|entry| seen_as(&entry, user)) {
                entries.insert(user.sub.clone(), entry.clone());
                recognised.push(entry);
            }
        }
        self.catalog.put_sub_map(&self.restore, &recognised).await
    }

    /// Whether a user can be of this restore: the clocks may differ by a little.
    fn is_of_this_restore(&self, user: &User) -> bool {
        self.made_by_this_restore(user.record.created) == Outcome::Created
    }

    /// The names of what differs between a user of the target and the snapshot, but for what no restore can keep.
    fn differences(&self, user: &User, entry: &SubMapEntry, record: std::result::Result<UserRecord, Reason>) -> Vec<String> {
        let kept = entry.restored.as_ref().is_some_and(|restored| restored.kept);
        let Ok(record) = record else { return vec!["record".to_owned()] };
        if kept {
            return Vec::new();
        }
        let mut fields = user.record.fields_unlike(&record, self.restore.options.old_sub_attribute.as_deref());
        if entry.is_created() && !user.record.has_identities_of(&record) {
            fields.push("identities".to_owned());
        }
        fields
    }

    /// Goes through one page of the snapshot, and looks up whom the listing did not show.
    async fn look_for_missing(&self, work: &mut Work) -> Result<()> {
        let units = self.catalog.restore_units(&self.restore.id).await?;
        let Some(unit) = units.into_iter().find(|unit| unit.listing == Listing::Users) else {
            work.state.stage = VerificationStage::Done;
            return Ok(());
        };
        let number = work.state.next_page;
        if number > unit.pages() {
            work.state.stage = VerificationStage::Done;
            return Ok(());
        }
        let chunk = SeenUsers::chunk_of(number);
        if !work.marks.contains_key(&chunk) {
            let (restore, pass) = (&self.restore.id, self.restore.pass);
            work.marks.clear();
            work.marks.insert(chunk, self.catalog.marks(restore, pass, work.state.attempt, chunk).await?);
        }
        let marks = work.marks.get(&chunk).cloned().unwrap_or_default();
        let mut result = work.state.result;
        let mut overlooked = Vec::new();
        for (place, sub) in self.present(&unit, number).await? {
            match marks.get(number, place) {
                Some(true) => result.different += 1,
                Some(false) => result.same += 1,
                None => overlooked.push(sub),
            }
        }
        let findings = self.look_up(&overlooked).await?;
        self.catalog.put_findings(&self.restore.id, self.restore.pass, &findings).await?;
        let count = |kind| findings.iter().filter(|finding| finding.kind == kind).count() as u64;
        let (missing, different) = (count(FindingKind::Missing), count(FindingKind::Different));
        result.missing += missing;
        result.different += different;
        result.same += overlooked.len() as u64 - missing - different;
        work.state.result = result;
        work.state.next_page += 1;
        Ok(())
    }

    /// The users of a page whom the restore has brought: places and subs.
    async fn present(&self, unit: &RestoreUnit, number: u64) -> Result<Vec<(u8, Sub)>> {
        let id = unit.id();
        let ledger = self.catalog.ledger_page(&self.restore.id, &id, number).await?.unwrap_or_default();
        let content = self.catalog.page_of(&self.restore.snapshot, &unit.source, number).await?.1.unwrap_or_default();
        let places = content.0.into_iter().enumerate();
        let present = places.filter(|(place, _)| is_present(&ledger, *place));
        Ok(present.map(|(place, entry)| (place as u8, Sub::new(entry.key))).collect())
    }

    /// Takes back that an import job has created a user who is not in the target: the next pass restores it through the API.
    async fn take_back(&self, entry: &SubMapEntry) -> Result<()> {
        let is_of_a_job = entry.restored.as_ref().is_some_and(|restored| restored.sub.is_none());
        let Some((page, place)) = entry.page_and_place().filter(|_| is_of_a_job) else { return Ok(()) };
        let (unit, key) = (Listing::Users.unit_id(), entry.old_sub.to_string());
        let take_back = |ledger: &mut LedgerPage| ledger.take_back(place.into(), key.clone());
        self.catalog.change_ledger_page(&self.restore.id, &unit, page, &LedgerPage::default(), take_back).await.map(drop)
    }

    /// Looks up users one by one.
    async fn look_up(&self, subs: &[Sub]) -> Result<Vec<Finding>> {
        let entries = self.catalog.sub_map(&self.restore, subs).await?;
        let mut findings = Vec::new();
        for sub in subs {
            let finding = |kind, fields| Finding { kind, sub: sub.clone(), fields };
            let Some((entry, restored)) = entries.get(sub).and_then(|entry| Some((entry, entry.restored.as_ref()?))) else {
                findings.push(finding(FindingKind::Missing, Vec::new()));
                continue;
            };
            match self.pool.get_user(&restored.username).await {
                Ok(user) if restored.sub.as_ref().map_or(self.is_of_this_restore(&user), |sub| *sub == user.sub) => {
                    if let Some(entry) = seen_as(entry, &user) {
                        self.catalog.put_sub_map(&self.restore, &[entry]).await?;
                    }
                    let named = [(entry.old_sub.as_str(), entry.digest)];
                    let record = self.catalog.records::<UserRecord>(&self.restore.source, &named).await?.pop();
                    let record = record.unwrap_or(Err(Reason::UserMissing));
                    let fields = self.differences(&user, entry, record);
                    if !fields.is_empty() {
                        findings.push(finding(FindingKind::Different, fields));
                    }
                }
                Err(error) if error.kind != PoolErrorKind::UserNotFound => return Err(refused(self.pool.id(), error)),
                _ => {
                    findings.push(finding(FindingKind::Missing, Vec::new()));
                    self.take_back(entry).await?;
                }
            }
        }
        Ok(findings)
    }
}

/// The entry of a user whom an import job has created, seen in the target now; none where nothing new is learned.
fn seen_as(entry: &SubMapEntry, user: &User) -> Option<SubMapEntry> {
    let restored = entry.restored.as_ref().filter(|restored| restored.sub.is_none())?;
    let (sub, username) = (Some(user.sub.clone()), user.record.username.clone());
    Some(SubMapEntry { restored: Some(RestoredUser { sub, username, ..restored.clone() }), ..entry.clone() })
}

/// Whether the ledger says that the entry is in the target.
fn is_present(ledger: &LedgerPage, place: usize) -> bool {
    let brought = u64::from(ledger.created) + u64::from(ledger.already_there) + ledger.exceptions.len() as u64 > 0;
    brought && ledger.outcome(place).is_none_or(|outcome| matches!(outcome, Outcome::Updated { .. }))
}
