//! Whether the pool had been emptied before the snapshot was taken.

use jiff::SignedDuration;

use crate::catalog::Catalog;
use crate::format::{plural, time};
use crate::model::{ImportInput, Shrunk, Snapshot, lost_users};
use crate::ports::vault::ReadVault;
use crate::{Error, ErrorKind, Guidance, Result};

/// How far back earlier snapshots are compared.
const LOOKS_BACK: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Compares a snapshot with the largest sealed one of the 90 days before it.
///
/// # Errors
/// `SnapshotShrunk` if the snapshot has over 20 % fewer users and the input does not accept that. A dry
/// run reports it instead.
pub async fn check<V: ReadVault>(
    catalog: &Catalog<V>,
    input: &ImportInput,
    snapshot: &Snapshot,
) -> Result<Option<Shrunk>> {
    let since = snapshot.id.time() - LOOKS_BACK;
    let largest = catalog.largest_sealed(&snapshot.pool, since, &snapshot.id).await?;
    let Some(largest) = largest.filter(|largest| lost_users(largest.counts.users, snapshot.counts.users))
    else {
        return Ok(None);
    };
    if !input.accept_shrunk && !input.dry_run {
        return Err(refusal(snapshot, &largest));
    }
    let (users, accepted) = (largest.counts.users, input.accept_shrunk);
    Ok(Some(Shrunk { snapshot: largest.id, users, accepted }))
}

fn refusal(snapshot: &Snapshot, largest: &Snapshot) -> Error {
    let holds = |snapshot: &Snapshot| plural(snapshot.counts.users, "user", "users");
    Error::new(
        ErrorKind::SnapshotShrunk,
        format!(
            "Snapshot {} holds {}, over 20 % fewer than snapshot {}, taken {}, which holds {}. Nothing was changed.",
            snapshot.id,
            holds(snapshot),
            largest.id,
            time(largest.id.time()),
            holds(largest)
        ),
        Guidance::AcceptShrunk { pool: snapshot.pool.to_string() },
    )
}
