//! The snapshot before: what it proves to be in the table need not be looked up.
//!
//! A pool is listed in the same order from one day to the next, as far as anybody has seen. So the pages of the snapshot before are read
//! along with the listing, a sheet ahead, and a record that they name is there: a sealed snapshot's records are never removed while it is the
//! newest. Where the order is another one, nothing is proven and everything looked up, which costs more reads and changes nothing else.

use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;

use crate::Result;
use crate::catalog::Catalog;
use crate::model::{Digest, DigestBuilder, RunId, Snapshot, Sub, Unit};
use crate::ports::vault::Vault;

/// Entries that are remembered although the listing has not named them: users who were deleted, or moved to another place.
const REMEMBERED: usize = 4_096;
/// How many entries should be known beyond the last one that the listing has named.
const AHEAD: u64 = 240;
/// Sheets that are read for the sake of one page, at most: after many users in a row were deleted.
const SHEETS_A_PAGE: usize = 2;
/// One record in so many is looked up although it is proven to be there, another one each time: a record that was lost, to whatever
/// accident, is then written again within as many exports.
const LOOKED_UP: u64 = 8;

/// The newest sealed snapshot before this one.
#[derive(Debug)]
pub(super) struct Previous {
    snapshot: Snapshot,
    /// Which share of the records is looked up this time.
    turn: u64,
}

/// The part of a unit of the snapshot before that the listing is likely to name next.
#[derive(Debug, Default)]
pub(super) struct Window {
    reading: Reading,
    known: HashMap<[u8; 16], Known>,
    in_order: VecDeque<[u8; 16]>,
    /// Entries read so far.
    read: u64,
    /// Of these, the last one that the listing has named.
    named: u64,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    digest: Digest,
    place: u64,
}

#[derive(Debug, Default)]
enum Reading {
    #[default]
    NotBegun,
    /// The unit, and the page with which the next sheet begins.
    From(Unit, u64),
    /// There is nothing more, or nothing that could be relied upon.
    Ended,
}

impl Previous {
    /// The newest sealed snapshot of the pool before `snapshot`, if there is one.
    pub async fn before<V: Vault>(catalog: &Catalog<V>, snapshot: &Snapshot) -> Result<Option<Self>> {
        let newest = catalog.newest_sealed(&snapshot.pool, Some(&snapshot.id)).await?;
        // Another execution each time, and the same for all invocations of one.
        let turn = turn_of(&snapshot.id);
        Ok(newest.map(|snapshot| Self { snapshot, turn }))
    }

    /// Since when several listings at once are in doubt.
    pub fn doubted_at(&self) -> Option<Timestamp> {
        self.snapshot.doubted_at
    }

    /// How many users it has.
    pub fn users(&self) -> u64 {
        self.snapshot.counts.users
    }

    /// Which of the records that page `number` of `unit` names are in the table for certain.
    pub async fn prove<V: Vault>(
        &self,
        catalog: &Catalog<V>,
        unit: &Unit,
        number: u64,
        named: &[(&str, Digest)],
        window: &mut Window,
    ) -> Result<Vec<bool>> {
        let subs: Vec<_> = named.iter().map(|(sub, _)| Sub::new(*sub).uuid_bytes()).collect();
        for _ in 0..SHEETS_A_PAGE {
            let places = || subs.iter().flatten().filter_map(|sub| window.known.get(sub)).map(|known| known.place);
            let unknown = subs.len() - places().count();
            let named = places().max().unwrap_or(0).max(window.named);
            // A few that are unknown are new. If most of them are, the listing is somewhere else.
            let falls_behind = unknown > 0 && (window.read - named < AHEAD || 2 * unknown > subs.len());
            window.named = named;
            if !falls_behind || !self.read_on(catalog, unit, number, window).await? {
                break;
            }
        }
        let proven = subs.into_iter().zip(named).map(|(sub, (_, digest))| {
            let known = sub.and_then(|sub| window.known.remove(&sub).map(|there| (sub, there)));
            known.is_some_and(|(sub, there)| there.digest == *digest && !self.is_looked_up(sub))
        });
        Ok(proven.collect())
    }

    fn is_looked_up(&self, sub: [u8; 16]) -> bool {
        u64::from(sub[15]) % LOOKED_UP == self.turn
    }

    /// Reads another sheet; returns whether there was one.
    async fn read_on<V: Vault>(&self, catalog: &Catalog<V>, unit: &Unit, number: u64, window: &mut Window) -> Result<bool> {
        let id = &self.snapshot.id;
        let found = match std::mem::replace(&mut window.reading, Reading::Ended) {
            Reading::NotBegun => match catalog.unit(id, &unit.id()).await? {
                // A listing that is gone on with is about where it was.
                Some(before) if before.done && !before.superseded => {
                    let sheet = catalog.sheet_with(id, &before, number.min(before.pages)).await?;
                    sheet.map(|sheet| (before, sheet))
                }
                _ => None,
            },
            Reading::From(before, first) if first <= before.pages => {
                catalog.sheet_with(id, &before, first).await?.map(|sheet| (before, sheet))
            }
            _ => None,
        };
        let Some((before, sheet)) = found else { return Ok(false) };
        let Ok(pages) = sheet.verified(&before.id()) else { return Ok(false) };
        window.reading = Reading::From(before, sheet.last() + 1);
        for entry in pages.into_iter().flat_map(|page| page.0) {
            if let (Some(sub), Some(digest)) = (Sub::new(entry.key).uuid_bytes(), entry.digest) {
                window.read += 1;
                window.known.insert(sub, Known { digest, place: window.read });
                window.in_order.push_back(sub);
            }
        }
        while window.in_order.len() > REMEMBERED {
            window.in_order.pop_front().and_then(|sub| window.known.remove(&sub));
        }
        Ok(true)
    }
}

/// Which share of the records is looked up in a snapshot.
fn turn_of(id: &RunId) -> u64 {
    let digest = DigestBuilder::new("turn").text(id.as_str()).finish().into_bytes();
    u64::from(digest[0]) % LOOKED_UP
}
