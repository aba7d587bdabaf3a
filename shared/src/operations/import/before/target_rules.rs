//! The settings of the target that keep a restore from creating users.

use std::collections::BTreeSet;

use crate::Result;
use crate::model::{PoolDescription, SchemaViolation, UserRecord, alias_of_form};
use crate::operations::import::context::Context;
use crate::operations::import::intent::Intent;
use crate::ports::Backend;
use crate::ports::pool::Pool;

pub struct TargetRules {
    /// The target, with the attributes that the restore declares before it creates users.
    pub target: PoolDescription,
    /// Its aliases that the source does not have.
    new_aliases: Vec<String>,
    /// The names of its identity providers.
    providers: BTreeSet<String>,
}

impl TargetRules {
    /// Asks the target for its settings.
    pub async fn read<B: Backend>(context: &Context<B>) -> Result<Self> {
        let target = context.pool.describe().await.map_err(|error| context.refused(error))?;
        Self::of(context, target).await
    }

    /// The rules of a target with these settings. Asks for its identity providers.
    pub async fn of<B: Backend>(context: &Context<B>, mut target: PoolDescription) -> Result<Self> {
        let restore = &context.restore;
        target.attributes.extend(restore.to_declare.clone());
        Ok(Self { target, new_aliases: restore.new_aliases.clone(), providers: providers(context).await? })
    }

    /// The first rule that keeps Cognito from creating a user.
    pub fn objection(&self, record: &UserRecord, intent: &Intent) -> Option<SchemaViolation> {
        if let Some(alias) = alias_of_form(&self.new_aliases, &intent.name) {
            return Some(SchemaViolation::name_of_alias(alias));
        }
        let is_missing = |provider: &&String| !self.providers.contains(*provider);
        let providers = || intent.identities.iter().map(|identity| &identity.provider_name);
        self.target
            .objection(record.restorable_attributes())
            .or_else(|| providers().find(is_missing).map(|provider| SchemaViolation::provider(provider)))
    }
}

/// The names of the target's identity providers.
async fn providers<B: Backend>(context: &Context<B>) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let mut listing = context.new_listing("the identity providers");
    while !listing.has_ended() {
        let answer = context.pool.list_providers(listing.token()).await;
        names.extend(listing.advance(answer)?.into_entries());
    }
    Ok(names)
}
