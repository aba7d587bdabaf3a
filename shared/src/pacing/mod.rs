//! Pacing: how many calls leave, when, and what happens to those that are refused.

mod backoff;
mod budget;
mod departures;
mod lanes;
mod limiter;
mod paced_pool;
mod throttle;

pub use backoff::FullJitter;
pub use budget::Budget;
pub use lanes::Lanes;
pub use limiter::Limiter;
pub use paced_pool::PacedPool;
pub use throttle::Throttle;
