//! How the configuration of a snapshot differs from that of the one before.
//!
//! Most exports find nothing changed, and read only two lists. Otherwise they read the objects whose records
//! differ, at most [`MAX_COMPARED`] at once. So the memory is bounded, however many have changed. If the
//! snapshot before could not capture an object, the export compares it with the last snapshot that holds it.

use std::collections::{BTreeMap, BTreeSet};

use crate::Result;
use crate::catalog::Catalog;
use crate::model::configuration::difference::{ClientMap, Difference, compare};
use crate::model::configuration::{
    CapturedEntry, CapturedList, CapturedObject, CapturedSecret, ConfigurationChanges, ObjectKind, ObjectName,
};
use crate::model::{Digest, PoolId, Snapshot};
use crate::operations::captured_configuration::{Earlier, comparable, earlier_list, last_known};
use crate::ports::vault::ReadVault;

/// The most objects that are compared at once. Most have a kilobyte.
const MAX_COMPARED: usize = 250;
/// The most managed login styles among them. Such a style has up to 2 MB.
const MAX_STYLES: usize = 5;

/// Compares the configuration of a snapshot with that of the newest earlier snapshot that holds one. None if
/// no earlier snapshot holds one, or if the list of this one cannot be read. A failed comparison must not
/// fail the export, so it is part of the answer.
pub(super) async fn configuration_changes<V: ReadVault>(
    catalog: &Catalog<V>,
    snapshot: &Snapshot,
) -> Option<ConfigurationChanges> {
    compared(catalog, snapshot).await.unwrap_or_else(|error| {
        tracing::warn!(run = %snapshot.id, kind = ?error.kind(), "the configuration is not compared");
        Some(ConfigurationChanges::failed())
    })
}

async fn compared<V: ReadVault>(
    catalog: &Catalog<V>,
    snapshot: &Snapshot,
) -> Result<Option<ConfigurationChanges>> {
    let Some(Ok(new)) = catalog.captured_list(snapshot).await? else { return Ok(None) };
    let (since, earlier) = match earlier_list(catalog, snapshot).await? {
        Earlier::Found(since, list) => (since, list),
        Earlier::NoneIsReadable => return Ok(Some(ConfigurationChanges::failed())),
        Earlier::None => return Ok(None),
    };
    let old = last_known(catalog, &snapshot.pool, earlier).await?;
    let mut changes = ConfigurationChanges::none(since);
    changes.not_compared += new.entries().iter().filter(|entry| old.has_lost(&entry.name)).count() as u64;
    for names in groups(&old, &new) {
        let [old_objects, new_objects] = [
            read(catalog, &snapshot.pool, &old, &names.read).await?,
            read(catalog, &snapshot.pool, &new, &names.read).await?,
        ];
        let unreadable: BTreeSet<_> =
            old_objects.unreadable.into_iter().chain(new_objects.unreadable).collect();
        changes.not_compared +=
            unreadable.iter().filter(|name| names.differing.contains(*name)).count() as u64;
        let [old, new] =
            [(&old, old_objects.readable), (&new, new_objects.readable)].map(|(list, mut objects)| {
                objects.retain(|object| !unreadable.contains(&object.name));
                comparable(list, objects)
            });
        let found = compare(&old?, &new?, &ClientMap::new());
        changes.add(found.differences.iter().filter(|difference| names.is_of_group(difference)));
    }
    if changes.not_compared > 0 {
        tracing::warn!(run = %snapshot.id, count = changes.not_compared, "objects of the configuration are not compared");
    }
    Ok(Some(changes))
}

/// Objects that are compared together.
struct Group<'a> {
    /// Those whose records differ. All single objects are one group, because their members mirror each other.
    differing: BTreeSet<&'a ObjectName>,
    /// The differing objects, and the objects that a comparison needs to name them: the pool and the clients.
    read: BTreeSet<ObjectName>,
}

impl<'a> Group<'a> {
    fn new(differing: BTreeSet<&'a ObjectName>) -> Self {
        let single = ObjectKind::ALL.iter().filter(|kind| kind.is_single());
        let singles = single.map(|kind| ObjectName::single(*kind));
        // An object of a client begins its id with that of the client.
        let client = |name: &&ObjectName| {
            ObjectName::of(ObjectKind::Client, name.id.split('/').next().unwrap_or_default())
        };
        let clients = differing.iter().map(client);
        let read = differing.iter().map(|name| (*name).clone()).chain(singles).chain(clients).collect();
        Self { differing, read }
    }

    fn is_of_group(&self, difference: &Difference) -> bool {
        let has_singles = self.differing.iter().any(|name| name.kind.is_single());
        let is_own =
            |name: &ObjectName| self.differing.contains(name) || (has_singles && name.kind.is_single());
        [&difference.object.old, &difference.object.new].into_iter().flatten().any(is_own)
    }
}

/// The objects whose records differ, in groups that fit into memory.
fn groups<'a>(old: &'a CapturedList, new: &'a CapturedList) -> Vec<Group<'a>> {
    let [old, new] = [old, new].map(digests);
    let names: BTreeSet<&ObjectName> = old.keys().chain(new.keys()).copied().collect();
    let differing = names.into_iter().filter(|name| old.get(name) != new.get(name));
    let (singles, others): (BTreeSet<&ObjectName>, Vec<_>) = {
        let (singles, others): (Vec<_>, Vec<_>) = differing.partition(|name| name.kind.is_single());
        (singles.into_iter().collect(), others)
    };
    let (mut groups, mut last) = (vec![singles], BTreeSet::new());
    let mut styles = 0;
    for name in others {
        let is_style = name.kind == ObjectKind::Branding;
        if last.len() == MAX_COMPARED || (is_style && styles == MAX_STYLES) {
            groups.push(std::mem::take(&mut last));
            styles = 0;
        }
        styles += usize::from(is_style);
        last.insert(name);
    }
    groups.push(last);
    groups.into_iter().filter(|group| !group.is_empty()).map(Group::new).collect()
}

/// The digest of each object, and its secrets, which the digest does not cover.
fn digests(list: &CapturedList) -> BTreeMap<&ObjectName, (Digest, &[CapturedSecret])> {
    list.entries().iter().map(|entry| (&entry.name, (entry.digest, entry.secrets.as_slice()))).collect()
}

struct ReadObjects {
    readable: Vec<CapturedObject>,
    unreadable: Vec<ObjectName>,
}

/// The objects of a list that are to be compared.
async fn read<V: ReadVault>(
    catalog: &Catalog<V>,
    pool: &PoolId,
    list: &CapturedList,
    names: &BTreeSet<ObjectName>,
) -> Result<ReadObjects> {
    let entries: Vec<&CapturedEntry> =
        list.entries().iter().filter(|entry| names.contains(&entry.name)).collect();
    let digests: Vec<_> = entries.iter().map(|entry| entry.digest).collect();
    let records = catalog.configuration_records::<CapturedObject>(pool, &digests).await?;
    let mut objects = ReadObjects { readable: Vec::with_capacity(records.len()), unreadable: Vec::new() };
    for (entry, record) in entries.into_iter().zip(records) {
        match record {
            Ok(object) => objects.readable.push(object),
            Err(_) => objects.unreadable.push(entry.name.clone()),
        }
    }
    Ok(objects)
}
