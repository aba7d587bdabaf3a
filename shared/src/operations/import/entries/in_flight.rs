//! The users that this invocation restores. Several pages are under way at once, and the sub map
//! has none of them yet.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::{PageContent, Place, Sub};

/// The most users that an invocation reads. Each takes up to 250 bytes of memory.
///
/// An invocation that creates users by calls never reaches this number. If import jobs created most
/// users, or if most users exist, it would read millions.
const MAX_USERS: usize = 200_000;

/// The users that this invocation has read, with their places and their users in the target.
#[derive(Debug, Default)]
pub struct InFlight(Mutex<Users>);

#[derive(Debug, Default)]
struct Users {
    /// The first place of each user, by `sub` in the snapshot.
    first_places: HashMap<Sub, Place>,
    /// By `sub` in the target: the user of the snapshot to which the target user was assigned.
    assigned: HashMap<Sub, Sub>,
}

impl InFlight {
    fn lock(&self) -> MutexGuard<'_, Users> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers the users of a page. Pages are registered in their order, so the first page that
    /// lists a user owns it.
    pub fn register_page(&self, page: u64, content: &PageContent) {
        let mut users = self.lock();
        for (entry, place) in content.0.iter().zip(0..) {
            users.first_places.entry(Sub::new(entry.key.as_str())).or_insert(Place { page, place });
        }
    }

    /// Whether the remaining pages should be left to another invocation.
    pub fn at_capacity(&self) -> bool {
        self.lock().first_places.len() >= MAX_USERS
    }

    /// Whether no earlier place lists the same user.
    pub fn is_first_place(&self, old_sub: &Sub, place: Place) -> bool {
        self.lock().first_places.get(old_sub).is_none_or(|first| *first == place)
    }

    /// Assigns a user of the target to a user of the snapshot. Returns false if it is assigned to
    /// another user already.
    pub fn assign(&self, target_sub: &Sub, old_sub: &Sub) -> bool {
        self.lock().assigned.entry(target_sub.clone()).or_insert_with(|| old_sub.clone()) == old_sub
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PageEntry;

    #[test]
    fn an_invocation_reads_a_limited_number_of_users() {
        let in_flight = InFlight::default();
        let page = |number: usize| {
            PageContent(
                (0..60).map(|place| PageEntry { key: format!("{number}-{place}"), digest: None }).collect(),
            )
        };
        let mut pages = 0;
        while !in_flight.at_capacity() {
            // A user that is listed twice is one user.
            in_flight.register_page(pages as u64 + 1, &page(pages));
            in_flight.register_page(pages as u64 + 1, &page(pages));
            pages += 1;
        }
        assert_eq!(pages, MAX_USERS.div_ceil(60));
    }

    #[test]
    fn the_first_place_of_a_user_and_its_first_assignment_count() {
        let in_flight = InFlight::default();
        let page = PageContent(vec![PageEntry { key: "old".to_owned(), digest: None }]);
        in_flight.register_page(1, &page);
        in_flight.register_page(2, &page);
        let (old, new) = (Sub::new("old"), Sub::new("new"));
        let at = |page| Place { page, place: 0 };
        assert!(in_flight.is_first_place(&old, at(1)) && !in_flight.is_first_place(&old, at(2)));
        assert!(in_flight.assign(&new, &old) && in_flight.assign(&new, &old));
        assert!(!in_flight.assign(&new, &Sub::new("other")));
    }
}
