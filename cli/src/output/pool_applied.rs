//! The answer of `pool apply`: what was or would be changed, what stays and why, and how to go back.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use shared::format::{form, plural};
use shared::model::configuration::apply::{Action, Allow, ApplyChoices, ApplyPlan, ApplyReason, ApplyStep};
use shared::model::configuration::difference::{Change, NotCompared};
use shared::model::configuration::{CapturedList, NotCapturedReason, ObjectKind};
use shared::model::{PoolId, RunId, StoredCapture, object_name};
use shared::operations::Holding;
use shared::operations::apply::{AfterReason, Applied, LeftByApply};

use super::Report;
use super::flags::command;
use super::pool_diff::line;
use crate::exit::ExitStatus;

/// What `pool apply` prints.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolApplied {
    user_pool_id: PoolId,
    /// The id of the snapshot or the capture.
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
    #[serde(skip)]
    holding: Holding,
}

/// What a pool goes back to.
#[derive(Debug, Clone, Copy)]
pub struct AppliedFrom<'a> {
    pub pool: &'a PoolId,
    /// The id of the snapshot or the capture.
    pub id: &'a RunId,
    pub holding: Holding,
}

/// The configuration that the pool had before.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredConfiguration {
    capture_id: RunId,
    /// Secrets that the capture lacks.
    secrets_left_out: u64,
    /// Logos that the capture lacks.
    logos_left_out: u64,
    /// The line that goes back.
    go_back: String,
}

impl StoredConfiguration {
    /// `list` is the list of the capture. `options` are those that the way back needs.
    pub fn new(capture: &StoredCapture, list: &CapturedList, options: &str) -> Self {
        let StoredCapture { id, pool, .. } = capture;
        let is_secret = |reason: &NotCapturedReason| *reason == NotCapturedReason::NotEncrypted;
        let not_encrypted = list.not_captured().iter().filter(|lacking| is_secret(&lacking.reason)).count();
        let is_logo = |reason: &NotCapturedReason| {
            matches!(reason, NotCapturedReason::NotFetched | NotCapturedReason::TooLarge)
        };
        let logos = list.not_captured().iter().filter(|lacking| {
            lacking.object.kind() == Some(ObjectKind::UiCustomization)
                && lacking.member.is_some()
                && is_logo(&lacking.reason)
        });
        Self {
            logos_left_out: logos.count() as u64,
            capture_id: id.clone(),
            secrets_left_out: list.secrets_left_out() + not_encrypted as u64,
            go_back: command(format!("pool apply --pool {pool} --snapshot {id}{options}")),
        }
    }

    /// Where the configuration is, and how to go back.
    pub fn words(&self) -> String {
        let Self { capture_id, secrets_left_out, logos_left_out, go_back } = self;
        let lacks = match secrets_left_out {
            0 => String::new(),
            count => format!(
                " It lacks {}: the table has no encrypted one whose keys you may use. Going back leaves {} as the user pool \
                 has {}.",
                plural(*count, "secret", "secrets"),
                form(*count, "it", "them"),
                form(*count, "it", "them")
            ),
        };
        let logos = match logos_left_out {
            0 => String::new(),
            count => format!(" It lacks {}, which could not be read.", plural(*count, "logo", "logos")),
        };
        format!(
            "Capture {capture_id} holds the configuration from before.{lacks}{logos} To go back:\n  {go_back}"
        )
    }
}

/// What a step does, for a reader: `change`.
pub fn action(action: Action) -> &'static str {
    match action {
        Action::AddAttributes => "add attributes to",
        Action::Create => "create",
        Action::Change => "change",
        Action::Replace => "delete and create again",
        Action::Delete => "delete",
    }
}

