//! Interleavings: the order in which the calls of several invocations take effect.
//!
//! A [`Pair`] builds a small world with some actors, for example two invocations of one step. The
//! [scheduler](play) lets one actor at a time make one call. [`explore`] tries all orders with few
//! preemptions, [`sample`] random ones.

mod course;
mod explore;
mod pairs;
mod schedule;
mod scheduler;

pub use explore::{Explored, Limits, Pair, Search, Violation, explore, replay, sample};
pub use pairs::{LARGER_PAIRS, PAIRS};
pub use schedule::{Schedule, Seeded};
pub use scheduler::{Able, Actor, Choice, Choose, Point, Step, play};
