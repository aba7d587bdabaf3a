//! The user of the snapshot in each row of a file, packed.
//!
//! The log of a job names line numbers only. Rows come in the order of pages and places. Nearly
//! every page has the same places in the file. So the list consists of runs: `pages` consecutive
//! pages with the same `places`.
//!
//! Packed form of a run:
//! 1. One byte with the bits `mhnnnnnn`.
//! 2. If `h`: two LEB128 numbers. They are the pages left out before the run, and the pages of the
//!    run less one. Otherwise both are 0.
//! 3. `n` bytes of places. If `m`: a bit mask, place 0 lowest. Otherwise: lengths of places taken
//!    and places left out, in turn, from place 0 on. The last length is of places taken.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::places::Places;
use crate::model::Place;
use crate::model::binary::bytes;

/// Bytes that one run takes.
const MAX_RUN_BYTES: usize = 1 + 2 * 10 + 32;
const MASK: u8 = 0x80;
const HEAD: u8 = 0x40;
const DAMAGED: &str = "the list of lines is damaged";

/// Consecutive pages with the same places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    first: u64,
    pages: u64,
    places: Places,
}

impl Run {
    /// The page after the run.
    fn next(&self) -> u64 {
        self.first.saturating_add(self.pages)
    }

    /// Appends the run, which follows one that ended before page `expected`.
    fn pack(&self, expected: u64, packed: &mut Vec<u8>) {
        let (mask, lengths) = (self.places.mask(), self.places.lengths());
        let (flag, places) = match lengths {
            Some(lengths) if lengths.len() <= mask.len() => (0, lengths),
            _ => (MASK, mask),
        };
        let (skipped, more) = (self.first - expected, self.pages - 1);
        let head = if skipped > 0 || more > 0 { HEAD } else { 0 };
        packed.push(flag | head | places.len() as u8);
        if head != 0 {
            put_number(packed, skipped);
            put_number(packed, more);
        }
        packed.extend(places);
    }

    /// Takes a run off the front of `rest`. None if the bytes are no run.
    fn unpack(rest: &mut &[u8], expected: u64) -> Option<Self> {
        let flags = take(rest, 1)?[0];
        let (skipped, more) = match flags & HEAD {
            0 => (0, 0),
            _ => (take_number(rest)?, take_number(rest)?),
        };
        let bytes = take(rest, usize::from(flags & !(MASK | HEAD)))?;
        let places = if flags & MASK == 0 { Places::of_lengths(bytes) } else { Places::of_mask(bytes) }?;
        let run = Self { first: expected.checked_add(skipped)?, pages: more.checked_add(1)?, places };
        run.first.checked_add(run.pages)?;
        (places.count() > 0).then_some(run)
    }
}

fn put_number(packed: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        packed.push(number as u8 | 0x80);
        number >>= 7;
    }
    packed.push(number as u8);
}

fn take_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        let bits = u64::from(byte & 0x7f);
        number |= bits << shift;
        // The tenth byte has room for one bit.
        if bits << shift >> shift != bits {
            return None;
        }
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(count)?;
    *rest = tail;
    Some(head)
}

/// Collects places in ascending order.
#[derive(Debug, Default)]
pub(super) struct LinesBuilder {
    /// All runs but the last.
    lines: Lines,
    /// The page after the last packed run.
    expected: u64,
    /// The last complete run, which the next page may lengthen.
    run: Option<Run>,
    /// The page of the last place.
    page: Option<Run>,
}

impl LinesBuilder {
    /// The most bytes that the list takes after one more place.
    pub(super) fn max_bytes(&self) -> usize {
        self.lines.packed.len() + 3 * MAX_RUN_BYTES
    }

    /// Adds a place, which must follow all places before it.
    pub(super) fn push(&mut self, place: Place) {
        if self.page.is_some_and(|page| page.first != place.page) {
            self.end_page();
        }
        let page = self.page.get_or_insert(Run { first: place.page, pages: 1, places: Places::default() });
        page.places.insert(place.place);
    }

    fn end_page(&mut self) {
        let Some(page) = self.page.take() else { return };
        match &mut self.run {
            Some(run) if run.next() == page.first && run.places == page.places => run.pages += 1,
            _ => {
                self.end_run();
                self.run = Some(page);
            }
        }
    }

    fn end_run(&mut self) {
        if let Some(run) = self.run.take() {
            let lines = &mut self.lines;
            lines.starts.push(Start {
                users_before: lines.users,
                expected: self.expected,
                offset: lines.packed.len(),
            });
            run.pack(self.expected, &mut lines.packed);
            lines.users += run.pages * run.places.count();
            self.expected = run.next();
        }
    }

    pub(super) fn finish(mut self) -> Lines {
        self.end_page();
        self.end_run();
        self.lines
    }
}

/// The start of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Start {
    users_before: u64,
    expected: u64,
    offset: usize,
}

/// The places of the users of a part, in the order of the rows. Serialised as bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Lines {
    packed: Vec<u8>,
    /// Computed from `packed`, for look-ups by bisection.
    starts: Vec<Start>,
    users: u64,
}

impl Lines {
    fn read(packed: Vec<u8>) -> Option<Self> {
        let (mut starts, mut users, mut expected) = (Vec::new(), 0u64, 0);
        let mut rest = packed.as_slice();
        while !rest.is_empty() {
            starts.push(Start { users_before: users, expected, offset: packed.len() - rest.len() });
            let run = Run::unpack(&mut rest, expected)?;
            users = users.checked_add(run.pages.checked_mul(run.places.count())?)?;
            expected = run.next();
        }
        Some(Self { packed, starts, users })
    }

    pub(super) fn users(&self) -> u64 {
        self.users
    }

    /// The place of the user at `index`, from 0.
    pub(super) fn get(&self, index: u64) -> Option<Place> {
        if index >= self.users {
            return None;
        }
        let start =
            &self.starts[self.starts.partition_point(|start| start.users_before <= index).checked_sub(1)?];
        let run = Run::unpack(&mut self.packed.get(start.offset..)?, start.expected)?;
        let (index, count) = (index - start.users_before, run.places.count());
        let place = run.places.iter().nth((index % count) as usize)?;
        Some(Place { page: run.first + index / count, place })
    }
}

impl Serialize for Lines {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.packed)
    }
}

impl<'de> Deserialize<'de> for Lines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(bytes::deserialize(deserializer)?).ok_or_else(|| serde::de::Error::custom(DAMAGED))
    }
}

#[cfg(test)]
mod tests;
