//! Collisions: finds the users that the target would take for one, before the forecast counts users.
//!
//! Names are found by hash, in slices that fit into memory. A slice reads the users of the snapshot once.
//! If hashes are equal, it reads them again, and writes a claim on each such name to the table. So no user
//! is left out because of its hash alone. A snapshot whose names cannot collide in the target is not read.
//!
//! The hashes that an invocation has collected are written before its checkpoint. The next invocation reads
//! them.

use std::collections::HashMap;
use std::pin::pin;

use futures::{StreamExt, TryStreamExt, stream};

use crate::Result;
use crate::catalog::{CheckpointKey, PagedWork};
use crate::model::{
    Collision, CollisionCheckpoint, CollisionStage, Digest, DigestBuilder, NameClaim, NameInTarget, Pages,
    Place, Restore, StoredHashes, Sub, UserRecord, collision_of,
};
use crate::operations::import::context::Context;
use crate::operations::import::intent::Intent;
use crate::operations::import::phase::PhaseEnd;
use crate::operations::import::selected_users::{self, SelectedUser};
use crate::ports::Backend;

/// The most hashes of a slice: 10 MB. While a vector grows, it takes up to three times as much.
const MAX_HASHES: u64 = 1_300_000;
const _: () = assert!(MAX_HASHES * 8 * 3 <= 32_000_000, "a slice takes at most 32 MB");
/// Pages between two looks at the time.
const PAGES_AT_ONCE: u64 = 16;
/// Pages read at once.
const READS_AT_ONCE: usize = 4;
/// Hashes that are written together. The last pages may add some.
const HASHES_A_CHECKPOINT: usize = StoredHashes::MAX * 3 / 4;
/// The most claims that an invocation remembers. Each takes about 150 bytes.
const MAX_CLAIMS: usize = 50_000;

/// Finds the users whose names collide.
pub async fn run<B: Backend>(context: &Context<B>) -> Result<PhaseEnd> {
    let Context { catalog, restore, .. } = context;
    if restore.collides_by.is_empty() {
        return Ok(PhaseEnd::Done);
    }
    let key = CheckpointKey::collisions(&restore.id);
    let names = restore.expected.users * restore.collides_by.len() as u64;
    let first = || CollisionCheckpoint::new(names.div_ceil(MAX_HASHES));
    let state = catalog.checkpoint(&key).await?.unwrap_or_else(first);
    if state.stage == CollisionStage::Done {
        return Ok(PhaseEnd::Done);
    }
    let users = context.forecast().await?.users;
    let mut search = Search::new(context, users);
    Ok(PhaseEnd::of(catalog.work_through(&key, state, &mut search).await?))
}

/// Why users of this list are not restored, by `sub`.
pub async fn among<B: Backend>(
    context: &Context<B>,
    users: &[(&Sub, &UserRecord)],
) -> Result<HashMap<Sub, Collision>> {
    let Context { catalog, restore, .. } = context;
    if restore.collides_by.is_empty() {
        return Ok(HashMap::new());
    }
    let state = catalog.checkpoint(&CheckpointKey::collisions(&restore.id)).await?;
    if state.is_none_or(|state| !state.found) {
        return Ok(HashMap::new());
    }
    let named: Vec<_> = users.iter().map(|(sub, record)| (*sub, names_of(restore, sub, record))).collect();
    let keys: Vec<_> = named.iter().flat_map(|(_, names)| names).map(|name| name.key).collect();
    let claims = catalog.name_claims(&restore.id, &keys).await?;
    let reason = |(sub, names): (&Sub, Vec<NameInTarget>)| {
        Some((sub.clone(), collision_of(sub, &names, |key| claims.get(key))?))
    };
    Ok(named.into_iter().filter_map(reason).collect())
}

/// The names that may collide of a user that the restore creates. None for other users.
fn names_of(restore: &Restore, sub: &Sub, record: &UserRecord) -> Vec<NameInTarget> {
    match Intent::of(sub, record, &restore.settings, &restore.options) {
        Ok(intent) => NameInTarget::of_user(record, &intent.name, &restore.collides_by, &restore.settings),
        Err(_) => Vec::new(),
    }
}

