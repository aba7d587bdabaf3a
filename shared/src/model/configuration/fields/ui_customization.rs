//! The classic look of the login pages. Source: `UICustomizationType`, `SetUICustomization`.
//!
//! A request without CSS and image removes both. Whether a request with only one of them keeps the other is
//! not measured, so a restore sends both.

use crate::model::configuration::{Bound, Field};

pub(super) const FIELDS: &[Field] = &[
    Field::derived("UserPoolId").bound(Bound::Pool),
    // A client without its own look answers the look of the pool, `ALL`.
    Field::given_name("ClientId").bound(Bound::Pool),
    Field::derived("ImageUrl").bound(Bound::Pool),
    Field::setting("CSS"),
    Field::derived("CSSVersion"),
    Field::volatile("LastModifiedDate"),
    Field::derived("CreationDate"),
    // No answer has the bytes. The capture gets them from `ImageUrl`, and keeps them as an asset.
    Field::setting("ImageFile").bytes().unreadable(),
];
