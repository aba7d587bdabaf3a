//! Identity: which user of a snapshot is which user of a pool.
//!
//! In the own pool, the pool that the snapshot was taken of, a pool user is, in this order:
//! 1. the snapshot user with the same `sub`, even if its name and addresses have changed;
//! 2. the snapshot user that an earlier restore into this pool has made it of, directly or through
//!    further restores: the sub maps say so, and [`Lineage`] follows them;
//! 3. the snapshot user with the same name. This holds only for strangers: users that are in no
//!    snapshot by `sub`, because they have signed up again.
//!
//! A snapshot user whose `sub` is in the pool is matched by it alone. No sub map and no name makes
//! it another user.
//!
//! In any other pool, a `sub` says nothing. There the sub maps of the restores of this snapshot
//! come first (the newest that names the snapshot user), and then the name. An import into such a
//! pool goes by names alone: the same input continues the same restore, which reads its own sub
//! map.
//!
//! `names` says which names count. `restores` says which sub maps are read. The rules are applied
//! twice:
//! - [`UserMatcher`] works for an import, page by page, on what the target scan has written to the
//!   table.
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
