//! Memberships: the comparison lists the members of every group of the snapshot in the pool.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;

use futures::{StreamExt, TryStreamExt, stream};

use super::comparer::{Comparer, Observer};
use super::findings::{Finding, MembershipTally};
use super::groups::ComparedGroups;
use crate::Result;
use crate::identity::{Fingerprint, Row};
use crate::model::{FindingKind, GroupName, LeftOut, Listing, PageEntry, Sub, Unit};
use crate::operations::refusals::refused;
use crate::pacing::PagedListing;
use crate::ports::pool::{Pool, PoolErrorKind};
use crate::ports::vault::ReadVault;

/// Groups compared at once. The limiter decides the rate. This number only hides latency.
const GROUPS_AT_ONCE: usize = 8;

/// The differences in the members of one group.
struct ComparedMembers {
    group: GroupName,
    /// The groups of the snapshot that it is.
    units: u64,
    present: u64,
    left_to_sign_in: u64,
    left_out_unconfirmed: u64,
    damaged: u64,
    /// Subs in the snapshot.
    missing: Vec<Sub>,
    /// Subs in the pool.
    extra: BTreeSet<Sub>,
    /// Members that are no users of the snapshot.
    not_in_snapshot: u64,
}

impl<P: Pool, V: ReadVault> Comparer<'_, P, V> {
    /// Compares the members of every group of the snapshot, in the order of the names.
    pub(super) async fn compare_members(
        &self,
        compared: &ComparedGroups,
        observer: &mut impl Observer,
    ) -> Result<MembershipTally> {
        // Groups of the snapshot that are one group in the pool are compared as one.
        let mut groups: BTreeMap<&GroupName, Vec<(&GroupName, &Unit)>> = BTreeMap::new();
        for unit in self.units {
            if let Some(group) = group_of(unit) {
                groups.entry(compared.in_both.get(group).unwrap_or(group)).or_default().push((group, unit));
            }
        }
        let mut groups: Vec<_> = groups.into_values().collect();
        groups.iter_mut().for_each(|units| units.sort_by_key(|(group, _)| *group));
        groups.sort_by_key(|units| units.first().map(|(group, _)| *group));
        let (mut tally, mut so_far) = (MembershipTally::default(), self.so_far);
        let compare = |units| self.compare_group(units, compared);
        let mut results = pin!(stream::iter(groups).map(compare).buffered(GROUPS_AT_ONCE));
        while let Some(members) = results.try_next().await? {
            tally.present += members.present;
            tally.left_to_sign_in += members.left_to_sign_in;
            tally.left_out_unconfirmed += members.left_out_unconfirmed;
            tally.damaged += members.damaged;
            tally.missing += members.missing.len() as u64;
            tally.extra += members.extra.len() as u64;
            tally.member_without_user += members.not_in_snapshot;
            so_far.groups += members.units;
            so_far.memberships += members.present + members.missing.len() as u64;
            members.report(observer);
            observer.compared(&so_far);
        }
        Ok(tally)
    }

    async fn compare_group(
        &self,
        units: Vec<(&GroupName, &Unit)>,
        compared: &ComparedGroups,
    ) -> Result<ComparedMembers> {
        let group = units[0].0;
        let (mut wanted, mut not_in_snapshot): (Vec<Row>, u64) = (Vec::new(), 0);
        for (_, unit) in &units {
            let take = |entry: PageEntry| match self.users.row_of(&Sub::new(entry.key)) {
                Some(row) => wanted.push(row),
                None => not_in_snapshot += 1,
            };
            self.catalog.sealed_entries(&self.snapshot.id, unit, take).await?;
        }
        wanted.sort_unstable();
        wanted.dedup();
        let (mut is_present, mut extra) = (vec![false; wanted.len()], BTreeSet::new());
        if let Some(name) = compared.in_both.get(group) {
            let take = |sub| match self.member(&sub).and_then(|row| wanted.binary_search(&row).ok()) {
                Some(at) => is_present[at] = true,
                None => drop(extra.insert(sub)),
            };
            self.each_member(name, take).await?;
        }
        let present = is_present.iter().filter(|is_present| **is_present).count() as u64;
        let (mut missing, mut left_to_sign_in, mut left_out_unconfirmed) = (Vec::new(), 0, 0);
        for (row, _) in wanted.iter().zip(&is_present).filter(|(_, is_present)| !**is_present) {
            match self.matcher.left_out(*row).filter(|_| !self.is_matched[row.position()]) {
                Some(LeftOut::ToSignIn) => left_to_sign_in += 1,
                Some(LeftOut::Unconfirmed) => left_out_unconfirmed += 1,
                None => missing.push(*row),
            }
        }
        let is_group_damaged = compared.damaged.contains(group);
        let (damaged, missing): (Vec<Row>, Vec<Row>) =
            missing.into_iter().partition(|row| is_group_damaged || self.damaged.contains(row));
        let missing: Vec<Sub> = missing.into_iter().map(|row| self.users.sub(row)).collect();
        Ok(ComparedMembers {
            group: group.clone(),
            units: units.len() as u64,
            present,
            left_to_sign_in,
            left_out_unconfirmed,
            damaged: damaged.len() as u64,
            missing,
            extra,
            not_in_snapshot,
        })
    }

    /// Passes the members of the group in the pool to `take`, some perhaps twice. A group that was
    /// deleted meanwhile has no members.
    async fn each_member(&self, group: &GroupName, mut take: impl FnMut(Sub)) -> Result<()> {
        let pool = self.pool;
        let unit = Listing::Members { group: group.clone() }.unit_id();
        let mut listing = PagedListing::new(pool.id(), unit, refused);
        while !listing.has_ended() {
            let limit = listing.limit();
            let mut in_flight = self.members_in_flight.begin_page(|| self.sizes.page(limit)).await;
            let answer = pool.list_members(group, listing.limit(), listing.token()).await;
            if let Ok(listed) = &answer {
                self.sizes.note(listed.bytes);
                in_flight.has(listed.entries.len(), listed.bytes.sum);
            }
            if answer.as_ref().is_err_and(|error| error.kind == PoolErrorKind::NotFound) {
                // If the pool itself is gone, the comparison fails.
                return pool.describe().await.map(drop).map_err(|error| refused(pool.id(), error));
            }
            listing.advance(answer)?.into_entries().into_iter().for_each(&mut take);
        }
        Ok(())
    }

    /// The snapshot user that a member is. The listing of users may have missed the member.
    fn member(&self, sub: &Sub) -> Option<Row> {
        match self.in_pool.get(&Fingerprint::of_sub(sub)) {
            Some(found) => *found,
            None => self.matcher.by_sub(&self.users, sub).map(|(row, _)| row),
        }
    }
}

impl ComparedMembers {
    fn report(self, observer: &mut impl Observer) {
        let group = self.group;
        let mut report =
            |finding, sub| observer.found(Finding::Membership { finding, group: group.clone(), sub });
        self.missing.into_iter().for_each(|sub| report(FindingKind::Missing, sub));
        self.extra.into_iter().for_each(|sub| report(FindingKind::Extra, sub));
    }
}

fn group_of(unit: &Unit) -> Option<&GroupName> {
    match &unit.listing {
        Listing::Members { group } => Some(group),
        Listing::Groups | Listing::Users | Listing::UsersBySub { .. } => None,
    }
}
