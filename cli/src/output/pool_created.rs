//! The answer of `pool create`: what was or would be created, what is left out, and what lies elsewhere.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use shared::format::plural;
use shared::model::configuration::rebuild::{LeftOut, RebuildPlan, Step, ToDo, outside};
use shared::model::{PoolArn, PoolId, PoolTag, RunId, object_name, tag_line};
use shared::operations::rebuild::{CreationReason, LeftByCreation, Rebuilt};

use super::Report;
use super::flags::{command, flag};
use super::left_out::words;
use super::new_ids::new_ids;
use super::to_do::{NewPool, line};
use crate::aws::Caller;
use crate::exit::ExitStatus;

/// What `pool create` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolCreated {
    source_user_pool_id: PoolId,
    snapshot_id: RunId,
    name: String,
    /// The account of the new pool.
    account_id: String,
    region: String,
    /// Null in a plan.
    user_pool_id: Option<PoolId>,
    /// The old and the new ids of clients.
    clients: BTreeMap<String, String>,
    /// The labels of clients, by their old ids.
    #[serde(skip)]
    client_labels: BTreeMap<String, String>,
    /// The objects, in the order of their creation.
    steps: Vec<String>,
    left: Vec<Left>,
    outside: Vec<String>,
    /// In a plan: the creation that the command continues.
    #[serde(skip)]
    continued: Option<Continued>,
    #[serde(skip)]
    partition: String,
    /// The file that maps the roles of groups.
    #[serde(skip)]
    group_roles: Option<String>,
}

/// One object, or one member of it, that the new pool lacks, or has with other values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Left {
    object: String,
    /// Null if the whole object is left out.
    field: Option<String>,
    reason: String,
    /// The operation that Cognito refused, and its code.
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<String>,
    #[serde(skip)]
    words: String,
    #[serde(skip)]
    fate: Fate,
}

/// What the same command does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Nothing: the plan leaves it out.
    LeftOut,
    TriedAgain,
    /// Nothing: the pool has it with other values.
    NotChanged,
}

impl Left {
    fn by_plan(left: &LeftOut) -> Self {
        let reason = serde_json::to_value(left.reason).ok();
        Self {
            object: left.object.clone(),
            field: left.field.clone(),
            reason: reason.and_then(|reason| reason.as_str().map(str::to_owned)).unwrap_or_default(),
            call: None,
            words: words(left).to_owned(),
            fate: Fate::LeftOut,
        }
    }

    fn by_creation(left: &LeftByCreation) -> Self {
        let (reason, words) = match &left.reason {
            CreationReason::Refused(call) => ("refused", format!("Cognito refused it ({call})")),
            CreationReason::NeedsRefused => ("needsRefused", "it needs what Cognito refused".to_owned()),
            CreationReason::DomainNotActive => {
                ("domainNotActive", "the domain was not active in time".to_owned())
            }
            CreationReason::MadeBefore => (
                "madeBefore",
                "made before with other values. Change it by hand, then run `pool finish`".to_owned(),
            ),
        };
        let fate = match &left.reason {
            CreationReason::MadeBefore => Fate::NotChanged,
            _ => Fate::TriedAgain,
        };
        let call = match &left.reason {
            CreationReason::Refused(call) => Some(call.to_string()),
            _ => None,
        };
        let (object, field) = (left.object.clone(), left.field.clone());
        Self { object, field, reason: reason.to_owned(), call, words, fate }
    }
}

/// A creation that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Continued {
    /// The new pool. None if the table does not have its id.
    pub pool: Option<PoolId>,
}

/// What a creation is about.
#[derive(Debug, Clone)]
pub struct Creation<'a> {
    pub source: &'a PoolId,
    pub snapshot: &'a RunId,
    pub name: &'a str,
    pub caller: &'a Caller,
    pub region: &'a str,
    /// The file that maps the roles of groups, if there is one.
    pub group_roles: Option<&'a str>,
    /// The creation that the command continues. None if it begins one.
    pub continued: Option<Continued>,
}

impl PoolCreated {
    pub fn plan(creation: Creation<'_>, plan: &RebuildPlan) -> Self {
        let known = creation.continued.as_ref().and_then(|continued| continued.pool.clone());
        let planned = Self {
            source_user_pool_id: creation.source.clone(),
            snapshot_id: creation.snapshot.clone(),
            name: creation.name.to_owned(),
            account_id: creation.caller.account.clone(),
            region: creation.region.to_owned(),
            user_pool_id: None,
            clients: BTreeMap::new(),
            client_labels: plan.client_labels(),
            steps: plan.steps.iter().map(|step| step.label.clone()).collect(),
            left: plan.left_out.iter().map(Left::by_plan).collect(),
            outside: Vec::new(),
            partition: creation.caller.partition.clone(),
            group_roles: creation.group_roles.map(str::to_owned),
            continued: creation.continued,
        };
        let id = known.as_ref().map_or("NEW_POOL_ID", PoolId::as_str);
        planned.with_outside(id, &outside(plan, |_| true))
    }

    /// The same after the creation.
    pub fn done(&self, plan: &RebuildPlan, created: &Rebuilt) -> Self {
        let mut done = Self {
            user_pool_id: created.pool.clone(),
            clients: created.clients.clone(),
            steps: created.made.clone(),
            ..self.clone()
        };
        done.left.extend(created.left_out.iter().map(Left::by_creation));
        let is_made = |step: &Step| created.made.contains(&step.label);
        let id = created.pool.as_ref().map_or("NEW_POOL_ID", PoolId::as_str);
        done.with_outside(id, &outside(plan, is_made))
    }

