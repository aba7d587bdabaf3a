//! The answer of `pool finish`.

use jiff::Timestamp;
use serde::Serialize;
use shared::model::PoolId;
use shared::operations::rebuild::FinishPlan;

use super::Report;

/// What `pool finish` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolFinished {
    user_pool_id: PoolId,
    /// Whether the command changed the pool. False in a plan.
    changed: bool,
    /// The names of the triggers that the creation sets.
    triggers: Vec<String>,
    /// `ACTIVE` or `INACTIVE`, after the command.
    deletion_protection: &'static str,
    /// Whether anything was left to do when the command began.
    #[serde(skip)]
    was_open: bool,
    #[serde(skip)]
    is_plan: bool,
}

impl PoolFinished {
    pub fn plan(pool: &PoolId, plan: &FinishPlan) -> Self {
        Self {
            user_pool_id: pool.clone(),
            changed: false,
            triggers: plan.trigger_names().into_iter().map(str::to_owned).collect(),
            deletion_protection: if plan.is_protected { "ACTIVE" } else { "INACTIVE" },
            was_open: plan.changes(),
            is_plan: true,
        }
    }

    pub fn done(pool: &PoolId, finished: &FinishPlan) -> Self {
        Self { changed: finished.changes(), is_plan: false, ..Self::plan(pool, finished) }
    }
}

impl Report for PoolFinished {
    fn human(&self, _: Timestamp) -> String {
        let pool = &self.user_pool_id;
        if !self.was_open {
            return format!("User pool {pool} is finished already. The command changes nothing.");
        }
        let first = if self.is_plan { "Would finish" } else { "Finished" };
        let triggers = match (self.triggers.as_slice(), self.is_plan) {
            ([], true) => "No triggers will be set. `pool create --plan` with the same map names those that are left out."
                .to_owned(),
            ([], false) => "No triggers are set.".to_owned(),
            (names, true) => format!("From then on, these triggers run: {}.", names.join(", ")),
            (names, false) => format!("From now on, these triggers run: {}.", names.join(", ")),
        };
        let protection = match (self.deletion_protection, self.is_plan) {
            ("ACTIVE", true) => "Deletion protection will be on.",
            ("ACTIVE", false) => "Deletion protection is on.",
            (_, true) => "Deletion protection will stay off, as in the snapshot.",
            (_, false) => "Deletion protection is off, as in the snapshot.",
        };
        format!("{first} user pool {pool}.\n{triggers}\n{protection}")
    }
}
