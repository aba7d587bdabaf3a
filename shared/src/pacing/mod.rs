//! Pacing: when calls leave, how many, how often a refused call is tried again, and when a listing
//! starts again.

mod backoff;
mod budget;
mod departures;
mod in_flight;
mod lanes;
mod limiter;
mod listing;
mod paced_pool;
mod tenure;
mod throttle;
mod user_sizes;

pub use backoff::{FullJitter, seed_waits};
pub use budget::Budget;
pub use in_flight::{InFlightBytes, InFlightPiece};
pub use lanes::Lanes;
pub use limiter::Limiter;
pub use listing::{LISTING_ATTEMPTS, PagedListing, Refusal, Step};
pub use paced_pool::PacedPool;
pub use tenure::{Lapsed, LeaseView, Predecessor, Tenure, WAIT};
pub use throttle::Throttle;
pub use user_sizes::UserSizes;
