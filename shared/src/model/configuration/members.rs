//! Which members of an object the table of fields knows, and which of them may be stored in clear.

use std::fmt;

use serde_json::{Map, Value};

use super::secret::SecretText;
use super::{Comparison, Field, Nature, ObjectKind, ProviderType, fields_of};

/// The paths of the members of an object for which the table has no row, in the order in which they are
/// found.
///
/// Such a member may hold a secret. A path is written as in [`Field::path`]; it ends at the first member
/// without a row. An empty list or object holds nothing, so it is known if the table has a row for its
/// content.
pub fn unknown_members(kind: ObjectKind, object: &Value) -> Vec<String> {
    let mut unknown: Vec<String> = Vec::new();
    for cut in cut_out(kind, object).withheld.into_iter().filter(|member| member.is_unknown) {
        if !unknown.contains(&cut.path) {
            unknown.push(cut.path);
        }
    }
    unknown
}

/// An object, divided into what may be stored in clear and what may not.
#[derive(Debug, Clone, PartialEq)]
pub struct CutOut {
    /// The object without its volatile members, its secrets and its unknown members. None if nothing of it may
    /// be stored.
    pub document: Option<Value>,
    /// The secrets and the unknown members, in the order in which they are found. Members that hold nothing
    /// are left out.
    pub withheld: Vec<Withheld>,
}

/// A member that is not stored in clear.
#[derive(Clone, PartialEq)]
pub struct Withheld {
    /// Its path, as in [`Field::path`].
    pub path: String,
    /// Where it belongs in the stored document: a JSON pointer (RFC 6901). An element of a list whose other elements
    /// are stored comes after these.
    pub place: String,
    /// Whether the table has no row for it.
    pub is_unknown: bool,
    /// Its value. It is never shown.
    value: SecretText,
}

impl Withheld {
    /// The value, for the one place that encrypts it.
    pub fn reveal(&self) -> &SecretText {
        &self.value
    }
}

impl fmt::Debug for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Withheld").field("is_unknown", &self.is_unknown).finish_non_exhaustive()
    }
}

/// Cuts out of an answer of Cognito what may not be stored in clear: secrets, and members that the table does
/// not name. Volatile members are dropped. Lists whose order means nothing are sorted, because Cognito may change
/// their order from answer to answer.
pub fn cut_out(kind: ObjectKind, object: &Value) -> CutOut {
    let mut search = Search { rows: rows_of(kind, object), steps: Vec::new(), found: Vec::new() };
    let document = search.visit("", object);
    CutOut { document, withheld: search.found.into_iter().map(Found::into_withheld).collect() }
}

/// The rows that are valid for an object.
pub(super) fn rows_of(kind: ObjectKind, object: &Value) -> Vec<&'static Field> {
    let provider = object["ProviderType"].as_str().and_then(ProviderType::parse);
    fields_of(kind).iter().filter(|row| row.is_valid_for(provider)).collect()
}

struct Search {
    rows: Vec<&'static Field>,
    /// The way from the object to the member that is looked at.
    steps: Vec<Step>,
    found: Vec<Found>,
}

/// One step down into an object or a list.
#[derive(Clone)]
enum Step {
    Member(String),
    Element(usize),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(name) => write!(f, "/{}", name.replace('~', "~0").replace('/', "~1")),
            Self::Element(index) => write!(f, "/{index}"),
        }
    }
}

/// A member that is withheld, and the way to it.
struct Found {
    path: String,
    steps: Vec<Step>,
    is_unknown: bool,
    value: SecretText,
}

impl Found {
    fn into_withheld(self) -> Withheld {
        let place = self.steps.iter().map(Step::to_string).collect();
        Withheld { path: self.path, place, is_unknown: self.is_unknown, value: self.value }
    }
}

