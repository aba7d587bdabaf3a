//! Ports: the narrow traits that the library works with. Adapters implement them for AWS, stand-ins for tests.

mod announcement;
mod backend;
mod clock;
pub mod job_files;
pub mod pool;
pub mod vault;

pub use announcement::Announcement;
pub use backend::Backend;
pub use clock::Clock;
