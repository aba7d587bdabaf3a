//! Groups: the comparison lists the groups of the pool. It compares each group that the snapshot
//! also has with its record.

use std::collections::{BTreeMap, BTreeSet};

use super::comparer::{Comparer, Observer};
use super::findings::{Finding, Tally};
use crate::Result;
use crate::model::{Digest, FindingKind, GroupName, GroupRecord, Listing, PageEntry};
use crate::operations::refusals::refused;
use crate::pacing::PagedListing;
use crate::ports::pool::Pool;
use crate::ports::vault::ReadVault;

/// Records read with one call of the table.
const RECORDS_A_CALL: usize = 100;

impl<P: Pool, V: ReadVault> Comparer<'_, P, V> {
    /// Compares the groups. Returns also the groups that both have. A pool has at most 10,000
    /// groups.
    pub(super) async fn compare_groups(
        &self,
        observer: &mut impl Observer,
    ) -> Result<(Tally, BTreeSet<GroupName>)> {
        let wanted = self.groups_of_snapshot().await?;
        let (mut tally, mut seen) = (Tally::default(), BTreeSet::new());
        let mut listing = PagedListing::new(self.pool.id(), Listing::Groups.unit_id(), refused);
        while !listing.has_ended() {
            let answer = self.pool.list_groups(listing.token()).await;
            let groups = listing.advance(answer)?.into_entries().into_iter();
            let unseen = groups.filter(|group| seen.insert(group.name.clone())).collect();
            self.compare_page_of_groups(unseen, &wanted, &mut tally, observer).await?;
        }
        self.report_missing(wanted.iter().filter(|(name, _)| !seen.contains(*name)), &mut tally, observer)
            .await?;
        let in_both = wanted.into_keys().filter(|name| seen.contains(name)).collect();
        Ok((tally, in_both))
    }

    async fn compare_page_of_groups(
        &self,
        groups: Vec<GroupRecord>,
        wanted: &BTreeMap<GroupName, Digest>,
        tally: &mut Tally,
        observer: &mut impl Observer,
    ) -> Result<()> {
        let (both, extra): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|group| wanted.contains_key(&group.name));
        for GroupRecord { name: group, .. } in extra {
            tally.extra += 1;
            observer.found(Finding::Group { finding: FindingKind::Extra, group, fields: Vec::new() });
        }
        let named: Vec<(&str, Digest)> =
            both.iter().filter_map(|group| Some((group.name.as_str(), *wanted.get(&group.name)?))).collect();
        let records = self.catalog.records::<GroupRecord>(&self.snapshot.pool, &named).await?;
        for (group, record) in both.iter().zip(records) {
            let fields = record.ok().map(|record| group.settings_unlike(&record));
            if let Some(finding) = tally.count_compared(fields.as_deref()) {
                let fields = fields.unwrap_or_default();
                observer.found(Finding::Group { finding, group: group.name.clone(), fields });
            }
        }
        Ok(())
    }

    async fn report_missing(
        &self,
        groups: impl Iterator<Item = (&GroupName, &Digest)>,
        tally: &mut Tally,
        observer: &mut impl Observer,
    ) -> Result<()> {
        let missing: Vec<(&str, Digest)> = groups.map(|(name, digest)| (name.as_str(), *digest)).collect();
        for some in missing.chunks(RECORDS_A_CALL) {
            let records = self.catalog.records::<GroupRecord>(&self.snapshot.pool, some).await?;
            for ((name, _), record) in some.iter().zip(records) {
                let finding = tally.count_missing(record.is_err());
                observer.found(Finding::Group { finding, group: GroupName::new(*name), fields: Vec::new() });
            }
        }
        Ok(())
    }

    /// The groups of the snapshot, each with the record that was named first.
    async fn groups_of_snapshot(&self) -> Result<BTreeMap<GroupName, Digest>> {
        let mut wanted = BTreeMap::new();
        if let Some(unit) = self.unit(&Listing::Groups) {
            let take = |entry: PageEntry| {
                wanted.entry(GroupName::new(entry.key)).or_insert(entry.digest.unwrap_or_default());
            };
            self.catalog.sealed_entries(&self.snapshot.id, unit, take).await?;
        }
        Ok(wanted)
    }
}
