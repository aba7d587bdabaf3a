//! Groups: the pool's are listed, and each that is in the snapshot as well is compared with the record there.

use std::collections::{BTreeMap, BTreeSet};

use super::findings::{Finding, RECORD, Tally};
use super::pages::Pages;
use super::{Watch, Work};
use crate::Result;
use crate::model::{Digest, FindingKind, GroupName, GroupRecord, Listing, PageEntry};
use crate::ports::pool::Pool;
use crate::ports::vault::Vault;

impl<P: Pool, V: Vault> Work<'_, P, V> {
    /// Compares the groups; returns also which the pool and the snapshot both have. Cognito's pools have 10,000 at most.
    pub(super) async fn compare_groups(&self, watch: &mut impl Watch) -> Result<(Tally, BTreeSet<GroupName>)> {
        let wanted = self.groups_of_snapshot().await?;
        let (mut tally, mut seen) = (Tally::default(), BTreeSet::new());
        let pool = self.pool;
        let list = |token: Option<String>| async move { pool.list_groups(token.as_deref()).await };
        let mut pages = Pages::new(pool.id(), Listing::Groups.unit_id().to_string(), list);
        while let Some(groups) = pages.next().await? {
            let groups: Vec<GroupRecord> = groups.into_iter().filter(|group| seen.insert(group.name.clone())).collect();
            let (both, extra): (Vec<_>, Vec<_>) = groups.into_iter().partition(|group| wanted.contains_key(&group.name));
            for GroupRecord { name: group, .. } in extra {
                tally.extra += 1;
                watch.found(Finding::Group { finding: FindingKind::Extra, group, fields: Vec::new() });
            }
            let named: Vec<(&str, Digest)> =
                both.iter().filter_map(|group| Some((group.name.as_str(), *wanted.get(&group.name)?))).collect();
            let records = self.catalog.records::<GroupRecord>(&self.snapshot.pool, &named).await?;
            for (group, record) in both.iter().zip(records) {
                let fields = record.map_or_else(|_| vec![RECORD.to_owned()], |record| group.settings_unlike(&record));
                tally.compared(&fields);
                if !fields.is_empty() {
                    watch.found(Finding::Group { finding: FindingKind::Different, group: group.name.clone(), fields });
                }
            }
        }
        for group in wanted.keys().filter(|name| !seen.contains(*name)) {
            tally.missing += 1;
            watch.found(Finding::Group { finding: FindingKind::Missing, group: group.clone(), fields: Vec::new() });
        }
        let in_both = wanted.into_keys().filter(|name| seen.contains(name)).collect();
        Ok((tally, in_both))
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
