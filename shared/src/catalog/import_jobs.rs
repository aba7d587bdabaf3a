//! Import jobs: their checkpoint, the user of each line of a file, and the users in files by
//! sign-in name.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Catalog, CheckpointKey, decode, encode, keys};
use crate::Result;
use crate::csv::Part;
use crate::model::{ImportJobs, InJob, NameKey, RunId};
use crate::ports::vault::{Key, ReadVault, Vault};

#[derive(Debug, Serialize, Deserialize)]
struct FileItem {
    part: Part,
}

impl<V: ReadVault> Catalog<V> {
    /// The jobs of a restore, if they have begun.
    pub async fn import_jobs(&self, restore: &RunId) -> Result<Option<ImportJobs>> {
        self.read(&keys::import_jobs(restore)).await
    }

    /// The user of each line in the file of job `number`.
    pub async fn import_file(&self, restore: &RunId, number: u32) -> Result<Option<Part>> {
        let item: Option<FileItem> = self.read(&keys::import_job(restore, number)).await?;
        Ok(item.map(|item| item.part))
    }

    /// The users with these sign-in names, if they are in the file of a job.
    pub async fn users_in_jobs(&self, restore: &RunId, names: &[NameKey]) -> Result<HashMap<NameKey, InJob>> {
        let mut by_key: HashMap<Key, NameKey> =
            names.iter().map(|&name| (keys::job_name(restore, name), name)).collect();
        let items = self.vault.get_all(by_key.keys().cloned().collect()).await?;
        let found = items.into_iter().filter_map(|(key, item)| {
            let name = by_key.remove(&key)?;
            Some(decode(&key, item).map(|user| (name, user)))
        });
        found.collect()
    }
}

impl<V: Vault> Catalog<V> {
    /// Writes the user of each line in the file of job `number`.
    pub async fn put_import_file(&self, restore: &RunId, number: u32, part: &Part) -> Result<()> {
        let item = encode(&FileItem { part: part.clone() })?;
        self.put_all(vec![(keys::import_job(restore, number), item)]).await
    }

    /// Writes users in the file of a job under their sign-in names.
    pub async fn put_users_in_jobs(&self, restore: &RunId, users: &[(NameKey, InJob)]) -> Result<()> {
        let items = users.iter().map(|(name, user)| Ok((keys::job_name(restore, *name), encode(user)?)));
        self.put_all(items.collect::<Result<_>>()?).await
    }

    /// Replaces the checkpoint one step before with `next`. Returns the checkpoint that is in the
    /// table afterwards.
    pub async fn put_import_jobs(&self, restore: &RunId, next: &ImportJobs) -> Result<ImportJobs> {
        self.put_checkpoint(&CheckpointKey::import_jobs(restore), next.step - 1, next).await
    }
}
