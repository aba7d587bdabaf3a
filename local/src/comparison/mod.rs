//! The comparison of a restored pool with its source pool.
//!
//! It lists both pools completely and compares the contents. It uses nothing of the backup. It matches
//! users by username or, with [`Contents::keyed_by_address`], by the e-mail address or phone number of
//! their sign-in.

mod difference;
mod listing;

use anyhow::Result;
use aws_sdk_cognitoidentityprovider::Client;

pub use difference::{Comparison, MAX_EXAMPLES, compare};
pub use listing::{Contents, Group, User, read};

/// Lists both pools at the same time and compares them.
///
/// # Errors
/// If a listing fails.
pub async fn compare_pools(client: &Client, source: &str, restored: &str) -> Result<Comparison> {
    let (source, restored) = futures::try_join!(read(client, source), read(client, restored))?;
    Ok(compare(&source, &restored))
}