/// The search for collisions.
struct Search<'a, B: Backend> {
    context: &'a Context<B>,
    users: Pages,
    /// The slice, the stage and the page that `hashes` belongs to. None before the first page.
    position: Option<(u64, CollisionStage, u64)>,
    /// In the first stage: the hashes of the slice. In the second: those that several names have, in order.
    hashes: Vec<u64>,
    /// How many hashes of the first stage are in the table.
    stored: usize,
    /// The first page whose hashes are not in the table.
    first_page: u64,
    /// The hashes to write before the next checkpoint.
    unwritten: Option<Unwritten>,
    /// Claims in the table, by name.
    claims: HashMap<Digest, NameClaim>,
    is_stage_ended: bool,
}

/// Hashes that are not in the table yet.
enum Unwritten {
    Collected { slice: u64, pages: (u64, u64) },
    Doubtful(Digest),
}

impl<'a, B: Backend> Search<'a, B> {
    fn new(context: &'a Context<B>, users: Pages) -> Self {
        Self {
            context,
            users,
            position: None,
            hashes: Vec::new(),
            stored: 0,
            first_page: 1,
            unwritten: None,
            claims: HashMap::new(),
            is_stage_ended: false,
        }
    }

    /// Reads what earlier invocations have collected, unless this one has it.
    async fn load(&mut self, state: &CollisionCheckpoint) -> Result<()> {
        let Context { catalog, restore, .. } = self.context;
        if self.position == Some(position(state)) {
            return Ok(());
        }
        self.hashes = match (state.stage, state.doubts) {
            (CollisionStage::Names, Some(doubts)) => catalog.doubtful_hashes(&restore.id, doubts).await?,
            _ if state.next_page > 1 => catalog.collected_hashes(&restore.id, state.slice).await?,
            _ => Vec::new(),
        };
        (self.stored, self.first_page) = (self.hashes.len(), state.next_page);
        self.claims.clear();
        Ok(())
    }

    fn collect(&mut self, state: &CollisionCheckpoint, names: &[UserName]) {
        let hashes = names.iter().map(|user| user.name.hash());
        self.hashes.extend(hashes.filter(|&hash| state.is_in_slice(hash)));
    }

    /// Writes claims on the names whose hashes are equal.
    async fn compare(&mut self, state: &mut CollisionCheckpoint, names: Vec<UserName>) -> Result<()> {
        let Context { catalog, restore, .. } = self.context;
        for UserName { sub, place, name } in names {
            if !state.is_in_slice(name.hash()) || self.hashes.binary_search(&name.hash()).is_err() {
                continue;
            }
            let claim = NameClaim::new(sub, place, name);
            let is_known = self.claims.get(&name.key).is_some_and(|known| {
                let mut with_claim = known.clone();
                with_claim.add(&claim);
                with_claim == *known
            });
            if is_known {
                continue;
            }
            let stored = catalog.claim_name(&restore.id, name.key, &claim).await?;
            state.found |= stored.collides;
            if self.claims.len() >= MAX_CLAIMS {
                self.claims.clear();
            }
            self.claims.insert(name.key, stored);
        }
        Ok(())
    }

    fn end_stage(&mut self, state: &mut CollisionCheckpoint) {
        self.is_stage_ended = true;
        (self.unwritten, self.stored, self.first_page) = (None, 0, 1);
        if state.stage == CollisionStage::Names {
            self.hashes = Vec::new();
            self.claims.clear();
            return state.end_slice();
        }
        keep_repeated(&mut self.hashes);
        if self.hashes.is_empty() {
            return state.end_slice();
        }
        let digest = DigestBuilder::new("doubts").number(state.slice);
        let doubts = self.hashes.iter().fold(digest, |digest, &hash| digest.number(hash)).finish();
        self.unwritten = Some(Unwritten::Doubtful(doubts));
        state.compare_names(doubts);
    }
}

