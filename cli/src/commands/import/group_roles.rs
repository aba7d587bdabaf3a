//! `--group-roles`: a word, or a YAML file that maps roles. The map of `pool create` is such a file, too.

use std::fmt;
use std::path::Path;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use serde_saphyr::Spanned;
use shared::model::is_role;

use crate::problem::{Problem, Result};

/// The value of `groupRoles` for the option. A file holds what the input holds: `map:` and role ARNs, or only
/// the role ARNs.
///
/// # Errors
/// `InvalidInput` if the file cannot be read, is no YAML, or maps no roles. The error repeats what the file of the
/// operator holds: only the terminal of the operator shows it.
pub fn value(option: &str) -> Result<Value> {
    if ["keep", "skip"].contains(&option) {
        return Ok(option.into());
    }
    let refuse = |message: String| {
        let guidance = "Give --group-roles keep, skip, or a YAML file with lines such as \
                        `arn:aws:iam::111122223333:role/old: arn:aws:iam::444455556666:role/new`.";
        Problem::refused("InvalidInput", message, guidance.to_owned())
    };
    let text = std::fs::read_to_string(Path::new(option))
        .map_err(|error| refuse(format!("The file {option:?} of --group-roles cannot be read: {error}.")))?;
    let value: Value = match serde_saphyr::from_str(&text) {
        Ok(value) => value,
        Err(error) => return Err(unreadable(option, &error).unwrap_or_else(refuse)),
    };
    // The map of `pool create` has other parts, too.
    if let Some(of_creation) = value.get("groupRoles").filter(|roles| roles.is_object()) {
        return match wrong(of_creation) {
            Some((_, what)) => Err(refuse(format!("{}, in groupRoles, {what}.", place(option, None)))),
            None => Ok(json!({ "map": of_creation })),
        };
    }
    let is_input = value.get("map").is_some_and(Value::is_object);
    let map = if is_input { &value["map"] } else { &value };
    if let Some((key, what)) = wrong(map) {
        let line = key.and_then(|key| line_of(&text, key, is_input));
        return Err(refuse(format!("{} {what}.", place(option, line))));
    }
    let mut keys = value.as_object().into_iter().flat_map(|fields| fields.keys());
    if let Some(other) = keys.find(|key| is_input && *key != "map") {
        let place = place(option, line_of(&text, other, false));
        return Err(refuse(format!("{place} has {other:?} beside map.")));
    }
    Ok(if is_input { value } else { json!({ "map": value }) })
}

/// A file that maps the roles of groups.
#[derive(Debug, Clone)]
pub struct RolesFile {
    pub path: String,
    /// The option that names it: `--group-roles` or `--map`.
    pub option: &'static str,
}

impl RolesFile {
    /// The line of an entry, in words. None if the file does not have the entry.
    pub fn place_of(&self, role: &str) -> Option<String> {
        let text = std::fs::read_to_string(Path::new(&self.path)).ok()?;
        let value: Value = serde_saphyr::from_str(&text).ok()?;
        let has = |part: &str| value.get(part).is_some_and(Value::is_object);
        let line = if has("groupRoles") {
            let OfCreation { group_roles: keys } = serde_saphyr::from_str(&text).ok()?;
            keys.line_of(role)
        } else {
            line_of(&text, role, has("map"))
        };
        Some(format!("{} has the entry.", place_of_option(&self.path, self.option, Some(line?))))
    }
}

/// The file of `--group-roles`, or its line, at the beginning of a sentence.
fn place(path: &str, line: Option<u64>) -> String {
    place_of_option(path, "--group-roles", line)
}

fn place_of_option(path: &str, option: &str, line: Option<u64>) -> String {
    let line = line.map_or_else(|| "The".to_owned(), |line| format!("Line {line} of the"));
    format!("{line} file {path:?} of {option}")
}

