//! Who is who among the users that are worked on: several pages are under way at once, and the sub map knows of none of them yet.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::{PageContent, Place, Sub};

/// What this invocation has read and begun. An entry takes some 100 bytes; an invocation restores fewer than 100,000 users.
#[derive(Debug, Default)]
pub(super) struct Claims(Mutex<Claimed>);

#[derive(Debug, Default)]
struct Claimed {
    /// Where a user was listed first, by `sub` in the snapshot.
    listed: HashMap<Sub, Place>,
    /// Who a user of the target is, by the `sub` there.
    became: HashMap<Sub, Sub>,
}

impl Claims {
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

    /// Whether the user is restored for this place, and not for one before it that lists the same user.
    pub fn is_first(&self, old: &Sub, at: Place) -> bool {
        self.lock().listed.get(old).is_none_or(|first| *first == at)
    }

    /// Whether the user `there` of the target is `old`, and nobody else of those worked on.
    pub fn claim(&self, there: &Sub, old: &Sub) -> bool {
        self.lock().became.entry(there.clone()).or_insert_with(|| old.clone()) == old
    }
}