impl<B: Backend> PagedWork for Search<'_, B> {
    type State = CollisionCheckpoint;

    async fn page(&mut self, mut state: CollisionCheckpoint) -> Result<CollisionCheckpoint> {
        self.load(&state).await?;
        let (context, users) = (self.context, self.users.clone());
        let last = users.count().min(state.next_page + PAGES_AT_ONCE - 1);
        let names = |number| names_on_page(context, &users, number);
        {
            let pages = stream::iter(state.next_page..=last).map(names).buffered(READS_AT_ONCE);
            let mut pages = pin!(pages);
            while let Some(names) = pages.try_next().await? {
                match state.stage {
                    CollisionStage::Hashes => self.collect(&state, &names),
                    CollisionStage::Names => self.compare(&mut state, names).await?,
                    CollisionStage::Done => {}
                }
            }
        }
        state.next_page = last + 1;
        if state.next_page > users.count() {
            self.end_stage(&mut state);
        } else if state.stage == CollisionStage::Hashes {
            let pages = (self.first_page, last);
            self.unwritten = Some(Unwritten::Collected { slice: state.slice, pages });
        }
        self.position = Some(position(&state));
        Ok(state)
    }

    fn has_time(&self, _: &CollisionCheckpoint) -> bool {
        !self.context.budget.is_spent()
    }

    fn is_due(&self, _: u32) -> bool {
        let is_first_stage = matches!(self.unwritten, Some(Unwritten::Collected { .. }));
        self.is_stage_ended || (is_first_stage && self.hashes.len() - self.stored >= HASHES_A_CHECKPOINT)
    }

    async fn before_checkpoint(&mut self, state: &CollisionCheckpoint) -> Result<()> {
        let Context { catalog, restore, .. } = self.context;
        match self.unwritten.take() {
            Some(Unwritten::Collected { slice, pages }) => {
                let new = &self.hashes[self.stored..];
                catalog.put_collected_hashes(&restore.id, slice, pages, new).await?;
                (self.stored, self.first_page) = (self.hashes.len(), state.next_page);
            }
            Some(Unwritten::Doubtful(doubts)) => {
                catalog.put_doubtful_hashes(&restore.id, doubts, &self.hashes).await?;
            }
            None => {}
        }
        Ok(())
    }

    async fn after_checkpoint(&mut self, _: &CollisionCheckpoint) -> Result<()> {
        self.is_stage_ended = false;
        Ok(())
    }
}

fn position(state: &CollisionCheckpoint) -> (u64, CollisionStage, u64) {
    (state.slice, state.stage, state.next_page)
}

/// A name of a user on a page.
struct UserName {
    sub: Sub,
    place: Place,
    name: NameInTarget,
}

/// The names that may collide, of the users on a page whose records can be read.
async fn names_on_page<B: Backend>(
    context: &Context<B>,
    users: &Pages,
    number: u64,
) -> Result<Vec<UserName>> {
    let page = selected_users::of_page(context, users, number).await?.unwrap_or_default();
    let names = page.into_iter().filter_map(|SelectedUser { place, sub, record, .. }| {
        let (place, names) = (Place { page: number, place }, names_of(&context.restore, &sub, &record.ok()?));
        Some(names.into_iter().map(move |name| UserName { sub: sub.clone(), place, name }))
    });
    Ok(names.flatten().collect())
}

/// Keeps the hashes that occur more than once, each of them once, in order.
fn keep_repeated(hashes: &mut Vec<u64>) {
    hashes.sort_unstable();
    let (mut kept, mut at) = (0, 0);
    while at < hashes.len() {
        let hash = hashes[at];
        let count = hashes[at..].iter().take_while(|other| **other == hash).count();
        if count > 1 {
            hashes[kept] = hash;
            kept += 1;
        }
        at += count;
    }
    hashes.truncate(kept);
    hashes.shrink_to_fit();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_that_occur_more_than_once_are_kept_once() {
        for (mut hashes, kept) in [
            (vec![], vec![]),
            (vec![3, 1, 2], vec![]),
            (vec![3, 1, 3, 2, 1, 3], vec![1, 3]),
            (vec![7, 7], vec![7]),
        ] {
            keep_repeated(&mut hashes);
            assert_eq!(hashes, kept);
        }
    }
}
