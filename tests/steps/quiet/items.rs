//! Goal: no error repeats what an altered item of the table holds.
//!
//! Method: plant a canary into each text of each item, one after the other, and run everything that reads items.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use proptest::sample::Index;
use serde_dynamo::{AttributeValue, Item};
use serde_json::json;
use shared::catalog::Catalog;
use shared::model::{Retention, RunId};
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared::ports::vault::Key;
use shared_memory::{Fault, MemoryBackend, MemoryPool};

use super::{ODD, Said, Target, compare, export_input, fill, import_input, options, prepare};
use crate::support::copied::{copy_to, other_account};
use crate::support::machine::Machine;
use crate::support::pruned::{by_policy, prune_by_hand};
use crate::support::{backend, cases, in_paused_time, source_id};

/// The paths to the texts of an item.
fn texts(value: &AttributeValue, path: &[usize], found: &mut Vec<Vec<usize>>) {
    let inner: Vec<&AttributeValue> = match value {
        AttributeValue::S(_) => return found.push(path.to_vec()),
        AttributeValue::M(map) => sorted(map).into_values().collect(),
        AttributeValue::L(list) => list.iter().collect(),
        _ => return,
    };
    for (place, value) in inner.into_iter().enumerate() {
        texts(value, &[path, &[place]].concat(), found);
    }
}

fn sorted(map: &HashMap<String, AttributeValue>) -> BTreeMap<&String, &AttributeValue> {
    map.iter().collect()
}

/// Puts a canary to the path. With `rename`, the name of the member becomes a canary, too.
fn plant(value: &mut AttributeValue, path: &[usize], rename: bool) {
    match (value, path) {
        (value, []) => *value = AttributeValue::S(ODD.to_owned()),
        (AttributeValue::L(list), [place, rest @ ..]) => plant(&mut list[*place], rest, rename),
        (AttributeValue::M(map), [place, rest @ ..]) => {
            let name = sorted(map).into_keys().nth(*place).unwrap().clone();
            let mut inner = map.remove(&name).unwrap();
            plant(&mut inner, rest, rename);
            map.insert(if rename && rest.is_empty() { ODD.to_owned() } else { name }, inner);
        }
        (other, _) => panic!("{other:?}"),
    }
}

/// An exported and restored world: by calls, by jobs, by selection and planned. One import has failed.
async fn restored() -> (MemoryBackend, MemoryPool) {
    let (backend, source, target) = backend();
    fill(&source);
    prepare(&source, &target, Target::Alike);
    let machine = Machine { retries: 1, ..Machine::new(&backend) };
    machine.export(export_input(), "first").await.report();
    for (number, options) in options().into_iter().enumerate() {
        machine.import(import_input(options), &format!("before-{number}")).await;
    }
    backend.script().always(Operation::AdminCreateUser, Some(Fault::Refuse(PoolErrorKind::Refused)));
    machine.import(import_input(json!({"acceptLosses": true, "federated": "link"})), "partial").await;
    backend.script().clear();
    (backend, source)
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn no_altered_item_is_repeated(at in any::<Index>(), rename in prop::bool::weighted(0.2), option in 0usize..6) {
        in_paused_time(async {
            let (backend, _) = restored().await;
            let mut all: Vec<(Key, Item, Vec<usize>)> = Vec::new();
            for (key, item) in backend.vault().items() {
                let mut found = Vec::new();
                texts(&AttributeValue::M(item.inner().clone()), &[], &mut found);
                all.extend(found.into_iter().map(|path| (key.clone(), item.clone(), path)));
            }
            let (key, item, path) = at.get(&all).clone();
            let mut value = AttributeValue::M(item.into_inner());
            plant(&mut value, &path, rename);
            let AttributeValue::M(altered) = value else { unreachable!() };
            backend.vault().put_by_hand(&key, Item::from(altered));
            let case = format!("{key} {path:?}, option {option}");
            // Reports of the runs before are not of interest.
            let backend = backend.with_retention(Some(Retention::parse("last=1").unwrap()));
            let mut said = Said::of(&backend);
            let _guard = said.log.listen();
            said.run("import", import_input(options()[option].clone()), "again").await;
            let compared = compare(&backend).await;
            said.note(compared);
            let latest = Catalog::new(backend.vault()).snapshots(&source_id(), None, 9).await;
            let ids: Vec<RunId> = latest.iter().flatten().map(|snapshot| snapshot.id.clone()).collect();
            said.note(latest);
            for id in ids {
                let copied = copy_to(&backend, &other_account().0, &id).await;
                said.note(copied);
            }
            said.run("export", export_input(), "next").await;
            let pruned = prune_by_hand(&backend, &by_policy("last=1")).await;
            said.note(pruned);
            said.assert_quiet(&case);
        });
    }
}
