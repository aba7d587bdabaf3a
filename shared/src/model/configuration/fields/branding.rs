//! Managed login styles. Source: `ManagedLoginBrandingType`, `CreateManagedLoginBranding`,
//! `UpdateManagedLoginBranding`.
//!
//! The capture asks for the style without the merged defaults.

use crate::model::configuration::{Bound, Field, Tier};

pub(super) const FIELDS: &[Field] = &[
    Field::derived("ManagedLoginBrandingId").bound(Bound::Pool).tier(Tier::Essentials),
    Field::derived("UserPoolId").bound(Bound::Pool).tier(Tier::Essentials),
    // True excludes settings and assets.
    Field::setting("UseCognitoProvidedValues").default("false").tier(Tier::Essentials),
    // Free JSON. An update merges it.
    Field::setting("Settings").free_json().kept().tier(Tier::Essentials),
    // An update adds and replaces. It can remove none: only a deleted and created style loses one.
    Field::setting("Assets[]").default("[]").keyed(&["Category", "ColorMode"]).kept().tier(Tier::Essentials),
    Field::setting("Assets[].Category").kept().tier(Tier::Essentials),
    Field::setting("Assets[].ColorMode").kept().tier(Tier::Essentials),
    Field::setting("Assets[].Extension").kept().tier(Tier::Essentials),
    Field::setting("Assets[].Bytes").bytes().kept().tier(Tier::Essentials),
    // The requests take it, but it belongs to one pool.
    Field::derived("Assets[].ResourceId").bound(Bound::Pool).tier(Tier::Essentials),
    Field::derived("CreationDate"),
    Field::volatile("LastModifiedDate"),
    // No answer has the client. The capture adds the client that it asked for.
    Field::name("ClientId").unreadable().bound(Bound::Pool),
];
