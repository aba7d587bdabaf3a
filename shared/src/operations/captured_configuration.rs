//! The captured configuration of a snapshot, or a stored capture, read back and checked.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::catalog::Catalog;
use crate::model::configuration::difference::document::{Configuration, DocumentError};
use crate::model::configuration::{
    Asset, CapturedConfiguration, CapturedList, CapturedObject, ConfigurationKeys, ObjectKind, ObjectName,
    SecretRecord, SecretText, assets_in, put_at,
};
use crate::model::{
    Digest, PoolId, Reason, RunId, SCHEMA_VERSION, Snapshot, SnapshotSelector, SnapshotState, StoredCapture,
};
use crate::operations::secrets::reveal;
use crate::ports::keys::DecryptingKeys;
use crate::ports::vault::ReadVault;
use crate::{Error, ErrorKind, Guidance, Result};

/// Secrets that are decrypted at once.
const DECRYPTED_AT_ONCE: usize = 8;
/// Lists that are read to find what a list lacks.
const LISTS_READ: usize = 10;

/// What holds a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holding {
    Snapshot,
    /// A stored capture.
    Capture,
}

impl Holding {
    /// The word before its id.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Capture => "stored capture",
        }
    }
}

/// The configuration that a snapshot or a stored capture holds.
#[derive(Debug)]
pub struct CapturedSnapshot {
    pub pool: PoolId,
    /// The id of the snapshot or the stored capture.
    pub id: RunId,
    pub holding: Holding,
    /// With the MACs of the table's own account, and without the secrets that a copy left out.
    pub list: CapturedList,
    /// The objects, in the order of their names. The bytes of assets are replaced by their digests.
    pub objects: Vec<CapturedObject>,
    /// The encrypted secrets, by the names of their records.
    pub secrets: BTreeMap<Digest, SecretRecord>,
}

/// Reads the configuration of a sealed snapshot, or of a stored capture that `selector` names by its id.
///
/// # Errors
/// The errors of [`Catalog::sealed_snapshot`]. `SnapshotNotFound` if the snapshot holds no configuration.
/// `SnapshotBeingRemoved` if a stored capture is being removed. `SnapshotDamaged` if a record is missing or altered.
pub async fn captured_configuration<V: ReadVault>(
    catalog: &Catalog<V>,
    pool: &PoolId,
    selector: &SnapshotSelector,
    now: Timestamp,
) -> Result<CapturedSnapshot> {
    let capture = match selector {
        SnapshotSelector::Id(id) => catalog.stored_capture(pool, id).await?,
        SnapshotSelector::Latest => None,
    };
    if let Some(capture) = capture {
        return of_capture(catalog, capture).await;
    }
    let (snapshot, _) = catalog.sealed_snapshot(pool, selector, now).await?;
    let Some(captured) = snapshot.captured_configuration else {
        let what = format!(
            "Snapshot {} of user pool {pool} holds no configuration: its export captured none.",
            snapshot.id
        );
        let list = Guidance::ListSnapshots { pool: pool.to_string() };
        let guidance = Guidance::from("Set CaptureConfiguration=YES, deploy, and start an export.");
        return Err(Error::new(ErrorKind::SnapshotNotFound, what, guidance.and(list)));
    };
    read(catalog, pool, (snapshot.id, Holding::Snapshot), captured).await
}

async fn of_capture<V: ReadVault>(catalog: &Catalog<V>, capture: StoredCapture) -> Result<CapturedSnapshot> {
    let StoredCapture { id, pool, schema_version, configuration, .. } = &capture;
    if *schema_version > SCHEMA_VERSION {
        let what = format!(
            "Capture {id} has schema version {schema_version}; this version reads up to {SCHEMA_VERSION}."
        );
        return Err(Error::new(ErrorKind::UnsupportedSchema, what, Guidance::NEWER_VERSION));
    }
    let being_removed = || {
        let what = format!("Capture {id} is being removed.");
        Error::new(ErrorKind::SnapshotBeingRemoved, what, Guidance::UseAnotherSnapshot)
    };
    if capture.is_being_removed {
        return Err(being_removed());
    }
    match read(catalog, pool, (id.clone(), Holding::Capture), *configuration).await {
        // The removal may have been decided since the header was read.
        Err(error) if error.kind() == ErrorKind::SnapshotDamaged => {
            let there = catalog.stored_capture(pool, id).await?;
            let is_removed = there.is_none_or(|there| there.is_being_removed);
            Err(if is_removed { being_removed() } else { error })
        }
        captured => captured,
    }
}

