//! The state of a verification in one invocation, and its checkpoints.

use std::collections::HashMap;

use futures::{StreamExt, TryStreamExt, stream};

use crate::Result;
use crate::model::{Method, SeenUsers, Verification, VerificationStage};
use crate::operations::import::context::Context;
use crate::ports::Backend;

/// Pages between two checkpoints: `PAGES_PER_CHUNK × chunks`, within the two bounds.
///
/// A checkpoint writes every chunk of marks that changed, of up to 18 KB each. The target is listed in another order than the
/// snapshot, so in a large pool every page changes many chunks.
const PAGES_PER_CHUNK: usize = 6;
const MIN_PAGES: usize = 50;
/// Beyond this the operator would see no progress for too long.
const MAX_PAGES: usize = 600;
/// Chunks written at once.
const CHUNKS_AT_ONCE: usize = 8;

pub struct VerifyState {
    pub verification: Verification,
    /// Marks by chunk: those that were read from the table and those that were added since.
    pub marks: HashMap<u64, SeenUsers>,
    /// Pages since the last checkpoint.
    pub pages: usize,
    /// Whether import jobs may have created users that no call has shown yet.
    pub has_users_of_jobs: bool,
}

impl VerifyState {
    /// Reads how far the verification of this pass has come.
    pub async fn read<B: Backend>(context: &Context<B>) -> Result<Self> {
        let Context { catalog, restore, .. } = context;
        let begun = catalog.verification(&restore.id, restore.pass).await?;
        let verification = begun.unwrap_or_else(|| Verification { attempt: 1, next_page: 1, ..Verification::default() });
        let has_users_of_jobs = match restore.options.method {
            Method::Api => false,
            Method::Csv => catalog.import_jobs(&restore.id).await?.is_some_and(|jobs| jobs.settled > 0),
        };
        Ok(Self { verification, marks: HashMap::new(), pages: 0, has_users_of_jobs })
    }

    pub fn stage(&self) -> VerificationStage {
        self.verification.stage
    }

    pub fn is_checkpoint_due(&self) -> bool {
        self.pages >= (self.marks.len() * PAGES_PER_CHUNK).clamp(MIN_PAGES, MAX_PAGES)
    }

    /// Marks the user at a place of the snapshot as seen.
    pub fn mark(&mut self, page: u64, place: u8, is_different: bool) {
        self.marks.entry(SeenUsers::chunk_of(page)).or_default().set(page, place, is_different);
    }

    /// Writes the state. If another invocation has written it before, the work continues from there.
    pub async fn checkpoint<B: Backend>(&mut self, context: &Context<B>) -> Result<()> {
        if self.pages == 0 {
            return Ok(());
        }
        let Context { catalog, restore, .. } = context;
        let attempt = self.verification.attempt;
        let add = |(chunk, marks): (&u64, &SeenUsers)| {
            let (chunk, marks) = (*chunk, marks.clone());
            async move { catalog.add_marks(&restore.id, restore.pass, attempt, chunk, &marks).await }
        };
        stream::iter(&self.marks).map(add).buffer_unordered(CHUNKS_AT_ONCE).try_collect::<()>().await?;
        let next = Verification { step: self.verification.step + 1, ..self.verification.clone() };
        self.verification = catalog.put_verification(&restore.id, restore.pass, &next).await?;
        let pages = self.verification.pages_done();
        catalog.change_restore(&restore.target, &restore.id, |restore| restore.verified_pages = pages).await?;
        self.marks.clear();
        self.pages = 0;
        Ok(())
    }
}
