//! Listings: page sizes, tokens and where a token leads.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::time::Duration;

use jiff::Timestamp;

use shared::model::{PAGE_SIZE, Sub, UnitId};

/// How the answers of a pool's listings are cut. Cognito promises little, and any of this is within the promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageShape {
    /// The most entries of one answer after the other, in turn; 60 are the most there ever are. If all are 0, each is 60.
    pub sizes: Vec<usize>,
    /// Whether each answer begins with the last entry of the one before.
    pub repeat: bool,
    /// Whether the last entries come with a token all the same, which leads to an empty page.
    pub dangling: bool,
    /// Whether a user that is changed is listed once more, in another place, until the next listing begins.
    pub echo: bool,
    /// The users whom the listing of users overlooks, as it may whoever is changed meanwhile.
    pub overlooked: BTreeSet<Sub>,
}

impl Default for PageShape {
    fn default() -> Self {
        Self { sizes: vec![PAGE], repeat: false, dangling: false, echo: false, overlooked: BTreeSet::new() }
    }
}

/// What becomes of a listing of the users whose `sub` begins with a digit. Nothing says which of these Cognito does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FindsBySub {
    /// It names them all.
    #[default]
    All,
    /// It names some of them.
    Some,
    /// It names everybody.
    Anybody,
    /// It is refused.
    Refuses,
}

/// The most entries of one answer.
const PAGE: usize = PAGE_SIZE as usize;
/// How long a token is accepted.
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

/// One answer of a listing that goes on after key `K`.
pub(super) struct Answer<K> {
    /// The keys of its entries.
    pub keys: Vec<K>,
    /// The token of the next one.
    pub next_token: Option<String>,
}

/// A call of the listing `unit`, the `answer`-th listing call of the pool, made at `now`.
pub(super) struct Call<'a> {
    pub unit: &'a UnitId,
    pub shape: &'a PageShape,
    pub answer: usize,
    pub now: Timestamp,
}

impl Call<'_> {
    /// Answers from `entries`, a view of the keys beyond a bound; none where the token is not one of this listing, or outdated.
    ///
    /// `to_text` and `from_text` turn keys into the end of a token and back.
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
        let size = self.shape.size(self.answer);
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

    /// A token is bound to its listing and its time; no two are the same.
    fn token(&self, cursor: Option<String>) -> String {
        let cursor = cursor.map_or_else(|| "^".to_owned(), |cursor| format!("={cursor}"));
        format!("{}|{}|{}|{cursor}", self.unit, self.now.as_millisecond(), self.answer)
    }

    /// The cursor in a token of this listing that is still accepted: the inner option is none at the beginning.
    fn open<'t>(&self, token: &'t str) -> Option<Cursor<'t>> {
        let mut parts = token.splitn(4, '|');
        let unit = parts.next()?;
        let issued: i64 = parts.next()?.parse().ok()?;
        let cursor = parts.nth(1)?;
        let age = self.now.as_millisecond().saturating_sub(issued);
        (unit == self.unit.to_string() && age < TOKEN_LIFE.as_millis() as i64).then_some(Cursor(cursor))
    }
}

/// The end of a token.
struct Cursor<'t>(&'t str);

impl Cursor<'_> {
    /// The key; the outer option is none where the text is no key.
    fn map<K>(&self, from_text: impl Fn(&str) -> Option<K>) -> Option<Option<K>> {
        match self.0.strip_prefix('=') {
            Some(text) => from_text(text).map(Some),
            None => Some(None),
        }
    }
}
