//! The end of a creation, after the import: triggers, deletion protection, and no marker any more.

use serde_json::{Map, Value, json};

use super::MARKER;
use crate::catalog::{Catalog, RebuildJournal};
use crate::model::configuration::request::ConfigurationWrite;
use crate::model::configuration::{ObjectKind, ObjectName, Tier};
use crate::model::{PoolArn, PoolId, PoolTag};
use crate::operations::HeldLease;
use crate::operations::apply::require_no_import;
use crate::operations::refusals::refused;
use crate::operations::sending::{at_work, internal};
use crate::pacing::PacedPool;
use crate::ports::Clock;
use crate::ports::pool::{ConfigurablePool, Operation, Pool};
use crate::ports::vault::Vault;
use crate::{Error, ErrorKind, Guidance, Result};

/// What the end of a creation gives the pool.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishPlan {
    journal: RebuildJournal,
    arn: PoolArn,
    /// `LambdaConfig` of the plan.
    pub triggers: Value,
    /// Whether the pool has deletion protection afterwards.
    pub is_protected: bool,
    /// The request. None if the pool has everything already.
    write: Option<ConfigurationWrite>,
}

impl FinishPlan {
    /// The names of the triggers.
    pub fn trigger_names(&self) -> Vec<&str> {
        names(&self.triggers)
    }

    /// Whether anything is left to do.
    pub fn changes(&self) -> bool {
        self.write.is_some() || !self.journal.is_finished
    }
}

/// Reads what the end of a creation would give the pool.
///
/// # Errors
/// If the table has no journal of the pool, its creation has not ended, or the operator has given it other triggers.
pub async fn finish_plan<V: Vault, P: ConfigurablePool>(
    catalog: &Catalog<V>,
    pool: &PacedPool<P>,
) -> Result<FinishPlan> {
    let journal = journal(catalog, pool.id()).await?;
    let request = json!({"UserPoolId": pool.id().as_str()});
    let answer = pool.read_configuration(Operation::DescribeUserPool, &request).await;
    let live = answer.map_err(|error| refused(pool.id(), error))?.into_json()["UserPool"].take();
    let arn = PoolArn::described(&live, pool.id());
    let is_protected_now = live["DeletionProtection"] == "ACTIVE";
    let triggers: Value = serde_json::from_str(&journal.triggers)
        .ok()
        .filter(|triggers: &Value| triggers.is_object() || triggers.is_null())
        .ok_or_else(|| {
            let what = format!("The triggers in the journal of user pool {} cannot be read.", pool.id());
            Error::new(ErrorKind::SnapshotDamaged, what, Guidance::RECOVER_ITEM)
        })?;
    if journal.is_finished {
        let plan = FinishPlan { triggers, is_protected: is_protected_now, write: None, journal, arn };
        return Ok(plan);
    }
    let wanted_triggers = if triggers.is_object() { triggers.clone() } else { Value::Object(Map::new()) };
    let present = names(&live["LambdaConfig"]);
    if !present.is_empty() && live["LambdaConfig"] != wanted_triggers {
        let what = format!(
            "User pool {} has triggers that are not those of the snapshot: {}. The command leaves them as they are.",
            pool.id(),
            present.join(", ")
        );
        let next = "Remove these triggers from the user pool. Then start the command again, and set yours afterwards.";
        return Err(Error::new(ErrorKind::InvalidInput, what, next));
    }
    let is_protected = journal.is_protected || is_protected_now;
    // An operator may have given the pool the other tag. The creation gave it only its own ones.
    let opened = journal.is_import_target.then_some(PoolTag::KEY);
    let made: Vec<&str> = [MARKER].into_iter().chain(opened).collect();
    let has_tags = made.iter().any(|key| live["UserPoolTags"][key].is_string());
    let is_done =
        live["LambdaConfig"] == wanted_triggers || (present.is_empty() && names(&wanted_triggers).is_empty());
    let write = if is_done && !has_tags && is_protected == is_protected_now {
        None
    } else {
        let mut wanted = live.clone();
        wanted["LambdaConfig"] = wanted_triggers;
        wanted["DeletionProtection"] = if is_protected { "ACTIVE" } else { "INACTIVE" }.into();
        if let Some(tags) = wanted["UserPoolTags"].as_object_mut() {
            made.iter().for_each(|key| drop(tags.remove(*key)));
        }
        let tier = live["UserPoolTier"].as_str().and_then(Tier::parse);
        let name = ObjectName::single(ObjectKind::UserPool);
        let write = ConfigurationWrite::updating(&name, &wanted, &live, pool.id(), tier);
        Some(write.ok_or_else(|| internal("No operation changes a user pool."))?)
    };
    Ok(FinishPlan { journal, arn, triggers, is_protected, write })
}

