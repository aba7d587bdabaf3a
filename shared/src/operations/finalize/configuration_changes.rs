//! How the configuration of a snapshot differs from that of the one before.
//!
//! Most exports find nothing changed, and read only two lists. Otherwise they read the objects whose digests
//! differ, and at most [`MAX_COMPARED`] of these: what is beyond is named without its members. So the memory is
//! bounded.

use std::collections::{BTreeMap, BTreeSet};

use crate::Result;
use crate::catalog::Catalog;
use crate::model::configuration::difference::{Change, ClientMap, compare};
use crate::model::configuration::{
    CapturedEntry, CapturedList, CapturedObject, ConfigurationChanges, ObjectKind, ObjectName, operations_of,
};
use crate::model::{Digest, PoolId, Snapshot};
use crate::operations::captured_configuration::{comparable, earlier_list};
use crate::ports::vault::ReadVault;

/// The most objects that are compared by member. Most have a kilobyte.
const MAX_COMPARED: usize = 500;
/// The most managed login styles among them. Such a style has up to 2 MB.
const MAX_STYLES: usize = 5;

/// Compares the configuration of a snapshot with that of the newest earlier snapshot that holds one. None if
/// there is none, or if one of them cannot be read: no comparison may cost the users their snapshot.
pub(super) async fn configuration_changes<V: ReadVault>(
    catalog: &Catalog<V>,
    snapshot: &Snapshot,
) -> Option<ConfigurationChanges> {
    compared(catalog, snapshot).await.unwrap_or_else(|error| {
        tracing::warn!(run = %snapshot.id, kind = ?error.kind(), "the configuration is not compared");
        None
    })
}

async fn compared<V: ReadVault>(
    catalog: &Catalog<V>,
    snapshot: &Snapshot,
) -> Result<Option<ConfigurationChanges>> {
    let Some(Ok(new)) = catalog.captured_list(snapshot).await? else { return Ok(None) };
    let Some((since, old)) = earlier_list(catalog, snapshot).await? else { return Ok(None) };
    let [old_digests, new_digests] = [&old, &new].map(digests);
    if old_digests == new_digests {
        return Ok(Some(ConfigurationChanges::none(since)));
    }
    let (compared, others) = choose(&old_digests, &new_digests);
    let objects = async |list: &CapturedList| read(catalog, &snapshot.pool, list, &compared).await;
    let (Some(old_objects), Some(new_objects)) = (objects(&old).await?, objects(&new).await?) else {
        tracing::warn!(run = %snapshot.id, "a record of the configuration cannot be read, and nothing is compared");
        return Ok(None);
    };
    let (old, new) = (comparable(&old, old_objects)?, comparable(&new, new_objects)?);
    Ok(Some(ConfigurationChanges::new(since, &compare(&old, &new, &ClientMap::new()), others)))
}

/// The digest of each object.
type Digests<'a> = BTreeMap<&'a ObjectName, Digest>;

fn digests(list: &CapturedList) -> Digests<'_> {
    list.entries().iter().map(|entry| (&entry.name, entry.digest)).collect()
}

/// The objects to compare by member, and the names of those beyond the bounds.
fn choose(old: &Digests<'_>, new: &Digests<'_>) -> (BTreeSet<ObjectName>, Vec<(String, Change)>) {
    let names: BTreeSet<&ObjectName> = old.keys().chain(new.keys()).copied().collect();
    let mut compared = BTreeSet::new();
    let (mut others, mut styles) = (Vec::new(), 0);
    for &name in names.iter().filter(|name| old.get(*name) != new.get(*name)) {
        let is_style = name.kind == ObjectKind::Branding;
        styles += usize::from(is_style);
        if compared.len() < MAX_COMPARED && !(is_style && styles > MAX_STYLES) {
            compared.insert(name.clone());
            continue;
        }
        let change = match (old.contains_key(name), new.contains_key(name)) {
            (false, _) => Change::Added,
            (_, false) => Change::Removed,
            _ => Change::Changed,
        };
        // An object that no operation creates may be at its defaults, like that of a new client.
        if change == Change::Changed || operations_of(name.kind).any(|rows| rows.create.is_some()) {
            others.push((name.to_string(), change));
        }
    }
    // Members of the single objects mirror each other, and the client gives its objects their name.
    let clients: BTreeSet<ObjectName> = compared
        .iter()
        .map(|name| ObjectName::of(ObjectKind::Client, name.id.split('/').next().unwrap_or_default()))
        .collect();
    let context = names.into_iter().filter(|name| name.kind.is_single() || clients.contains(*name));
    compared.extend(context.cloned());
    (compared, others)
}

/// The objects of a list that are to be compared. None if a record cannot be read.
async fn read<V: ReadVault>(
    catalog: &Catalog<V>,
    pool: &PoolId,
    list: &CapturedList,
    compared: &BTreeSet<ObjectName>,
) -> Result<Option<Vec<CapturedObject>>> {
    let entries = list.entries().iter().filter(|entry| compared.contains(&entry.name));
    let digests: Vec<_> = entries.map(|entry: &CapturedEntry| entry.digest).collect();
    let records = catalog.configuration_records::<CapturedObject>(pool, &digests).await?;
    Ok(records.into_iter().map(std::result::Result::ok).collect())
}