/// The problem of a file that is no YAML, or what is wrong with it. The text of other errors may quote the file.
fn unreadable(option: &str, error: &serde_saphyr::Error) -> std::result::Result<Problem, String> {
    let place = place(option, error.location().map(|at| at.line()));
    match error.without_snippet() {
        serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => Ok(Problem::refused(
            "InvalidInput",
            format!("{place} has the key {key:?} again, which stands above."),
            "Remove one of the two lines: a role of the snapshot gets one new role.".to_owned(),
        )),
        _ => Err(format!("{place} is no YAML.")),
    }
}

/// What is wrong with a map of roles, and with which key. None if each entry maps a role to a role.
fn wrong(map: &Value) -> Option<(Option<&str>, String)> {
    let of_file = |what: &str| Some((None, what.to_owned()));
    let entries = match map {
        Value::Null => return of_file("is empty"),
        Value::Object(entries) if entries.is_empty() => return of_file("is empty"),
        Value::Object(entries) => entries,
        Value::Array(_) => return of_file("holds a list, not lines that map one role to another"),
        _ => return of_file("holds no lines that map one role to another"),
    };
    entries.iter().find_map(|(from, to)| {
        let what = match to.as_str() {
            _ if !is_role(from) => format!("names {from:?}, which is no ARN of an IAM role"),
            Some(to) if is_role(to) => return None,
            Some(to) => format!("maps {from} to {to:?}, which is no ARN of an IAM role"),
            None => format!("maps {from} to no text"),
        };
        Some((Some(from.as_str()), what))
    })
}

/// The line of a key of the file. With `in_map`, of a key below `map:`.
fn line_of(text: &str, key: &str, in_map: bool) -> Option<u64> {
    let keys: Keys = if in_map {
        serde_saphyr::from_str::<File>(text).ok()?.map
    } else {
        serde_saphyr::from_str(text).ok()?
    };
    keys.line_of(key)
}

/// The map of `pool create`.
#[derive(Deserialize)]
struct OfCreation {
    #[serde(rename = "groupRoles")]
    group_roles: Keys,
}

/// A file in the form of the input.
#[derive(Deserialize)]
struct File {
    map: Keys,
}

/// The keys of a map, with their places.
struct Keys(Vec<Spanned<String>>);

impl Keys {
    fn line_of(&self, key: &str) -> Option<u64> {
        self.0.iter().find(|found| found.value == key).map(|found| found.referenced.line())
    }
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct OfMap;

        impl<'de> Visitor<'de> for OfMap {
            type Value = Keys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Keys, A::Error> {
                let mut keys = Vec::new();
                while let Some(key) = map.next_key()? {
                    keys.push(key);
                    map.next_value::<IgnoredAny>()?;
                }
                Ok(Keys(keys))
            }
        }

        deserializer.deserialize_map(OfMap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_is_wrong_with_the_file() {
        let role = |name: &str| format!("arn:aws:iam::111122223333:role/{name}");
        let good = json!({role("old"): role("new")});
        assert_eq!(wrong(&good), None);
        for (map, says) in [
            (Value::Null, "is empty"),
            (json!({}), "is empty"),
            (json!([role("old")]), "holds a list"),
            (json!("text"), "holds no lines"),
            (json!({"admins": role("new")}), "names \"admins\", which is no ARN of an IAM role"),
            (json!({role("old"): "new"}), "to \"new\", which is no ARN of an IAM role"),
            (json!({role("old"): 7}), "to no text"),
        ] {
            let (_, what) = wrong(&map).unwrap();
            assert!(what.contains(says), "{what}");
        }
    }

    #[test]
    fn the_map_of_a_creation_is_a_file_of_roles() {
        let file = std::env::temp_dir().join(format!("cognito-backup-roles-{}.yaml", std::process::id()));
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            let read = value(file.to_str().unwrap());
            std::fs::remove_file(&file).unwrap();
            read
        };
        let (old, new) = ("arn:aws:iam::111111111111:role/old", "arn:aws:iam::222222222222:role/new");
        let map = read(&format!("domains: {{a: b}}\ngroupRoles:\n  {old}: {new}\n")).unwrap();
        assert_eq!(map, json!({"map": {old: new}}));
        let problem = read(&format!("groupRoles:\n  {old}: new\n")).unwrap_err();
        assert!(problem.message.contains("in groupRoles, maps"), "{problem}");
    }
}
