//! Parts: rows collected into files that one job can take.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::header::Header;
use super::lines::{Lines, LinesBuilder};
use crate::model::Place;

/// The line of the first user of a part. The header is line 1: a published log of two users names
/// lines 2 and 3. AWS says only that the log names line numbers `[?]`.
const FIRST_LINE: u64 = 2;

/// The limits of one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Users: 500,000 by "Formatting the CSV file". The header does not count.
    pub users: u64,
    /// Bytes of the body, header and line ends included: 100 MB by "Formatting the CSV file", taken
    /// as 100,000,000.
    pub bytes: u64,
    /// Bytes of the packed list of lines, at least 256. With 300,000 it fits into a DynamoDB item
    /// of 400 KB.
    pub lines: usize,
    /// Bytes of a chunk. It may be longer by one row.
    pub chunk: usize,
}

impl Limits {
    /// The limits of Cognito.
    pub const COGNITO: Self = Self { users: 500_000, bytes: 100_000_000, lines: 300_000, chunk: 1 << 20 };
}

/// Why a row was refused. Both are mistakes of the caller, not of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotPushed {
    /// Its place does not follow the place of the row before.
    #[error("The rows of an import job must come in the order of the snapshot's pages.")]
    OutOfOrder,
    /// It is too long for any part, or is more than one line.
    #[error("A row does not fit into an import job.")]
    DoesNotFit,
}

/// What is stored of the file of one job: which user each line is.
///
/// The list of lines is bytes. 500,000 users take 7 bytes if every page has 60 of them. They take
/// about 80,000 if 1 user in 10, at random, goes through the API. The list never takes more than
/// [`Limits::lines`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// The length of the body in bytes: the `Content-Length` of the upload.
    pub bytes: u64,
    lines: Lines,
}

impl Part {
    /// The users in the file: the sum of the imported, skipped and failed users of the job.
    pub fn users(&self) -> u64 {
        self.lines.users()
    }

    /// The lines that hold users. If the log names another line, Cognito does not count as assumed.
    /// Then no line of that log says anything about a user.
    pub fn lines(&self) -> RangeInclusive<u64> {
        FIRST_LINE..=self.users() + FIRST_LINE - 1
    }

    /// The place of the user of `line`, as the log counts lines. None for a line without a user.
    pub fn user_of_line(&self, line: u64) -> Option<Place> {
        self.lines.get(line.checked_sub(FIRST_LINE)?)
    }
}

/// A part that is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    pub part: Part,
    /// The last bytes of its body, after all chunks.
    pub rest: Vec<u8>,
}

/// Collects rows into parts.
///
/// A body is UTF-8 without a byte order mark. It begins with the header, and a line feed ends every
/// line. It comes in chunks, so that at most one chunk and one row are in memory:
///
/// 1. [`push`](Self::push) each row in the order of the snapshot. If it returns a part, append its
///    `rest` to the body of that part, which is then complete. The row is the first one of the next
///    part.
/// 2. Then [`take_chunk`](Self::take_chunk), and append the chunk to the body of the current part.
/// 3. At the end, [`finish`](Self::finish).
///
/// A job takes its body by one PUT to its presigned URL, and a PUT names its length first. The
/// invocation therefore collects the chunks in a file, and streams the file once its length is
/// known. If an invocation dies, the next one begins the current part again.
#[derive(Debug)]
pub struct Splitter {
    limits: Limits,
    head: Vec<u8>,
    users: u64,
    bytes: u64,
    /// Bytes that no chunk has held yet.
    pending: Vec<u8>,
    lines: LinesBuilder,
    last: Option<Place>,
}

impl Splitter {
    pub fn new(header: &Header, limits: Limits) -> Self {
        let mut head = header.row().into_bytes();
        head.push(b'\n');
        let (bytes, pending) = (head.len() as u64, head.clone());
        Self { limits, head, users: 0, bytes, pending, lines: LinesBuilder::default(), last: None }
    }

    /// Adds the row of the user at `place`. If the row does not fit into the current part, this
    /// part is returned and the next one begins. A refused row changes nothing.
    pub fn push(&mut self, place: Place, row: &str) -> Result<Option<Finished>, NotPushed> {
        if self.last.is_some_and(|last| place <= last) {
            return Err(NotPushed::OutOfOrder);
        }
        let bytes = row.len() as u64 + 1;
        if self.head.len() as u64 + bytes > self.limits.bytes || self.limits.users == 0 || row.contains('\n')
        {
            return Err(NotPushed::DoesNotFit);
        }
        let is_full = self.users == self.limits.users
            || self.bytes + bytes > self.limits.bytes
            || self.lines.max_bytes() > self.limits.lines;
        let finished = if is_full { self.end() } else { None };
        self.pending.extend_from_slice(row.as_bytes());
        self.pending.push(b'\n');
        self.lines.push(place);
        self.last = Some(place);
        self.users += 1;
        self.bytes += bytes;
        Ok(finished)
    }

    /// The next bytes of the body of the current part, if there are enough for a chunk.
    pub fn take_chunk(&mut self) -> Option<Vec<u8>> {
        (self.pending.len() >= self.limits.chunk).then(|| std::mem::take(&mut self.pending))
    }

    /// The last part. None if there was no row.
    pub fn finish(mut self) -> Option<Finished> {
        self.end()
    }

    /// Ends the current part and begins the next one.
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
