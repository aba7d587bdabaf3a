//! Identity: which user of a snapshot is which user of a pool.
//!
//! The own pool is the pool that the snapshot was taken of. There, these rules apply in order. A
//! pool user is:
//! 1. the snapshot user with the same `sub`, even if its name and addresses have changed;
//! 2. the snapshot user that an earlier restore into this pool created again as this user. The sub
//!    maps say so, directly or through further restores, and [`Lineage`] follows them;
//! 3. the snapshot user with the same name. This rule holds only for users whose `sub` is in no
//!    snapshot: they have signed up again.
//!
//! A snapshot user whose `sub` is in the pool is matched by its `sub` alone. No sub map and no name
//! makes it another user.
//!
//! In any other pool, a `sub` says nothing. There the sub maps of the restores of this snapshot
//! come first: the newest that names the snapshot user counts. Then the name counts. An import into
//! such a pool uses names alone: the same input continues the same restore, which reads its own sub
//! map.
//!
//! `names` says which names count. `restores` says which sub maps are read. The rules are applied
//! twice:
//! - [`UserMatcher`] works for an import, page by page, on the items that the target scan has
//!   written.
//! - [`PoolMatcher`] works for a comparison, which holds all users of the snapshot in memory.

mod index;
mod lineage;
mod matcher;
mod names;
mod pool_matcher;
mod restores;

pub use index::{Fingerprint, Row, SnapshotUsers};
pub use lineage::Lineage;
pub use matcher::{EarlierRepairs, UserMatcher};
pub use names::of_target_user as names_of_target_user;
pub use pool_matcher::{FoundBy, PoolMatcher};
