//! Lists from the first page to the last.

use std::collections::HashSet;

use shared::ports::pool::{Listed, PoolError};

/// More pages than any listing of a case has.
const MAX_PAGES: usize = 50;
/// The most entries of a page.
const MAX_ENTRIES: usize = 60;

/// Lists all pages. The inner error says which rule the listing breaks.
pub(super) async fn walk<T>(
    list: impl AsyncFn(Option<&str>) -> Result<Listed<T>, PoolError>,
    id: impl Fn(&T) -> String,
) -> Result<Result<Vec<T>, String>, PoolError> {
    let (mut all, mut ids, mut tokens) = (Vec::new(), HashSet::new(), HashSet::new());
    let mut token: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let Listed { entries, next_token, .. } = list(token.as_deref()).await?;
        if entries.len() > MAX_ENTRIES {
            return Ok(Err(format!("a page of {} entries", entries.len())));
        }
        if let Some(twice) = entries.iter().map(&id).find(|id| !ids.insert(id.clone())) {
            return Ok(Err(format!("{twice} twice in a listing")));
        }
        all.extend(entries);
        match next_token {
            None => return Ok(Ok(all)),
            Some(next) if !tokens.insert(next.clone()) => {
                return Ok(Err("a token twice in a listing".to_owned()));
            }
            next => token = next,
        }
    }
    Ok(Err("a listing that does not end".to_owned()))
}
