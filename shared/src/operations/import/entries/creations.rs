//! Whether this restore created an existing user or group. The table says when it created entries of
//! the page.

use jiff::Timestamp;
use tokio::sync::OnceCell;

use super::entry::OpenPage;
use crate::Result;
use crate::model::UnitId;
use crate::operations::import::context::Context;
use crate::operations::import::creation_time::is_created_during;
use crate::ports::Backend;

pub struct PageCreations<'a, B: Backend> {
    context: &'a Context<B>,
    unit: UnitId,
    page: u64,
    is_noted: OnceCell<()>,
}

impl<'a, B: Backend> PageCreations<'a, B> {
    pub fn of(context: &'a Context<B>, page: &OpenPage<'_>) -> Self {
        Self { context, unit: page.unit.id(), page: page.number, is_noted: OnceCell::new() }
    }

    /// The creations of the group of which `unit` lists the members. They belong to no page.
    pub fn of_group(context: &'a Context<B>, unit: UnitId) -> Self {
        Self { context, unit, page: 0, is_noted: OnceCell::new() }
    }

    /// Writes the time to the table, once for each page and invocation. Call this before a call that
    /// creates an entry.
    pub async fn note(&self) -> Result<()> {
        let Context { catalog, restore, clock, .. } = self.context;
        let note = || catalog.open_creation_window(&restore.id, &self.unit, self.page, clock.now());
        self.is_noted.get_or_try_init(note).await.map(drop)
    }

    /// Whether this restore may have created an entry of the page at the time `created`.
    ///
    /// It reads the table again, because a second invocation may create entries of the same page now.
    pub async fn cover(&self, created: Option<Timestamp>) -> Result<bool> {
        let Context { catalog, restore, .. } = self.context;
        // The restore wrote no window before it began.
        let Some(created) = created.filter(|&created| is_created_during(restore, Some(created))) else {
            return Ok(false);
        };
        Ok(catalog.creation_windows(&restore.id, &self.unit, self.page).await?.cover(created))
    }
}
