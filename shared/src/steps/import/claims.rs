//! Who is who among the users that are worked on: several pages are under way at once, and the sub map knows of none of them yet.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::{Place, Sub};

/// What this invocation has begun. An entry takes some 100 bytes; an invocation restores fewer than 100,000 users.
#[derive(Debug, Default)]
pub(super) struct Claims(Mutex<Claimed>);

#[derive(Debug, Default)]
struct Claimed {
    /// Where the user was listed that is being restored, by `sub` in the snapshot.
    begun: HashMap<Sub, Place>,
    /// Who a user of the target is, by the `sub` there.
    became: HashMap<Sub, Sub>,
}

impl Claims {
    fn lock(&self) -> MutexGuard<'_, Claimed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the user is restored for this place, and not for another one that lists the same user.
    pub fn begin(&self, old: &Sub, at: Place) -> bool {
        *self.lock().begun.entry(old.clone()).or_insert(at) == at
    }

    /// Whether the user `there` of the target is `old`, and nobody else of those worked on.
    pub fn claim(&self, there: &Sub, old: &Sub) -> bool {
        self.lock().became.entry(there.clone()).or_insert_with(|| old.clone()) == old
    }
}
