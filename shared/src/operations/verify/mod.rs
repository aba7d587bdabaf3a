//! Verify: compares a pool with a snapshot, for an operator at the command line, at any time.
//!
//! The comparison lists the pool. It changes nothing. It never calls AdminGetUser, which makes a
//! user count as active.
//!
//! # Which user is which
//! [`crate::identity`] says which pool user is which snapshot user. A snapshot user is matched
//! once. Every other pool user with its name is extra. In the own pool, the order of the listing
//! makes no difference: a pool user without the `sub` of a snapshot user is matched after the last
//! page.
//!
//! # What is compared
//! - Users: `enabled`, the linked identities, and all attributes except two: `sub`, and the
//!   attribute in which a restore keeps the old `sub`. Password, status and times are left out,
//!   because no restore keeps them. Second factors are left out, because no listing shows them.
//! - Groups: `description`, `precedence` and `role`. If the newest restore of the snapshot into the
//!   pool has mapped the roles, the mapped role counts. If it was to give none, roles do not count.
//! - Memberships in the groups of the snapshot. The comparison does not list the members of other
//!   groups.
//!
//! Users that the newest restore left out because of its input, and their memberships, are counted
//! apart. They are no difference.
//!
//! If the listing of a snapshot named a user twice, the first record counts, as in a restore.
//!
//! A listing of Cognito is eventually consistent: it may show a user late that was created or changed seconds
//! ago. So the comparison looks again at the first 200 users that differ, before they count. It does so by
//! ListUsers with the filter `sub = "…"`, five seconds after the listing or later. A user that was created
//! seconds ago may be reported missing.
//!
//! # Cost
//! Calls: one for the pool, one for 60 users and one for 60 groups. At least one more for each group of the
//! snapshot, and one for each of the first 200 users that differ.
//!
//! Reads of the table:
//! - all pages of the snapshot before the pool is listed, and the pages of groups and members
//!   again;
//! - the sub maps;
//! - the records of all users of the snapshot. Users of the own pool and users that are matched by name
//!   need a second read.
//!
//! Memory: `33 bytes × users of the snapshot + 20 × their names and sub map entries + 24 to 48 ×
//! users of the pool`. A pool of a million users takes about 100 MB. In the own pool, each user
//! that is matched by a sub map or a name takes some 150 bytes more.

mod comparer;
mod findings;
mod groups;
mod members;
mod users;

use std::collections::{BTreeSet, HashMap};

use futures::{StreamExt, TryStreamExt, stream};

use comparer::Comparer;
pub use comparer::Observer;
pub use findings::{
    ComparedRoles, Comparison, DecisiveRestore, Finding, MatchedBy, MembershipTally, RestoreUsed, Tally,
};

use crate::Result;
use crate::catalog::Catalog;
use crate::identity::{PoolMatcher, SnapshotUsers};
use crate::model::{Counts, RecordKind, Snapshot, Unit};
use crate::operations::refusals::refused;
use crate::pacing::{InFlightBytes, UserSizes};
use crate::ports::pool::Pool;
use crate::ports::vault::ReadVault;

/// Units of a snapshot checked at once.
const CHECKS_AT_ONCE: usize = 8;
/// The most bytes of users in answers about members.
const MAX_MEMBERS_IN_FLIGHT: usize = 8 * 1024 * 1024;

/// Compares `pool` with a sealed snapshot. [`Catalog::sealed_snapshot`] gives its units. The pool
/// must be a [`PacedPool`](crate::pacing::PacedPool). Otherwise calls would leave without a permit.
///
/// # Errors
/// `SnapshotDamaged` if a page of the snapshot is missing or altered, before the pool is listed.
/// The error of a call that Cognito keeps refusing. The error of a table that cannot be read.
pub async fn verify<P: Pool, V: ReadVault>(
    pool: &P,
    catalog: &Catalog<V>,
    snapshot: &Snapshot,
    units: &[Unit],
    observer: &mut impl Observer,
) -> Result<Comparison> {
    let description = pool.describe().await.map_err(|error| refused(pool.id(), error))?;
    let users = SnapshotUsers::read(catalog, snapshot, units).await?;
    check_other_pages(catalog, snapshot, units).await?;
    let matcher = PoolMatcher::read(catalog, snapshot, pool.id(), &description, &users).await?;
    let restored = matcher.decisive_restore().map(DecisiveRestore::of);
    let roles = restored.as_ref().map(|restore| restore.options.group_roles.clone()).unwrap_or_default();
    let group_roles = ComparedRoles::of(&roles);
    let is_matched = vec![false; users.len()];
    let in_pool = HashMap::with_capacity(users.len());
    let (undecided, so_far) = (Vec::new(), Counts::default());
    let sizes = UserSizes::default();
    let members_in_flight = InFlightBytes::new(MAX_MEMBERS_IN_FLIGHT);
    let mut comparer = Comparer {
        pool,
        catalog,
        snapshot,
        units,
        users,
        matcher,
        roles,
        is_matched,
        damaged: BTreeSet::new(),
        in_pool,
        undecided,
        so_far,
        sizes: &sizes,
        members_in_flight,
    };
    let (users, matched_by) = comparer.compare_users(observer).await?;
    let (groups, compared_groups) = comparer.compare_groups(observer).await?;
    let memberships = comparer.compare_members(&compared_groups, observer).await?;
    Ok(Comparison { matched_by, users, groups, memberships, group_roles, restored })
}

/// Reads the pages of groups and members, which the comparison reads again later. So it reports a
/// damaged page now, not after an hour of listing.
async fn check_other_pages<V: ReadVault>(
    catalog: &Catalog<V>,
    snapshot: &Snapshot,
    units: &[Unit],
) -> Result<()> {
    let others = units.iter().filter(|unit| unit.listing.kind() != RecordKind::User);
    let checks = others.map(|unit| catalog.sealed_entries(&snapshot.id, unit, drop));
    stream::iter(checks).buffer_unordered(CHECKS_AT_ONCE).try_collect().await
}
