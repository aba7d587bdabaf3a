//! The files and logs of import jobs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::calls::CallSite;
use super::fingerprint::Fingerprint;
use super::job::Job;
use super::pool::MemoryPool;
use super::script::Gate;
use shared::Result;
use shared::csv::Limits;
use shared::model::PoolId;
use shared::ports::job_files::{JobFile, JobFiles, JobLog, LogError, LogPage, UploadError};
use shared::ports::pool::PresignedUrl;

/// Messages in one page of a log.
const MAX_LOG_PAGE: usize = 50;

/// Files and logs of the jobs of a backend's pools.
#[derive(Debug, Clone)]
pub struct MemoryJobFiles {
    pub(super) pools: Arc<Mutex<HashMap<PoolId, MemoryPool>>>,
    pub(super) limits: Limits,
    pub(super) log_role: Option<String>,
    pub(super) gate: Gate,
}

impl MemoryJobFiles {
    fn with_job<T>(&self, find: impl Fn(&Job) -> bool, act: impl FnOnce(&mut Job) -> T) -> Option<T> {
        let pools: Vec<_> =
            self.pools.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        for pool in pools {
            let mut state = pool.state();
            if let Some(job) = state.jobs.all.iter_mut().find(|job| find(job)) {
                return Some(act(job));
            }
        }
        None
    }
}

impl JobFiles for MemoryJobFiles {
    type File = MemoryFile;

    fn log_role(&self) -> Option<&str> {
        self.log_role.as_deref()
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn begin(&self) -> Result<MemoryFile> {
        Ok(MemoryFile { files: self.clone(), content: Vec::new() })
    }

    async fn log(&self, log: &JobLog, token: Option<&str>) -> std::result::Result<LogPage, LogError> {
        self.gate.record.add(|calls| calls.reads_job_logs = true);
        let from = token.and_then(|token| token.parse().ok()).unwrap_or(0);
        let is_it = |job: &Job| log.stream == format!("{}/{}", job.id, job.name);
        let read = |job: &mut Job| {
            let messages: Vec<_> = job.log.iter().skip(from).take(MAX_LOG_PAGE).cloned().collect();
            let next = from + messages.len();
            LogPage { messages, next_token: (next < job.log.len()).then(|| next.to_string()) }
        };
        let page = self.gate.call_elsewhere(CallSite::JobLog, || self.with_job(is_it, read)).await;
        self.gate.note(|| Fingerprint::default().shown(&page).finish());
        Ok(page.unwrap_or_default())
    }
}

#[derive(Debug)]
pub struct MemoryFile {
    files: MemoryJobFiles,
    content: Vec<u8>,
}

impl JobFile for MemoryFile {
    async fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.content.extend_from_slice(bytes);
        Ok(())
    }

    async fn upload(&mut self, to: &PresignedUrl) -> std::result::Result<(), UploadError> {
        let content = self.content.clone();
        let put = |job: &mut Job| job.file = Some(content);
        let send = || self.files.with_job(|job| job.url.as_deref() == Some(to.reveal()), put);
        let uploaded = self.files.gate.call_elsewhere(CallSite::JobFile, send).await;
        self.files.gate.note(|| Fingerprint::of(&uploaded));
        uploaded.ok_or_else(|| UploadError("HTTP 404".to_owned()))
    }
}
