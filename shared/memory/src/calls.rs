//! The calls of an invocation. The role of its function must allow all of them.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use shared::model::{Metric, PoolId};
use shared::ports::keys::KeyOperation;
use shared::ports::pool::Operation;
use shared::ports::vault::Access;

/// The calls of one invocation, each kind once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calls {
    pub cognito: BTreeSet<Operation>,
    /// Calls of the vault, by kind of partition: the words in capitals at the beginning of its key, such as
    /// `RESTORE#HOLDS`.
    pub table: BTreeSet<(String, Access)>,
    /// The partitions of pools to which it wrote, such as `POOL#eu-west-1_a`.
    pub written_pools: BTreeSet<String>,
    /// Whether it sent a message to the topic.
    pub announces: bool,
    /// Whether it put events on the default bus.
    pub puts_events: bool,
    /// Whether it read the address for heartbeats.
    pub sends_heartbeats: bool,
    pub reads_job_logs: bool,
    pub keys: BTreeSet<KeyOperation>,
    /// The metrics that it wrote to its own log.
    pub metrics: BTreeSet<Metric>,
    /// The names of its call sites.
    pub sites: BTreeSet<String>,
}

/// A call that a step makes: what it asks, and of which kind of partition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallSite {
    Pool {
        pool: PoolId,
        operation: Operation,
        /// Whether the call continues a listing.
        with_token: bool,
    },
    /// A call of the vault, by kind of partition.
    Vault(String, Access),
    /// A file of an import job is sent.
    JobFile,
    /// The log of an import job is read.
    JobLog,
    /// A call of KMS.
    Keys(KeyOperation),
    /// A message is sent to the topic.
    Message,
    /// Events are put on the default bus.
    Events,
    /// A heartbeat is sent.
    Heartbeat,
    /// No call: a write arrives in the other Region.
    Arrival,
}

impl fmt::Display for CallSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pool { operation, .. } => f.write_str(operation.name()),
            Self::Vault(kind, access) => write!(f, "{access:?} {kind}"),
            Self::JobFile => f.write_str("JobFile"),
            Self::JobLog => f.write_str("JobLog"),
            Self::Keys(operation) => f.write_str(operation.name()),
            Self::Message => f.write_str("Message"),
            Self::Events => f.write_str("Events"),
            Self::Heartbeat => f.write_str("Heartbeat"),
            Self::Arrival => f.write_str("Arrival"),
        }
    }
}

impl CallSite {
    pub(super) fn of_pool(pool: &PoolId, operation: Operation, with_token: bool) -> Self {
        Self::Pool { pool: pool.clone(), operation, with_token }
    }

    pub(super) fn of_vault(access: Access, pk: &str) -> Self {
        Self::Vault(kind_of(pk), access)
    }

    /// Whether the call is a listing that the pool can refuse because of its token.
    pub fn has_token(&self) -> bool {
        matches!(self, Self::Pool { with_token: true, .. })
    }

    /// Whether the call changes the pool or the table.
    pub fn writes(&self) -> bool {
        match self {
            Self::Pool { operation, .. } => !is_read(operation.name()),
            Self::Vault(_, access) => is_write(*access),
            Self::JobFile | Self::Arrival => true,
            Self::JobLog | Self::Keys(_) | Self::Message | Self::Events | Self::Heartbeat => false,
        }
    }
}

/// Whether Cognito's operation of this name changes nothing.
fn is_read(operation: &str) -> bool {
    ["List", "Get", "AdminGet", "Describe"].iter().any(|verb| operation.starts_with(verb))
}

fn is_write(access: Access) -> bool {
    match access {
        Access::Get | Access::GetAll | Access::Query | Access::CheckFence => false,
        Access::InsertAll
        | Access::PutIf
        | Access::PutAll
        | Access::Update
        | Access::DeleteAll
        | Access::DeleteFenced => true,
    }
}

/// The kind of a partition: the words in capitals at the beginning of its key.
fn kind_of(pk: &str) -> String {
    let is_word = |part: &&str| part.bytes().all(|byte| byte.is_ascii_uppercase());
    pk.split('#').take_while(is_word).collect::<Vec<_>>().join("#")
}

impl Calls {
    pub fn extend(&mut self, other: Self) {
        let Self { cognito, table, written_pools, keys, metrics, sites, .. } = other;
        let Self { announces, puts_events, sends_heartbeats, reads_job_logs, .. } = other;
        self.cognito.extend(cognito);
        self.table.extend(table);
        self.written_pools.extend(written_pools);
        self.announces |= announces;
        self.puts_events |= puts_events;
        self.sends_heartbeats |= sends_heartbeats;
        self.reads_job_logs |= reads_job_logs;
        self.keys.extend(keys);
        self.metrics.extend(metrics);
        self.sites.extend(sites);
    }

    pub(super) fn note_access(&mut self, access: Access, pk: &str) {
        let kind = kind_of(pk);
        if is_write(access) && ["POOL", "TARGET"].contains(&kind.as_str()) {
            self.written_pools.insert(pk.to_owned());
        }
        self.table.insert((kind, access));
    }
}

/// Collects calls. Clones share the record.
#[derive(Debug, Clone, Default)]
pub(super) struct CallRecord(Arc<Mutex<Calls>>);

impl CallRecord {
    pub(super) fn add(&self, note: impl FnOnce(&mut Calls)) {
        note(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn calls(&self) -> Calls {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
