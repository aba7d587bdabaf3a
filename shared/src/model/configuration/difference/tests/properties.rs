//! Random changes that mean nothing are no difference, and no change shows a secret.

use proptest::prelude::*;

use super::*;
use crate::model::configuration::difference::content::{Content, Leaf};
use crate::model::configuration::{Comparison, Field, ProviderType, unknown_members};

/// A path in a document: the names and positions that lead to it.
type Path = Vec<Step>;

#[derive(Debug, Clone)]
enum Step {
    Member(String),
    Position(usize),
}

/// All paths of a document at which a value stands, parents first.
fn paths(value: &Value, path: &Path, found: &mut Vec<Path>) {
    let child = |step| path.iter().cloned().chain([step]).collect::<Path>();
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let path = child(Step::Member(name.clone()));
                found.push(path.clone());
                paths(member, &path, found);
            }
        }
        Value::Array(elements) => {
            for (position, element) in elements.iter().enumerate() {
                let path = child(Step::Position(position));
                found.push(path.clone());
                paths(element, &path, found);
            }
        }
        _ => {}
    }
}

/// The paths below the objects, so that every document has a name for each object.
fn member_paths() -> Vec<Path> {
    let mut found = vec![];
    paths(&document(), &vec![], &mut found);
    found.retain(|path| match &path[..] {
        [Step::Member(kind), Step::Position(_), Step::Member(name), ..] => {
            kind != "notCaptured" && !is_name(kind, name)
        }
        [Step::Member(kind), Step::Member(name), ..] => !is_name(kind, name),
        _ => false,
    });
    found
}

fn is_name(kind: &str, member: &str) -> bool {
    let kind = ObjectKind::ALL.iter().copied().find(|known| known.name() == kind).unwrap();
    name_members(kind).any(|name| name == member)
        || ["ClientId", "ClientName", "PolicyName"].contains(&member)
}

fn value_at<'a>(document: &'a mut Value, path: &[Step]) -> Option<&'a mut Value> {
    path.iter().try_fold(document, |value, step| match step {
        Step::Member(name) => value.get_mut(name),
        Step::Position(position) => value.get_mut(*position),
    })
}

/// Shuffles all lists without an order. Free JSON keeps its order.
fn shuffle(value: &mut Value, random: &mut impl FnMut() -> usize) {
    match value {
        Value::Array(elements) => {
            for last in (1..elements.len()).rev() {
                elements.swap(last, random() % (last + 1));
            }
            elements.iter_mut().for_each(|element| shuffle(element, random));
        }
        Value::Object(members) => {
            let members = members.iter_mut().filter(|(name, _)| *name != "Settings");
            members.for_each(|(_, member)| shuffle(member, random));
        }
        _ => {}
    }
}

/// Writes each default that an object does not have, or removes each member that is at its default.
fn set_defaults(document: &mut Value, choose: &mut impl FnMut() -> bool) {
    for &kind in ObjectKind::ALL {
        let objects = &mut document[kind.name()];
        let objects: Vec<_> = match objects {
            Value::Array(objects) => objects.iter_mut().collect(),
            object => vec![object],
        };
        for object in objects.into_iter().filter(|object| object.is_object()) {
            let provider = object["ProviderType"].as_str().and_then(ProviderType::parse);
            for row in fields_of(kind).iter().filter(|row| row.is_valid_for(provider)) {
                if choose() && is_plain(kind, row) {
                    set_default(object, row);
                }
            }
        }
    }
}

/// Whether the default is one of a member of the object itself, apart from its other members.
fn is_plain(kind: ObjectKind, row: &Field) -> bool {
    let is_alone = matches!(row.comparison, Comparison::Exact | Comparison::Set);
    // A pool has no members of the sessions of a client, and the reverse.
    is_alone && !row.path.contains("[].") && !row.path.contains('*') && kind != ObjectKind::Sessions
}

fn set_default(object: &mut Value, row: &Field) {
    let Some(default) = row.default else { return };
    let default: Value = serde_json::from_str(default).unwrap();
    let mut parents: Vec<_> = row.path.trim_end_matches("[]").split('.').collect();
    let Some(member) = parents.pop() else { return };
    let mut parent = object;
    for name in parents {
        if parent[name].is_null() {
            parent[name] = json!({});
        }
        parent = &mut parent[name];
    }
    if parent[member].is_null() {
        parent[member] = default;
    } else if parent[member] == default {
        parent.as_object_mut().unwrap().remove(member);
    }
}

