//! Parts: rows gathered into files that one job can take.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::header::Header;
use super::lines::{Lines, LinesBuilder};
use crate::model::Place;

/// The line of a part's first user. The header is line 1: a log of two users that somebody published names lines 2 and 3; AWS
/// says only that the log names line numbers `[?]`.
const FIRST_LINE: u64 = 2;

/// How much goes into one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Users, the header not counted: 500,000 by "Formatting the CSV file".
    pub users: u64,
    /// Bytes of the body, header and line ends included: 100 MB by "Formatting the CSV file", taken as 100,000,000.
    pub bytes: u64,
    /// Bytes of the packed list of lines, at least 256. 300,000 leave room beside it in a DynamoDB item of 400 KB.
    pub lines: usize,
    /// Bytes of a chunk; it may be longer by one row.
    pub chunk: usize,
}

impl Limits {
    /// What Cognito takes.
    pub const COGNITO: Self = Self { users: 500_000, bytes: 100_000_000, lines: 300_000, chunk: 1 << 20 };
}

/// Why a row was not taken. Both are mistakes of the caller, not of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotPushed {
    /// Its place does not come after the place of the row before.
    #[error("The rows of an import job must come in the order of the snapshot's pages.")]
    OutOfOrder,
    /// It does not fit even into a part of its own, or is more than one line.
    #[error("A row does not fit into an import job.")]
    DoesNotFit,
}

/// One job's file, as it is remembered: it needs not the rows to tell which user a line was.
///
/// Serialisable; the list of lines is bytes: for 500,000 users 7 of them where every page brings 60, about 80,000 where every
/// tenth user at random is left to the API, and never more than [`Limits::lines`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// The length of the body in bytes: the `Content-Length` of the upload.
    pub bytes: u64,
    lines: Lines,
}

impl Part {
    /// How many users are in it, the sum of the job's imported, skipped and failed users.
    pub fn users(&self) -> u64 {
        self.lines.users()
    }

    /// The lines that hold users. A line of the log outside of these would mean that Cognito counts in another way than
    /// assumed: then no line of that log says anything about a user.
    pub fn lines(&self) -> RangeInclusive<u64> {
        FIRST_LINE..=self.users() + FIRST_LINE - 1
    }

    /// Where the snapshot names the user of `line`, by the count of the job's log; none for a line without a user.
    pub fn user_of_line(&self, line: u64) -> Option<Place> {
        self.lines.get(line.checked_sub(FIRST_LINE)?)
    }
}

/// A part that is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The part.
    pub part: Part,
    /// The last bytes of its body, after all its chunks.
    pub rest: Vec<u8>,
}

/// Gathers rows into parts.
///
/// A body is UTF-8 without byte order mark, the header first, every line ended by a line feed, the last one too. It comes in
/// chunks, so that no more than a chunk and a row are in memory:
///
/// 1. [`push`](Self::push) each row in the order of the snapshot. If it returns a part, append its `rest` to that part's body:
///    it is complete, and the row just pushed is the first of the next one.
/// 2. Then [`take_chunk`](Self::take_chunk), and append the chunk to the body of the part under work.
/// 3. At the end, [`finish`](Self::finish).
///
/// A job takes its body by one PUT to its presigned URL, and a PUT names its length first. So the chunks are put together as a
/// file, and streamed from there once its length is known. An invocation that dies begins the part under work again from its
/// first row.
#[derive(Debug)]
pub struct Splitter {
    limits: Limits,
    head: Vec<u8>,
    users: u64,
    bytes: u64,
    /// Bytes that were not handed out yet.
    pending: Vec<u8>,
    lines: LinesBuilder,
    last: Option<Place>,
}

impl Splitter {
    /// A splitter for files with `header`.
    pub fn new(header: &Header, limits: Limits) -> Self {
        let mut head = header.row().into_bytes();
        head.push(b'\n');
        let (bytes, pending) = (head.len() as u64, head.clone());
        Self { limits, head, users: 0, bytes, pending, lines: LinesBuilder::default(), last: None }
    }

    /// Adds the row of the user at `place`. Returns the part before it if the row did not fit there any more.
    ///
    /// A row that is refused changes nothing.
    pub fn push(&mut self, place: Place, row: &str) -> Result<Option<Finished>, NotPushed> {
        if self.last.is_some_and(|last| place <= last) {
            return Err(NotPushed::OutOfOrder);
        }
        let bytes = row.len() as u64 + 1;
        if self.head.len() as u64 + bytes > self.limits.bytes || self.limits.users == 0 || row.contains('\n') {
            return Err(NotPushed::DoesNotFit);
        }
        let is_full = self.users == self.limits.users
            || self.bytes + bytes > self.limits.bytes
            || self.lines.most_bytes() > self.limits.lines;
        let finished = if is_full { self.end() } else { None };
        self.pending.extend_from_slice(row.as_bytes());
        self.pending.push(b'\n');
        self.lines.push(place);
        self.last = Some(place);
        self.users += 1;
        self.bytes += bytes;
        Ok(finished)
    }

    /// The next bytes of the body of the part under work, once enough have gathered.
    pub fn take_chunk(&mut self) -> Option<Vec<u8>> {
        (self.pending.len() >= self.limits.chunk).then(|| std::mem::take(&mut self.pending))
    }

    /// The last part; none if there was no row at all.
    pub fn finish(mut self) -> Option<Finished> {
        self.end()
    }

    /// Ends the part under work and begins another.
    fn end(&mut self) -> Option<Finished> {
        if self.users == 0 {
            return None;
        }
        let rest = std::mem::replace(&mut self.pending, self.head.clone());
        let part = Part { bytes: self.bytes, lines: std::mem::take(&mut self.lines).finish() };
        (self.users, self.bytes) = (0, self.head.len() as u64);
        Some(Finished { part, rest })
    }
}

#[cfg(test)]
mod tests;
