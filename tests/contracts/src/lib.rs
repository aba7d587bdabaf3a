//! The contracts of [`shared::ports::pool::Pool`] and [`shared::ports::vault::Vault`], as tables of
//! cases: preparation, call, answer.
//!
//! The same cases run against the services, through the real adapters, and against every stand-in.
//! So the stand-ins agree with the services and with each other. A stand-in that does not model a
//! case says so in an [`Exception`].

mod exception;
pub mod pool;
pub mod vault;

pub use exception::{Deviation, Exception};
