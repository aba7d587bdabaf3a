//! The answer of `pool apply`: what was or would be changed, what stays and why, and how to go back.

mod stored;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use shared::format::{form, plural};
use shared::model::configuration::ObjectKind;
use shared::model::configuration::apply::{Action, Allow, ApplyChoices, ApplyPlan, ApplyStep, SecretsAtRisk};
use shared::model::configuration::difference::{NotCompared, NotComparedReason};
use shared::model::{PoolId, RunId, object_name};
use shared::operations::Holding;
use shared::operations::apply::{AfterReason, Applied, LeftByApply};

use self::words::{is_deletable, is_extra, is_new_id, is_new_secret, left_line, reason};
use super::Report;
use super::flags::command;
use super::new_ids::new_ids;
use super::pool_diff::line;
use crate::exit::ExitStatus;

pub use self::stored::{AtRisk, SecretStorage, StoredConfiguration, way_back};
pub use self::words::action;

/// What `pool apply` prints.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolApplied {
    user_pool_id: PoolId,
    /// The id of the snapshot or the stored capture.
    snapshot_id: RunId,
    /// Whether the command changed the pool. False in a plan, and if nothing was to be changed.
    changed: bool,
    /// The configuration from before. Null if nothing was changed.
    before: Option<StoredConfiguration>,
    /// The stack of CloudFormation that manages the pool. Null if the tags of the pool name none.
    stack: Option<String>,
    /// What each object becomes, in the order of the changes. `old` is what the pool has.
    steps: Vec<ApplyStep>,
    /// The differences that stay.
    left: Vec<LeftByApply>,
    not_compared: Vec<NotCompared>,
    /// The old and the new ids of clients that were created again.
    clients: BTreeMap<String, String>,
    /// The labels of clients, by their old ids.
    #[serde(skip)]
    client_labels: BTreeMap<String, String>,
    /// The clients that get a new secret.
    new_secrets: BTreeSet<String>,
    /// The secrets that the plan replaces or deletes.
    secrets_at_risk: Vec<SecretsAtRisk>,
    /// Whether the stored capture gets these secrets.
    secret_storage: SecretStorage,
    #[serde(skip)]
    gives_up_secrets: bool,
    #[serde(skip)]
    holding: Holding,
}

/// What a pool goes back to.
#[derive(Debug, Clone, Copy)]
pub struct AppliedFrom<'a> {
    pub pool: &'a PoolId,
    /// The id of the snapshot or the stored capture.
    pub id: &'a RunId,
    pub holding: Holding,
    pub choices: &'a ApplyChoices,
}

/// What a command that stopped has done, line by line.
pub fn applied_so_far(applied: &Applied) -> String {
    if !applied.has_sent {
        return " The command stopped before its first change.".to_owned();
    }
    let mut text = match &applied.done[..] {
        [] => "\nNo object is rolled back completely.".to_owned(),
        _ => "\nDone so far:".to_owned(),
    };
    for step in &applied.done {
        text += &format!("\n  {} {}", action(step.action), object_name(&step.label));
    }
    let labels = applied.client_labels.iter().map(|(id, label)| (id.clone(), object_name(label)));
    for line in new_ids(&applied.clients, &labels.collect()) {
        text += &format!("\n  {line}");
    }
    for label in &applied.unsure {
        let label = object_name(label);
        text += &format!("\nThe command does not know whether it changed {label}. The next command looks.");
    }
    for (label, why) in &applied.refused {
        text += &format!("\nNot rolled back: {}: {}", object_name(label), reason(why));
    }
    text
}

impl PoolApplied {
    /// `secrets_at_risk` are the secrets that the plan replaces or deletes.
    pub fn plan(
        from: AppliedFrom<'_>,
        plan: &ApplyPlan,
        secrets_at_risk: Vec<SecretsAtRisk>,
        secret_storage: SecretStorage,
    ) -> Self {
        let left = plan.left.iter().map(|left| LeftByApply {
            difference: left.difference.clone(),
            reason: AfterReason::Planned(left.reason),
        });
        let left: Vec<_> = left.collect();
        let new_secrets = left.iter().filter(|left| is_new_secret(left));
        Self {
            user_pool_id: from.pool.clone(),
            snapshot_id: from.id.clone(),
            changed: false,
            before: None,
            stack: plan.stack.clone(),
            steps: plan.steps.clone(),
            new_secrets: new_secrets.map(|left| left.difference.object.text.clone()).collect(),
            left,
            not_compared: plan.not_compared.clone(),
            clients: plan.clients.clone(),
            client_labels: plan.client_labels.clone(),
            secrets_at_risk,
            secret_storage,
            gives_up_secrets: from.choices.allow.contains(&Allow::LostSecret),
            holding: from.holding,
        }
    }

    /// The same after the changes.
    pub fn done(&self, applied: &Applied, before: Option<StoredConfiguration>) -> Self {
        Self {
            changed: true,
            before,
            steps: applied.done.clone(),
            left: applied.left.clone(),
            not_compared: applied.not_compared.clone(),
            clients: applied.clients.clone(),
            client_labels: applied.client_labels.clone(),
            ..self.clone()
        }
    }

    /// How the command ends. An object that the snapshot does not have is no failure, nor is the new id of a client.
    pub fn exit_status(&self) -> ExitStatus {
        if self.left.iter().all(|left| is_extra(left) || is_new_id(left)) {
            ExitStatus::Done
        } else {
            ExitStatus::Partial
        }
    }

    /// The differences that a reader sees.
    fn shown_left(&self) -> impl Iterator<Item = &LeftByApply> {
        self.left.iter().filter(|left| !is_new_id(left) && !is_new_secret(left))
    }