impl Search {
    /// What may be stored of the member at `path`.
    fn visit(&mut self, path: &str, value: &Value) -> Option<Value> {
        let row = row_at(&self.rows, path);
        match row {
            Some(row) if row.nature == Nature::Volatile && is_of_row_form(value) => return None,
            Some(row) if row.nature == Nature::Secret => {
                self.withhold(path, value, false);
                return None;
            }
            Some(row) if row.comparison == Comparison::FreeJson => return Some(value.clone()),
            _ => {}
        }
        let [is_object, is_list] = [has_members(&self.rows, path), has_elements(&self.rows, path)];
        match value {
            Value::Object(members) if is_object || members.is_empty() && row.is_some() => {
                let mut kept = Map::new();
                for (name, member) in members {
                    let child = child(&self.rows, path, name);
                    self.steps.push(Step::Member(name.clone()));
                    if let Some(member) = self.visit(&child, member) {
                        kept.insert(name.clone(), member);
                    }
                    self.steps.pop();
                }
                Some(Value::Object(kept))
            }
            Value::Array(elements) if is_list => {
                let child = format!("{path}[]");
                let (first, mut kept, mut lost) = (self.found.len(), Vec::new(), Vec::new());
                for (index, element) in elements.iter().enumerate() {
                    self.steps.push(Step::Element(index));
                    match self.visit(&child, element) {
                        Some(element) => kept.push((index, element)),
                        None => lost.push(index),
                    }
                    self.steps.pop();
                }
                if row_at(&self.rows, &child).is_some_and(|row| row.comparison.is_of_set()) {
                    kept.sort_by_cached_key(|(_, element)| sorted(element.clone()).to_string());
                }
                self.renumber(first, kept.iter().map(|(index, _)| *index).chain(lost).collect());
                Some(Value::Array(kept.into_iter().map(|(_, element)| element).collect()))
            }
            Value::Null if row.is_some() || is_object || is_list => Some(Value::Null),
            Value::Object(_) | Value::Array(_) | Value::Null => {
                self.withhold(path, value, true);
                None
            }
            _ if row.is_some() && !is_object && !is_list => Some(value.clone()),
            _ => {
                self.withhold(path, value, true);
                None
            }
        }
    }

    fn withhold(&mut self, path: &str, value: &Value, is_unknown: bool) {
        // Cognito answers an empty secret of a client without one.
        if is_unknown || !(value.is_null() || value.as_str().is_some_and(str::is_empty)) {
            let (path, steps) = (path.to_owned(), self.steps.clone());
            self.found.push(Found { path, steps, is_unknown, value: SecretText::of(value) });
        }
    }

    /// Gives the elements of the list here their places in the stored list. `order` has the old places. What was found
    /// in the list begins with number `first`.
    fn renumber(&mut self, first: usize, order: Vec<usize>) {
        let depth = self.steps.len();
        for found in self.found.iter_mut().skip(first) {
            if let Some(Step::Element(index)) = found.steps.get_mut(depth)
                && let Some(place) = order.iter().position(|old| old == index)
            {
                *index = place;
            }
        }
    }
}

/// The value with the members of every object in the order of their names, so that equal answers have equal
/// JSON, however `serde_json` keeps objects.
pub(super) fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> =
                members.into_iter().map(|(name, member)| (name, sorted(member))).collect();
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(members.into_iter().collect::<Map<_, _>>())
        }
        Value::Array(elements) => elements.into_iter().map(sorted).collect(),
        single => single,
    }
}

/// Whether a value is a single one, as every row without members below it has.
fn is_of_row_form(value: &Value) -> bool {
    !value.is_object() && !value.is_array()
}

