//! The paged listing: what a token means.
//!
//! 1. Only a null token ends a listing. A page without entries does not.
//! 2. If Cognito refuses a token, or returns the same token again, the listing starts again from
//!    its first page.
//! 3. After [`LISTING_ATTEMPTS`] attempts the listing fails.
//! 4. If a page is too large for memory, the listing starts again with a smaller `Limit`. Cognito does not document
//!    that a token of one limit is good for another. That happens at most five times, and is no attempt.
//!
//! The type makes no call, so it fits every listing, with any calls and any checkpoints:
//!
//! ```ignore
//! let mut listing = PagedListing::new(pool.id(), Listing::Users.unit_id(), refused);
//! while !listing.has_ended() {
//!     let answer = pool.list_users(listing.limit(), listing.token()).await;
//!     let users = listing.advance(answer)?.into_entries();
//! }
//! ```

use std::fmt::Display;

use crate::model::{Execution, ListingPosition, PageLimit, PoolId};
use crate::ports::pool::{Listed, PoolError, PoolErrorKind, PoolResult};
use crate::{Error, ErrorKind, Result};

/// Attempts at one listing, the first included.
pub const LISTING_ATTEMPTS: u32 = 10;

/// Makes the error of the run or the command from a call that Cognito refused for good.
pub type Refusal = fn(&PoolId, PoolError) -> Error;

/// A listing of a pool, and where it stands.
#[derive(Debug, Clone)]
pub struct PagedListing<'a> {
    pool: &'a PoolId,
    name: String,
    refused: Refusal,
    /// None if no checkpoint stores the position. Then all break-offs count.
    execution: Option<&'a Execution>,
    position: ListingPosition,
    /// Break-offs so far.
    broken_off: u32,
}

/// The result of one call of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<T> {
    /// The entries of the next page, possibly none.
    Page(Vec<T>),
    /// Cognito broke the listing off, or the page was too large. The next call asks for the first
    /// page, so entries come a second time.
    Restarted,
}

impl<T> Step<T> {
    /// The entries. None after a restart. Only for callers that accept entries twice.
    pub fn into_entries(self) -> Vec<T> {
        match self {
            Self::Page(entries) => entries,
            Self::Restarted => Vec::new(),
        }
    }
}

impl<'a> PagedListing<'a> {
    /// A listing that begins with its first page. `name` stands in the error if the listing fails:
    /// the unit, if there is one.
    pub fn new(pool: &'a PoolId, name: impl Display, refused: Refusal) -> Self {
        Self {
            pool,
            name: name.to_string(),
            refused,
            execution: None,
            position: ListingPosition::default(),
            broken_off: 0,
        }
    }

    /// Continues at `position`, which a checkpoint has stored. Only the break-offs during
    /// `execution` count.
    #[must_use]
    pub fn resume(self, position: ListingPosition, execution: &'a Execution) -> Self {
        let broken_off = position.broken_off.during(execution);
        Self { execution: Some(execution), position, broken_off, ..self }
    }

    /// The token for the next call.
    pub fn token(&self) -> Option<&str> {
        self.position.token.as_deref()
    }

    /// How many entries the next call asks for.
    pub fn limit(&self) -> PageLimit {
        self.position.limit
    }

    /// Whether the last page has been listed.
    pub fn has_ended(&self) -> bool {
        self.position.ended
    }

    /// Where the listing stands, for a checkpoint.
    pub fn into_position(self) -> ListingPosition {
        self.position
    }

