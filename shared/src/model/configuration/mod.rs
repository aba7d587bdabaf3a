//! The configuration of a user pool: which objects it has, what each of their members is, and how they are stored.
//!
//! The objects are kept as Cognito answers them, in JSON. [`FIELDS`](fields::FIELDS) says of each member what it is.

mod field;
mod fields;
mod object;

pub use field::{Bound, Comparison, Field, Nature, Omission, Tier, Write};
pub use fields::{field, fields_of};
pub use object::{ObjectKind, ObjectName};
