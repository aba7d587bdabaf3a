//! What happens once every entry is settled.

pub(crate) mod verify;
