//! What happens when every entry is settled.

pub(crate) mod verify;
