//! How one entry is restored: a group, a user, a membership.

pub(crate) mod ahead;
pub(crate) mod groups;
pub(crate) mod in_flight;
pub(crate) mod intent;
pub(crate) mod members;
pub(crate) mod password;
pub(crate) mod update;
pub(crate) mod users;