/// Gives a created pool its triggers and its deletion protection, and takes the marker away. Returns what it has done.
///
/// # Errors
/// Those of [`finish_plan`]. If another command works on the pool, or Cognito refuses the call. The same call continues.
pub async fn finish<V: Vault + Clone + 'static, P: ConfigurablePool>(
    catalog: &Catalog<V>,
    pool: PacedPool<P>,
    holder: &str,
    clock: Clock,
) -> Result<FinishPlan> {
    let RebuildJournal { id, .. } = journal(catalog, pool.id()).await?;
    let mut lease = HeldLease::take_for_rebuild(catalog, &id, holder, clock).await?;
    let pool = pool.during(lease.tenure());
    let ended = lease.during(under_lease(catalog, &pool, clock)).await;
    let released = lease.give_back_after_calls().await;
    let plan = ended?;
    released?;
    Ok(plan)
}

async fn under_lease<V: Vault, P: ConfigurablePool>(
    catalog: &Catalog<V>,
    pool: &PacedPool<P>,
    clock: Clock,
) -> Result<FinishPlan> {
    let plan = finish_plan(catalog, pool).await?;
    if let Some(write) = &plan.write {
        // A trigger would run for each user that the import still creates.
        require_no_import(catalog, pool.id(), clock.now()).await?;
        let written = pool.write_configuration(write).await;
        written.map_err(|error| {
            if error.is_of_running_job() { at_work(&error) } else { refused(pool.id(), error) }
        })?;
        require_closed(pool, &plan).await?;
    }
    if !plan.journal.is_finished {
        let finished = RebuildJournal { is_finished: true, ..plan.journal.clone() };
        catalog.write_rebuild_journal(Some(&plan.journal), &finished).await?;
    }
    Ok(plan)
}

/// Looks whether the tag that opened the pool to the import is gone. Cognito does not document whether an update without
/// tags takes the last one away.
///
/// # Errors
/// `PoolStillTagged`
async fn require_closed<P: ConfigurablePool>(pool: &PacedPool<P>, plan: &FinishPlan) -> Result<()> {
    let FinishPlan { journal, arn, .. } = plan;
    if !journal.is_import_target {
        return Ok(());
    }
    let described = pool.describe().await.map_err(|error| refused(pool.id(), error))?;
    if described.tag.is_none() {
        return Ok(());
    }
    let what = format!(
        "User pool {} is finished, but it still has the tag {}, which opens it to imports.",
        pool.id(),
        PoolTag::KEY
    );
    let next = format!("Take the tag away with `{}`. Then start the command again.", arn.untag_line());
    Err(Error::new(ErrorKind::PoolStillTagged, what, next))
}

/// The journal of a pool whose creation has ended.
async fn journal<V: Vault>(catalog: &Catalog<V>, pool: &PoolId) -> Result<RebuildJournal> {
    let Some(journal) = catalog.journal_of_rebuilt(pool).await? else {
        let what = format!("The table has no record of a creation of user pool {pool}.");
        let next = "Name the user pool that the creation has printed, and the table of that creation.";
        return Err(Error::new(ErrorKind::InvalidInput, what, next));
    };
    if !journal.is_created {
        let what = format!("The creation of user pool {pool} has not ended.");
        let next = Guidance::ContinueCreation { pool: journal.id.source.to_string(), name: journal.id.name };
        return Err(Error::new(ErrorKind::InvalidInput, what, next));
    }
    Ok(journal)
}

/// The names of the triggers in a `LambdaConfig`.
fn names(triggers: &Value) -> Vec<&str> {
    let members = triggers.as_object().into_iter().flatten();
    members.filter(|(_, value)| !value.is_null()).map(|(name, _)| name.as_str()).collect()
}
