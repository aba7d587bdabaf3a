//! Collisions: finds the users that the target would take for one, before the forecast counts users.
//!
//! Names are found by hash, in slices that fit into memory. A slice reads the users of the snapshot once.
//! If hashes are equal, it reads them again, and writes a claim on each such name to the table. So no user
//! is left out because of its hash alone. A snapshot whose names cannot collide in the target is not read.
//!
//! A user that the restore cannot create claims no alias: its username collides, or the settings of the target
//! refuse it. So the search compares usernames before aliases. If settings refuse a user whose alias several
//! users have, it notes that, and no claim is held against the user: Cognito refuses it for its own fault.
//!
//! The hashes that an invocation has collected are written before its checkpoint. The next invocation reads
//! them.

use std::collections::HashMap;
use std::pin::pin;

use futures::{StreamExt, TryStreamExt, stream};

use super::target_rules::TargetRules;
use crate::Result;
use crate::catalog::{CheckpointKey, PagedWork};
use crate::model::{
    Collision, CollisionCheckpoint, CollisionStage, Digest, DigestBuilder, Existing, NameClaim, NameInTarget,
    NameRule, Pages, Place, Restore, StoredHashes, Sub, UserRecord, collision_of,
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
    let rules = NameRule::of_kinds(&restore.collides_by, &restore.settings);
    let first = || CollisionCheckpoint::new(rules, names.div_ceil(MAX_HASHES));
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
    let keys_of = |(sub, names): &(&Sub, Vec<NameInTarget>)| {
        let refused = (!names.is_empty()).then(|| refused_key(sub));
        names.iter().map(|name| name.key).chain(refused).collect::<Vec<_>>()
    };
    let keys: Vec<_> = named.iter().flat_map(keys_of).collect();
    let claims = catalog.name_claims(&restore.id, &keys).await?;
    let collision = |(sub, names): (&Sub, Vec<NameInTarget>)| {
        let collision = collision_of(sub, &names, |key| claims.get(key))?;
        let is_refused = claims.contains_key(&refused_key(sub));
        let is_of_user = is_refused && collision != Collision::Username;
        (!is_of_user).then(|| (sub.clone(), collision))
    };
    Ok(named.into_iter().filter_map(collision).collect())
}

/// Stands for a note that the settings of the target refuse a user.
fn refused_key(sub: &Sub) -> Digest {
    DigestBuilder::new("refused user").text(sub.as_str()).finish()
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
    /// The rules of the target. None until names are compared.
    rules: Option<TargetRules>,
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
            rules: None,
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

    fn collect(&mut self, state: &CollisionCheckpoint, users: &[NamedUser]) {
        let names = users.iter().flat_map(|user| &user.names);
        self.hashes.extend(names.filter(|name| state.has(name)).map(NameInTarget::hash));
    }

    /// Writes claims on the names whose hashes are equal.
    async fn compare(&mut self, state: &mut CollisionCheckpoint, mut users: Vec<NamedUser>) -> Result<()> {
        let is_doubtful =
            |name: &NameInTarget| state.has(name) && self.hashes.binary_search(&name.hash()).is_ok();
        users.retain(|user| user.names.iter().any(is_doubtful));
        if state.usernames_collide && state.rule() == Some(NameRule::OneUser) {
            self.remove_colliding(&mut users).await?;
        }
        // A target in use may have the user, with its names. Then no setting takes them from it.
        let may_exist = self.context.restore.options.existing != Existing::Fail;
        for NamedUser { sub, place, record, intent, names } in users {
            let is_refused = self.rules().await?.objection(&record, &intent).is_some();
            for name in names {
                if !state.has(&name) || self.hashes.binary_search(&name.hash()).is_err() {
                    continue;
                }
                let claim = NameClaim::new(sub.clone(), place, name);
                let key = match name.rule {
                    NameRule::OneUser if is_refused && !may_exist => refused_key(&sub),
                    NameRule::OneSpelling | NameRule::OneUser => name.key,
                };
                self.claim(state, key, claim).await?;
            }
        }
        Ok(())
    }

    async fn claim(&mut self, state: &mut CollisionCheckpoint, key: Digest, claim: NameClaim) -> Result<()> {
        let Context { catalog, restore, .. } = self.context;
        let is_known = self.claims.get(&key).is_some_and(|known| {
            let mut with_claim = known.clone();
            with_claim.add(&claim);
            with_claim == *known
        });
        if is_known {
            return Ok(());
        }
        let stored = catalog.claim_name(&restore.id, key, &claim).await?;
        state.note(&stored);
        if self.claims.len() >= MAX_CLAIMS {
            self.claims.clear();
        }
        self.claims.insert(key, stored);
        Ok(())
    }

    /// Removes the users whose usernames have several spellings.
    async fn remove_colliding(&self, users: &mut Vec<NamedUser>) -> Result<()> {
        let Context { catalog, restore, .. } = self.context;
        let names = users.iter().flat_map(|user| &user.names);
        let usernames = names.filter(|name| name.rule == NameRule::OneSpelling);
        let keys: Vec<_> = usernames.map(|name| name.key).collect();
        let mut claims = catalog.name_claims(&restore.id, &keys).await?;
        claims.retain(|_, claim| claim.rule == NameRule::OneSpelling);
        users.retain(|user| collision_of(&user.sub, &user.names, |key| claims.get(key)).is_none());
        Ok(())
    }

    async fn rules(&mut self) -> Result<&TargetRules> {
        match self.rules {
            Some(ref rules) => Ok(rules),
            None => Ok(self.rules.insert(TargetRules::read(self.context).await?)),
        }
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
        let read = |number| users_on_page(context, &users, number);
        {
            let pages = stream::iter(state.next_page..=last).map(read).buffered(READS_AT_ONCE);
            let mut pages = pin!(pages);
            while let Some(users) = pages.try_next().await? {
                match state.stage {
                    CollisionStage::Hashes => self.collect(&state, &users),
                    CollisionStage::Names => self.compare(&mut state, users).await?,
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

/// A user on a page, with its names that may collide.
struct NamedUser {
    sub: Sub,
    place: Place,
    record: UserRecord,
    intent: Intent,
    names: Vec<NameInTarget>,
}

/// The users on a page that the restore creates and whose records can be read.
async fn users_on_page<B: Backend>(
    context: &Context<B>,
    users: &Pages,
    number: u64,
) -> Result<Vec<NamedUser>> {
    let restore = &context.restore;
    let page = selected_users::of_page(context, users, number).await?.unwrap_or_default();
    let users = page.into_iter().filter_map(|SelectedUser { place, sub, record, .. }| {
        let record = record.ok()?;
        let intent = Intent::of(&sub, &record, &restore.settings, &restore.options).ok()?;
        let names = NameInTarget::of_user(&record, &intent.name, &restore.collides_by, &restore.settings);
        Some(NamedUser { sub, place: Place { page: number, place }, record, intent, names })
    });
    Ok(users.collect())
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