    /// Takes the answer to the call that was made with [`Self::token`] and [`Self::limit`].
    ///
    /// # Errors
    /// The error of [`Refusal`] if Cognito refuses the call for another reason than its token.
    /// `ListingFailed` after the last attempt.
    pub fn advance<T>(&mut self, answer: PoolResult<Listed<T>>) -> Result<Step<T>> {
        let token = &self.position.token;
        match answer {
            Ok(listed) if token.is_none() || listed.next_token != *token => {
                if let Some(smaller) = self.position.limit.after_page(listed.bytes) {
                    return Ok(self.restart_with(smaller, listed.bytes.sum));
                }
                self.position.ended = listed.next_token.is_none();
                self.position.token = listed.next_token;
                Ok(Step::Page(listed.entries))
            }
            Err(error) if token.is_none() || error.kind != PoolErrorKind::InvalidParameter => {
                Err((self.refused)(self.pool, error))
            }
            _ => self.restart(),
        }
    }

    fn restart_with<T>(&mut self, smaller: PageLimit, bytes: usize) -> Step<T> {
        let limit = smaller.get();
        tracing::warn!(pool = %self.pool, listing = self.name, bytes, limit, "page too large, starting the listing again");
        self.position.limit = smaller;
        self.position.token = None;
        Step::Restarted
    }

    fn restart<T>(&mut self) -> Result<Step<T>> {
        self.broken_off += 1;
        if self.broken_off >= LISTING_ATTEMPTS {
            return Err(listing_failed(self.pool, &self.name));
        }
        tracing::warn!(pool = %self.pool, listing = self.name, attempt = self.broken_off, "listing broken off, starting it again");
        self.position.token = None;
        if let Some(execution) = self.execution {
            self.position.broken_off = self.position.broken_off.once_more(execution);
        }
        Ok(Step::Restarted)
    }
}

