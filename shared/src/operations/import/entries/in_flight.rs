//! Who is who among the users that are worked on: several pages are under way at once, and the sub map knows of none of them yet.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::{PageContent, Place, Sub};

/// The most users that an invocation reads: what is known of each takes up to 250 bytes. By calls it comes nowhere near; where import
/// jobs have created nearly everybody, or nearly everybody is there, it would go through millions.
const MAX_USERS: usize = 200_000;

/// What this invocation has read and begun.
#[derive(Debug, Default)]
pub(crate) struct InFlight(Mutex<Claimed>);

#[derive(Debug, Default)]
struct Claimed {
    /// Where a user was listed first, by `sub` in the snapshot.
    listed: HashMap<Sub, Place>,
    /// Who a user of the target is, by the `sub` there.
    became: HashMap<Sub, Sub>,
}

impl InFlight {
    fn lock(&self) -> MutexGuard<'_, Claimed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes who is on a page. Pages are noted in their order, so that of two places that list the same user the first one counts,
    /// whoever gets to it first.
    pub fn list(&self, page: u64, content: &PageContent) {
        let mut claimed = self.lock();
        for (entry, place) in content.0.iter().zip(0..) {
            claimed.listed.entry(Sub::new(entry.key.as_str())).or_insert(Place { page, place });
        }
    }

    /// Whether the rest is better left to another invocation.
    pub fn are_full(&self) -> bool {
        self.lock().listed.len() >= MAX_USERS
    }

    /// Whether the user is restored for this place, and not for one before it that lists the same user.
    pub fn is_first(&self, old: &Sub, at: Place) -> bool {
        self.lock().listed.get(old).is_none_or(|first| *first == at)
    }

    /// Whether the user `there` of the target is `old`, and nobody else of those worked on.
    pub fn claim(&self, there: &Sub, old: &Sub) -> bool {
        self.lock().became.entry(there.clone()).or_insert_with(|| old.clone()) == old
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PageEntry;

    #[test]
    fn an_invocation_reads_so_many_users_and_no_more() {
        let claims = InFlight::default();
        let page = |number: usize| {
            PageContent((0..60).map(|place| PageEntry { key: format!("{number}-{place}"), digest: None }).collect())
        };
        let mut pages = 0;
        while !claims.are_full() {
            // Whoever is listed twice is one user.
            claims.list(pages as u64 + 1, &page(pages));
            claims.list(pages as u64 + 1, &page(pages));
            pages += 1;
        }
        assert_eq!(pages, MAX_USERS.div_ceil(60));
    }

    #[test]
    fn of_two_places_and_of_two_people_the_first_one_counts() {
        let claims = InFlight::default();
        let page = PageContent(vec![PageEntry { key: "old".to_owned(), digest: None }]);
        claims.list(1, &page);
        claims.list(2, &page);
        let at = |page| Place { page, place: 0 };
        assert!(claims.is_first(&Sub::new("old"), at(1)) && !claims.is_first(&Sub::new("old"), at(2)));
        assert!(claims.claim(&Sub::new("new"), &Sub::new("old")) && claims.claim(&Sub::new("new"), &Sub::new("old")));
        assert!(!claims.claim(&Sub::new("new"), &Sub::new("other")));
    }
}
