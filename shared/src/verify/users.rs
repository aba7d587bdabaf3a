//! Users: the pool is listed, and each who is in the snapshot as well is compared with the record there.

use futures::future::try_join;

use super::findings::{Finding, MatchedBy, RECORD, Tally};
use super::index::Short;
use super::matching::Way;
use super::pages::Pages;
use super::{Watch, Work};
use crate::Result;
use crate::model::{Digest, FindingKind, Listing, Reason, Sub, User, UserRecord};
use crate::pool::Pool;
use crate::vault::Vault;

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
        let mut both = Vec::with_capacity(users.len());
        for user in users {
            let short = Short::of_sub(&user.sub);
            if self.in_pool.contains_key(&short) {
                continue;
            }
            self.so_far.users += 1;
            let found = self.matching.candidates(&self.index, &user).into_iter().find(|(place, _)| !self.met[place.position()]);
            self.in_pool.insert(short, found.map(|(place, _)| place));
            let Some((place, way)) = found else {
                tally.extra += 1;
                let finding = FindingKind::Extra;
                watch.found(Finding::User { finding, sub: user.sub, pool_sub: None, fields: Vec::new() });
                continue;
            };
            self.met[place.position()] = true;
            *match way {
                Way::Sub => &mut matched_by.sub,
                Way::SubMap => &mut matched_by.sub_map,
                Way::Name => &mut matched_by.name,
            } += 1;
            both.push((place, user));
        }
        let subs: Vec<Sub> = both.iter().map(|(place, _)| self.index.sub(*place)).collect();
        let digests = both.iter().map(|(place, _)| self.index.digest(*place));
        let wanted: Vec<(&str, Digest)> = subs.iter().map(Sub::as_str).zip(digests).collect();
        let records = self.catalog.records::<UserRecord>(&self.snapshot.pool, &wanted).await?;
        for ((sub, (_, user)), record) in subs.into_iter().zip(both).zip(records) {
            let fields = self.differences(&user.record, record);
            tally.compared(&fields);
            if !fields.is_empty() {
                let pool_sub = (user.sub != sub).then_some(user.sub);
                watch.found(Finding::User { finding: FindingKind::Different, sub, pool_sub, fields });
            }
        }
        watch.compared(&self.so_far);
        Ok(())
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