/// The error for a listing that Cognito has broken off too often.
fn listing_failed(pool: &PoolId, listing: &str) -> Error {
    Error::new(
        ErrorKind::ListingFailed,
        format!("Cognito broke off the listing of {listing} of user pool {pool} {LISTING_ATTEMPTS} times."),
        "Start the run again. A lower limit for other tools on this account may help.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::pool::Operation;

    fn page(entry: u32, next: Option<&str>) -> PoolResult<Listed<u32>> {
        Ok(Listed::small(vec![entry], next.map(str::to_owned)))
    }

    fn refusal(kind: PoolErrorKind) -> PoolResult<Listed<u32>> {
        Err(PoolError::new(Operation::ListUsers, kind, "Code"))
    }

    fn refused(_: &PoolId, error: PoolError) -> Error {
        let kind = if error.kind == PoolErrorKind::AccessDenied {
            ErrorKind::AccessDenied
        } else {
            ErrorKind::CallRefused
        };
        Error::new(kind, error.to_string(), "")
    }

    fn pool() -> PoolId {
        PoolId::parse("eu-west-1_a").unwrap()
    }

    fn execution(id: &str) -> Execution {
        Execution { id: id.to_owned(), started_at: "2026-01-01T00:00:00Z".parse().unwrap() }
    }

    /// Lists with these answers to the end. Returns the entries, and the tokens of the calls.
    fn list(answers: Vec<PoolResult<Listed<u32>>>) -> (Result<Vec<u32>>, Vec<Option<String>>) {
        let (pool, mut answers) = (pool(), answers.into_iter());
        let mut listing = PagedListing::new(&pool, "users", refused);
        let (mut entries, mut tokens) = (Vec::new(), Vec::new());
        while !listing.has_ended() {
            tokens.push(listing.token().map(str::to_owned));
            match listing.advance(answers.next().unwrap()) {
                Ok(step) => entries.extend(step.into_entries()),
                Err(error) => return (Err(error), tokens),
            }
        }
        (Ok(entries), tokens)
    }

    #[test]
    fn a_refused_or_repeated_token_starts_the_listing_again() {
        let answers = vec![
            page(1, Some("a")),
            refusal(PoolErrorKind::InvalidParameter),
            page(1, Some("b")),
            page(2, Some("b")),
            page(1, Some("c")),
            page(2, None),
        ];
        let (entries, tokens) = list(answers);
        assert_eq!(entries, Ok(vec![1, 1, 1, 2]));
        let tokens: Vec<_> = tokens.iter().map(Option::as_deref).collect();
        assert_eq!(tokens, [None, Some("a"), None, Some("b"), None, Some("c")]);
    }

    #[test]
    fn only_a_null_token_ends_a_listing() {
        let empty = Ok(Listed::small(Vec::new(), Some("a".to_owned())));
        assert_eq!(list(vec![empty, page(1, None)]).0, Ok(vec![1]));
    }

    #[test]
    fn a_listing_fails_after_ten_attempts_and_at_once_if_the_token_is_not_to_blame() {
        let broken = || [page(1, Some("a")), refusal(PoolErrorKind::InvalidParameter)];
        let (entries, tokens) = list((0..10).flat_map(|_| broken()).collect());
        assert_eq!((entries.unwrap_err().kind(), tokens.len()), (ErrorKind::ListingFailed, 20));
        let (entries, _) = list(vec![refusal(PoolErrorKind::InvalidParameter)]);
        assert_eq!(entries.unwrap_err().kind(), ErrorKind::CallRefused);
        let (entries, _) = list(vec![page(1, Some("a")), refusal(PoolErrorKind::AccessDenied)]);
        assert_eq!(entries.unwrap_err().kind(), ErrorKind::AccessDenied);
    }

    #[test]
    fn a_page_that_is_too_large_starts_the_listing_again_with_a_smaller_limit() {
        let (pool, execution) = (pool(), execution("first"));
        let page = |entries: u32, next: Option<&str>| {
            let (entries, next_token) = ((0..entries).collect::<Vec<_>>(), next.map(str::to_owned));
            Ok(Listed { bytes: entries.iter().map(|_| 400_000).collect(), entries, next_token })
        };
        let mut listing =
            PagedListing::new(&pool, "users", refused).resume(ListingPosition::default(), &execution);
        assert_eq!(listing.advance(page(2, Some("a"))), Ok(Step::Page(vec![0, 1])));
        assert_eq!(listing.advance(page(60, Some("b"))), Ok(Step::Restarted));
        assert_eq!((listing.token(), listing.limit().get()), (None, 5));
        // The limit is part of the checkpoint, and no attempt is counted.
        let position = listing.into_position();
        assert_eq!(position.broken_off.times(), 0);
        let mut listing = PagedListing::new(&pool, "users", refused).resume(position, &execution);
        assert_eq!(listing.advance(page(5, Some("a"))), Ok(Step::Page((0..5).collect())));
        assert_eq!(listing.advance(refusal(PoolErrorKind::InvalidParameter)), Ok(Step::Restarted));
        assert_eq!(listing.limit().get(), 5, "the limit never grows");
        assert_eq!(listing.advance(page(1, None)), Ok(Step::Page(vec![0])));
        assert!(listing.has_ended());
    }

    #[test]
    fn a_listing_continues_at_its_checkpoint_and_counts_the_attempts_of_its_execution() {
        let (pool, first, second) = (pool(), execution("first"), execution("second"));
        let listing =
            |position, execution| PagedListing::new(&pool, "users", refused).resume(position, execution);
        let mut position = ListingPosition::default();
        for _ in 1..LISTING_ATTEMPTS {
            let mut resumed = listing(position, &first);
            assert_eq!(resumed.advance(page(1, Some("a"))), Ok(Step::Page(vec![1])));
            let mut resumed = listing(resumed.into_position(), &first);
            assert_eq!(resumed.token(), Some("a"));
            assert_eq!(resumed.advance(refusal(PoolErrorKind::InvalidParameter)), Ok(Step::Restarted));
            position = resumed.into_position();
        }
        position.token = Some("a".to_owned());
        let failed = listing(position.clone(), &first).advance(page(1, Some("a")));
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::ListingFailed);
        assert_eq!(listing(position, &second).advance(page(1, Some("a"))), Ok(Step::Restarted));
    }
}
