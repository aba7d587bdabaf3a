//! Listings in pages.

use serde_json::Value;

use crate::refusal::ConfigurationRefusal;
use crate::request::Request;

/// The page of a listing that a request asks for, and the token of the next page.
///
/// `most` is the size of a page if the request names none. `limit` can make the page at an index shorter.
pub(crate) fn page<T: Clone>(
    entries: &[T],
    request: &Request<'_>,
    most: usize,
    limit: impl Fn(usize) -> Option<usize>,
) -> Result<(Vec<T>, Option<String>), ConfigurationRefusal> {
    let asked = request.input["MaxResults"].as_u64().filter(|size| *size > 0);
    let size = asked.map_or(most, |size| usize::try_from(size).unwrap_or(most));
    let (index, start) = match request.member("NextToken").and_then(Value::as_str) {
        None => (0, 0),
        Some(token) => {
            read_token(token).ok_or_else(|| ConfigurationRefusal::invalid("Invalid pagination token"))?
        }
    };
    let start = start.min(entries.len());
    let end = entries.len().min(start + limit(index).unwrap_or(size).min(size));
    let token = (end < entries.len()).then(|| format!("page-{}-{end}", index + 1));
    Ok((entries[start..end].to_vec(), token))
}

/// A token names the index of its page and the first entry on it.
fn read_token(token: &str) -> Option<(usize, usize)> {
    let (index, start) = token.strip_prefix("page-")?.split_once('-')?;
    Some((index.parse().ok()?, start.parse().ok()?))
}

/// The answer of a listing.
pub(crate) fn answer(name: &str, entries: Vec<Value>, token: Option<String>) -> Value {
    let mut answer = serde_json::json!({name: entries});
    if let Some(token) = token {
        answer["NextToken"] = token.into();
    }
    answer
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::request::Chosen;

    #[test]
    fn the_pages_of_a_listing_have_all_entries_once() {
        let entries: Vec<usize> = (0..5).collect();
        let page_of = |token: Value, limit: fn(usize) -> Option<usize>| {
            let chosen = Chosen::default();
            let mut input = json!({"MaxResults": 2});
            if !token.is_null() {
                input["NextToken"] = token;
            }
            page(&entries, &Request { input, now: 0.0, chosen: &chosen }, 60, limit)
        };
        let (first, token) = page_of(Value::Null, |_| None).unwrap();
        assert_eq!(first, [0, 1]);
        let (second, token) = page_of(token.into(), |_| None).unwrap();
        let (third, token) = page_of(token.into(), |_| None).unwrap();
        assert_eq!((second, third, token), (vec![2, 3], vec![4], None));
        let (empty, token) = page_of(Value::Null, |_| Some(0)).unwrap();
        assert!(empty.is_empty() && token.is_some());
        assert!(page_of("other".into(), |_| None).is_err());
    }
}
