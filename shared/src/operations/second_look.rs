//! The second look at a single user, because a listing may show a user some seconds late.
//!
//! | for | the second look |
//! |---|---|
//! | the verification of a restore | AdminGetUser: the restore has just created the user, who counts as active |
//! | the command `verify`, and the checks of an export | ListUsers with the filter `sub = "…"`, which makes no user count as active |

use std::future::Future;

use crate::Result;
use crate::model::{Sub, User};
use crate::ports::pool::{Pool, PoolErrorKind, PoolResult};

/// Answers of one look-up, which may be empty and lead to a further one.
const MAX_ANSWERS: usize = 10;

/// What a look-up by `sub` found.
pub enum LookedUp {
    Found(Box<User>),
    Gone,
    /// Cognito kept answering with empty pages.
    Undecided,
}

/// Looks up the user with this `sub` by the exact filter, which Cognito documents.
pub async fn look_up(pool: &impl Pool, sub: &Sub) -> PoolResult<LookedUp> {
    let mut token: Option<String> = None;
    for _ in 0..MAX_ANSWERS {
        let answer = pool.list_users_with_sub(sub, token.as_deref()).await?;
        if let Some(user) = answer.entries.into_iter().find(|user| user.sub == *sub) {
            return Ok(LookedUp::Found(Box::new(user)));
        }
        match answer.next_token {
            None => return Ok(LookedUp::Gone),
            next => token = next,
        }
    }
    Ok(LookedUp::Undecided)
}

/// Whether the error of a listing with a filter has the same meaning as without the filter. Any other error
/// means that the filter does not work.
pub fn is_of_the_run(kind: PoolErrorKind) -> bool {
    match kind {
        PoolErrorKind::Throttled
        | PoolErrorKind::AccessDenied
        | PoolErrorKind::NotFound
        | PoolErrorKind::OutOfTime
        | PoolErrorKind::Overtaken
        | PoolErrorKind::LeaseUnreadable => true,
        PoolErrorKind::Transient
        | PoolErrorKind::InvalidParameter
        | PoolErrorKind::Refused
        | PoolErrorKind::AlreadyExists
        | PoolErrorKind::AliasTaken
        | PoolErrorKind::UserNotFound
        | PoolErrorKind::Undelivered => false,
    }
}

/// The fields in which a user differs from its record. `listed` are those of the first look, at a listing. A user that
/// differs there is looked at again, and the second look counts. None if `second_look` does not find the user.
pub async fn lasting_differences(
    listed: Vec<String>,
    second_look: impl Future<Output = Result<Option<User>>>,
    differences: impl FnOnce(&User) -> Vec<String>,
) -> Result<Option<Vec<String>>> {
    if listed.is_empty() {
        return Ok(Some(listed));
    }
    Ok(second_look.await?.map(|user| differences(&user)))
}
