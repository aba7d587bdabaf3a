//! Groups: the comparison lists the groups of the pool. It compares each group that the snapshot
//! also has with its record.

use std::collections::{BTreeMap, BTreeSet};

use super::comparer::{Comparer, Observer};
use super::findings::{Finding, Tally};
use crate::Result;
use crate::model::{Digest, FindingKind, GroupName, GroupRecord, Listing, PageEntry, provider_group_in};
use crate::operations::refusals::refused;
use crate::pacing::PagedListing;
use crate::ports::pool::Pool;
use crate::ports::vault::ReadVault;

/// Records read with one call of the table.
const RECORDS_A_CALL: usize = 100;

/// What the comparison of the groups tells the comparison of their members.
#[derive(Default)]
pub(super) struct ComparedGroups {
    /// The groups that both have, by name in the snapshot, with the name in the pool. A pool has at most 10,000.
    pub in_both: BTreeMap<GroupName, GroupName>,
    /// The groups of the snapshot that the pool lacks, and whose records cannot be read.
    pub damaged: BTreeSet<GroupName>,
}

impl<P: Pool, V: ReadVault> Comparer<'_, P, V> {
    /// Compares the groups.
    pub(super) async fn compare_groups(
        &self,
        observer: &mut impl Observer,
    ) -> Result<(Tally, ComparedGroups)> {
        let wanted = self.groups_of_snapshot().await?;
        let (mut tally, mut seen) = (Tally::default(), BTreeSet::new());
        let mut listing = PagedListing::new(self.pool.id(), Listing::Groups.unit_id(), refused);
        while !listing.has_ended() {
            let answer = self.pool.list_groups(listing.token()).await;
            let groups = listing.advance(answer)?.into_entries().into_iter();
            let unseen = groups.filter(|group| seen.insert(group.name.clone())).collect();
            self.compare_page_of_groups(unseen, &wanted, &mut tally, observer).await?;
        }
        let missing = wanted.iter().filter(|(name, _)| !seen.contains(*name)).flat_map(|(_, groups)| groups);
        let damaged = self.report_missing_groups(missing, &mut tally, observer).await?;
        let in_both = wanted.into_iter().filter(|(name, _)| seen.contains(name));
        let in_both = in_both
            .flat_map(|(name, groups)| groups.into_iter().map(move |group| (group.name, name.clone())))
            .collect();
        Ok((tally, ComparedGroups { in_both, damaged }))
    }

    async fn compare_page_of_groups(
        &self,
        groups: Vec<GroupRecord>,
        wanted: &BTreeMap<GroupName, Vec<SnapshotGroup>>,
        tally: &mut Tally,
        observer: &mut impl Observer,
    ) -> Result<()> {
        let (both, extra): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|group| wanted.contains_key(&group.name));
        for GroupRecord { name: group, .. } in extra {
            tally.extra += 1;
            observer.found(Finding::Group { finding: FindingKind::Extra, group, fields: Vec::new() });
        }
        let pairs = both.iter().flat_map(|group| {
            wanted.get(&group.name).into_iter().flatten().map(move |in_snapshot| (group, in_snapshot))
        });
        let (both, named): (Vec<_>, Vec<_>) = pairs
            .map(|(group, in_snapshot)| (group, (in_snapshot.name.as_str(), in_snapshot.digest)))
            .unzip();
        let records = self.catalog.records::<GroupRecord>(&self.snapshot.pool, &named).await?;
        for ((group, record), (name, _)) in both.into_iter().zip(records).zip(&named) {
            let fields = match record {
                Err(_) => None,
                // Cognito made the group of each pool, with settings of its own.
                Ok(_) if group.name.as_str() != *name => Some(Vec::new()),
                Ok(record) => Some(self.settings_unlike(group, record)),
            };
            if let Some(finding) = tally.count_compared(fields.as_deref()) {
                let fields = fields.unwrap_or_default();
                observer.found(Finding::Group { finding, group: group.name.clone(), fields });
            }
        }
        Ok(())
    }

    /// The settings in which a group differs from what the restore was to give it.
    fn settings_unlike(&self, group: &GroupRecord, record: GroupRecord) -> Vec<String> {
        let mut settings = group.settings_unlike(&self.roles.apply(record));
        settings.retain(|name| name != GroupRecord::ROLE || self.roles.compares_roles());
        settings
    }

    /// Reports the groups that the pool lacks. Returns those whose records cannot be read.
    async fn report_missing_groups(
        &self,
        groups: impl Iterator<Item = &SnapshotGroup>,
        tally: &mut Tally,
        observer: &mut impl Observer,
    ) -> Result<BTreeSet<GroupName>> {
        let mut damaged = BTreeSet::new();
        let missing: Vec<(&str, Digest)> = groups.map(|group| (group.name.as_str(), group.digest)).collect();
        for some in missing.chunks(RECORDS_A_CALL) {
            let records = self.catalog.records::<GroupRecord>(&self.snapshot.pool, some).await?;
            for ((name, _), record) in some.iter().zip(records) {
                let (finding, group) = (tally.count_missing(record.is_err()), GroupName::new(*name));
                if record.is_err() {
                    damaged.insert(group.clone());
                }
                observer.found(Finding::Group { finding, group, fields: Vec::new() });
            }
        }
        Ok(damaged)
    }

    /// The groups of the snapshot by their name in the pool, each with the record that was named first. After
    /// an earlier restore, the snapshot can have the groups that Cognito made for one provider in two pools.
    /// They become one group.
    async fn groups_of_snapshot(&self) -> Result<BTreeMap<GroupName, Vec<SnapshotGroup>>> {
        let mut by_name = BTreeMap::new();
        if let Some(unit) = self.unit(&Listing::Groups) {
            let take = |entry: PageEntry| {
                by_name.entry(GroupName::new(entry.key)).or_insert(entry.digest.unwrap_or_default());
            };
            self.catalog.sealed_entries(&self.snapshot.id, unit, take).await?;
        }
        let (source, pool) = (&self.snapshot.pool, self.pool.id());
        let mut wanted: BTreeMap<GroupName, Vec<SnapshotGroup>> = BTreeMap::new();
        for (name, digest) in by_name {
            let mut name_in_pool = name.clone();
            if let Some(of_provider) = provider_group_in(&name, source, pool) {
                let records = self.catalog.records::<GroupRecord>(source, &[(name.as_str(), digest)]).await?;
                let record = records.into_iter().next().and_then(std::result::Result::ok);
                name_in_pool = record.map_or(of_provider, |record| record.name_in(source, pool));
            }
            wanted.entry(name_in_pool).or_default().push(SnapshotGroup { name, digest });
        }
        Ok(wanted)
    }
}

/// A group of the snapshot.
struct SnapshotGroup {
    name: GroupName,
    digest: Digest,
}
