//! The items of the table about the users of a page, read for all of them at once.

use std::collections::HashMap;

use super::open_user::OpenUser;
use crate::Result;
use crate::catalog::ReadRecord;
use crate::model::{
    Collision, GroupMatch, InJob, NameKey, Outcome, Place, Restore, RestoredUser, ScannedUser, SeenUsers,
    Sub, SubMapEntry, UserRecord,
};
use crate::operations::import::before::collisions;
use crate::operations::import::context::Context;
use crate::operations::import::entries::creations::PageCreations;
use crate::operations::import::entries::entry::OpenPage;
use crate::operations::import::entries::state::Entries;
use crate::operations::import::intent::Intent;
use crate::ports::Backend;

/// The keys are `sub`s of the snapshot, unless a field says otherwise.
pub struct PageLookups<'a, B: Backend> {
    /// When this restore may have created users of the page.
    pub creations: PageCreations<'a, B>,
    pub sub_map: HashMap<Sub, SubMapEntry>,
    /// In which groups of the selection the users are.
    pub in_groups: HashMap<Sub, GroupMatch>,
    /// Users that the target scan found.
    pub in_target: HashMap<Sub, ScannedUser>,
    /// The users that earlier repairs created, for the users that the scan did not find.
    pub successors: HashMap<Sub, Vec<RestoredUser>>,
    /// Why users are not created: their names collide with those of other users of the snapshot.
    pub collisions: HashMap<Sub, Collision>,
    /// Users that an import job created, by sign-in name.
    in_jobs: HashMap<NameKey, InJob>,
}

impl<'a, B: Backend> PageLookups<'a, B> {
    pub async fn read(
        entries: &'a Entries<'_, B>,
        page: &OpenPage<'_>,
        users: &[OpenUser],
        records: &[ReadRecord<UserRecord>],
    ) -> Result<Self> {
        let Context { catalog, restore, selection, .. } = entries.context;
        let subs: Vec<Sub> = users.iter().map(|user| user.sub.clone()).collect();
        let sub_map = catalog.sub_map(restore, &subs).await?;
        let in_groups = match selection {
            Some(_) => catalog.in_groups(&restore.id, &subs).await?,
            None => HashMap::new(),
        };
        let in_jobs = created_by_jobs(entries, page.number, records.iter().flatten()).await?;
        let matcher = entries.context.user_matcher();
        let readable: Vec<_> =
            subs.iter().zip(records).filter_map(|(sub, record)| Some((sub, record.as_ref().ok()?))).collect();
        let in_target = matcher.in_target(&readable).await?;
        let others: Vec<_> = subs.iter().filter(|sub| !in_target.contains_key(*sub)).cloned().collect();
        let successors = matcher.successors(&others).await?;
        let collisions = collisions::among(entries.context, &readable).await?;
        let creations = PageCreations::of(entries.context, page);
        Ok(Self { creations, sub_map, in_groups, in_target, successors, collisions, in_jobs })
    }

    /// The outcome of a user whose names collide with those of another user of the snapshot. None if the user
    /// can be restored.
    ///
    /// The first pass leaves out the later users of an alias. A later pass tries each of them, because the
    /// first user may not have been restored.
    pub fn collision(&self, restore: &Restore, sub: &Sub) -> Option<Outcome> {
        let collision = *self.collisions.get(sub)?;
        let is_restored = self.sub_map.get(sub).is_some_and(|entry| entry.restored.is_some());
        let is_tried = collision != Collision::Username && (restore.pass > 1 || is_restored);
        let is_left_out = collision.leaves_out(self.in_target.contains_key(sub), restore.target_pool());
        (is_left_out && !is_tried).then(|| Outcome::Failed { reason: collision.reason() })
    }

    /// Whether an import job created the user at a place.
    pub fn is_created_by_job(&self, context: &Context<B>, intent: &Intent, at: Place) -> bool {
        let name = context.restore.settings.name_key(&intent.name);
        self.in_jobs.get(&name).is_some_and(|in_job| in_job.place == at)
    }
}

/// The users of a page that import jobs created. In a later pass, the open users are restored by
/// calls.
async fn created_by_jobs<B: Backend>(
    entries: &Entries<'_, B>,
    page: u64,
    records: impl Iterator<Item = &UserRecord>,
) -> Result<HashMap<NameKey, InJob>> {
    let Context { catalog, restore, .. } = entries.context;
    let Some(jobs) = entries.jobs.as_ref().filter(|jobs| jobs.settled > 0 && restore.pass == 1) else {
        return Ok(HashMap::new());
    };
    let settings = &restore.settings;
    let names =
        records.filter_map(|record| settings.sign_in_name(record)).map(|name| settings.name_key(&name));
    let names: Vec<_> = names.collect();
    let left_over = catalog.missed_by_jobs(&restore.id, SeenUsers::chunk_of(page)).await?;
    let mut in_jobs = catalog.users_in_jobs(&restore.id, &names).await?;
    in_jobs.retain(|_, in_job| {
        let Place { page: in_page, place } = in_job.place;
        in_job.job <= jobs.settled && in_page == page && left_over.get(in_page, place).is_none()
    });
    Ok(in_jobs)
}