    /// The objects that stay for a reason of this kind, each once.
    fn objects_left(&self, is_of_kind: fn(&AfterReason) -> bool) -> Vec<&str> {
        let left = self.left.iter().filter(|left| is_of_kind(&left.reason));
        let mut objects: Vec<_> = left.map(|left| left.difference.object.text.as_str()).collect();
        objects.dedup();
        objects
    }

    /// A warning if an object is worse than before: the command deleted it to replace it.
    fn harm(&self) -> String {
        let pool = &self.user_pool_id;
        let next = "Remove the cause that the list names, and run the command again.";
        let warning = |objects: Vec<&str>, has: &str| match &objects[..] {
            [] => String::new(),
            objects => format!("ATTENTION: user pool {pool} has {has}{}. {next}\n", objects.join(", ")),
        };
        let lost = self.objects_left(|reason| matches!(reason, AfterReason::NotPutBack(_)));
        let partly = self.objects_left(|reason| matches!(reason, AfterReason::PartlyReplaced(_)));
        warning(lost, "lost ") + &warning(partly, "only a part of ")
    }

    fn first_line(&self) -> String {
        let (pool, id, noun) = (&self.user_pool_id, &self.snapshot_id, self.holding.noun());
        let objects = plural(self.steps.len() as u64, "object", "objects");
        let left = self.shown_left().count() as u64;
        match (self.changed, self.steps.len()) {
            (true, 0) if !self.harm().is_empty() => String::new(),
            (true, 0) => {
                format!("No object of user pool {pool} is rolled back completely. The list says why.\n")
            }
            (true, _) => format!("Rolled {objects} of user pool {pool} back to {noun} {id}.\n"),
            (false, 0) if left > 0 => format!(
                "With these options, the command can change nothing in user pool {pool}. {} from {noun} {id} {}.\n",
                plural(left, "difference", "differences"),
                form(left, "stays", "stay")
            ),
            (false, 0) => format!(
                "In all that the command compared, user pool {pool} is as in {noun} {id}. If you look for a change, give \
                 the id of an older snapshot.\n"
            ),
            (false, _) => {
                format!("Would roll {objects} of user pool {pool} back to {noun} {id}, in this order.\n")
            }
        }
    }

    /// A warning if a stack manages the pool that the command changes.
    fn of_stack(&self) -> String {
        let Some(stack) = self.stack.as_ref().filter(|_| !self.steps.is_empty()) else {
            return String::new();
        };
        format!(
            "ATTENTION: the CloudFormation stack {stack:?} manages this user pool. If its template has other values, a later \
             deployment can undo these changes. Compare the template with the {}.\n",
            self.holding.noun()
        )
    }

    fn steps(&self) -> String {
        let mut text = String::new();
        for step in &self.steps {
            let means = match (step.name.kind, step.action) {
                (ObjectKind::Client, Action::Create) if self.new_secrets.contains(&step.label) => {
                    " (with a new id and a new secret, which your applications need)"
                }
                (ObjectKind::Client, Action::Create) => " (with a new id, which your applications need)",
                (ObjectKind::Client, Action::Delete) => " (for good: a client that returns has a new id)",
                _ => "",
            };
            text += &format!("\n{} {}{means}\n", action(step.action), step.label);
            step.differences.iter().for_each(|difference| text += &format!("  {}\n", line(difference)));
        }
        text
    }

    fn left(&self) -> String {
        let mut text = String::new();
        let (extra, left): (Vec<_>, Vec<_>) = self.shown_left().partition(|left| is_extra(left));
        let of_extra = match extra.iter().any(|left| is_deletable(left)) {
            true => {
                "Only in the user pool (--delete-extra deletes all that it can. For one alone, give --only NAME, too)"
            }
            false => "Only in the user pool",
        };
        for (title, some) in ["Stays different", of_extra].into_iter().zip([left, extra]) {
            if some.is_empty() {
                continue;
            }
            text += &format!("\n{title}:\n");
            let mut lines: Vec<String> =
                some.into_iter().map(|left| left_line(left, self.holding.noun())).collect();
            lines.dedup();
            lines.iter().for_each(|line| text += line);
        }
        text
    }

    fn not_compared(&self) -> String {
        let name = |lacking: &NotCompared| match (&lacking.field, lacking.reason) {
            (None, NotComparedReason::LeftOut) => format!("the secrets of {}", lacking.object.text),
            (None, _) => lacking.object.text.clone(),
            (Some(field), _) => format!("{} {field}", lacking.object.text),
        };
        let mut names: Vec<String> = self.not_compared.iter().map(name).collect();
        names.dedup();
        match &names[..] {
            [] => String::new(),
            names => format!(
                "\nNot compared, and so not rolled back: {}. `{}` says why.\n",
                names.join("; "),
                command(format!("pool diff --pool {} --snapshot {}", self.user_pool_id, self.snapshot_id))
            ),
        }
    }
}

impl Report for PoolApplied {
    fn human(&self, _: Timestamp) -> String {
        let mut text = self.harm() + &self.first_line() + &self.of_stack() + &self.steps();
        if !self.changed {
            text += &self.secret_storage.risk(&self.secrets_at_risk, self.gives_up_secrets);
        }
        for line in new_ids(&self.clients, &self.client_labels) {
            text += &format!("\n{line}\n");
        }
        text += &self.left();
        text += &self.not_compared();
        if let Some(before) = &self.before {
            text += &format!("\n{}", before.words());
        }
        text.trim_end().to_owned()
    }
}
