//! What a run knows of the size of users, and so of a page of a listing before the page is there.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::model::{PageLimit, UserBytes};

/// The least size that is expected of a page.
const MIN_PAGE: usize = 128 * 1024;

/// The largest user of a pool, as far as a run knows.
#[derive(Debug, Default)]
pub struct UserSizes {
    /// Whether all users of the pool were seen, now or in an earlier run.
    are_known: AtomicBool,
    /// The bytes of the largest user, now or in an earlier run.
    largest: AtomicUsize,
    /// The bytes of the largest user that this run has seen.
    seen: AtomicUsize,
}

impl UserSizes {
    /// The sizes of a pool whose largest user has `largest` bytes, as an earlier run has seen. None if there was none.
    pub fn of_pool(largest: Option<u64>) -> Self {
        let sizes = Self::default();
        if let Some(largest) = largest {
            sizes.largest.store(largest as usize, Ordering::Relaxed);
            sizes.all_are_known();
        }
        sizes
    }

    /// Notes the users of an answer.
    pub fn note(&self, bytes: UserBytes) {
        self.largest.fetch_max(bytes.largest, Ordering::Relaxed);
        self.seen.fetch_max(bytes.largest, Ordering::Relaxed);
    }

    /// Notes that all users of the pool were seen.
    pub fn all_are_known(&self) {
        self.are_known.store(true, Ordering::Relaxed);
    }

    /// The bytes of the largest user, now or in an earlier run. 0 if no user was seen.
    pub fn largest(&self) -> u64 {
        self.largest.load(Ordering::Relaxed) as u64
    }

    /// The bytes of the largest user that this run has seen.
    pub fn seen(&self) -> u64 {
        self.seen.load(Ordering::Relaxed) as u64
    }

    /// The most bytes of a page of `limit` users. Without limit as long as users of any size may come.
    pub fn page(&self, limit: PageLimit) -> usize {
        if !self.are_known.load(Ordering::Relaxed) {
            return usize::MAX;
        }
        (self.largest.load(Ordering::Relaxed) * limit.get() as usize).max(MIN_PAGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_as_large_as_its_users_can_be() {
        let sizes = UserSizes::default();
        sizes.note([1_000, 300_000].into_iter().collect());
        assert_eq!(sizes.page(PageLimit::MAX), usize::MAX, "larger users may come");
        sizes.all_are_known();
        assert_eq!(sizes.page(PageLimit::MAX), 18_000_000);
        let later = UserSizes::of_pool(Some(1_000));
        assert_eq!((later.page(PageLimit::MAX), later.seen()), (MIN_PAGE, 0));
        later.note([50_000].into_iter().collect());
        assert_eq!(
            (later.page(PageLimit::from(10)), later.seen(), later.largest()),
            (500_000, 50_000, 50_000)
        );
    }
}