/// The options with which a roll back undoes a plan: what the plan allows, the way back needs, too.
pub fn way_back(plan: &ApplyPlan, choices: &ApplyChoices) -> String {
    let mut options = String::new();
    if !choices.only.is_empty() {
        let parts: Vec<String> = choices.only.iter().map(ToString::to_string).collect();
        options += &format!(" --only {}", quoted(&parts.join(",")));
    }
    let differences = || plan.steps.iter().flat_map(|step| &step.differences);
    let allows: BTreeSet<Allow> = differences().filter_map(Allow::of_way_back).collect();
    if !allows.is_empty() {
        let names: Vec<&str> = allows.into_iter().map(Allow::name).collect();
        options += &format!(" --allow {}", names.join(","));
    }
    let is_client = |step: &&ApplyStep| step.name.kind == ObjectKind::Client;
    if plan.steps.iter().filter(is_client).any(|step| step.action == Action::Delete) {
        options += " --recreate-clients";
    }
    if differences().any(|found| found.field.is_none() && found.change == Change::Added) {
        options += " --delete-extra";
    }
    options
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:@+=".contains(c);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// What a command that stopped has done, line by line.
pub fn applied_so_far(applied: &Applied) -> String {
    if !applied.has_sent {
        return "\nNothing was changed.".to_owned();
    }
    let mut text = match &applied.done[..] {
        [] => "\nNo object is brought back completely.".to_owned(),
        _ => "\nDone so far:".to_owned(),
    };
    for step in &applied.done {
        text += &format!("\n  {} {}", action(step.action), object_name(&step.label));
    }
    for (old, new) in &applied.clients {
        text += &format!("\n  client {old} is now {new}");
    }
    for label in &applied.unsure {
        text += &format!("\nMay be changed, in part or completely: {}", object_name(label));
    }
    for (label, reason) in &applied.refused {
        text += &format!("\nNot brought back: {}: {}", object_name(label), words(reason));
    }
    text
}

impl PoolApplied {
    pub fn plan(from: AppliedFrom<'_>, plan: &ApplyPlan) -> Self {
        let left = plan.left.iter().map(|left| LeftByApply {
            difference: left.difference.clone(),
            reason: AfterReason::Planned(left.reason),
        });
        Self {
            user_pool_id: from.pool.clone(),
            snapshot_id: from.id.clone(),
            changed: false,
            before: None,
            stack: plan.stack.clone(),
            steps: plan.steps.clone(),
            left: left.collect(),
            not_compared: plan.not_compared.clone(),
            clients: plan.clients.clone(),
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

    fn first_line(&self) -> String {
        let (pool, id, noun) = (&self.user_pool_id, &self.snapshot_id, self.holding.noun());
        let objects = plural(self.steps.len() as u64, "object", "objects");
        if self.changed {
            return format!("Brought {objects} of user pool {pool} back to {noun} {id}.\n");
        }
        match self.steps.len() {
            0 if self.exit_status() == ExitStatus::Done => {
                format!("Nothing to change in user pool {pool} for {noun} {id}.\n")
            }
            0 => format!(
                "With these options, the command can change nothing in user pool {pool} for {noun} {id}. They still differ.\n"
            ),
            _ => format!("Would bring {objects} of user pool {pool} back to {noun} {id}, in this order.\n"),
        }
    }

    fn steps(&self) -> String {
        let mut text = String::new();
        for step in &self.steps {
            let new_id = step.name.kind == ObjectKind::Client && step.action == Action::Create;
            let means = if new_id { " (with a new id, which your applications need)" } else { "" };
            text += &format!("\n{} {}{means}\n", action(step.action), step.label);
            step.differences.iter().for_each(|difference| text += &format!("  {}\n", line(difference)));
        }
        text
    }

    fn left(&self) -> String {
        let mut text = String::new();
        let left = self.left.iter().filter(|left| !is_new_id(left));
        let (extra, left): (Vec<_>, Vec<_>) = left.partition(|left| is_extra(left));
        let titles =
            ["Stays different (the user pool → what it would go back to)", "Only in the user pool, and left"];
        for (title, some) in titles.into_iter().zip([left, extra]) {
            if some.is_empty() {
                continue;
            }
            text += &format!("\n{title}:\n");
            let mut lines: Vec<String> = some.into_iter().map(left_line).collect();
            lines.dedup();
            lines.iter().for_each(|line| text += line);
        }
        text
    }

    fn not_compared(&self) -> String {
        let name = |lacking: &NotCompared| {
            let field = lacking.field.as_ref().map(|field| format!(" {field}")).unwrap_or_default();
            format!("{}{field}", lacking.object.text)
        };
        let mut names: Vec<String> = self.not_compared.iter().map(name).collect();
        names.dedup();
        match &names[..] {
            [] => String::new(),
            names => format!(
                "\nNot compared, and not changed: {}. `{}` says why.\n",
                names.join(", "),
                command(format!("pool diff --pool {} --snapshot {}", self.user_pool_id, self.snapshot_id))
            ),
        }
    }
}

/// Whether the snapshot does not have the object at all.
fn is_extra(left: &LeftByApply) -> bool {
    left.difference.object.new.is_none()
        && matches!(left.reason, AfterReason::Planned(ApplyReason::NeedsDeleteExtra | ApplyReason::MadeByAws))
}

/// Whether it is the id of an object that was created again.
fn is_new_id(left: &LeftByApply) -> bool {
    let difference = &left.difference;
    let ids = [(ObjectKind::Client, "ClientId"), (ObjectKind::CimdPolicy, "CIMDPolicyId")];
    ids.iter().any(|(kind, member)| {
        difference.object.kind == Some(*kind) && difference.field.as_deref() == Some(*member)
    })
}

fn left_line(left: &LeftByApply) -> String {
    let object = &left.difference.object.text;
    if is_extra(left) {
        return format!("  {object}: {}\n", words(&left.reason));
    }
    format!("  {object} {}\n    {}\n", line(&left.difference), words(&left.reason))
}

/// Why a difference stays, and what changes that.
fn words(reason: &AfterReason) -> String {
    let words = match reason {
        AfterReason::Refused(call) => return format!("Cognito refused it ({call})"),
        AfterReason::NeedsRefused => "it belongs to an object that Cognito refused, or comes after it",
        AfterReason::NotTaken => "Cognito took the request, and shows another value",
        AfterReason::Planned(reason) => match reason {
            ApplyReason::NeedsAllow(allow) => {
                return format!("needs --allow {allow}: {}", allow.words());
            }
            ApplyReason::CannotChange => "Cognito cannot change it",
            ApplyReason::OtherDomain => {
                "a user pool has at most one such domain. Delete the present one yourself, then run the command again"
            }
            ApplyReason::NeedsAddAttributes => {
                "needs --add-attributes. Cognito can never remove an attribute again"
            }
            ApplyReason::NeedsRecreateClients => "needs --recreate-clients. The client gets a new id",
            ApplyReason::NeedsDeleteExtra => "--delete-extra deletes it",
            ApplyReason::SecretMissing => "its secret is not known",
            ApplyReason::ReplacesSecret => "the request would replace or delete the secret of the client",
            ApplyReason::NeededByMfa => "the second factors of the user pool need it, and stay as they are",
            ApplyReason::NamesMissing => "it names a provider, a scope or a client that the user pool lacks",
            ApplyReason::AmbiguousName => "another object has the same name",
            ApplyReason::Tier => "the tier of the user pool, or its threat protection, forbids it",
            ApplyReason::NoDomain => "the user pool has no domain, which it needs",
            ApplyReason::NotTracked => "the user pool does not track sessions",
            ApplyReason::LogoNotCaptured => "the logo is not captured, and the request could remove it",
            ApplyReason::Ended => "AWS has ended the service",
            ApplyReason::MadeByAws => "AWS made it, or the client registered itself",
            ApplyReason::Unknown => "this version does not know it",
        },
    };
    words.to_owned()
}

impl Report for PoolApplied {
    fn human(&self, _: Timestamp) -> String {
        let mut text = self.first_line();
        if let Some(stack) = &self.stack {
            let verb = if self.changed { "undoes" } else { "would undo" };
            text += &format!(
                "ATTENTION: the CloudFormation stack {stack:?} manages this user pool. Its next deployment {verb} these changes. \
                 Change the code of the stack, too.\n"
            );
        }
        text += &self.steps();
        for (old, new) in &self.clients {
            text += &format!("\nclient {old} is now {new}\n");
        }
        text += &self.left();
        text += &self.not_compared();
        if let Some(before) = &self.before {
            text += &format!("\n{}", before.words());
        }
        text.trim_end().to_owned()
    }
}
