//! Declaring the custom attributes that a target lacks. It cannot be undone, so it comes after everything that may refuse a restore.

use std::collections::BTreeMap;

use crate::Result;
use crate::catalog::Catalog;
use crate::model::Restore;
use crate::operations::refusals::refused;
use crate::pacing::PacedPool;
use crate::ports::pool::Pool;
use crate::ports::vault::Vault;

/// The most attributes that one AddCustomAttributes takes. Source: Amazon Cognito user pools API reference.
const ATTRIBUTES_PER_CALL: usize = 25;

/// Declares what a restore has to declare, unless that was done before.
pub async fn declare<P: Pool, V: Vault>(pool: &PacedPool<P>, catalog: &Catalog<V>, restore: &mut Restore) -> Result<()> {
    if restore.to_declare.is_empty() {
        return Ok(());
    }
    let all: Vec<_> = restore.to_declare.iter().collect();
    for some in all.chunks(ATTRIBUTES_PER_CALL) {
        let some: BTreeMap<_, _> = some.iter().map(|(name, schema)| ((*name).clone(), (*schema).clone())).collect();
        let Err(error) = pool.add_custom_attributes(&some).await else { continue };
        // Added already, by a call whose answer was lost?
        let now = pool.describe().await.map_err(|error| refused(pool.id(), error))?;
        if !some.keys().all(|name| now.attributes.contains_key(name)) {
            return Err(refused(pool.id(), error));
        }
    }
    restore.to_declare.clear();
    catalog.change_restore(&restore.target, &restore.id, |restore| restore.to_declare.clear()).await.map(drop)
}
