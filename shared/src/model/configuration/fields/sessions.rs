//! Sign-in sessions: first of the pool, then of a client. Source: `GetUserPoolSessionConfiguration`,
//! `GetUserPoolClientSessionConfiguration` and their `Set…`.
//!
//! The requests replace everything and need every member.

use crate::model::configuration::{Bound, Field, Tier};

pub(super) const FIELDS: &[Field] = &[
    Field::derived("UserPoolId").bound(Bound::Pool),
    Field::setting("UserSessionTracking").default(r#""DISABLED""#).refused().tier(Tier::Essentials),
    Field::setting("TokenSession.MaxPerUser").default("20").refused().tier(Tier::Essentials),
    Field::given_name("ClientId").bound(Bound::Pool),
    // The settings of a client stay while tracking is off, and count again after it.
    Field::setting("SSOSession.MaxValidityMinutes").default("60").refused().tier(Tier::Essentials),
];
