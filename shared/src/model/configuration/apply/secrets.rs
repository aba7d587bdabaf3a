//! The secrets that a roll back replaces or deletes.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::difference::{Change, Difference};
use super::super::members::rows_of;
use super::super::rebuild::Secrecy;
use super::super::request::{Purpose, missing_secrets, secrets_of};
use super::super::{CapturedList, Nature, NotCapturedReason, ObjectKind, ObjectName};
use super::{Act, ApplyPlan, Side};

/// Secrets of an object that the plan replaces or deletes, and that a capture does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretsAtRisk {
    /// The words for a reader: `identityProviders/Google`.
    pub object: String,
    /// How many secrets that Cognito shows. A capture with keys has them.
    pub secrets: u64,
    /// How many secrets that Cognito does not show to the operator. No capture of the operator has them.
    pub not_shown: u64,
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

/// How many secrets of an object of the pool Cognito does not show to the operator: those of a client that its owner
/// supplied or rotated, and the private key of a provider. If the operator may not list the secrets of a client, it may
/// have one. Source: `DescribeUserPoolClient`, `ListUserPoolClientSecrets` and `DescribeIdentityProvider`, Cognito API
/// reference.
fn secrets_not_shown(name: &ObjectName, live: Side<'_>) -> u64 {
    let answers: BTreeMap<_, _> =
        live.objects.iter().map(|object| (&object.name, &object.document)).collect();
    let Some(object) = answers.get(name) else { return 0 };
    if name.kind != ObjectKind::Client {
        let rows = rows_of(name.kind, object).into_iter();
        return rows.filter(|row| row.nature == Nature::Secret && !row.readable).count() as u64;
    }
    let listed = answers.get(&ObjectName::of(ObjectKind::ClientSecrets, name.id.as_str()));
    let listed = listed.and_then(|listed| listed["ClientSecrets"].as_array()).map_or(0, Vec::len) as u64;
    if object["ClientSecret"].as_str().is_some_and(|secret| !secret.is_empty()) {
        return listed.saturating_sub(1);
    }
    match Secrecy::of(&name.id, &answers, live.list) {
        Secrecy::Confidential | Secrecy::Unknown => listed.max(1),
        Secrecy::Public => 0,
    }
}

impl ApplyPlan {
    /// The secrets that the plan replaces or deletes, and that a capture of the pool lacks.
    pub fn secrets_at_risk(&self, live: Side<'_>) -> Vec<SecretsAtRisk> {
        let lacking = lacking_secrets(live.list);
        let not_shown = |found: &Difference| match (&found.field, found.change, &found.object.old) {
            (None, Change::Removed, Some(name)) => secrets_not_shown(name, live),
            _ => 0,
        };
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
            not_shown: step.differences.iter().map(not_shown).sum(),
        });
        of_steps.filter(|at_risk| at_risk.secrets > 0 || at_risk.not_shown > 0).collect()
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
