//! Memberships: the members of every group of the snapshot are listed in the pool.

use std::collections::BTreeSet;
use std::pin::pin;

use futures::{StreamExt, TryStreamExt, stream};

use super::findings::{Finding, MembershipTally};
use super::index::{Place, Short};
use super::pages::Pages;
use super::refusals::refused;
use super::{Watch, Work};
use crate::model::{FindingKind, GroupName, Listing, PageEntry, Sub, Unit};
use crate::ports::pool::Pool;
use crate::ports::vault::Vault;
use crate::{ErrorKind, Result};

/// Groups worked on at once. The limiter decides the rate; this only hides latency.
const GROUPS_AT_ONCE: usize = 8;

/// The members of one group, compared.
struct Members {
    group: GroupName,
    present: u64,
    /// Subs in the snapshot.
    missing: Vec<Sub>,
    /// Subs in the pool.
    extra: BTreeSet<Sub>,
    /// Members whom the snapshot does not hold as users.
    not_in_snapshot: u64,
}

impl<P: Pool, V: Vault> Work<'_, P, V> {
    /// Compares the members of every group of the snapshot, by name; `in_both` are the groups that the pool has as well.
    pub(super) async fn compare_members(&self, in_both: &BTreeSet<GroupName>, watch: &mut impl Watch) -> Result<MembershipTally> {
        let mut groups: Vec<(&GroupName, &Unit)> = self.units.iter().filter_map(|unit| Some((group_of(unit)?, unit))).collect();
        groups.sort_by_key(|(group, _)| *group);
        let (mut tally, mut so_far) = (MembershipTally::default(), self.so_far);
        let compare = |(group, unit)| self.compare_group(group, unit, in_both.contains(group));
        let mut compared = pin!(stream::iter(groups).map(compare).buffered(GROUPS_AT_ONCE));
        while let Some(members) = compared.try_next().await? {
            tally.present += members.present;
            tally.missing += members.missing.len() as u64;
            tally.extra += members.extra.len() as u64;
            tally.user_not_in_snapshot += members.not_in_snapshot;
            so_far.groups += 1;
            so_far.memberships += members.present + members.missing.len() as u64;
            members.tell(watch);
            watch.compared(&so_far);
        }
        Ok(tally)
    }

    async fn compare_group(&self, group: &GroupName, unit: &Unit, is_in_pool: bool) -> Result<Members> {
        let (mut wanted, mut not_in_snapshot): (Vec<Place>, u64) = (Vec::new(), 0);
        let take = |entry: PageEntry| match self.index.place_of(&Sub::new(entry.key)) {
            Some(place) => wanted.push(place),
            None => not_in_snapshot += 1,
        };
        self.catalog.sealed_entries(&self.snapshot.id, unit, take).await?;
        wanted.sort_unstable();
        wanted.dedup();
        let (mut is_there, mut extra) = (vec![false; wanted.len()], BTreeSet::new());
        if is_in_pool {
            self.each_member(group, |sub| match self.member(&sub).and_then(|place| wanted.binary_search(&place).ok()) {
                Some(at) => is_there[at] = true,
                None => drop(extra.insert(sub)),
            })
            .await?;
        }
        let missing = wanted.iter().zip(&is_there).filter(|(_, there)| !**there);
        let missing: Vec<Sub> = missing.map(|(place, _)| self.index.sub(*place)).collect();
        let present = (wanted.len() - missing.len()) as u64;
        Ok(Members { group: group.clone(), present, missing, extra, not_in_snapshot })
    }

    /// Hands the members that the pool's group has to `take`, some perhaps twice. A group that has been deleted meanwhile has none.
    async fn each_member(&self, group: &GroupName, mut take: impl FnMut(Sub)) -> Result<()> {
        let pool = self.pool;
        let list = |token: Option<String>| async move { pool.list_members(group, token.as_deref()).await };
        let unit = Listing::Members { group: group.clone() }.unit_id().to_string();
        let mut pages = Pages::new(pool.id(), unit, list);
        loop {
            match pages.next().await {
                Ok(Some(subs)) => subs.into_iter().for_each(&mut take),
                Ok(None) => return Ok(()),
                // The group, or the pool itself?
                Err(error) if error.kind() == ErrorKind::PoolNotFound => {
                    return pool.describe().await.map(drop).map_err(|error| refused(pool.id(), error));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Who of the snapshot a member is. The listing of users may have overlooked it.
    fn member(&self, sub: &Sub) -> Option<Place> {
        match self.in_pool.get(&Short::of_sub(sub)) {
            Some(found) => *found,
            None => self.matching.by_sub(&self.index, sub).map(|(place, _)| place),
        }
    }
}

impl Members {
    fn tell(self, watch: &mut impl Watch) {
        let group = self.group;
        let mut tell = |finding, sub| watch.found(Finding::Membership { finding, group: group.clone(), sub });
        self.missing.into_iter().for_each(|sub| tell(FindingKind::Missing, sub));
        self.extra.into_iter().for_each(|sub| tell(FindingKind::Extra, sub));
    }
}

fn group_of(unit: &Unit) -> Option<&GroupName> {
    match &unit.listing {
        Listing::Members { group } => Some(group),
        Listing::Groups | Listing::Users | Listing::UsersBySub { .. } => None,
    }
}
