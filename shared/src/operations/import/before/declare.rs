//! Declare: adds the custom attributes that the target lacks. Cognito cannot remove them again, so
//! this phase follows all phases that may refuse the restore.

use std::collections::BTreeMap;

use crate::model::{AttributeSchema, PoolDescription, Restore, setting_name};
use crate::operations::import::context::Context;
use crate::operations::import::phase::PhaseEnd;
use crate::ports::Backend;
use crate::ports::pool::Pool;
use crate::{Error, ErrorKind, Guidance, Result};

/// The most attributes in one AddCustomAttributes. Source: Amazon Cognito user pools API reference.
const MAX_ATTRIBUTES_PER_CALL: usize = 25;

/// Declares the attributes, unless an earlier invocation did.
pub async fn run<B: Backend>(context: &Context<B>) -> Result<PhaseEnd> {
    let Context { pool, catalog, restore, .. } = context;
    if restore.to_declare.is_empty() {
        return Ok(PhaseEnd::Done);
    }
    let attributes: Vec<_> = restore.to_declare.iter().collect();
    for chunk in attributes.chunks(MAX_ATTRIBUTES_PER_CALL) {
        let chunk: BTreeMap<_, _> =
            chunk.iter().map(|(name, schema)| ((*name).clone(), (*schema).clone())).collect();
        let Err(error) = pool.add_custom_attributes(&chunk).await else { continue };
        // An earlier call may have added them, although its reply was lost.
        let target = pool.describe().await.map_err(|error| context.refused(error))?;
        if !chunk.keys().all(|name| target.attributes.contains_key(name)) {
            return Err(context.refused(error));
        }
    }
    let target = pool.describe().await.map_err(|error| context.refused(error))?;
    require_declared(context, &target)?;
    catalog.change_restore(&restore.target, &restore.id, |restore| restore.to_declare.clear()).await?;
    Ok(PhaseEnd::Done)
}

/// Checks that the target declares the attributes under the names and with the types of the snapshot.
/// Otherwise every user that has one of them would be refused.
fn require_declared<B: Backend>(context: &Context<B>, target: &PoolDescription) -> Result<()> {
    let Restore { to_declare, snapshot, target: id, .. } = &context.restore;
    let is_as_declared = |(name, schema): &(&String, &AttributeSchema)| {
        target.attributes.get(*name).is_some_and(|there| there.data_type == schema.data_type)
    };
    let others: Vec<_> = to_declare
        .iter()
        .filter(|declared| !is_as_declared(declared))
        .map(|(name, _)| setting_name(name))
        .collect();
    if others.is_empty() {
        return Ok(());
    }
    let what = format!(
        "User pool {id} does not declare {} as snapshot {snapshot} has it, although the restore declared it.",
        others.join(", ")
    );
    Err(Error::new(ErrorKind::MissingCustomAttributes, what, Guidance::REPORT_THIS))
}
