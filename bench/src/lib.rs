//! The bench at the limit: the steps on a service in this process, in virtual time.

pub mod jobs;
pub mod kind;
pub mod latency;
pub mod machine;
pub mod packed;
pub mod pool;
pub mod population;
pub mod quotas;
pub mod scenario;
pub mod service;
pub mod store;
pub mod table;
pub mod target;
pub mod traffic;
pub mod units;
