//! Values at a path through objects: `ProviderDetails.client_secret`. A path is written as in
//! [`Field::path`](super::Field::path).

use serde_json::{Map, Value};

/// The value at a path without lists.
pub(super) fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(object, |value, name| value.get(name))
}

/// The texts at a path. `Scopes[].ScopeName` leads to those of all elements of the list.
pub(super) fn texts_at<'a>(object: &'a Value, path: &str) -> Vec<&'a str> {
    let (segment, rest) = path.split_once('.').map_or((path, None), |(segment, rest)| (segment, Some(rest)));
    let name = segment.strip_suffix("[]");
    let found = object.get(name.unwrap_or(segment));
    let values = if name.is_some() {
        found.and_then(Value::as_array).map(|elements| elements.iter().collect()).unwrap_or_default()
    } else {
        Vec::from_iter(found)
    };
    match rest {
        Some(rest) => values.into_iter().flat_map(|value| texts_at(value, rest)).collect(),
        None => values.into_iter().filter_map(Value::as_str).collect(),
    }
}

/// The value at a path without lists, to change it.
pub(super) fn at_mut<'a>(object: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    path.split('.').try_fold(object, |value, name| value.get_mut(name))
}

/// Puts a value at a path without lists. Objects that the path lacks are added.
pub(super) fn put(object: &mut Value, path: &str, new: Value) {
    let mut target = object;
    for name in path.split('.') {
        if !target.is_object() {
            *target = Value::Object(Map::new());
        }
        target = &mut target[name];
    }
    *target = new;
}

/// Takes out the member at a path without lists. Returns whether it was there.
pub(super) fn remove(object: &mut Value, path: &str) -> bool {
    let (parent, name) = match path.rsplit_once('.') {
        Some((parent, name)) => (at_mut(object, parent), name),
        None => (Some(object), path),
    };
    let members = parent.and_then(Value::as_object_mut);
    members.is_some_and(|members| members.remove(name).is_some())
}

/// Puts a value at a JSON pointer (RFC 6901). An element that a list lacks is added at its end.
pub fn put_at(document: &mut Value, pointer: &str, value: Value) {
    let steps = pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"));
    let mut target = document;
    for step in steps {
        if let Value::Array(elements) = target {
            let index = step.parse().unwrap_or(elements.len()).min(elements.len());
            if index == elements.len() {
                elements.push(Value::Null);
            }
            target = &mut elements[index];
            continue;
        }
        if !target.is_object() {
            *target = Value::Object(Map::new());
        }
        let Value::Object(members) = target else { return };
        target = members.entry(step).or_insert(Value::Null);
    }
    *target = value;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_found_put_and_taken_out_at_its_path() {
        let mut object = json!({"A": {"B": 1}, "C": "x"});
        assert_eq!(
            (at(&object, "A.B"), at(&object, "A.X"), at(&object, "C.B")),
            (Some(&json!(1)), None, None)
        );
        put(&mut object, "A.X.Y", json!(2));
        put(&mut object, "C.D", json!(3));
        assert_eq!(object, json!({"A": {"B": 1, "X": {"Y": 2}}, "C": {"D": 3}}));
        assert!(remove(&mut object, "A.X.Y") && remove(&mut object, "C"));
        assert!(!remove(&mut object, "A.X.Y") && !remove(&mut object, "C.D"));
        assert_eq!(object, json!({"A": {"B": 1, "X": {}}}));
    }

    #[test]
    fn texts_are_found_in_all_elements_of_a_list() {
        let object = json!({"L": [{"A": {"B": "x"}}, {"A": {"B": "y"}}, {"A": 1}], "M": ["z", 2], "N": "n"});
        assert_eq!(texts_at(&object, "L[].A.B"), ["x", "y"]);
        assert_eq!(texts_at(&object, "M[]"), ["z"]);
        assert_eq!(texts_at(&object, "N"), ["n"]);
        assert_eq!(texts_at(&object, "N[]"), Vec::<&str>::new());
    }
}
