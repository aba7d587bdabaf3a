//! Policies for clients that a metadata document describes. Source: `CIMDPolicyType`, `CreateCIMDPolicy`,
//! `UpdateCIMDPolicy`.
//!
//! The tier is an assumption: the operations have an error for the tier, and the documentation names none.

use crate::model::configuration::{Bound, Field, Tier};

pub(super) const FIELDS: &[Field] = &[
    Field::derived("UserPoolId").bound(Bound::Pool),
    Field::given_name("CIMDPolicyId").bound(Bound::Pool),
    // Absent after the client was deleted.
    Field::setting("ClientId").refused().bound(Bound::Pool).tier(Tier::Essentials),
    Field::setting("PolicyName").tier(Tier::Essentials),
    // Seconds, from a day to a year.
    Field::setting("CacheDuration").tier(Tier::Essentials),
    Field::setting("URLPatterns[]").set().refused().tier(Tier::Essentials),
    Field::derived("CreationDate"),
    Field::volatile("LastModifiedDate"),
];
