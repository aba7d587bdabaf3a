//! Lost records: the previous snapshot names them, and the table lacks them. An export writes them again, and counts
//! each of them once, although invocations die and replies are lost.

use serde::{Deserialize, Serialize};

/// The lost records that the listing of a unit has found. They are noted before they are written.
///
/// After a death, an invocation lists the pages of the last batch again. It may find the lost records of a page again,
/// or only those that are not written yet. So the most that was found on a page counts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LostRecords {
    /// Of earlier attempts, and of the pages up to `settled_up_to`.
    settled: u64,
    attempt: u32,
    settled_up_to: u64,
    /// Of the batch that is listed now: the page, and its lost records.
    of_batch: Vec<(u64, u64)>,
}

impl LostRecords {
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    pub fn count(&self) -> u64 {
        self.settled + self.of_batch.iter().map(|(_, lost)| lost).sum::<u64>()
    }

    /// Notes that `lost` records of a page are missing. The page is of the batch that begins with page `first`.
    pub fn note(&mut self, attempt: u32, first: u64, page: u64, lost: u64) {
        if attempt > self.attempt {
            self.settle(u64::MAX);
            (self.attempt, self.settled_up_to) = (attempt, 0);
        }
        self.settle(first.saturating_sub(1));
        match self.of_batch.iter_mut().find(|(noted, _)| *noted == page) {
            Some((_, noted)) => *noted = lost.max(*noted),
            None if page > self.settled_up_to => self.of_batch.push((page, lost)),
            None => {}
        }
    }

    /// Notes that one record is missing that no page names.
    pub fn note_before_listing(&mut self) {
        self.settled += 1;
    }

    /// All pages up to this one are in a stored batch.
    fn settle(&mut self, page: u64) {
        self.settled_up_to = page.max(self.settled_up_to);
        let settled = self.of_batch.extract_if(.., |(noted, _)| *noted <= page);
        self.settled += settled.map(|(_, lost)| lost).sum::<u64>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_is_listed_again_counts_once() {
        let mut lost = LostRecords::default();
        lost.note(2, 1, 1, 5);
        lost.note(2, 1, 2, 7);
        assert_eq!(lost.count(), 12);
        // An invocation died after it had written some of them.
        lost.note(2, 1, 1, 5);
        lost.note(2, 1, 2, 3);
        assert_eq!(lost.count(), 12);
        // The batch is stored. A late invocation lists its pages again.
        lost.note(2, 17, 17, 1);
        lost.note(2, 1, 2, 7);
        assert_eq!((lost.count(), lost.of_batch.len()), (13, 1));
    }

    #[test]
    fn the_lost_records_of_all_attempts_count() {
        let mut lost = LostRecords::default();
        assert!(lost.is_empty());
        lost.note(2, 17, 18, 5);
        lost.note(3, 1, 1, 2);
        lost.note(3, 1, 2, 2);
        assert_eq!(lost.count(), 9);
    }
}
