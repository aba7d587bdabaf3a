//! The plan of a roll back.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::super::difference::document::DocumentError;
use super::super::difference::{Difference, NotCompared};
use super::super::request::{ConfigurationWrite, Purpose, missing_secrets};
use super::super::{CapturedList, CapturedObject, ObjectKind, ObjectName, Tier};
use super::planner::Planner;
use super::tags::keep_own_tags;
use super::{ApplyChoices, ApplyReason, Part};
use crate::model::PoolId;

/// One side of a roll back: a capture, or the pool as it is.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    pub list: &'a CapturedList,
    /// The objects with their secrets, where these are known, and with the bytes of assets. Those of the pool are as
    /// Cognito answers them.
    pub objects: &'a [CapturedObject],
}

/// What a roll back does with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    AddAttributes,
    Create,
    Change,
    /// Delete and create again: no request takes something out of it.
    Replace,
    Delete,
}

/// What a roll back does with one object.
#[derive(Debug, Clone, PartialEq)]
pub struct ApplyStep {
    /// The name in the pool, or in the snapshot if the pool does not have the object.
    pub name: ObjectName,
    /// The words for a reader: `clients/web`.
    pub label: String,
    pub action: Action,
    /// What the step changes: `old` is what the pool has, and `new` is what it gets.
    pub differences: Vec<Difference>,
}

impl Serialize for ApplyStep {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            object: &'a str,
            action: Action,
            differences: &'a [Difference],
        }
        let Self { label, action, differences, .. } = self;
        Shown { object: label, action: *action, differences }.serialize(serializer)
    }
}

/// A difference that stays.
#[derive(Debug, Clone, PartialEq)]
pub struct Left {
    pub difference: Difference,
    pub reason: ApplyReason,
}

impl Serialize for Left {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            #[serde(flatten)]
            difference: &'a Difference,
            reason: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            allow: Option<super::Allow>,
        }
        let (reason, allow) = (self.reason.name(), self.reason.allow());
        Shown { difference: &self.difference, reason, allow }.serialize(serializer)
    }
}

/// What one write does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    AddAttributes,
    Create,
    Update,
    /// Sets the object to nothing.
    Clear,
    Delete,
}

/// One write of a step. A step can have several, with writes of other objects between them.
#[derive(Clone, PartialEq)]
pub struct PlannedWrite {
    /// The index of its step in [`ApplyPlan::steps`].
    pub step: usize,
    /// The name in the pool, or in the snapshot if the pool does not have the object.
    pub name: ObjectName,
    pub act: Act,
    /// What the object becomes. It can hold secrets, so it is never shown. It has the ids of the snapshot of clients
    /// that are created.
    pub(super) document: Value,
    /// The object as the plan saw it in the pool. None if the pool did not have it.
    pub(super) seen: Option<Value>,
    /// Whether the pool may have had the object all the same: its tier or its add-ons did not show it.
    pub(super) is_hidden: bool,
    /// The tier of the pool at that time.
    pub(super) tier: Option<Tier>,
    /// The steps without which the write would be refused, or would leave the pool worse than before.
    pub(super) needs: BTreeSet<usize>,
}

impl fmt::Debug for PlannedWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlannedWrite")
            .field("kind", &self.name.kind)
            .field("act", &self.act)
            .finish_non_exhaustive()
    }
}

impl PlannedWrite {
    /// What the object becomes, for the code that makes and checks requests.
    pub fn reveal(&self) -> &Value {
        &self.document
    }

    /// The object as the plan saw it in the pool, for the code that looks for changes.
    pub fn seen(&self) -> Option<&Value> {
        self.seen.as_ref()
    }

    /// The indexes of steps without which the write is not sent.
    pub fn needs(&self) -> &BTreeSet<usize> {
        &self.needs
    }

    /// Whether the pool may have had the object although the plan did not see it.
    pub fn is_hidden(&self) -> bool {
        self.is_hidden
    }

    /// The write that creates the object as the plan saw it. None if the plan saw none.
    pub fn putting_back(&self) -> Option<Self> {
        let document = self.seen.clone()?;
        Some(Self { act: Act::Create, document, ..self.clone() })
    }

    /// The same write of an object that the pool has.
    #[must_use]
    pub fn of_present_object(&self) -> Self {
        Self { act: Act::Update, ..self.clone() }
    }

    /// The same write without assets, or with other ones: a request has at most 2 MB.
    #[must_use]
    pub fn with_assets(&self, act: Act, assets: Vec<Value>) -> Self {
        let mut write = Self { act, ..self.clone() };
        write.document["Assets"] = assets.into();
        write
    }

