//! Stored captures: the configuration that a pool had right before `pool apply` changed it.
//!
//! A stored capture holds no users. It is no snapshot: no rule of retention counts it, and no import takes it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::configuration::CapturedConfiguration;
use super::{Execution, PoolId, RunId, SCHEMA_VERSION};

/// The header of a stored capture. It names the list of the configuration, which names all records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredCapture {
    /// An id in the form of a snapshot id. No snapshot has it.
    pub id: RunId,
    pub pool: PoolId,
    /// The layout of its items, as that of a snapshot.
    pub schema_version: u32,
    pub configuration: CapturedConfiguration,
    /// The snapshot or stored capture that was applied to the pool next.
    pub before_applying: RunId,
    /// Whether a removal of it is decided. Nothing undoes that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_being_removed: bool,
}

impl StoredCapture {
    pub fn new(
        id: RunId,
        pool: PoolId,
        configuration: CapturedConfiguration,
        before_applying: RunId,
    ) -> Self {
        let schema_version = SCHEMA_VERSION;
        Self { id, pool, schema_version, configuration, before_applying, is_being_removed: false }
    }

    /// The id of a capture that a command makes. `holder` is the name of the command, which no other command has.
    pub fn id_of(holder: &str, now: Timestamp) -> RunId {
        RunId::of(&Execution { id: holder.to_owned(), started_at: now })
    }

    /// When the command began to store it.
    pub fn time(&self) -> Timestamp {
        self.id.time()
    }
}
