//! The reports of runs, and every sentence that the library writes for people.

mod failure;
mod guidance;

pub use guidance::{cause, in_members};
