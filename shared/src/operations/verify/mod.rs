//! Verify: is what a snapshot holds in a pool? Asked at any time, of any pool, by a person at a command line.
//!
//! The pool is listed and compared with the snapshot. Nothing is changed, and nobody is looked up one by one: AdminGetUser makes a user
//! count as active.
//!
//! # Who is who
//! A user of the pool is a user of the snapshot, in this order,
//! 1. by `sub`, where the pool is the one that the snapshot was taken of;
//! 2. by the sub map of the newest restore of this snapshot into this pool that names the user of the snapshot; in the snapshot's own
//!    pool by the sub maps of all restores into it of its own snapshots, one after the other, for whoever is not there by `sub`;
//! 3. by the name people sign in with in this pool, for whoever is found by neither: the username, or, in pools that sign in by e-mail or
//!    phone, these addresses (the one under which a restore would create the user before the other); without regard to case where the
//!    pool ignores it. A federated user has the username that Cognito made of the identity, in every pool.
//!
//! A user of the snapshot is met once: whoever else in the pool has its name is extra. In the snapshot's own pool that order holds
//! whatever the order of the listing is: who can only be found by a sub map or a name has to wait for its end.
//!
//! # What is compared
//! Of users: attributes but `sub` and the one in which a restore has kept the old `sub`, `enabled`, and linked identities. Not what no
//! restore keeps (password, status, times), and not second factors, which no listing shows. Of groups: `description`, `precedence` and
//! `role`. Memberships: of all groups of the snapshot. The members of a group that only the pool has are not listed.
//! Where a snapshot names a user twice, because its listing did, the first record counts, as for a restore.
//!
//! A listing of Cognito is eventually consistent: who was created or changed a few seconds ago may be told as missing or different.
//!
//! # Cost
//! One call for the pool, one for 60 users, one for 60 groups, and at least one for each group of the snapshot. Of the table, all
//! pages of the snapshot (all of them before the pool is listed, those of groups and members twice), the sub maps, and the records of
//! users who are compared (twice in the snapshot's own pool, and where users are matched by name).
//!
//! Memory: for each user of the snapshot 33 bytes, and 20 for each sub map entry or name by which it can be found; for each user of
//! the pool 24 to 48 (16 bytes of the `sub`, 4 of the place, in a hash table). A pool of a million users takes about 100 MB. In the
//! snapshot's own pool, some 150 bytes for each user who has another `sub` than the snapshot and a name or sub map that leads to it.

mod findings;
mod groups;
mod index;
mod matching;
mod members;
mod names;
mod pages;
mod refusals;
mod users;

use std::collections::HashMap;

use futures::{StreamExt, TryStreamExt, stream};

pub use findings::{Comparison, Finding, MatchedBy, MembershipTally, RestoreUsed, Tally};

use crate::Result;
use crate::catalog::Catalog;
use crate::model::{Counts, Listing, RecordKind, Snapshot, Unit};
use crate::ports::pool::Pool;
use crate::ports::vault::Vault;
use index::{Index, Place, Short};
use matching::Matching;
use refusals::refused;
use users::Waiting;

/// Units of a snapshot checked at once.
const CHECKS_AT_ONCE: usize = 8;

/// Who is told how a comparison goes.
pub trait Watch {
    /// Something is not as the snapshot has it.
    fn found(&mut self, finding: Finding);

    /// So much is compared by now: users of the pool, groups whose members were looked at, and the memberships that the snapshot has
    /// in these.
    fn compared(&mut self, so_far: &Counts);
}

/// Compares `pool` with a sealed snapshot; `units` is its plan, as [`Catalog::sealed_snapshot`] gives it. The pool is to be behind a
/// [`PacedPool`](crate::pacing::PacedPool).
///
/// # Errors
/// When the snapshot's pages are not those that were sealed (before the pool is listed), when Cognito keeps refusing a call, or when
/// the table cannot be read.
pub async fn verify<P: Pool, V: Vault>(
    pool: &P,
    catalog: &Catalog<V>,
    snapshot: &Snapshot,
    units: &[Unit],
    watch: &mut impl Watch,
) -> Result<Comparison> {
    let description = pool.describe().await.map_err(|error| refused(pool.id(), error))?;
    let index = Index::read(catalog, snapshot, units).await?;
    check_other_pages(catalog, snapshot, units).await?;
    let matching = Matching::find(catalog, snapshot, pool.id(), &description, &index).await?;
    let met = vec![false; index.len()];
    let in_pool = HashMap::with_capacity(index.len());
    let (waiting, so_far) = (Vec::new(), Counts::default());
    let mut work = Work { pool, catalog, snapshot, units, index, matching, met, in_pool, waiting, so_far };
    let (users, matched_by) = work.compare_users(watch).await?;
    let (groups, in_both) = work.compare_groups(watch).await?;
    let memberships = work.compare_members(&in_both, watch).await?;
    Ok(Comparison { matched_by, users, groups, memberships })
}

/// Reads what is read again later: a page that is lost is told now rather than after an hour of listing.
async fn check_other_pages<V: Vault>(catalog: &Catalog<V>, snapshot: &Snapshot, units: &[Unit]) -> Result<()> {
    let others = units.iter().filter(|unit| unit.listing.kind() != RecordKind::User);
    let checks = others.map(|unit| catalog.sealed_entries(&snapshot.id, unit, drop));
    stream::iter(checks).buffer_unordered(CHECKS_AT_ONCE).try_collect().await
}

/// A comparison under work.
struct Work<'a, P, V> {
    pool: &'a P,
    catalog: &'a Catalog<V>,
    snapshot: &'a Snapshot,
    units: &'a [Unit],
    index: Index,
    matching: Matching,
    /// Which users of the snapshot were met in the pool, by place.
    met: Vec<bool>,
    /// Everybody of the pool, and who of the snapshot that is, if anybody. Who is listed twice, because listings do that or because
    /// one had to begin again, is compared once.
    in_pool: HashMap<Short, Option<Place>>,
    /// Users of the pool who can only be known when all of it has been listed.
    waiting: Vec<Waiting>,
    so_far: Counts,
}

impl<P, V> Work<'_, P, V> {
    /// The unit of the snapshot that lists `listing`, if there is one.
    fn unit(&self, listing: &Listing) -> Option<&Unit> {
        self.units.iter().find(|unit| unit.listing == *listing)
    }
}
