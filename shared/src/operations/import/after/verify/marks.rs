//! The marks of the users that the listing has shown, in chunks of a thousand pages of the
//! snapshot.

use std::collections::HashMap;

use futures::{StreamExt, TryStreamExt, stream};

use crate::Result;
use crate::model::SeenUsers;
use crate::operations::import::context::Context;
use crate::ports::Backend;

/// Chunks written at once.
const CHUNKS_AT_ONCE: usize = 8;

/// Marks by chunk: those that were read from the table, and those that were added since the last
/// checkpoint.
#[derive(Default)]
pub struct Marks(HashMap<u64, SeenUsers>);

impl Marks {
    /// How many chunks a checkpoint would write.
    pub fn chunks(&self) -> usize {
        self.0.len()
    }

    pub fn add(&mut self, page: u64, place: u8, is_different: bool) {
        self.0.entry(SeenUsers::chunk_of(page)).or_default().set(page, place, is_different);
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The marks of the chunk that a page is in. They stay in memory until a page of another chunk
    /// is needed.
    pub async fn of_page<B: Backend>(
        &mut self,
        context: &Context<B>,
        attempt: u32,
        page: u64,
    ) -> Result<SeenUsers> {
        let chunk = SeenUsers::chunk_of(page);
        if let Some(marks) = self.0.get(&chunk) {
            return Ok(marks.clone());
        }
        let marks =
            context.catalog.seen_users(&context.restore.id, context.restore.pass, attempt, chunk).await?;
        self.0.clear();
        self.0.insert(chunk, marks.clone());
        Ok(marks)
    }

    /// Adds the marks to those in the table.
    pub async fn write<B: Backend>(&self, context: &Context<B>, attempt: u32) -> Result<()> {
        let Context { catalog, restore, .. } = context;
        let add = |(chunk, marks): (&u64, &SeenUsers)| {
            let (chunk, marks) = (*chunk, marks.clone());
            async move { catalog.add_seen_users(&restore.id, restore.pass, attempt, chunk, &marks).await }
        };
        stream::iter(&self.0).map(add).buffer_unordered(CHUNKS_AT_ONCE).try_collect().await
    }
}
