//! Ports: the traits that the library works with. Adapters implement them for AWS, and stand-ins
//! for tests.

pub mod actions;
mod announcement;
mod backend;
mod clock;
pub mod job_files;
pub mod keys;
pub mod pool;
pub mod vault;

pub use announcement::Announcement;
pub use backend::Backend;
pub use clock::Clock;
