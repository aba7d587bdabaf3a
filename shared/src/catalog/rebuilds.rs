//! The journal of a pool that is created from a snapshot: what is done, so that a stopped creation continues.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Catalog, keys};
use crate::model::{PoolId, RunId};
use crate::ports::vault::Vault;
use crate::{Error, ErrorKind, Result};

/// How far the creation of a pool is. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RebuildJournal {
    pub source: PoolId,
    pub snapshot: RunId,
    /// The name of the new pool.
    pub name: String,
    /// The value of the tag by which the new pool is found again.
    pub marker: String,
    /// None until the pool is created.
    pub pool: Option<PoolId>,
    /// The old and the new ids of clients.
    pub clients: BTreeMap<String, String>,
    /// The names of the steps that are done.
    pub done: BTreeSet<String>,
    /// `LambdaConfig` in JSON, for the end.
    pub triggers: String,
    /// Whether deletion protection is switched on at the end.
    pub is_protected: bool,
    pub is_finished: bool,
}

/// Where the journal of a new pool is.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Rebuilt {
    source: PoolId,
    name: String,
}

impl<V: Vault> Catalog<V> {
    /// The journal of the pool with this name.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub async fn rebuild_journal(&self, source: &PoolId, name: &str) -> Result<Option<RebuildJournal>> {
        self.read(&keys::rebuild(source, name)).await
    }

    /// The journal of a new pool, if the table has it.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub async fn journal_of_rebuilt(&self, pool: &PoolId) -> Result<Option<RebuildJournal>> {
        let Some(rebuilt) = self.read::<Rebuilt>(&keys::rebuilt(pool)).await? else { return Ok(None) };
        let journal = self.rebuild_journal(&rebuilt.source, &rebuilt.name).await?;
        Ok(journal.filter(|journal| journal.pool.as_ref() == Some(pool)))
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
        // First: the journal implies that its pool leads to it.
        if let Some(pool) = &journal.pool
            && before.is_none_or(|before| before.pool.is_none())
        {
            let rebuilt = Rebuilt { source: journal.source.clone(), name: journal.name.clone() };
            self.create(&keys::rebuilt(pool), &rebuilt).await?;
        }
        let key = keys::rebuild(&journal.source, &journal.name);
        let is_written = match before {
            None => self.create(&key, journal).await?,
            Some(before) => {
                let replace = |stored: &mut RebuildJournal| {
                    let is_mine = stored == before;
                    if is_mine {
                        stored.clone_from(journal);
                    }
                    Ok(is_mine)
                };
                self.change(&key, replace).await?.as_ref() == Some(journal)
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
}