/// Reads the list, and what it names.
async fn read<V: ReadVault>(
    catalog: &Catalog<V>,
    pool: &PoolId,
    (id, holding): (RunId, Holding),
    captured: CapturedConfiguration,
) -> Result<CapturedSnapshot> {
    let damaged = |reason: Reason| {
        let item = match reason {
            Reason::RecordMissing { key } => format!("item {key} is missing"),
            Reason::RecordDamaged { key } => format!("item {key} is altered, or a part of it is missing"),
            _ => "an item is not readable".to_owned(),
        };
        let what = format!("The configuration of {} {id} cannot be read: {item}.", holding.noun());
        Error::new(ErrorKind::SnapshotDamaged, what, Guidance::RECOVER_ITEM)
    };
    let mut list = CapturedList::default();
    for read in catalog.configuration_records(pool, &[captured.list]).await? {
        list = read.map_err(damaged)?;
    }
    let digests: Vec<_> = list.entries().iter().map(|entry| entry.digest).collect();
    let mut objects = Vec::with_capacity(digests.len());
    for record in catalog.configuration_records::<CapturedObject>(pool, &digests).await? {
        objects.push(record.map_err(damaged)?);
    }
    let names = list.secrets();
    let mut secrets = BTreeMap::new();
    for (name, record) in names.iter().zip(catalog.configuration_records(pool, &names).await?) {
        secrets.insert(*name, record.map_err(damaged)?);
    }
    let list = list.as_stored(&secrets);
    Ok(CapturedSnapshot { pool: pool.clone(), id, holding, list, objects, secrets })
}

/// A capture, to compare it.
///
/// # Errors
/// `SnapshotDamaged` if two objects have one name. No capture writes that.
pub fn comparable(list: &CapturedList, objects: Vec<CapturedObject>) -> Result<Configuration> {
    of_document(Configuration::of_capture(list, objects))
}

pub(super) fn of_document(read: std::result::Result<Configuration, DocumentError>) -> Result<Configuration> {
    read.map_err(|error| Error::new(ErrorKind::SnapshotDamaged, error.to_string(), Guidance::NEW_EXPORT))
}

/// The configuration before that of a snapshot.
#[derive(Debug)]
pub(super) enum Earlier {
    /// The newest snapshot whose list can be read, and the list.
    Found(RunId, CapturedList),
    /// Snapshots hold a configuration, but no list can be read.
    NoneIsReadable,
    None,
}

/// The list of the newest sealed snapshot before this one that holds a configuration.
pub(super) async fn earlier_list<V: ReadVault>(catalog: &Catalog<V>, snapshot: &Snapshot) -> Result<Earlier> {
    let mut snapshots = pin!(catalog.snapshots_newest_first(&snapshot.pool, Some(&snapshot.id)));
    let mut found = Earlier::None;
    while let Some(earlier) = snapshots.try_next().await? {
        if earlier.lasting_state() != Some(SnapshotState::Sealed) {
            continue;
        }
        match catalog.captured_list(&earlier).await? {
            Some(Ok(list)) => return Ok(Earlier::Found(earlier.id, list)),
            Some(Err(_)) => found = Earlier::NoneIsReadable,
            None => {}
        }
    }
    Ok(found)
}

