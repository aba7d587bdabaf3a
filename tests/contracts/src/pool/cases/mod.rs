//! The cases of a pool.
//!
//! Unless a case names a source, it is the API reference or the developer guide of Amazon Cognito
//! user pools. If they do not say with which error a call is refused, a case accepts any error that
//! fits.

mod attributes;
mod federation;
mod groups;
mod jobs;
mod listings;
mod names;
mod parts;
mod passwords;
mod pools;
mod recoveries;
mod users;

use crate::pool::Case;

pub fn cases() -> Vec<Case> {
    let by_topic = [
        users::cases(),
        names::cases(),
        attributes::cases(),
        passwords::cases(),
        groups::cases(),
        listings::cases(),
        federation::cases(),
        jobs::cases(),
        recoveries::cases(),
        pools::cases(),
    ];
    by_topic.into_iter().flatten().collect()
}
