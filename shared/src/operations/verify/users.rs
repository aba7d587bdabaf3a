//! Users: the comparison lists the users of the pool. It compares each user that the snapshot also
//! has with its record.

use std::time::Duration;

use futures::future::try_join;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::time::{Instant, sleep_until};

use super::comparer::{Candidate, Comparer, Differences, Observer, UndecidedUser};
use super::findings::{Finding, MatchedBy, RestoreUsed, Tally};
use crate::Result;
use crate::catalog::ReadRecord;
use crate::identity::{Fingerprint, FoundBy, PoolMatcher, Row};
use crate::model::{Digest, FindingKind, Listing, Sub, User, UserRecord};
use crate::operations::refusals::refused;
use crate::operations::second_look::{LookedUp, is_of_the_run, lasting_differences, look_up};
use crate::pacing::{PagedListing, UserSizes};
use crate::ports::pool::Pool;
use crate::ports::vault::ReadVault;

/// Records of missing users that are read at once.
const RECORDS_A_CALL: usize = 1_000;

/// The users that are looked at again if they differ, at most. At the default limit of ten calls a second, they take 20
/// seconds.
const MAX_SECOND_LOOKS: usize = 200;
/// Second looks at once. A user and its record can have 800 KB.
const SECOND_LOOKS_AT_ONCE: usize = 4;
/// How old the listing is at the first second look, at least. The second look is a listing, too, and may be as late.
const SECOND_LOOK_AFTER: Duration = Duration::from_secs(5);

/// What a comparison of users counts.
struct UserCounts<'a, O> {
    tally: Tally,
    matched_by: MatchedBy,
    /// Users that differ in the listing, and do not count yet.
    differing: Vec<DifferingUser>,
    observer: &'a mut O,
}

/// A user that differs in the listing.
struct DifferingUser {
    row: Row,
    /// The `sub` in the snapshot.
    sub: Sub,
    pool_sub: Sub,
    fields: Vec<String>,
}

impl MatchedBy {
    fn by(matcher: &PoolMatcher) -> Self {
        let used = matcher
            .restores()
            .map(|restore| RestoreUsed { restore_id: restore.id.clone(), status: restore.state });
        Self {
            restores: used.collect(),
            sign_in_attributes: matcher.sign_in_attributes().to_vec(),
            own_pool: matcher.is_own_pool(),
            ..Self::default()
        }
    }
}

impl<O: Observer> UserCounts<'_, O> {
    /// Counts a user that the pool and the snapshot have. The first users that differ are looked at again before they
    /// count.
    fn compared(&mut self, row: Row, sub: Sub, pool_sub: Sub, found_by: FoundBy, fields: Differences) {
        self.matched_by.count(found_by);
        match fields {
            Some(fields) if !fields.is_empty() && self.differing.len() < MAX_SECOND_LOOKS => {
                self.differing.push(DifferingUser { row, sub, pool_sub, fields });
            }
            fields => self.settled(sub, pool_sub, fields),
        }
    }

    /// Counts a user that is not looked at again, and reports what differs.
    fn settled(&mut self, sub: Sub, pool_sub: Sub, fields: Differences) {
        if let Some(finding) = self.tally.count_compared(fields.as_deref()) {
            let pool_sub = (pool_sub != sub).then_some(pool_sub);
            let fields = fields.unwrap_or_default();
            self.observer.found(Finding::User { finding, sub, pool_sub, fields });
        }
    }

    fn extra(&mut self, sub: Sub) {
        self.tally.extra += 1;
        self.observer.found(Finding::User {
            finding: FindingKind::Extra,
            sub,
            pool_sub: None,
            fields: Vec::new(),
        });
    }

    fn missing(&mut self, sub: Sub, is_damaged: bool) {
        let finding = self.tally.count_missing(is_damaged);
        self.observer.found(Finding::User { finding, sub, pool_sub: None, fields: Vec::new() });
    }
}

