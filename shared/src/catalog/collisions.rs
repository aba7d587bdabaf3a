//! The search for users whose names collide in the target: hashes of names, and claims on names.

use std::collections::HashMap;

use super::{Catalog, decode, encode, keys};
use crate::Result;
use crate::model::{Digest, NameClaim, RunId, StoredHashes};
use crate::ports::vault::{Key, Order, ReadVault, Vault};

impl<V: ReadVault> Catalog<V> {
    /// The hashes of a slice that earlier invocations have collected.
    pub async fn collected_hashes(&self, restore: &RunId, slice: u64) -> Result<Vec<u64>> {
        self.hashes(restore, keys::collected_hashes(slice)).await
    }

    /// The hashes that several names of a slice have.
    pub async fn doubtful_hashes(&self, restore: &RunId, doubts: Digest) -> Result<Vec<u64>> {
        self.hashes(restore, keys::doubtful_hashes(doubts)).await
    }

    async fn hashes(&self, restore: &RunId, prefix: String) -> Result<Vec<u64>> {
        let partition = keys::restore_partition(restore);
        let stored: Vec<StoredHashes> = self.read_all(partition, &prefix, Order::Ascending).await?;
        Ok(stored.iter().flat_map(StoredHashes::unpack).collect())
    }

    /// The claims on these names.
    pub async fn name_claims(&self, restore: &RunId, names: &[Digest]) -> Result<HashMap<Digest, NameClaim>> {
        let mut by_key: HashMap<Key, Digest> =
            names.iter().map(|&name| (keys::name_claim(restore, name), name)).collect();
        let items = self.vault.get_all(by_key.keys().cloned().collect()).await?;
        let found = items.into_iter().filter_map(|(key, item)| {
            let name = by_key.remove(&key)?;
            Some(decode(&key, item).map(|claim| (name, claim)))
        });
        found.collect()
    }
}

impl<V: Vault> Catalog<V> {
    /// Writes the hashes that an invocation has collected on these pages. Two invocations may write the
    /// same hashes under different pages. Then the names are compared, and nothing else happens.
    pub async fn put_collected_hashes(
        &self,
        restore: &RunId,
        slice: u64,
        (first, last): (u64, u64),
        hashes: &[u64],
    ) -> Result<()> {
        let items = hashes.chunks(StoredHashes::MAX).zip(0_u32..).map(|(chunk, part)| {
            let key = keys::some_collected_hashes(restore, slice, first, last, part);
            Ok((key, encode(&StoredHashes::pack(chunk))?))
        });
        self.put_all(items.collect::<Result<_>>()?).await
    }

    /// Writes the hashes that several names have.
    pub async fn put_doubtful_hashes(&self, restore: &RunId, doubts: Digest, hashes: &[u64]) -> Result<()> {
        let items = hashes.chunks(StoredHashes::MAX).zip(0_u32..).map(|(chunk, part)| {
            let key = keys::some_doubtful_hashes(restore, doubts, part);
            Ok((key, encode(&StoredHashes::pack(chunk))?))
        });
        self.put_all(items.collect::<Result<_>>()?).await
    }

    /// Adds a claim on a name. Returns the claim that is in the table now.
    pub async fn claim_name(&self, restore: &RunId, name: Digest, claim: &NameClaim) -> Result<NameClaim> {
        let key = keys::name_claim(restore, name);
        self.change_or_create(&key, claim, |stored: &mut NameClaim| stored.add(claim)).await
    }
}
