//! Copies of the pool that Cognito keeps in other Regions. Source: `UserPoolReplicaType`,
//! `CreateUserPoolReplica`, `UpdateUserPoolReplica`.

use crate::model::configuration::{Bound, Field, Tier};

pub(super) const FIELDS: &[Field] = &[
    Field::name("RegionName").bound(Bound::Region).tier(Tier::Essentials),
    // `ACTIVE` or `INACTIVE` by choice. `CREATING` and `DELETING` pass.
    Field::setting("Status").only_update().refused().tier(Tier::Essentials),
    Field::derived("Role"),
    Field::derived("UserPoolArn").bound(Bound::Pool),
    // The tags of the new replica. The pool in the other Region answers them, not the list of replicas.
    Field::fixed("UserPoolTags.*").unreadable().default("{}").tier(Tier::Essentials),
];
