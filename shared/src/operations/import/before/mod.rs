//! The phases before the first entry is restored.

pub(crate) mod collisions;
pub(crate) mod declare;
pub(crate) mod forecast;
pub(crate) mod preflight;
pub(crate) mod select;
pub(crate) mod target_rules;
pub(crate) mod target_scan;
