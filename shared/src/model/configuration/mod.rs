//! The configuration of a user pool: which objects it has, what each of their members is, and which
//! operations read and write them.
//!
//! The objects are kept as Cognito answers them, in JSON. [`fields_of`] says of each member what it is.

pub mod apply;
mod captured;
mod changes;
pub mod code;
pub mod difference;
mod field;
mod fields;
mod list;
mod members;
mod not_captured;
mod object;
mod operation;
mod operations;
mod path;
pub mod rebuild;
pub mod request;
pub mod schema;
mod secret;
#[cfg(test)]
mod tests;

pub use captured::{Asset, Capture, CapturedObject, assets_in};
pub use changes::{ChangedObject, ConfigurationChanges};
pub use field::{Bound, Comparison, Field, Nature, Omission, ProviderType, Tier, Write};
pub use fields::{
    RESERVED_TAG_PREFIX, field, fields_of, is_secret, is_switch, member_named_in, provider_field,
};
pub use list::{CaptureCheckpoint, CapturedConfiguration, CapturedEntry, CapturedList};
pub use members::{CutOut, Withheld, cut_out, unknown_members};
pub use not_captured::{NotCaptured, NotCapturedReason, Uncaptured};
pub use object::{ObjectKind, ObjectName};
pub use operation::{Found, Key, KeyValue, Operation, Operations, Paging, Service};
pub use operations::{OPERATIONS, operations_of};
pub use path::put_at;
pub use secret::{
    CapturedSecret, ConfigurationKeys, Envelope, KeyArn, SealedSecret, SecretContext, SecretRecord,
    SecretText, shows_secret,
};
