//! Selections in the table, as the command line of an operator writes them.

use serde_json::Value;
use shared::catalog::Catalog;
use shared::model::{PoolId, Selection, SelectionId, StoredSelection};
use shared::ports::Backend;
use shared_memory::MemoryBackend;

/// Stores the selection that `select` and `except` of an input would be, for snapshots of `source`. `number` makes the
/// id.
pub async fn store(backend: &MemoryBackend, source: &PoolId, number: u128, selection: Value) -> SelectionId {
    let id = SelectionId::of_random(number);
    let selection: Selection = serde_json::from_value(selection).unwrap();
    let stored = StoredSelection { source: source.clone(), selection };
    Catalog::new(backend.vault()).store_selection(&id, &stored).await.unwrap();
    id
}
