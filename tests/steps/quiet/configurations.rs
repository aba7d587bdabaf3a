//! Goal: no export repeats a field of a configuration, or a quota.
//!
//! Method: plant a canary in each field of each answer that an export reads, one after the other: as its value, and as
//! its name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use shared::model::configuration::{Found, OPERATIONS};
use shared::ports::Backend;
use shared::ports::pool::Operation;

use super::{ODD, SECRET, Said, export_input, with_everything};
use crate::configuration::PLANTED;
use crate::support::in_paused_time;
use crate::support::machine::Machine;

/// The operations that read a configuration.
fn reads() -> Vec<Operation> {
    let reads = OPERATIONS.iter().flat_map(|operations| {
        let listed = match &operations.found {
            Found::Listed(listed) => Some(listed),
            _ => None,
        };
        operations.read.iter().chain(listed)
    });
    let names: BTreeSet<_> = reads.map(|read| read.name).collect();
    Operation::ALL.iter().copied().filter(|operation| names.contains(operation.name())).collect()
}

/// The paths to the values in JSON that are no object and no list, as RFC 6901 writes them.
fn leaves(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    let inner = |name: &str| format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
    match value {
        Value::Object(members) if !members.is_empty() => {
            members.iter().for_each(|(name, value)| leaves(value, &inner(name), found));
        }
        Value::Array(list) if !list.is_empty() => {
            list.iter()
                .enumerate()
                .for_each(|(place, value)| leaves(value, &inner(&place.to_string()), found));
        }
        _ => drop(found.insert(path.to_owned())),
    }
}

/// How a field of an answer is altered.
#[derive(Debug, Clone, Copy)]
enum Planted {
    /// Its value is a canary.
    Value(&'static str),
    /// Its name is a canary.
    Name,
}

impl Planted {
    fn plant(self, answer: &mut Value, path: &str) {
        match self {
            Self::Value(canary) => {
                if let Some(value) = answer.pointer_mut(path) {
                    *value = json!(canary);
                }
            }
            Self::Name => {
                let Some((owner, name)) = path.rsplit_once('/') else { return };
                let owner = answer.pointer_mut(owner).and_then(Value::as_object_mut);
                if let Some((owner, value)) =
                    owner.and_then(|owner| owner.remove(name).map(|value| (owner, value)))
                {
                    owner.insert(ODD.to_owned(), value);
                }
            }
        }
    }
}

/// The fields of the answers that an export reads.
async fn fields_of_answers() -> BTreeMap<Operation, BTreeSet<String>> {
    let (backend, _, _) = with_everything();
    let found = Arc::new(Mutex::new(BTreeMap::new()));
    for operation in reads() {
        let found = Arc::clone(&found);
        backend.script().alter(operation, move |answer| {
            leaves(answer, "", found.lock().unwrap().entry(operation).or_default());
        });
    }
    Machine::new(&backend).export(export_input(), "undisturbed").await.report();
    std::mem::take(&mut *found.lock().unwrap())
}

#[test]
fn no_report_of_an_export_repeats_a_field_of_the_configuration_or_a_quota() {
    let all = in_paused_time(fields_of_answers());
    assert!(all.len() > 15, "{:?}", all.keys());
    let (mut fields, mut secrets, mut stored) = (0, 0, 0);
    for (operation, paths) in all {
        in_paused_time(async {
            let (backend, _, _) = with_everything();
            let mut said = Said::of(&backend);
            let _guard = said.log.listen();
            said.run("export", export_input(), "first").await.report();
            for (number, path) in paths.iter().enumerate() {
                let name = path.rsplit('/').next().unwrap_or_default().to_lowercase();
                let is_secret = name.contains("secret") && !name.ends_with("id") && !name.ends_with("date");
                let planted = if is_secret { Planted::Value(SECRET) } else { Planted::Value(ODD) };
                for (part, planted) in [planted, Planted::Name].into_iter().enumerate() {
                    let planted_at = path.clone();
                    backend.script().alter(operation, move |answer| planted.plant(answer, &planted_at));
                    // A value that the export needs may make it fail.
                    said.run("export", export_input(), &format!("canary-{number}-{part}")).await;
                }
                (fields, secrets) = (fields + 1, secrets + u32::from(is_secret));
            }
            said.assert_quiet(&operation);
            // No removal took an item.
            let items = format!("{:?}", backend.vault().items());
            for secret in [SECRET, PLANTED] {
                assert!(!items.contains(secret), "{operation:?}: a secret is stored");
            }
            stored += u32::from(items.contains(ODD));
        });
    }
    assert!(fields > 100 && secrets > 1, "{fields} {secrets}");
    assert!(stored > 5, "the records hold what Cognito answered: {stored}");
}