pub(super) fn row_at(rows: &[&'static Field], path: &str) -> Option<&'static Field> {
    rows.iter().copied().find(|row| row.path == path)
}

/// The path of a member. A name with a character of the notation is a key of a map, or unknown.
pub(super) fn child(rows: &[&'static Field], path: &str, name: &str) -> String {
    let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let [literal, any] = [join(name), join("*")];
    let is_known =
        |path: &str| row_at(rows, path).is_some() || has_members(rows, path) || has_elements(rows, path);
    let is_plain = !name.is_empty() && !name.contains(['.', '[', ']', '*']);
    if (is_plain && is_known(&literal)) || !is_known(&any) {
        return if is_plain { literal } else { join(&format!("{name:?}")) };
    }
    any
}

pub(super) fn has_members(rows: &[&'static Field], path: &str) -> bool {
    path.is_empty() || below(rows, path, ".")
}

pub(super) fn has_elements(rows: &[&'static Field], path: &str) -> bool {
    below(rows, path, "[]")
}

fn below(rows: &[&'static Field], path: &str, separator: &str) -> bool {
    let rest = |row: &Field| row.path.strip_prefix(path).is_some_and(|rest| rest.starts_with(separator));
    rows.iter().any(|row| rest(row))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn assert_unknown(kind: ObjectKind, object: Value, expected: &[&str]) {
        assert_eq!(unknown_members(kind, &object), expected, "{object}");
    }

    #[test]
    fn members_with_rows_are_known() {
        let pool = json!({
            "Id": "eu-west-1_EXAMPLE",
            "Policies": {"PasswordPolicy": {"MinimumLength": 8}, "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]}},
            "LambdaConfig": {},
            "SchemaAttributes": [{"Name": "sub", "StringAttributeConstraints": {}}],
            "UserPoolTags": {"team.a[0]": "x", "*": "y"},
            "AliasAttributes": [],
            "SmsConfiguration": null,
            "AcrConfiguration": {"Level1": {"AcrValue": "urn:cognito:loa:1"}},
        });
        assert_unknown(ObjectKind::UserPool, pool, &[]);
    }

    #[test]
    fn a_member_without_a_row_is_unknown_at_every_depth() {
        let pool = json!({
            "NewMember": {"Key": "value"},
            "Policies": {"PasswordPolicy": {"NewRule": true}, "NewPolicy": {}},
            "SchemaAttributes": [{"Name": "sub", "New": 1}, {"Name": "x", "New": 2}],
            "AliasAttributes": [["email"]],
        });
        let expected = [
            "AliasAttributes[]",
            "NewMember",
            "Policies.NewPolicy",
            "Policies.PasswordPolicy.NewRule",
            "SchemaAttributes[].New",
        ];
        assert_unknown(ObjectKind::UserPool, pool, &expected);
    }

    #[test]
    fn a_member_of_another_form_than_its_row_is_unknown() {
        let pool = json!({
            "Name": {"Secret": "x"},
            "Policies": "x",
            "AliasAttributes": "email",
            "Status": ["x"],
            "SchemaAttributes": {"Name": "sub"},
        });
        let expected = ["AliasAttributes", "Name", "Policies", "SchemaAttributes", "Status"];
        assert_unknown(ObjectKind::UserPool, pool, &expected);
        assert_unknown(ObjectKind::UserPool, json!("text"), &[""]);
    }

    #[test]
    fn a_name_in_the_notation_of_paths_reaches_no_row() {
        let client = json!({"TokenValidityUnits.AccessToken": "hours", "CallbackURLs[]": "x", "*": 1});
        let expected = [r#""*""#, r#""CallbackURLs[]""#, r#""TokenValidityUnits.AccessToken""#];
        assert_unknown(ObjectKind::Client, client, &expected);
    }

    #[test]
    fn everything_below_free_json_is_known() {
        let branding = json!({"Settings": {"components": {"favicon": [1, {"new": null}]}}, "New": 1});
        assert_unknown(ObjectKind::Branding, branding, &["New"]);
    }

    #[test]
    fn the_known_details_depend_on_the_type_of_the_provider() {
        let provider = |kind: &str, details: Value| json!({"ProviderType": kind, "ProviderDetails": details});
        let saml = json!({"MetadataURL": "https://idp.example.com", "client_secret": "x"});
        assert_unknown(
            ObjectKind::IdentityProvider,
            provider("SAML", saml),
            &["ProviderDetails.client_secret"],
        );
        let google = json!({"client_secret": "x", "token_url": "x", "new_key": "x", "jwks_uri": "x"});
        assert_unknown(
            ObjectKind::IdentityProvider,
            provider("Google", google),
            &["ProviderDetails.jwks_uri", "ProviderDetails.new_key"],
        );
        assert_unknown(
            ObjectKind::IdentityProvider,
            provider("NewType", json!({"client_id": "x"})),
            &["ProviderDetails"],
        );
    }
}