    /// The requests, one after the other. `live` is the object in the pool, `clients` has the ids that created clients
    /// got. Empty if no operation does it.
    pub fn requests(
        &self,
        live: Option<&Value>,
        clients: &BTreeMap<String, String>,
        pool: &PoolId,
    ) -> Vec<ConfigurationWrite> {
        let name = self.name_in_pool(clients);
        let mut document = self.document.clone();
        let new_client = document["ClientId"].as_str().and_then(|old| clients.get(old)).cloned();
        if let Some(new) = new_client.filter(|_| self.name.kind != ObjectKind::Client) {
            document["ClientId"] = new.into();
        } else if document["ClientId"].is_null()
            && let Some(members) = document.as_object_mut()
        {
            // The question for an absent member leaves a null.
            members.remove("ClientId");
        }
        let null = Value::Null;
        let write = match self.act {
            Act::AddAttributes => {
                let lacking = document["SchemaAttributes"].as_array().into_iter().flatten();
                return ConfigurationWrite::adding(lacking, pool);
            }
            Act::Create => ConfigurationWrite::creating(&name, &document, pool, self.tier),
            Act::Update => {
                if let Some(live) = live.filter(|_| self.name.kind == ObjectKind::UserPool) {
                    // Another command may have given the pool a tag since the plan.
                    keep_own_tags(&mut document, live);
                }
                let live = live.unwrap_or(&document);
                ConfigurationWrite::updating(&name, &document, live, pool, self.tier)
            }
            Act::Clear => ConfigurationWrite::clearing(&name, live.unwrap_or(&null), pool),
            Act::Delete => ConfigurationWrite::deleting(&name, live.unwrap_or(&null), pool),
        };
        // Cognito keeps the details of a provider that a request lacks, and refuses them without their secret.
        let is_without_secret = self.act == Act::Update
            && name.kind == ObjectKind::IdentityProvider
            && !missing_secrets(name.kind, &document, Purpose::Update).is_empty();
        let write =
            write.map(|write| if is_without_secret { write.with("ProviderDetails", None) } else { write });
        write.into_iter().collect()
    }

    /// The name in the pool.
    pub fn name_in_pool(&self, clients: &BTreeMap<String, String>) -> ObjectName {
        let new = self.name.client().and_then(|old| clients.get(old));
        new.map_or_else(|| self.name.clone(), |new| self.name.with_client(new))
    }
}

/// What a roll back does, and what it leaves.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ApplyPlan {
    /// In the order of their first writes.
    pub steps: Vec<ApplyStep>,
    /// In their order.
    pub writes: Vec<PlannedWrite>,
    pub left: Vec<Left>,
    pub not_compared: Vec<NotCompared>,
    /// The stack of CloudFormation that manages the pool. Its next deployment undoes the roll back.
    pub stack: Option<String>,
    /// Clients of the snapshot that the pool has under another id.
    pub clients: BTreeMap<String, String>,
    /// The labels of these clients, and of those that the roll back creates, by their ids in the snapshot.
    pub client_labels: BTreeMap<String, String>,
}

impl ApplyPlan {
    /// A part of this plan as the roll back to the configuration from before has it. The id of a deleted client leads
    /// to nothing then: the pool has the client under another one, or gets it under one that is not known yet.
    pub fn part_of_way_back(&self, part: &Part) -> Part {
        let done = self.steps.iter().flat_map(|step| &step.differences);
        let left = self.left.iter().map(|left| &left.difference);
        let object = done.chain(left).map(|found| &found.object).find(|object| part.includes(object));
        let (Some(text), Some(object)) = (&part.object, object) else { return part.clone() };
        let object = match &object.old {
            _ if object.text == part.to_string() => text,
            Some(old) => &old.id,
            None => object.text.split_once('/').map_or(text.as_str(), |(_, name)| name),
        };
        Part { kind: part.kind, object: Some(object.to_owned()) }
    }
}

/// Why a roll back cannot be planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplyRefusal {
    /// The capture lacks the pool itself.
    NoUserPool,
    /// The capture is of another pool.
    OtherPool,
    /// Neither the snapshot nor the pool has the part.
    UnknownPart { part: Part },
    /// The capture is no configuration.
    Document(DocumentError),
    /// The answers about the pool are no configuration.
    Answer(DocumentError),
}

/// Plans a roll back of the pool `live` to the capture `wanted`.
///
/// # Errors
/// If it cannot be planned.
pub fn plan(wanted: Side<'_>, live: Side<'_>, choices: &ApplyChoices) -> Result<ApplyPlan, ApplyRefusal> {
    let planner = Planner::new(wanted, live, choices)?;
    planner.check_parts()?;
    Ok(planner.planned())
}

/// Plans as [`plan`] does, after a roll back: the choices may name an object that neither side has any more.
///
/// # Errors
/// If it cannot be planned.
pub fn plan_after(
    wanted: Side<'_>,
    live: Side<'_>,
    choices: &ApplyChoices,
) -> Result<ApplyPlan, ApplyRefusal> {
    Ok(Planner::new(wanted, live, choices)?.planned())
}
