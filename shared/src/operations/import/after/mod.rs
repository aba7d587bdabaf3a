//! The phase after every entry is settled.

pub(crate) mod verify;
