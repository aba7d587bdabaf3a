//! What of the differences a roll back does, and what it leaves with which reason.

use serde_json::Value;

use super::super::super::difference::{Change, Difference, Values};
use super::super::super::path::at;
use super::super::super::{ObjectKind, ObjectName};
use super::super::order::Draft;
use super::super::{Action, ApplyReason, ApplyStep, Left};
use super::fields::{Reach, is_of};
use super::{Planner, key_of, names};

impl Planner<'_> {
    /// Whether a request of the roll back removes the difference.
    pub(super) fn is_done(&self, found: &Difference) -> bool {
        let is_attribute = found.object.kind == Some(ObjectKind::UserPool)
            && found.field.as_deref().is_some_and(|field| field.starts_with("SchemaAttributes["));
        match &found.field {
            None => true,
            Some(_) if is_attribute => found.change == Change::Added,
            Some(_) => Reach::of(found).is_changeable(),
        }
    }

    /// The differences that stay, with their reasons.
    pub(super) fn left(&self, does: &[Difference]) -> Vec<Left> {
        let is_same = |done: &Difference, found: &Difference| {
            key_of(&done.object) == self.name_in_pool(&key_of(&found.object)) && done.field == found.field
        };
        let is_gone = |found: &Difference| {
            let client = found.object.old.as_ref().and_then(ObjectName::client);
            client.is_some_and(|id| self.deleted.contains(&ObjectName::of(ObjectKind::Client, id)))
                || does.iter().any(|done| {
                    is_same(done, found)
                        && done.change == found.change
                        && (found.field.is_none() || done.values == found.values)
                })
        };
        let left = self.found.iter().filter(|found| !is_gone(found) && !self.is_registration_off(found));
        let mut left: Vec<Left> =
            left.map(|found| Left { difference: found.clone(), reason: self.reason(found) }).collect();
        left.extend(self.left_of_new_objects());
        left
    }

    /// Whether a difference is only that one side lacks the registration of clients, and the other has it switched off.
    fn is_registration_off(&self, found: &Difference) -> bool {
        let name = ObjectName::single(ObjectKind::UserPool);
        let is_off = |pool: Option<&Value>| {
            let registration = pool.map_or(&Value::Null, |pool| &pool["DcrConfiguration"]);
            registration.is_null() || registration["EnableStatus"] == "Disabled"
        };
        let field = found.field.as_deref().unwrap_or_default();
        let is_absent = self.captured.get(&name).is_none_or(|pool| pool["DcrConfiguration"].is_null());
        key_of(&found.object) == name
            && is_of(field, "DcrConfiguration")
            && is_absent
            && is_off(self.target.object(&name))
    }

    /// What a new object does not get.
    fn left_of_new_objects(&self) -> Vec<Left> {
        let whole = |name: &ObjectName| {
            let is_whole = |found: &&Difference| found.field.is_none() && found.object.old.is_none();
            self.found.iter().filter(is_whole).find(|found| key_of(&found.object) == *name)
        };
        let of_new =
            self.reasons.iter().filter(|(name, path, _)| !path.is_empty() && self.created.contains(name));
        let of_new = of_new.filter_map(|(name, path, reason)| {
            let captured = self.captured.get(name).and_then(|document| at(document, path));
            let is_shown = *reason != ApplyReason::SecretMissing;
            let values = match captured.filter(|_| is_shown) {
                Some(value) => Values::Shown { old: None, new: Some(value.clone()) },
                None => Values::Withheld {},
            };
            let difference = Difference {
                object: whole(name)?.object.clone(),
                field: Some(path.clone()),
                change: Change::Added,
                values,
                row: None,
            };
            Some(Left { difference, reason: *reason })
        });
        of_new.collect()
    }

    fn reason(&self, found: &Difference) -> ApplyReason {
        let name = key_of(&found.object);
        let field = found.field.as_deref().unwrap_or_default();
        let known = self.reasons.iter().filter(|(object, path, _)| *object == name && is_of(field, path));
        if let Some((.., reason)) = known.max_by_key(|(_, path, _)| path.len()) {
            return *reason;
        }
        let is_attribute = field.strip_prefix("SchemaAttributes[").is_some_and(names::is_custom_attribute);
        if is_attribute && found.change == Change::Added && field.ends_with(']') {
            ApplyReason::NeedsAddAttributes
        } else if found.field.is_some() && Reach::of(found).is_unknown() {
            ApplyReason::Unknown
        } else {
            ApplyReason::CannotChange
        }
    }

    /// The steps of these differences, each with what its object is and becomes.
    pub(super) fn drafts(&self, does: Vec<Difference>) -> Vec<Draft> {
        let mut drafts: Vec<Draft> = Vec::new();
        for found in does {
            let name = key_of(&found.object);
            let of_client = name.client().map(|id| ObjectName::of(ObjectKind::Client, id));
            // What belongs to a client goes with it.
            let owner = of_client.filter(|client| self.deleted.contains(client));
            let name = owner.unwrap_or(name);
            let is_attribute = name.kind == ObjectKind::UserPool
                && found.field.as_deref().is_some_and(|field| field.starts_with("SchemaAttributes["));
            let action = match (&found.field, found.change) {
                _ if is_attribute => Action::AddAttributes,
                (None, Change::Added) => Action::Create,
                (None, Change::Removed) => Action::Delete,
                _ => Action::Change,
            };
            let is_deleted = self.deleted.contains(&name);
            let known = drafts
                .iter_mut()
                .find(|draft| draft.step.name == name && (draft.step.action == action || is_deleted));
            if let Some(draft) = known {
                draft.step.differences.push(found);
                continue;
            }
            let label = found.object.text.clone();
            let target = self.target.object(&name).cloned();
            let live = self.live.object(&name).cloned();
            let step = ApplyStep { name, label, action, differences: vec![found] };
            drafts.push(Draft { step, live, target });
        }
        for draft in &mut drafts {
            let is_own = |found: &Difference| key_of(&found.object) == draft.step.name;
            if let Some(own) = draft.step.differences.iter().find(|found| is_own(found)) {
                draft.step.label.clone_from(&own.object.text);
            }
        }
        drafts
    }
}
