//! Listings: page sizes, and tokens.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use jiff::Timestamp;

use shared::model::{PAGE_SIZE, PageLimit, Sub, UnitId, UserRecord};
use shared::ports::pool::PoolErrorKind;

/// How a pool cuts its listings into answers. Cognito documents little, and it may return all of
/// these shapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageShape {
    /// The entries of each answer, in turn, at most 60. If all are 0, each answer has 60.
    pub sizes: Vec<usize>,
    /// Whether each answer begins with the last entry of the one before.
    pub repeat: bool,
    /// Whether the last entries come with a token, which leads to an empty page.
    pub dangling: bool,
    /// Whether a changed user is listed a second time, at another position, until the next listing begins.
    pub echo: bool,
    /// Users that the listing of users leaves out. Cognito may leave out a user that changes during the
    /// listing.
    pub overlooked: BTreeSet<Sub>,
    /// Users of whom the listing shows an older state. A look-up shows the state now.
    pub late: BTreeMap<Sub, UserRecord>,
}

impl Default for PageShape {
    fn default() -> Self {
        Self {
            sizes: vec![PAGE],
            repeat: false,
            dangling: false,
            echo: false,
            overlooked: BTreeSet::new(),
            late: BTreeMap::new(),
        }
    }
}

/// What a split listing returns: a listing of the users whose `sub` begins with a digit. AWS does not
/// document it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SplitListingBehaviour {
    /// All users whose `sub` begins with the digit.
    #[default]
    Complete,
    /// Some of these users.
    Incomplete,
    /// All users of the pool.
    Unfiltered,
    /// The users whose `sub` begins with the digit, except those of this many last digits: 1 to 16.
    Overlooking(u8),
    /// The users whose `sub` begins with the digit, except those that were created at this time or later.
    OverlookingNew(Timestamp),
    /// An error that says that the filter is wrong.
    Refused,
    /// An error of this kind.
    Failing(PoolErrorKind),
    /// The users whose `sub` begins with the digit, but no token of theirs is accepted.
    RefusingTokens,
    /// The same page with the same token, again and again.
    RepeatingTokens,
}

/// The most entries of one answer.
const PAGE: usize = PAGE_SIZE as usize;
/// How long Cognito accepts a token.
const TOKEN_LIFE: Duration = Duration::from_secs(3600);

impl PageShape {
    fn size(&self, answer: usize) -> usize {
        let all_empty = self.sizes.iter().all(|&size| size == 0);
        match self.sizes.get(answer % self.sizes.len().max(1)) {
            Some(&size) if !all_empty => size.min(PAGE),
            _ => PAGE,
        }
    }
}

/// One answer of a listing that is ordered by keys `K`.
pub(super) struct Answer<K> {
    pub keys: Vec<K>,
    /// The token of the next answer. None at the end.
    pub next_token: Option<String>,
}

/// A call of the listing `unit` at `now`. `answer` counts the listing calls of the pool.
pub(super) struct Call<'a> {
    pub unit: &'a UnitId,
    pub shape: &'a PageShape,
    pub limit: PageLimit,
    pub answer: usize,
    pub now: Timestamp,
}

impl Call<'_> {
    /// Answers from `entries`, which returns the keys after a bound. None if the token has expired or
    /// belongs to another listing.
    ///
    /// `to_text` and `from_text` convert keys to and from the end of a token.
    pub fn answer<K: Clone, I: Iterator<Item = K>>(
        &self,
        token: Option<&str>,
        from_text: impl Fn(&str) -> Option<K>,
        to_text: impl Fn(&K) -> String,
        entries: impl FnOnce(Bound<K>) -> I,
    ) -> Option<Answer<K>> {
        let after = match token {
            None => None,
            Some(token) => self.open(token)?.map(from_text)?,
        };
        let size = self.shape.size(self.answer).min(self.limit.get() as usize);
        let begin = after.clone().map_or(Bound::Unbounded, Bound::Excluded);
        let mut keys: Vec<K> = entries(begin).take(size + 1).collect();
        let more = keys.len() > size;
        keys.truncate(size);
        let back = if self.shape.repeat && keys.len() > 1 { 2 } else { 1 };
        let cursor = keys.len().checked_sub(back).map(|at| keys[at].clone()).or(after);
        let goes_on = more || (self.shape.dangling && !keys.is_empty());
        let next_token = goes_on.then(|| self.token(cursor.as_ref().map(&to_text)));
        Some(Answer { keys, next_token })
    }

    /// A token is bound to its listing and its time. No two tokens are equal.
    fn token(&self, cursor: Option<String>) -> String {
        let cursor = cursor.map_or_else(|| "^".to_owned(), |cursor| format!("={cursor}"));
        format!("{}|{}|{}|{cursor}", self.unit, self.now.as_millisecond(), self.answer)
    }

    /// The cursor in a token of this listing, if Cognito still accepts the token.
    fn open<'t>(&self, token: &'t str) -> Option<Cursor<'t>> {
        let mut parts = token.splitn(4, '|');
        let unit = parts.next()?;
        let issued: i64 = parts.next()?.parse().ok()?;
        let cursor = parts.nth(1)?;
        let age = self.now.as_millisecond().saturating_sub(issued);
        (unit == self.unit.to_string() && age < TOKEN_LIFE.as_millis() as i64).then_some(Cursor(cursor))
    }
}

/// The end of a token. It holds a key, or nothing at the beginning of a listing.
struct Cursor<'t>(&'t str);

impl Cursor<'_> {
    /// The key. The outer option is none if the text is no key.
    fn map<K>(&self, from_text: impl Fn(&str) -> Option<K>) -> Option<Option<K>> {
        match self.0.strip_prefix('=') {
            Some(text) => from_text(text).map(Some),
            None => Some(None),
        }
    }
}
