//! Listings of a pool, page by page.

use super::refusals::refused;
use crate::Result;
use crate::model::PoolId;
use crate::operations::{LISTING_ATTEMPTS, listing_failed};
use crate::ports::pool::{Listed, PoolErrorKind, PoolResult};

/// A listing under work. A refused or repeated token has it begin again, so whoever takes its pages must bear to see entries twice.
pub struct Pages<'a, F> {
    pool: &'a PoolId,
    /// The name of the unit that an export would list so.
    unit: String,
    list: F,
    token: Option<String>,
    attempt: u32,
    ended: bool,
}

impl<'a, F> Pages<'a, F> {
    /// A listing that `list` calls with one token after the other.
    pub fn new(pool: &'a PoolId, unit: String, list: F) -> Self {
        Self { pool, unit, list, token: None, attempt: 1, ended: false }
    }

    /// The next page; none after the last one. A page may be empty.
    ///
    /// # Errors
    /// When Cognito refuses a call for good, or breaks the listing off again and again.
    pub async fn next<T, C>(&mut self) -> Result<Option<Vec<T>>>
    where
        F: Fn(Option<String>) -> C,
        C: Future<Output = PoolResult<Listed<T>>>,
    {
        while !self.ended {
            let token = self.token.take();
            match (self.list)(token.clone()).await {
                Ok(listed) if token.is_none() || listed.next_token != token => {
                    self.ended = listed.next_token.is_none();
                    self.token = listed.next_token;
                    return Ok(Some(listed.entries));
                }
                Err(error) if error.kind != PoolErrorKind::InvalidParameter || token.is_none() => {
                    return Err(refused(self.pool, error));
                }
                // The token was refused, or the listing does not get on: from the beginning.
                _ if self.attempt >= LISTING_ATTEMPTS => return Err(listing_failed(self.pool, &self.unit)),
                _ => self.attempt += 1,
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::ErrorKind;
    use crate::ports::pool::{Operation, PoolError};

    /// What a pool answers, one call after the other.
    type Answers = Vec<PoolResult<Listed<u32>>>;

    fn page(entry: u32, next: Option<&str>) -> PoolResult<Listed<u32>> {
        Ok(Listed { entries: vec![entry], next_token: next.map(str::to_owned) })
    }

    fn refusal(kind: PoolErrorKind) -> PoolResult<Listed<u32>> {
        Err(PoolError { operation: Operation::ListUsers, kind, code: "Code".into(), detail: String::new() })
    }

    /// Takes all pages; returns the entries, and the tokens that were given.
    async fn list(answers: Answers) -> (Result<Vec<u32>>, Vec<Option<String>>) {
        let pool = PoolId::parse("eu-west-1_a").unwrap();
        let (answers, given) = (Mutex::new(answers.into_iter()), Mutex::new(Vec::new()));
        let call = |token| {
            given.lock().unwrap().push(token);
            let answer = answers.lock().unwrap().next().unwrap();
            async { answer }
        };
        let mut pages = Pages::new(&pool, "users".to_owned(), call);
        let mut entries = Vec::new();
        let result = loop {
            match pages.next().await {
                Ok(Some(page)) => entries.extend(page),
                Ok(None) => break Ok(entries),
                Err(error) => break Err(error),
            }
        };
        (result, given.into_inner().unwrap())
    }

    #[tokio::test]
    async fn a_refused_or_repeated_token_has_the_listing_begin_again() {
        let answers = vec![
            page(1, Some("a")),
            refusal(PoolErrorKind::InvalidParameter),
            page(1, Some("b")),
            page(2, Some("b")),
            page(1, Some("c")),
            page(2, None),
        ];
        let (entries, given) = list(answers).await;
        assert_eq!(entries, Ok(vec![1, 1, 1, 2]));
        let given: Vec<_> = given.iter().map(Option::as_deref).collect();
        assert_eq!(given, [None, Some("a"), None, Some("b"), None, Some("c")]);
    }

    #[tokio::test]
    async fn it_ends_after_ten_attempts_and_at_once_where_no_token_is_to_blame() {
        let broken = || [page(1, Some("a")), refusal(PoolErrorKind::InvalidParameter)];
        let (entries, given) = list((0..10).flat_map(|_| broken()).collect()).await;
        assert_eq!((entries.unwrap_err().kind(), given.len()), (ErrorKind::ListingFailed, 20));
        let (entries, _) = list(vec![refusal(PoolErrorKind::InvalidParameter)]).await;
        assert_eq!(entries.unwrap_err().kind(), ErrorKind::CallRefused);
        let (entries, _) = list(vec![page(1, Some("a")), refusal(PoolErrorKind::AccessDenied)]).await;
        assert_eq!(entries.unwrap_err().kind(), ErrorKind::AccessDenied);
    }
}
