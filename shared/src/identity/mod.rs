//! Identity: which snapshot user is which target user.

mod matcher;

pub use matcher::{EarlierRepairs, UserMatcher};
