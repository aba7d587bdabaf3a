//! The answer of `pool create`: what was or would be created, what is left out, and what lies elsewhere.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use shared::format::plural;
use shared::model::configuration::rebuild::{LeftOut, RebuildPlan};
use shared::model::{PoolId, RunId};
use shared::operations::rebuild::Rebuilt;

use super::Report;
use super::flags::command;
use super::left_out::words;

/// What `pool create` prints.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolCreated {
    source_user_pool_id: PoolId,
    snapshot_id: RunId,
    name: String,
    /// Null in a plan.
    user_pool_id: Option<PoolId>,
    /// The old and the new ids of clients.
    clients: BTreeMap<String, String>,
    /// The objects, in the order of their creation.
    steps: Vec<String>,
    left: Vec<LeftOut>,
    outside: Vec<String>,
}

impl PoolCreated {
    pub fn plan(
        pool: &PoolId,
        snapshot: &RunId,
        name: &str,
        plan: &RebuildPlan,
        outside: Vec<String>,
    ) -> Self {
        Self {
            source_user_pool_id: pool.clone(),
            snapshot_id: snapshot.clone(),
            name: name.to_owned(),
            user_pool_id: None,
            clients: BTreeMap::new(),
            steps: plan.steps.iter().map(|step| step.label.clone()).collect(),
            left: plan.left_out.clone(),
            outside,
        }
    }

    /// The same after the creation.
    pub fn done(&self, created: &Rebuilt, outside: Vec<String>) -> Self {
        let (user_pool_id, clients) = (Some(created.pool.clone()), created.clients.clone());
        Self { user_pool_id, clients, outside, ..self.clone() }
    }
}

impl Report for PoolCreated {
    fn human(&self, _: Timestamp) -> String {
        let objects = plural(self.steps.len() as u64, "object", "objects");
        let mut text = match &self.user_pool_id {
            Some(id) => format!(
                "Created user pool {id} ({:?}) with {objects} of snapshot {}.\n",
                self.name, self.snapshot_id
            ),
            None => format!(
                "A creation of user pool {:?} from snapshot {} makes {objects}, in this order:\n",
                self.name, self.snapshot_id
            ),
        };
        if self.user_pool_id.is_none() {
            self.steps.iter().for_each(|step| text += &format!("  {step}\n"));
        }
        for (old, new) in &self.clients {
            text += &format!("  client {old} is now {new}\n");
        }
        if !self.left.is_empty() {
            text += "\nLeft out:\n";
        }
        for left in &self.left {
            let field = left.field.as_ref().map(|field| format!(" {field}")).unwrap_or_default();
            text += &format!("  {}{field}: {}\n", left.object, words(left));
        }
        text += "\nTo do elsewhere:\n";
        self.outside.iter().for_each(|line| text += &format!("  {line}\n"));
        if let Some(id) = &self.user_pool_id {
            let import = format!(
                "import --pool {} --snapshot {} --into {id}",
                self.source_user_pool_id, self.snapshot_id
            );
            text += &format!(
                "\nTo go on:\n  {}\n  {}\n",
                command(&import),
                command(format!("pool finish --pool {id} --yes"))
            );
        }
        text.trim_end().to_owned()
    }
}
