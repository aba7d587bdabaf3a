//! Where a listing of a pool stands, as checkpoints store it.

use serde::{Deserialize, Serialize};

use super::{Execution, PageLimit};

/// Where a listing stands. The rule of its tokens is in [`crate::pacing::PagedListing`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListingPosition {
    /// The token of the next page. None before the first page and after the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Whether the last page has been listed.
    pub ended: bool,
    /// How many entries each call asks for. It never grows.
    #[serde(skip_serializing_if = "PageLimit::is_max")]
    pub limit: PageLimit,
    /// How often Cognito has broken the listing off.
    pub broken_off: BreakOffs,
}

/// How often Cognito has broken a listing off during one execution.
///
/// The next execution counts from the beginning: a token is outdated after an hour, and a failed
/// restore must be able to continue.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BreakOffs {
    execution: String,
    times: u32,
}

impl BreakOffs {
    /// A count that `execution` has reached.
    pub fn counted(execution: &Execution, times: u32) -> Self {
        Self { execution: execution.id.clone(), times }
    }

    /// One more break-off during `execution`.
    #[must_use]
    pub fn once_more(&self, execution: &Execution) -> Self {
        Self::counted(execution, self.during(execution) + 1)
    }

    /// The break-offs during `execution`.
    pub fn during(&self, execution: &Execution) -> u32 {
        if self.execution == execution.id { self.times } else { 0 }
    }

    /// The break-offs during the execution that was counted last.
    pub fn times(&self) -> u32 {
        self.times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn break_offs_are_counted_for_one_execution() {
        let execution =
            |id: &str| Execution { id: id.to_owned(), started_at: "2026-01-01T00:00:00Z".parse().unwrap() };
        let (first, second) = (execution("first"), execution("second"));
        let twice = BreakOffs::default().once_more(&first).once_more(&first);
        assert_eq!((twice.during(&first), twice.during(&second)), (2, 0));
        assert_eq!(twice.once_more(&second), BreakOffs::counted(&second, 1));
    }
}
