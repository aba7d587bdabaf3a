//! The journal of a pool that is created from a snapshot: what is done, so that a stopped creation continues.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Catalog, keys};
use crate::model::configuration::{ObjectKind, ObjectName};
use crate::model::{Digest, PoolId, RunId};
use crate::ports::vault::{Key, Order, Vault};
use crate::{Error, ErrorKind, Result};

/// Which creation of a pool. The table may be a replica in another Region, where the same name is another pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RebuildId {
    /// The pool of the snapshot.
    pub source: PoolId,
    /// The Region of the new pool.
    pub region: String,
    /// The name of the new pool.
    pub name: String,
}

/// How far the creation of a pool is. Each of its steps has an [item of its own](RebuildStep). Neither holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RebuildJournal {
    pub id: RebuildId,
    pub snapshot: RunId,
    /// The value of the tag by which the new pool is found again. Each creation has another one.
    pub marker: String,
    /// The command that works on it. So the table refuses each later note of the command before.
    #[serde(default)]
    pub holder: String,
    /// Whether the creation opens the pool to imports by its tag. The end takes that tag away.
    #[serde(default)]
    pub is_import_target: bool,
    /// Whether a request was sent that may have created the pool.
    pub is_sent: bool,
    /// None until the pool is created.
    pub pool: Option<PoolId>,
    /// `LambdaConfig` in JSON, for the end.
    pub triggers: String,
    /// Whether deletion protection is switched on at the end.
    pub is_protected: bool,
    /// Whether all steps were tried. Only then the pool may be finished.
    pub is_created: bool,
    pub is_finished: bool,
}

/// What a creation knows of one of its steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RebuildStep {
    /// The name of the object in the snapshot, and the member if the step sets only that.
    pub object: String,
    pub state: StepState,
    /// The digest of what the plan asked for that made the object. A secret counts in it only as given or not.
    pub request: Digest,
    /// The names that the request lacked, by member, because Cognito had refused their objects.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub without: BTreeMap<String, Vec<String>>,
    /// The id of the new client, if the step creates one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StepState {
    /// The request was sent, and its outcome is not known.
    Begun,
    Done,
    /// Cognito refused it. The next command tries again.
    Refused,
}

impl RebuildStep {
    /// The old and the new ids of the clients that these steps have created.
    pub fn clients(steps: &[Self]) -> BTreeMap<String, String> {
        let client = |step: &Self| {
            let name = ObjectName::parse(&step.object).filter(|name| name.kind == ObjectKind::Client)?;
            Some((name.id, step.client.clone()?))
        };
        steps.iter().filter_map(client).collect()
    }
}

impl<V: Vault> Catalog<V> {
    /// The journal of a creation.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub async fn rebuild_journal(&self, id: &RebuildId) -> Result<Option<RebuildJournal>> {
        self.read(&keys::rebuild(id)).await
    }

    /// The journal of a new pool, if the table has it.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub async fn journal_of_rebuilt(&self, pool: &PoolId) -> Result<Option<RebuildJournal>> {
        let Some(id) = self.read::<RebuildId>(&keys::rebuilt(pool)).await? else { return Ok(None) };
        let journal = self.rebuild_journal(&id).await?;
        Ok(journal.filter(|journal| journal.pool.as_ref() == Some(pool)))
    }

    /// The ids that clients of `old` have in `new`, if one of these pools was created from a snapshot of the other.
    /// Otherwise empty.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub async fn clients_of_rebuilt(&self, old: &PoolId, new: &PoolId) -> Result<BTreeMap<String, String>> {
        for (source, pool) in [(old, new), (new, old)] {
            let journal = self.journal_of_rebuilt(pool).await?.filter(|journal| journal.id.source == *source);
            let Some(journal) = journal else { continue };
            let clients = RebuildStep::clients(&self.rebuild_steps(&journal).await?);
            return Ok(if pool == new {
                clients
            } else {
                clients.into_iter().map(|(old, new)| (new, old)).collect()
            });
        }
        Ok(BTreeMap::new())
    }

    /// Writes the journal in place of `before`, which this command has read or written. Without a `before`, there is none
    /// yet.
    ///
    /// # Errors
    /// `Overtaken` if another command has changed it meanwhile, or if the table cannot be written.
    pub async fn write_rebuild_journal(
        &self,
        before: Option<&RebuildJournal>,
        journal: &RebuildJournal,
    ) -> Result<()> {
        // Write the pointer first: the end of the creation finds the journal through it.
        if let Some(pool) = &journal.pool
            && before.is_none_or(|before| before.pool.is_none())
        {
            self.create(&keys::rebuilt(pool), &journal.id).await?;
        }
        self.replace_note(&keys::rebuild(&journal.id), before, journal).await
    }

    /// Writes an item in place of `before`. Without a `before`, the table must have none.
    async fn replace_note<T>(&self, key: &Key, before: Option<&T>, note: &T) -> Result<()>
    where
        T: Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync,
    {
        let is_written = match before {
            // If the reply was lost, the table has the note already.
            None => self.create(key, note).await? || self.read(key).await?.as_ref() == Some(note),
            Some(before) => {
                let replace = |stored: &mut T| {
                    let is_mine = stored == before;
                    if is_mine {
                        stored.clone_from(note);
                    }
                    Ok(is_mine)
                };
                self.change(key, replace).await?.as_ref() == Some(note)
            }
        };
        if !is_written {
            return Err(Error::new(
                ErrorKind::Overtaken,
                "Another command creates a user pool of the same name from the same user pool.",
                "Wait for its end. Then run the command again: it continues.",
            ));
        }
        Ok(())
    }

    /// The steps of a creation that have begun.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub async fn rebuild_steps(&self, journal: &RebuildJournal) -> Result<Vec<RebuildStep>> {
        let prefix = keys::rebuild_steps(&journal.marker);
        self.read_all(keys::pool_partition(&journal.id.source), &prefix, Order::Ascending).await
    }

    /// Writes a step in place of `before`, which this command has read or written. Without a `before`, there is none yet.
    ///
    /// # Errors
    /// `Overtaken` if another command has changed it meanwhile, or if the table cannot be written.
    pub async fn write_rebuild_step(
        &self,
        journal: &RebuildJournal,
        before: Option<&RebuildStep>,
        step: &RebuildStep,
    ) -> Result<()> {
        let key = keys::rebuild_step(&journal.id.source, &journal.marker, &step.object);
        self.replace_note(&key, before, step).await
    }
}
