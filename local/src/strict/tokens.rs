//! Pagination tokens: opaque, good for an hour, and bound to the operation and all its parameters.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::refusal::Refusal;

/// The length of a token in characters. Cognito's own are about as long, and hold `+`, `/` and `=` like these.
const LENGTH: usize = 320;

/// Where a listing goes on.
#[derive(Debug, Clone)]
pub(super) struct Bookmark {
    /// The entries that were shown so far.
    pub trail: Arc<Trail>,
    /// The entries of the page before.
    pub last: Arc<Vec<Value>>,
    /// How many pages there were.
    pub pages: usize,
}

/// The names of the entries that a listing has shown, the latest page first. Pages that go on from the same one share it.
#[derive(Debug, Default)]
pub(super) struct Trail {
    before: Option<Arc<Self>>,
    names: Vec<String>,
    shown: usize,
}

impl Trail {
    /// This trail and one more page.
    pub fn and(self: &Arc<Self>, names: Vec<String>) -> Arc<Self> {
        let shown = self.shown + names.len();
        Arc::new(Self { before: Some(Arc::clone(self)), names, shown })
    }

    /// How many entries were shown.
    pub fn shown(&self) -> usize {
        self.shown
    }

    /// The names, the latest first.
    pub fn latest_first(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(self), |trail| trail.before.as_deref())
            .flat_map(|trail| trail.names.iter().rev().map(String::as_str))
    }
}

/// The tokens that were given out.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    issued: Mutex<HashMap<String, Issued>>,
    drawn: AtomicUsize,
    secret: RandomState,
}

#[derive(Debug)]
struct Issued {
    binding: String,
    at: Instant,
    bookmark: Bookmark,
}

impl Tokens {
    /// Gives out a token for a listing; `binding` is what it is bound to.
    pub fn issue(&self, binding: &str, bookmark: Bookmark, now: Instant) -> String {
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        let number = issued.len();
        let token = self.text(number);
        issued.insert(token.clone(), Issued { binding: binding.to_owned(), at: now, bookmark });
        token
    }

    /// Where a listing goes on that comes with a token.
    ///
    /// # Errors
    /// InvalidParameterException for a token that was never given out, was given out for another listing, or has expired.
    pub fn redeem(&self, token: &str, binding: &str, now: Instant, lifetime: Duration) -> Result<Bookmark, Refusal> {
        let issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        match issued.get(token) {
            Some(known) if known.binding == binding && now.saturating_duration_since(known.at) < lifetime => {
                Ok(known.bookmark.clone())
            }
            _ => Err(Refusal::invalid("Invalid pagination token or pagination token has expired.")),
        }
    }

    /// Ten letters and digits that nobody can guess.
    pub fn short(&self) -> String {
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
        self.text(usize::MAX - number).chars().filter(char::is_ascii_alphanumeric).take(10).collect()
    }

    fn text(&self, number: usize) -> String {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let drawn = (0..LENGTH - 2).map(|place| {
            let letter = self.secret.hash_one((number, place)) % 64;
            char::from(LETTERS[letter as usize])
        });
        drawn.chain("==".chars()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn bookmark(names: &[&str]) -> Bookmark {
        let trail = Arc::new(Trail::default()).and(names.iter().map(|name| (*name).to_owned()).collect());
        Bookmark { trail, last: Arc::default(), pages: 1 }
    }

    #[test]
    fn a_token_is_good_for_its_own_listing_only_and_for_an_hour() {
        let tokens = Tokens::default();
        let start = Instant::now();
        let token = tokens.issue("users of a", bookmark(&["x"]), start);
        let redeem = |token: &str, binding, after| tokens.redeem(token, binding, start + after, HOUR).is_ok();
        assert!(redeem(&token, "users of a", Duration::ZERO));
        assert!(redeem(&token, "users of a", HOUR - Duration::from_millis(1)), "again, and late");
        assert!(!redeem(&token, "users of a", HOUR));
        assert!(!redeem(&token, "users of b", Duration::ZERO));
        assert!(!redeem("60", "users of a", Duration::ZERO));
        assert!(!redeem(&token[1..], "users of a", Duration::ZERO));
        assert_ne!(tokens.issue("users of a", bookmark(&["x"]), start), token);
    }

    #[test]
    fn a_trail_remembers_every_name_in_reverse() {
        let first = Arc::new(Trail::default()).and(vec!["a".into(), "b".into()]);
        let (left, right) = (first.and(vec!["c".into()]), first.and(vec!["d".into()]));
        assert_eq!(left.latest_first().collect::<Vec<_>>(), ["c", "b", "a"]);
        assert_eq!(right.latest_first().collect::<Vec<_>>(), ["d", "b", "a"]);
        assert_eq!(right.shown(), 3);
    }
}
