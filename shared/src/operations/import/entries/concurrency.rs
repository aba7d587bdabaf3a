//! How much work is under way at once. The limiter decides the rate. Concurrency only hides
//! latency.

use crate::model::{Ceilings, RecordKind, Tps};

/// Units at once. There is more than one only for memberships.
pub const UNITS_AT_ONCE: usize = 8;
/// Pages of a unit at once. While one page is written, the next one makes calls.
pub const PAGES_AT_ONCE: usize = 3;
/// The most entries of a kind at once, in all units together.
pub const MAX_ENTRIES_AT_ONCE: usize = 48;
const MIN_ENTRIES_AT_ONCE: usize = 2;

/// How many entries of a kind are restored at once: `min(tps / 2, 2 × slowest)`, within the bounds
/// above.
///
/// `slowest` is the lowest ceiling among the categories of the kind, in calls per second. An entry
/// usually takes up to 3 calls, and at most 9. So the entries under way end within seconds once the
/// time is spent. A call may take half a second without slowing the rate.
pub fn entries_at_once(kind: RecordKind, tps: Tps, ceilings: &Ceilings) -> usize {
    let slowest = ceilings.slowest(kind.restored_by().iter().copied(), tps);
    let at_once = tps.get().div_ceil(2).min(2 * slowest) as usize;
    at_once.clamp(MIN_ENTRIES_AT_ONCE, MAX_ENTRIES_AT_ONCE)
}