impl<P: Pool, V: ReadVault> Comparer<'_, P, V> {
    /// Compares all users of the pool, and reports the missing ones.
    pub(super) async fn compare_users(&mut self, observer: &mut impl Observer) -> Result<(Tally, MatchedBy)> {
        let matched_by = MatchedBy::by(&self.matcher);
        let mut counts = UserCounts { tally: Tally::default(), matched_by, differing: Vec::new(), observer };
        let (pool, sizes) = (self.pool, self.sizes);
        let mut listing = PagedListing::new(pool.id(), Listing::Users.unit_id(), refused);
        let mut page = next_page(pool, &mut listing, sizes).await?;
        while let Some(users) = page {
            // While the table answers for this page, Cognito lists the next one.
            let (next, ()) =
                try_join(next_page(pool, &mut listing, sizes), self.compare_page(users, &mut counts)).await?;
            page = next;
        }
        let listed_at = Instant::now();
        self.decide(&mut counts);
        self.look_again(&mut counts, listed_at).await?;
        self.report_missing_users(&mut counts).await?;
        self.matcher.forget_names();
        Ok((counts.tally, counts.matched_by))
    }

    /// Looks again at the users that differ in the listing, because it may show a change late. A user that the second look
    /// does not find counts as it was listed.
    async fn look_again<O: Observer>(
        &self,
        counts: &mut UserCounts<'_, O>,
        listed_at: Instant,
    ) -> Result<()> {
        let differing = std::mem::take(&mut counts.differing);
        if differing.is_empty() {
            return Ok(());
        }
        sleep_until(listed_at + SECOND_LOOK_AFTER).await;
        let looks = differing.into_iter().map(|user| async move {
            let fields = self.look_again_at(&user).await?;
            Ok::<_, crate::Error>((user, fields))
        });
        let mut looks = stream::iter(looks).buffered(SECOND_LOOKS_AT_ONCE);
        while let Some((user, fields)) = looks.try_next().await? {
            counts.settled(user.sub, user.pool_sub, fields);
        }
        Ok(())
    }

    async fn look_again_at(&self, user: &DifferingUser) -> Result<Differences> {
        let named = [(user.sub.as_str(), self.users.digest(user.row))];
        let Some(Ok(record)) = self.catalog.records::<UserRecord>(&self.snapshot.pool, &named).await?.pop()
        else {
            return Ok(None);
        };
        let second_look = async {
            match look_up(self.pool, &user.pool_sub).await {
                Ok(LookedUp::Found(now)) => Ok(Some(*now)),
                Ok(LookedUp::Gone | LookedUp::Undecided) => Ok(None),
                Err(error) if is_of_the_run(error.kind) => Err(refused(self.pool.id(), error)),
                Err(_) => Ok(None),
            }
        };
        let listed = user.fields.clone();
        let fields =
            lasting_differences(listed, second_look, |now| self.fields_unlike(&now.record, &record)).await?;
        Ok(Some(fields.unwrap_or_else(|| user.fields.clone())))
    }

    /// Reports the users that only the snapshot has. Their records tell which of them an import can restore.
    async fn report_missing_users<O: Observer>(&mut self, counts: &mut UserCounts<'_, O>) -> Result<()> {
        let rows: Vec<Row> = self.users.rows().filter(|row| !self.is_matched[row.position()]).collect();
        for rows in rows.chunks(RECORDS_A_CALL) {
            let subs: Vec<Sub> = rows.iter().map(|row| self.users.sub(*row)).collect();
            let named: Vec<_> =
                subs.iter().zip(rows).map(|(sub, row)| (sub.as_str(), self.users.digest(*row))).collect();
            let is_damaged = |record: ReadRecord<UserRecord>| record.is_err();
            let damaged = self.catalog.map_records(&self.snapshot.pool, &named, is_damaged).await?;
            for ((row, sub), is_damaged) in rows.iter().zip(subs).zip(damaged) {
                if is_damaged {
                    self.damaged.insert(*row);
                }
                match self.matcher.left_out(*row).filter(|_| !is_damaged) {
                    Some(why) => counts.tally.count_left_out(why),
                    None => counts.missing(sub, is_damaged),
                }
            }
        }
        Ok(())
    }

    async fn compare_page<O: Observer>(
        &mut self,
        users: Vec<User>,
        counts: &mut UserCounts<'_, O>,
    ) -> Result<()> {
        let (mut both, mut undecided) = (Vec::with_capacity(users.len()), Vec::new());
        for user in users {
            let fingerprint = Fingerprint::of_sub(&user.sub);
            if self.in_pool.contains_key(&fingerprint) {
                continue;
            }
            self.so_far.users += 1;
            let candidates = self.matcher.candidates(&self.users, &user);
            if self.matcher.must_wait(&candidates) {
                self.in_pool.insert(fingerprint, None);
                undecided.extend(candidates.into_iter().map(|candidate| (user.clone(), candidate)));
                continue;
            }
            let found = candidates.into_iter().find(|(row, _)| !self.is_matched[row.position()]);
            self.in_pool.insert(fingerprint, found.map(|(row, _)| row));
            match found {
                Some((row, found_by)) => {
                    self.is_matched[row.position()] = true;
                    both.push((user, (row, found_by)));
                }
                None => counts.extra(user.sub),
            }
        }
        for (user, Candidate { row, found_by, fields }) in self.with_differences(both).await? {
            counts.compared(row, self.users.sub(row), user.sub, found_by, fields);
        }
        for (user, candidate) in self.with_differences(undecided).await? {
            match self.undecided.last_mut().filter(|last| last.sub == user.sub) {
                Some(last) => last.candidates.push(candidate),
                None => self.undecided.push(UndecidedUser { sub: user.sub, candidates: vec![candidate] }),
            }
        }
        counts.observer.compared(&self.so_far);
        Ok(())
    }

    /// Decides which snapshot users the undecided users are. Sub maps decide before names.
    fn decide<O: Observer>(&mut self, counts: &mut UserCounts<'_, O>) {
        let mut undecided = std::mem::take(&mut self.undecided);
        for wanted in [FoundBy::SubMap, FoundBy::Name] {
            undecided.retain_mut(|user| {
                let is_matched = &self.is_matched;
                let is_free =
                    |other: &Candidate| other.found_by == wanted && !is_matched[other.row.position()];
                let Some(at) = user.candidates.iter().position(is_free) else { return true };
                let Candidate { row, found_by, fields } = user.candidates.swap_remove(at);
                self.is_matched[row.position()] = true;
                self.in_pool.insert(Fingerprint::of_sub(&user.sub), Some(row));
                counts.compared(row, self.users.sub(row), user.sub.clone(), found_by, fields);
                false
            });
        }
        undecided.into_iter().for_each(|user| counts.extra(user.sub));
    }

    async fn with_differences(&self, users: Vec<(User, (Row, FoundBy))>) -> Result<Vec<(User, Candidate)>> {
        let rows = users.iter().map(|(_, (row, _))| *row);
        let subs: Vec<(Sub, Digest)> =
            rows.map(|row| (self.users.sub(row), self.users.digest(row))).collect();
        let named: Vec<(&str, Digest)> = subs.iter().map(|(sub, digest)| (sub.as_str(), *digest)).collect();
        let records = self.catalog.records::<UserRecord>(&self.snapshot.pool, &named).await?;
        let compared = users.into_iter().zip(records).map(|((user, (row, found_by)), record)| {
            let fields = self.differences(&user.record, record);
            (user, Candidate { row, found_by, fields })
        });
        Ok(compared.collect())
    }

    fn differences(&self, in_pool: &UserRecord, record: ReadRecord<UserRecord>) -> Differences {
        Some(self.fields_unlike(in_pool, &record.ok()?))
    }

    /// The fields in which a user of the pool differs from a record, except those that no restore keeps.
    fn fields_unlike(&self, in_pool: &UserRecord, record: &UserRecord) -> Vec<String> {
        let mut fields = in_pool.fields_unlike(record, None);
        fields.retain(|field| !self.keeps_old_sub(field));
        if !in_pool.has_identities_of(record) || !record.has_identities_of(in_pool) {
            fields.push("identities".to_owned());
        }
        fields
    }

    /// Whether a restore has written the old `sub` to this attribute.
    fn keeps_old_sub(&self, attribute: &str) -> bool {
        self.matcher.restores().any(|restore| restore.options.old_sub_attribute.as_deref() == Some(attribute))
    }
}

/// The next users of the pool. None after the last page.
async fn next_page(
    pool: &impl Pool,
    listing: &mut PagedListing<'_>,
    sizes: &UserSizes,
) -> Result<Option<Vec<User>>> {
    if listing.has_ended() {
        sizes.all_are_known();
        return Ok(None);
    }
    let answer = pool.list_users(listing.limit(), listing.token()).await;
    if let Ok(listed) = &answer {
        sizes.note(listed.bytes);
    }
    listing.advance(answer).map(|step| Some(step.into_entries()))
}