fn swapped(difference: &Difference) -> Value {
    let mut difference = json!(difference);
    let members = difference.as_object_mut().unwrap();
    let [old, new] = [members.remove("old"), members.remove("new")];
    members.extend(new.map(|new| ("old".to_owned(), new)));
    members.extend(old.map(|old| ("new".to_owned(), old)));
    let change = match members["change"].as_str().unwrap() {
        "added" => "removed",
        "removed" => "added",
        change => change,
    };
    members.insert("change".to_owned(), json!(change));
    difference
}

/// Whether the table knows every member here: in maps and in free JSON.
fn is_open(path: &[Step]) -> bool {
    let names: Vec<_> = path
        .iter()
        .filter_map(|step| match step {
            Step::Member(name) => Some(name.as_str()),
            Step::Position(_) => None,
        })
        .collect();
    let maps = ["UserPoolTags", "AttributeMapping", "AcrMapping", "Links"];
    names.contains(&"Settings") || names.last().is_some_and(|name| maps.contains(name))
}

/// The document after some of its members were removed or replaced.
fn mutilated(changes: &[(usize, u8)]) -> Value {
    let paths = member_paths();
    let mut document = document();
    for (path, change) in changes {
        let path = &paths[path % paths.len()];
        let Some(value) = value_at(&mut document, path) else { continue };
        match (change % 6, value.clone()) {
            (0, _) => *value = Value::Null,
            (1, Value::Object(_)) | (2.., _) if is_open(path) => {}
            (1, Value::String(text)) => *value = json!(format!("{text}-changed")),
            (1, Value::Number(number)) => *value = json!(number.as_f64().unwrap() + 1.0),
            (1, Value::Bool(is_set)) => *value = json!(!is_set),
            (2, _) => *value = json!({"NewMember": "canary-new"}),
            (3, _) => *value = json!([{"NewMember": "canary-list"}]),
            (4, _) => {
                *value = json!({"$secret": {"mac": format!("canary-mac-{}", path.len()), "key": "mrk-1"}})
            }
            (_, Value::Object(_)) => value["NewMember"] = json!("canary-member"),
            _ => {}
        }
    }
    document
}

fn any_changes() -> impl Strategy<Value = Vec<(usize, u8)>> {
    prop::collection::vec((any::<usize>(), any::<u8>()), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_lists_means_nothing(seed in any::<u64>()) {
        let mut state = seed;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize
        };
        let shuffled = changed(|document| shuffle(document, &mut random));
        let found = difference(&document(), &shuffled);
        prop_assert_eq!(json!(found), json!({"same": true, "differences": [], "notCompared": []}));
    }

    #[test]
    fn a_default_may_be_there_or_not(choices in prop::collection::vec(any::<bool>(), 64)) {
        let mut choices = choices.into_iter().cycle();
        let changed = changed(|document| set_defaults(document, &mut || choices.next().unwrap_or(true)));
        prop_assert_eq!(differences(&document(), &changed), json!([]));
    }

    #[test]
    fn a_configuration_is_the_same_as_itself(changes in any_changes()) {
        let document = mutilated(&changes);
        prop_assert_eq!(differences(&document, &document), json!([]));
    }

    #[test]
    fn a_restored_configuration_is_the_same(changes in any_changes()) {
        let document = mutilated(&changes);
        prop_assert_eq!(differences(&document, &in_another_pool(&document)), json!([]));
    }

    #[test]
    fn swapped_sides_swap_added_and_removed(old in any_changes(), new in any_changes()) {
        let [old, new] = [mutilated(&old), mutilated(&new)];
        let [there, back] = [difference(&old, &new), difference(&new, &old)];
        prop_assert_eq!(there.not_compared.len(), back.not_compared.len());
        let back: Vec<_> = back.differences.iter().map(swapped).collect();
        prop_assert_eq!(json!(there.differences), json!(back));
    }

    #[test]
    fn a_member_that_the_table_does_not_know_is_never_read_as_a_setting(changes in any_changes()) {
        for (name, object) in &configuration(&mutilated(&changes)).objects {
            let unknown = unknown_members(name.kind, object);
            for (path, leaf) in Content::of(name.kind, object).leaves {
                // In a list, another element may have the unknown member.
                let is_setting = matches!(leaf, Leaf::Setting(_)) && !path.contains('[');
                prop_assert!(!is_setting || !unknown.contains(&path), "{} {}", name, path);
            }
        }
    }

    #[test]
    fn no_change_shows_a_secret(old in any_changes(), new in any_changes()) {
        let found = difference(&mutilated(&old), &mutilated(&new));
        let text = json!(found).to_string();
        prop_assert!(!text.contains("canary-"), "{}", text);
        let debug = format!("{:?}", found);
        prop_assert!(!debug.contains("canary-"));
    }
}
