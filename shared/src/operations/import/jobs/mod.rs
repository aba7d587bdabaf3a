//! How import jobs create users from CSV files.

pub(crate) mod driver;
pub(crate) mod file;
