//! The secrets that a roll back replaces or deletes.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::difference::{Change, Difference};
use super::super::request::{Purpose, missing_secrets, secrets_of};
use super::super::{CapturedList, Nature, NotCapturedReason, ObjectKind, ObjectName};
use super::{Act, ApplyPlan};

/// Secrets of an object that the plan replaces or deletes, and that a capture does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SecretsAtRisk {
    /// The words for a reader: `identityProviders/Google`.
    pub object: String,
    /// How many secrets.
    pub secrets: u64,
}

/// The objects of a capture that lack secrets, and how many secrets each one lacks.
pub fn lacking_secrets(list: &CapturedList) -> BTreeMap<&ObjectName, u64> {
    let left_out = list.entries().iter().map(|entry| (&entry.name, entry.secrets_left_out));
    let not_encrypted = list.entries().iter().map(|entry| {
        let lacking = list.not_captured().iter().filter(|lacking| {
            lacking.reason == NotCapturedReason::NotEncrypted && lacking.object.includes(&entry.name)
        });
        (&entry.name, lacking.count() as u64)
    });
    let mut lacking = BTreeMap::new();
    for (name, count) in left_out.chain(not_encrypted).filter(|(_, count)| *count > 0) {
        *lacking.entry(name).or_insert(0) += count;
    }
    lacking
}

impl ApplyPlan {
    /// The secrets that the plan replaces or deletes, and that the list of a capture lacks.
    pub fn secrets_at_risk(&self, list: &CapturedList) -> Vec<SecretsAtRisk> {
        let lacking = lacking_secrets(list);
        let at_risk = |found: &Difference| {
            let of_object =
                found.object.old.as_ref().and_then(|name| lacking.get(name)).copied().unwrap_or(0);
            let is_secret = found.row.is_some_and(|row| row.nature == Nature::Secret);
            match (&found.field, found.change) {
                (None, Change::Removed) => of_object,
                (Some(_), Change::Changed | Change::Removed) if is_secret => of_object.min(1),
                _ => 0,
            }
        };
        let of_steps = self.steps.iter().map(|step| SecretsAtRisk {
            object: step.label.clone(),
            secrets: step.differences.iter().map(at_risk).sum(),
        });
        of_steps.filter(|at_risk| at_risk.secrets > 0).collect()
    }

    /// Whether the plan creates an object that has a secret.
    pub fn creates_secrets(&self) -> bool {
        let has_secret = |kind: ObjectKind, document: &serde_json::Value| {
            document["GenerateSecret"] == true
                || secrets_of(kind, document, Purpose::Create).len()
                    > missing_secrets(kind, document, Purpose::Create).len()
        };
        let mut created = self.writes.iter().filter(|write| write.act == Act::Create);
        created.any(|write| has_secret(write.name.kind, write.reveal()))
    }
}
