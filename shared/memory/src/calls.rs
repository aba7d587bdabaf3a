//! The calls of an invocation. The role of its function must allow all of them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use shared::model::Metric;
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
    pub reads_job_logs: bool,
    /// The metrics that it wrote to its own log.
    pub metrics: BTreeSet<Metric>,
}

impl Calls {
    pub fn extend(&mut self, other: Self) {
        let Self { cognito, table, written_pools, announces, reads_job_logs, metrics } = other;
        self.cognito.extend(cognito);
        self.table.extend(table);
        self.written_pools.extend(written_pools);
        self.announces |= announces;
        self.reads_job_logs |= reads_job_logs;
        self.metrics.extend(metrics);
    }

    pub(super) fn note_access(&mut self, access: Access, pk: &str) {
        let is_word = |part: &&str| part.bytes().all(|byte| byte.is_ascii_uppercase());
        let kind: Vec<_> = pk.split('#').take_while(is_word).collect();
        let writes = match access {
            Access::Get | Access::GetAll | Access::Query | Access::CheckFence => false,
            Access::PutIf | Access::PutAll | Access::Update | Access::DeleteAll | Access::DeleteFenced => {
                true
            }
        };
        if writes && kind == ["POOL"] {
            self.written_pools.insert(pk.to_owned());
        }
        self.table.insert((kind.join("#"), access));
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
