//! Users: the pool is listed, and each who is in the snapshot as well is compared with the record there.

use futures::future::try_join;

use super::findings::{Finding, MatchedBy, RECORD, Tally};
use super::index::{Place, Short};
use super::matching::Way;
use super::pages::Pages;
use super::{Watch, Work};
use crate::Result;
use crate::model::{Digest, FindingKind, Listing, Reason, Sub, User, UserRecord};
use crate::ports::pool::Pool;
use crate::ports::vault::Vault;

/// A user of the pool of whom is not known yet who of the snapshot it is, if anybody.
pub(super) struct Waiting {
    sub: Sub,
    /// Most likely first.
    candidates: Vec<Candidate>,
}

/// Somebody of the snapshot, and what differs: the user of the pool need not be kept for that.
struct Candidate {
    place: Place,
    way: Way,
    fields: Vec<String>,
}

impl MatchedBy {
    fn count(&mut self, way: Way) {
        *match way {
            Way::Sub => &mut self.sub,
            Way::SubMap => &mut self.sub_map,
            Way::Name => &mut self.name,
        } += 1;
    }
}

impl<P: Pool, V: Vault> Work<'_, P, V> {
    /// Compares everybody of the pool, and tells who is missing.
    pub(super) async fn compare_users(&mut self, watch: &mut impl Watch) -> Result<(Tally, MatchedBy)> {
        let (mut tally, mut matched_by) = (Tally::default(), self.matching.matched_by());
        let pool = self.pool;
        let list = |token: Option<String>| async move { pool.list_users(token.as_deref()).await };
        let mut pages = Pages::new(pool.id(), Listing::Users.unit_id().to_string(), list);
        let mut page = pages.next().await?;
        while let Some(users) = page {
            // The next page is on its way while this one is looked up in the table.
            let (next, ()) = try_join(pages.next(), self.compare_page(users, &mut tally, &mut matched_by, watch)).await?;
            page = next;
        }
        self.settle_waiting(&mut tally, &mut matched_by, watch);
        self.tell_missing(&mut tally, watch);
        self.matching.forget_names();
        Ok((tally, matched_by))
    }

    async fn compare_page(
        &mut self,
        users: Vec<User>,
        tally: &mut Tally,
        matched_by: &mut MatchedBy,
        watch: &mut impl Watch,
    ) -> Result<()> {
        let (mut both, mut waiting) = (Vec::with_capacity(users.len()), Vec::new());
        for user in users {
            let short = Short::of_sub(&user.sub);
            if self.in_pool.contains_key(&short) {
                continue;
            }
            self.so_far.users += 1;
            let candidates = self.matching.candidates(&self.index, &user);
            if self.matching.must_wait(&candidates) {
                self.in_pool.insert(short, None);
                waiting.extend(candidates.into_iter().map(|candidate| (user.clone(), candidate)));
                continue;
            }
            let found = candidates.into_iter().find(|(place, _)| !self.met[place.position()]);
            self.in_pool.insert(short, found.map(|(place, _)| place));
            let Some((place, way)) = found else {
                tally.extra += 1;
                let finding = FindingKind::Extra;
                watch.found(Finding::User { finding, sub: user.sub, pool_sub: None, fields: Vec::new() });
                continue;
            };
            self.met[place.position()] = true;
            matched_by.count(way);
            both.push((place, user));
        }
        let records = self.records(both.iter().map(|(place, _)| *place)).await?;
        for ((place, user), record) in both.into_iter().zip(records) {
            let fields = self.differences(&user.record, record);
            self.tell_compared(place, user.sub, fields, tally, watch);
        }
        let records = self.records(waiting.iter().map(|(_, (place, _))| *place)).await?;
        for ((user, (place, way)), record) in waiting.into_iter().zip(records) {
            let candidate = Candidate { place, way, fields: self.differences(&user.record, record) };
            match self.waiting.last_mut().filter(|last| last.sub == user.sub) {
                Some(last) => last.candidates.push(candidate),
                None => self.waiting.push(Waiting { sub: user.sub, candidates: vec![candidate] }),
            }
        }
        watch.compared(&self.so_far);
        Ok(())
    }

    /// The records of users of the snapshot.
    async fn records(&self, places: impl Iterator<Item = Place> + Send) -> Result<Vec<std::result::Result<UserRecord, Reason>>> {
        let users: Vec<(Sub, Digest)> = places.map(|place| (self.index.sub(place), self.index.digest(place))).collect();
        let wanted: Vec<(&str, Digest)> = users.iter().map(|(sub, digest)| (sub.as_str(), *digest)).collect();
        self.catalog.records::<UserRecord>(&self.snapshot.pool, &wanted).await
    }

    fn tell_compared(&self, place: Place, in_pool: Sub, fields: Vec<String>, tally: &mut Tally, watch: &mut impl Watch) {
        tally.compared(&fields);
        if !fields.is_empty() {
            let sub = self.index.sub(place);
            let pool_sub = (in_pool != sub).then_some(in_pool);
            watch.found(Finding::User { finding: FindingKind::Different, sub, pool_sub, fields });
        }
    }

    /// Finds out who those are who could not be known before the whole pool was listed: whom the sub maps name before whom names do.
    fn settle_waiting(&mut self, tally: &mut Tally, matched_by: &mut MatchedBy, watch: &mut impl Watch) {
        let mut waiting = std::mem::take(&mut self.waiting);
        for wanted in [Way::SubMap, Way::Name] {
            waiting.retain_mut(|user| {
                let met = &self.met;
                let is_it = |there: &Candidate| there.way == wanted && !met[there.place.position()];
                let Some(at) = user.candidates.iter().position(is_it) else { return true };
                let Candidate { place, way, fields } = user.candidates.swap_remove(at);
                self.met[place.position()] = true;
                self.in_pool.insert(Short::of_sub(&user.sub), Some(place));
                matched_by.count(way);
                self.tell_compared(place, user.sub.clone(), fields, tally, watch);
                false
            });
        }
        for Waiting { sub, .. } in waiting {
            tally.extra += 1;
            watch.found(Finding::User { finding: FindingKind::Extra, sub, pool_sub: None, fields: Vec::new() });
        }
    }

    fn differences(&self, there: &UserRecord, record: std::result::Result<UserRecord, Reason>) -> Vec<String> {
        let Ok(record) = record else { return vec![RECORD.to_owned()] };
        let mut fields = there.fields_unlike(&record, None);
        fields.retain(|field| !self.matching.keeps_old_sub(field));
        if !there.has_identities_of(&record) || !record.has_identities_of(there) {
            fields.push("identities".to_owned());
        }
        fields
    }

    fn tell_missing(&self, tally: &mut Tally, watch: &mut impl Watch) {
        for place in self.index.places().filter(|place| !self.met[place.position()]) {
            tally.missing += 1;
            let unreadable = self.matching.is_unreadable(place).then(|| RECORD.to_owned());
            unreadable.iter().for_each(|field| *tally.fields.entry(field.clone()).or_default() += 1);
            watch.found(Finding::User {
                finding: FindingKind::Missing,
                sub: self.index.sub(place),
                pool_sub: None,
                fields: unreadable.into_iter().collect(),
            });
        }
    }
}