/// The list, completed with the last known record of each object that it lacks. These come from the snapshots
/// that hold them. If such a snapshot is removed or cannot be read, the note about the object stays.
///
/// # Errors
/// If the table cannot be read.
pub async fn last_known<V: ReadVault>(
    catalog: &Catalog<V>,
    pool: &PoolId,
    mut list: CapturedList,
) -> Result<CapturedList> {
    let mut looked_at = BTreeSet::new();
    // A snapshot names only earlier ones. So from the newest on, each is looked at once.
    while looked_at.len() < LISTS_READ
        && let Some(holder) = list.holders().into_iter().rfind(|holder| !looked_at.contains(holder))
    {
        let header = catalog.snapshot(pool, &holder).await?;
        let header = header.filter(|header| header.lasting_state() == Some(SnapshotState::Sealed));
        if let Some(header) = header
            && let Some(Ok(earlier)) = catalog.captured_list(&header).await?
        {
            list = list.filled_from(&earlier, &holder);
        }
        looked_at.insert(holder);
    }
    Ok(list)
}

impl CapturedSnapshot {
    /// The keys of its secrets, in `region`. None if it holds no secret.
    pub fn keys(&self, region: &str) -> Option<ConfigurationKeys> {
        self.secrets.values().find_map(|record| record.keys(region))
    }

    /// The objects, with the bytes of their assets.
    ///
    /// # Errors
    /// `SnapshotDamaged` if an asset is missing or altered.
    pub async fn with_assets<V: ReadVault>(&self, catalog: &Catalog<V>) -> Result<Vec<CapturedObject>> {
        let mut objects = self.objects.clone();
        for object in &mut objects {
            for text in assets_in(object.name.kind, &mut object.document) {
                let Ok(digest) = Digest::parse(text) else { continue };
                let mut read = catalog.configuration_records::<Asset>(&self.pool, &[digest]).await?;
                let Some(Ok(bytes)) = read.pop() else {
                    let what =
                        format!("An asset of {} {} is missing or altered.", self.holding.noun(), self.id);
                    return Err(Error::new(ErrorKind::SnapshotDamaged, what, Guidance::RECOVER_ITEM));
                };
                bytes.base64().clone_into(text);
            }
        }
        Ok(objects)
    }

    /// Decrypts all secrets, with KMS in `region`, and puts them at their places in the objects.
    ///
    /// # Errors
    /// Those of [`reveal`].
    pub async fn reveal_secrets<K: DecryptingKeys>(&mut self, keys: &K, region: &str) -> Result<()> {
        let pool = &self.pool;
        let decrypt = |(name, record)| async move {
            let text = reveal(keys, region, pool, record).await?;
            Ok::<(Digest, Option<SecretText>), Error>((name, text))
        };
        let secrets = stream::iter(self.secrets.iter().map(|(name, record)| (*name, record)));
        let revealed: Vec<_> = secrets.map(decrypt).buffer_unordered(DECRYPTED_AT_ONCE).try_collect().await?;
        let revealed = revealed.into_iter().filter_map(|(name, text)| Some((name, text?))).collect();
        self.put_secrets(&revealed);
        Ok(())
    }

    /// Puts decrypted secrets at their places in the objects.
    fn put_secrets(&mut self, revealed: &BTreeMap<Digest, SecretText>) {
        let places = self.list.entries().iter().flat_map(|entry| {
            let secrets = entry.secrets.iter();
            secrets.map(|secret| (entry.name.clone(), secret.place.clone(), secret.record))
        });
        let places: Vec<(ObjectName, String, Digest)> = places.collect();
        for (name, place, record) in places {
            let object = self.objects.binary_search_by(|object| object.name.cmp(&name));
            if let (Ok(index), Some(text)) = (object, revealed.get(&record)) {
                put_at(&mut self.objects[index].document, &place, text.to_value());
            }
        }
    }

    /// The objects in Cognito's own member names: by kind, and by name if the pool can have several of the kind.
    pub fn document(&self) -> Map<String, Value> {
        let mut document = Map::new();
        for &kind in ObjectKind::ALL {
            let mut of_kind = self.objects.iter().filter(|object| object.name.kind == kind);
            let value = if kind.is_single() {
                of_kind.next().map_or(Value::Null, |object| object.document.clone())
            } else {
                of_kind.map(|object| (object.name.id.clone(), object.document.clone())).collect()
            };
            document.insert(kind.name().to_owned(), value);
        }
        document
    }
}
