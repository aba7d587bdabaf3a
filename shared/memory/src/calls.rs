//! What an invocation has called: its function's role must allow all of it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use shared::model::Metric;
use shared::ports::pool::Operation;
use shared::ports::vault::Access;

/// The calls of one invocation, each kind once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calls {
    /// Calls to pools.
    pub cognito: BTreeSet<Operation>,
    /// Calls to the vault, by the kind of partition: the words in capitals that its key begins with, such as `RESTORE#HOLDS`.
    pub table: BTreeSet<(String, Access)>,
    /// Whether it told the topic.
    pub announces: bool,
    /// Whether it read the log of an import job.
    pub reads_job_logs: bool,
    /// Metrics that it wrote to its own log.
    pub metrics: BTreeSet<Metric>,
}

impl Calls {
    /// Adds the calls of another invocation.
    pub fn extend(&mut self, other: Self) {
        let Self { cognito, table, announces, reads_job_logs, metrics } = other;
        self.cognito.extend(cognito);
        self.table.extend(table);
        self.announces |= announces;
        self.reads_job_logs |= reads_job_logs;
        self.metrics.extend(metrics);
    }

    pub(super) fn note_access(&mut self, access: Access, pk: &str) {
        let is_word = |part: &&str| part.bytes().all(|byte| byte.is_ascii_uppercase());
        let kind: Vec<_> = pk.split('#').take_while(is_word).collect();
        self.table.insert((kind.join("#"), access));
    }
}

/// A record of calls. Clones share it.
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
