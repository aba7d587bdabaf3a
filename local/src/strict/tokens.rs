//! Pagination tokens. A token is opaque, is valid for an hour, and belongs to one operation with one set of
//! parameters.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::refusal::Refusal;

/// The length of a token in characters. Cognito's tokens have about this length and also hold `+`, `/`
/// and `=`.
const LENGTH: usize = 320;

/// The position from which a listing continues.
#[derive(Debug, Clone)]
pub(super) struct Cursor {
    /// The names on all pages so far.
    pub listed: Arc<ListedNames>,
    /// The entries of the page before.
    pub last_page: Arc<Vec<Value>>,
    /// The number of pages so far.
    pub pages: usize,
}

/// The names of the entries that a listing has returned: one page, and a link to the pages before it.
/// Listings that continue from the same page share it.
#[derive(Debug, Default)]
pub(super) struct ListedNames {
    before: Option<Arc<Self>>,
    page: Vec<String>,
    count: usize,
}

impl ListedNames {
    /// These names and those of one more page.
    pub fn with_page(self: &Arc<Self>, page: Vec<String>) -> Arc<Self> {
        let count = self.count + page.len();
        Arc::new(Self { before: Some(Arc::clone(self)), page, count })
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// The names, the latest first.
    pub fn latest_first(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(self), |names| names.before.as_deref())
            .flat_map(|names| names.page.iter().rev().map(String::as_str))
    }
}

/// The tokens that the proxy has issued.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    issued: Mutex<HashMap<String, Issued>>,
    ids_drawn: AtomicUsize,
    secret: RandomState,
}

#[derive(Debug)]
struct Issued {
    binding: String,
    at: Instant,
    cursor: Cursor,
}

impl Tokens {
    /// Issues a token for a listing. `binding` names the listing: its operation and parameters.
    pub fn issue(&self, binding: &str, cursor: Cursor, now: Instant) -> String {
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        let number = issued.len();
        let token = self.random_text(number);
        issued.insert(token.clone(), Issued { binding: binding.to_owned(), at: now, cursor });
        token
    }

    /// The position for which a token was issued.
    ///
    /// # Errors
    /// InvalidParameterException if the proxy did not issue the token, if it issued the token for another
    /// listing, or if the token has expired.
    pub fn redeem(
        &self,
        token: &str,
        binding: &str,
        now: Instant,
        lifetime: Duration,
    ) -> Result<Cursor, Refusal> {
        let issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        match issued.get(token) {
            Some(known) if known.binding == binding && now.saturating_duration_since(known.at) < lifetime => {
                Ok(known.cursor.clone())
            }
            _ => Err(Refusal::invalid("Invalid pagination token or pagination token has expired.")),
        }
    }

    /// Ten random letters and digits.
    pub fn random_id(&self) -> String {
        let number = self.ids_drawn.fetch_add(1, Ordering::Relaxed);
        self.random_text(usize::MAX - number).chars().filter(char::is_ascii_alphanumeric).take(10).collect()
    }

    fn random_text(&self, number: usize) -> String {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let letters = (0..LENGTH - 2).map(|index| {
            let letter = self.secret.hash_one((number, index)) % 64;
            char::from(LETTERS[letter as usize])
        });
        letters.chain("==".chars()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn cursor(names: &[&str]) -> Cursor {
        let page = names.iter().map(|name| (*name).to_owned()).collect();
        let listed = Arc::new(ListedNames::default()).with_page(page);
        Cursor { listed, last_page: Arc::default(), pages: 1 }
    }

    #[test]
    fn a_token_is_valid_for_its_listing_only_and_for_an_hour() {
        let tokens = Tokens::default();
        let start = Instant::now();
        let token = tokens.issue("users of a", cursor(&["x"]), start);
        let redeem = |token: &str, binding, after| tokens.redeem(token, binding, start + after, HOUR).is_ok();
        assert!(redeem(&token, "users of a", Duration::ZERO));
        assert!(
            redeem(&token, "users of a", HOUR - Duration::from_millis(1)),
            "a token can be redeemed again until it expires"
        );
        assert!(!redeem(&token, "users of a", HOUR));
        assert!(!redeem(&token, "users of b", Duration::ZERO));
        assert!(!redeem("60", "users of a", Duration::ZERO));
        assert!(!redeem(&token[1..], "users of a", Duration::ZERO));
        assert_ne!(tokens.issue("users of a", cursor(&["x"]), start), token);
    }

    #[test]
    fn listed_names_are_read_latest_first_and_share_their_first_pages() {
        let first = Arc::new(ListedNames::default()).with_page(vec!["a".into(), "b".into()]);
        let (left, right) = (first.with_page(vec!["c".into()]), first.with_page(vec!["d".into()]));
        assert_eq!(left.latest_first().collect::<Vec<_>>(), ["c", "b", "a"]);
        assert_eq!(right.latest_first().collect::<Vec<_>>(), ["d", "b", "a"]);
        assert_eq!(right.count(), 3);
    }
}
