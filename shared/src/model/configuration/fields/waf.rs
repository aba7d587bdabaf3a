//! The web access control list of AWS WAF. Source: `GetWebACLForResource`, `AssociateWebACL`, AWS WAFV2 API.
//!
//! The configuration of a pool has the association, so a capture keeps only these members. The rules of the
//! list belong to AWS WAF.

use crate::model::configuration::{Bound, Field};

pub(super) const FIELDS: &[Field] = &[
    Field::derived("Name").bound(Bound::AccountAndRegion),
    Field::derived("Id").bound(Bound::AccountAndRegion),
    Field::setting("ARN").written_as("WebACLArn").refused().bound(Bound::AccountAndRegion),
];
