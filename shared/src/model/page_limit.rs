//! The `Limit` of a listing: how many entries Cognito may answer at once. A smaller limit keeps the pages of large
//! users within memory.

use serde::{Deserialize, Serialize};

use super::{PAGE_SIZE, UserBytes};

/// How many entries a listing call asks for: 1 to [`PAGE_SIZE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "u32", into = "u32")]
pub struct PageLimit(u32);

impl PageLimit {
    /// The most that Cognito allows.
    pub const MAX: Self = Self(PAGE_SIZE);
    /// The most bytes of a page. A listing whose page has more starts again with a smaller limit.
    pub const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;
    /// The size that a smaller limit aims at, so that somewhat larger users do not shrink it again.
    pub const AIM_BYTES: usize = Self::MAX_PAGE_BYTES / 2;
    /// No snapshot notes the size of smaller pages.
    pub const SMALL_PAGE_BYTES: u64 = 256 * 1024;

    pub fn get(self) -> u32 {
        self.0
    }

    pub fn is_max(&self) -> bool {
        *self == Self::MAX
    }

    /// The greatest limit with which no page of users of at most `largest` bytes exceeds [`Self::AIM_BYTES`].
    pub fn of_users(largest: u64) -> Self {
        let fitting = Self::AIM_BYTES as u64 / largest.max(1);
        Self(fitting.clamp(1, PAGE_SIZE.into()) as u32)
    }

    /// The limit with which a listing starts again after a page of this size. None if the page is small enough, or if no
    /// smaller limit exists. It is at most half of this limit. Users as large as the largest of the page do not shrink
    /// it again.
    pub fn after_page(self, bytes: UserBytes) -> Option<Self> {
        if bytes.sum <= Self::MAX_PAGE_BYTES || self.0 == 1 {
            return None;
        }
        Some(Self::of_users(bytes.largest as u64).min(Self(self.0 / 2)))
    }
}

impl Default for PageLimit {
    fn default() -> Self {
        Self::MAX
    }
}

impl From<u32> for PageLimit {
    /// The nearest limit that Cognito allows.
    fn from(entries: u32) -> Self {
        Self(entries.clamp(1, PAGE_SIZE))
    }
}

impl From<PageLimit> for u32 {
    fn from(limit: PageLimit) -> Self {
        limit.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_that_is_too_large_halves_the_limit_at_least() {
        let after = |limit: u32, entries: usize, bytes: usize| {
            PageLimit::from(limit).after_page(std::iter::repeat_n(bytes / entries, entries).collect())
        };
        let max = PageLimit::MAX_PAGE_BYTES;
        assert_eq!(after(60, 64, max), None);
        assert_eq!(after(60, 60, max + 60), Some(PageLimit(29)));
        assert_eq!(after(60, 60, 60 * 411_000), Some(PageLimit(5)));
        assert_eq!(after(60, 9, 9 * 500_000), Some(PageLimit(4)), "Cognito may answer fewer");
        assert_eq!(after(2, 2, 100_000_000), Some(PageLimit(1)));
        assert_eq!(after(1, 1, 100_000_000), None, "every limit above 1 has a smaller one");
    }

    #[test]
    fn the_largest_user_of_a_page_decides_so_that_one_restart_is_enough() {
        // 11 large users among small ones. Later pages may have large users only.
        let page = (0..60).map(|number| if number < 11 { 410_000 } else { 1_000 }).collect();
        let limit = PageLimit::MAX.after_page(page).unwrap();
        assert_eq!(limit, PageLimit(5));
        assert_eq!(limit.after_page(std::iter::repeat_n(410_000, 5).collect()), None);
    }

    proptest! {
        #[test]
        fn a_listing_starts_again_at_most_five_times(sizes in prop::collection::vec(1usize..40_000_000, 20)) {
            let (mut limit, mut restarts) = (PageLimit::MAX, 0);
            for bytes in sizes {
                let entries = limit.get() as usize;
                if let Some(smaller) = limit.after_page(std::iter::repeat_n(bytes / entries, entries).collect()) {
                    prop_assert!(smaller < limit);
                    (limit, restarts) = (smaller, restarts + 1);
                }
            }
            prop_assert!(restarts <= 5, "{restarts}");
        }
    }

    #[test]
    fn a_limit_is_stored_as_a_number_and_read_within_its_bounds() {
        assert_eq!(serde_json::to_string(&PageLimit::from(7)).unwrap(), "7");
        let read = |text| serde_json::from_str::<PageLimit>(text).unwrap();
        assert_eq!([read("7"), read("0"), read("999")], [PageLimit(7), PageLimit(1), PageLimit::MAX]);
    }
}