    fn with_outside(mut self, id: &str, to_do: &[ToDo]) -> Self {
        let (partition, region, account) = (&self.partition, &self.region, &self.account_id);
        let arn = format!("arn:{partition}:cognito-idp:{region}:{account}:userpool/{id}");
        let pool = NewPool { id: id.to_owned(), arn, region: region.clone() };
        self.outside = to_do.iter().map(|to_do| line(to_do, &pool)).collect();
        self
    }

    /// The question before the command begins, or continues.
    pub fn question(&self) -> &'static str {
        if self.continued.is_some() {
            "Type the name of the user pool to continue:"
        } else {
            "Type the name of the new user pool to create it:"
        }
    }

    /// What the command does first.
    pub fn beginning(&self) -> String {
        let (name, place) = (&self.name, self.place());
        match &self.continued {
            None => format!("Creating user pool {name:?} in {place}."),
            Some(_) => format!("Continuing the creation of user pool {name:?} in {place}."),
        }
    }

    /// Whether the pool has an object with other values than the plan. No later command with this plan changes it.
    pub fn has_unchanged(&self) -> bool {
        self.left.iter().any(|left| left.fate == Fate::NotChanged)
    }

    /// Whether the same command tries again what the pool lacks.
    pub fn lacks(&self) -> bool {
        self.left.iter().any(|left| left.fate == Fate::TriedAgain)
    }

    /// The ARN of the pool. None in a plan.
    pub fn pool_arn(&self) -> Option<PoolArn> {
        let pool = self.user_pool_id.as_ref()?;
        Some(PoolArn::new(&self.partition, &self.account_id, pool))
    }

    /// Where the pool is or will be: `account 123456789012, Region eu-west-1`.
    pub fn place(&self) -> String {
        format!("account {}, Region {}", self.account_id, self.region)
    }
}

/// The exit code of a creation: partial if it left something out that the plan had.
pub fn status_of(created: &Rebuilt) -> ExitStatus {
    if created.left_out.is_empty() { ExitStatus::Done } else { ExitStatus::Partial }
}

/// What a creation that stopped has made, line by line. Empty if it has made nothing.
pub fn made_so_far(made: &Rebuilt, plan: &RebuildPlan) -> String {
    let Some(pool) = &made.pool else { return String::new() };
    let mut text = format!("\nMade so far: user pool {pool}");
    for label in &made.made {
        text += &format!("\n  {}", object_name(label));
    }
    let labels = plan.client_labels().into_iter().map(|(id, label)| (id, object_name(&label)));
    for line in new_ids(&made.clients, &labels.collect()) {
        text += &format!("\n  {line}");
    }
    text
}

impl PoolCreated {
    /// What was or would be created, without the commands to go on with.
    pub fn in_words(&self) -> String {
        let objects = plural(self.steps.len() as u64, "object", "objects");
        let (name, place, snapshot) = (&self.name, self.place(), &self.snapshot_id);
        let mut text = match &self.user_pool_id {
            Some(id) => {
                format!(
                    "Created user pool {id} ({name:?}) in {place}, with {objects} of snapshot {snapshot}.\n"
                )
            }
            None => {
                let (what, note) = match &self.continued {
                    None => (format!("create user pool {name:?}"), ""),
                    Some(Continued { pool: None }) => {
                        (format!("continue the creation of user pool {name:?}"), "")
                    }
                    Some(Continued { pool: Some(pool) }) => (
                        format!("continue the creation of user pool {pool} ({name:?})"),
                        "; objects that exist stay",
                    ),
                };
                format!(
                    "Would {what} in {place}, from snapshot {snapshot} ({objects}, in this order{note}):\n"
                )
            }
        };
        if self.user_pool_id.is_none() {
            self.steps.iter().for_each(|step| text += &format!("  {step}\n"));
        }
        for line in new_ids(&self.clients, &self.client_labels) {
            text += &format!("  {line}\n");
        }
        let (unchanged, left): (Vec<_>, Vec<_>) =
            self.left.iter().partition(|left| left.fate == Fate::NotChanged);
        for (title, some) in [("Left out", left), ("Not changed", unchanged)] {
            if !some.is_empty() {
                text += &format!("\n{title}:\n");
            }
            for Left { object, field, words, .. } in some {
                let field = field.as_ref().map(|field| format!(" {field}")).unwrap_or_default();
                text += &format!("  {object}{field}: {words}\n");
            }
        }
        if self.lacks() {
            text += "Run the same command again before `pool finish`: it tries again what is missing.\n";
        }
        text += match self.user_pool_id {
            Some(_) => "\nTo do elsewhere:\n",
            None if self.continued.is_some() => "\nTo do elsewhere:\n",
            None => {
                "\nTo do elsewhere after the creation. The command then prints these lines with the new id:\n"
            }
        };
        self.outside.iter().for_each(|line| text += &format!("  {line}\n"));
        text.trim_end().to_owned()
    }
}

impl Report for PoolCreated {
    fn human(&self, _: Timestamp) -> String {
        let (mut text, snapshot) = (self.in_words(), &self.snapshot_id);
        if let (Some(id), Some(arn)) = (&self.user_pool_id, self.pool_arn()) {
            let tag = tag_line(arn.as_str(), PoolTag::Target.as_str(), arn.region());
            let roles = self.group_roles.as_deref().map(|file| flag("group-roles", file)).unwrap_or_default();
            let import = format!(
                "import --pool {} --snapshot {snapshot} --into {id}{roles}",
                self.source_user_pool_id
            );
            text += &format!(
                "\n\nTo go on (with RequirePoolTag=NO in the deployment, the tag is not needed):\n  {tag}\n  {}\n  {}",
                command(&import),
                command(format!("pool finish --pool {id}"))
            );
        }
        text
    }
}
