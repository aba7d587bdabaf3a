//! The normal form of an object: two objects with the same settings have the same normal form.

use serde_json::{Map, Value};

use super::members::{child, row_at, rows_of};
use super::{Comparison, Field, Nature, ObjectKind, fields_of};

/// An object without the members that are no choice of the owner, and with sorted lists if Cognito does not
/// keep their order.
///
/// An object that has no settings keeps its derived members: the certificate of a pool is nothing else. Some
/// derived members show what the owner chose by being there.
/// Members that are absent and members that are null are the same.
pub fn normal_form(kind: ObjectKind, object: &Value) -> Value {
    let normal = Normal { kind, rows: rows_of(kind, object), keeps_derived: has_only_derived(kind) };
    normal.form("", object).unwrap_or_default()
}

/// Whether Cognito computes all that an object of the kind holds.
fn has_only_derived(kind: ObjectKind) -> bool {
    !fields_of(kind).iter().any(|row| row.readable && matches!(row.nature, Nature::Setting | Nature::Name))
}

/// Derived members that are there if the owner chose so: the look has an image, or AWS Secrets Manager keeps the
/// secret of the client. Cognito writes another value with each change.
const TELLING: [(ObjectKind, &str); 2] =
    [(ObjectKind::UiCustomization, "ImageUrl"), (ObjectKind::Client, "ClientSecretArn")];

struct Normal {
    kind: ObjectKind,
    rows: Vec<&'static Field>,
    keeps_derived: bool,
}

impl Normal {
    /// None if the member does not count.
    fn form(&self, path: &str, value: &Value) -> Option<Value> {
        let row = row_at(&self.rows, path);
        match row.map(|row| row.nature) {
            Some(Nature::Volatile | Nature::Secret) => return None,
            Some(Nature::Derived) if TELLING.contains(&(self.kind, path)) => {
                return (!value.is_null()).then_some(Value::Bool(true));
            }
            Some(Nature::Derived) if !self.keeps_derived => return None,
            _ => {}
        }
        if row.is_some_and(|row| row.comparison == Comparison::FreeJson) {
            return Some(without_fractions(value));
        }
        match value {
            Value::Null => None,
            Value::Object(members) => Some(Value::Object(self.members(path, members))),
            Value::Array(elements) => Some(self.list(&format!("{path}[]"), elements)),
            single => Some(without_fractions(single)),
        }
    }

    fn members(&self, path: &str, members: &Map<String, Value>) -> Map<String, Value> {
        let form = |(name, member): (&String, &Value)| {
            let member = self.form(&child(&self.rows, path, name), member)?;
            Some((name.clone(), member))
        };
        members.iter().filter_map(form).collect()
    }

    fn list(&self, path: &str, elements: &[Value]) -> Value {
        let mut forms: Vec<Value> = elements.iter().filter_map(|element| self.form(path, element)).collect();
        match row_at(&self.rows, path).map(|row| row.comparison) {
            Some(Comparison::Set) => {
                forms.sort_by_cached_key(Value::to_string);
                forms.dedup();
            }
            Some(Comparison::Keyed(members) | Comparison::Issued(members)) => {
                forms.sort_by_cached_key(|form| {
                    let key: Vec<String> = members.iter().map(|member| form[*member].to_string()).collect();
                    (key, form.to_string())
                })
            }
            _ => {}
        }
        Value::Array(forms)
    }
}

/// Numbers by their value: `1.0` is `1`.
fn without_fractions(value: &Value) -> Value {
    /// Every integer up to this is a float, too.
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() <= MAX_EXACT => {
                Value::from(float as i64)
            }
            _ => value.clone(),
        },
        Value::Array(elements) => elements.iter().map(without_fractions).collect(),
        Value::Object(members) => {
            let form = |(name, member): (&String, &Value)| (name.clone(), without_fractions(member));
            Value::Object(members.iter().map(form).collect())
        }
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn client(flows: &[&str], others: &[(&str, Value)]) -> Value {
        let mut client = json!({"ClientId": "1", "ClientName": "web", "ExplicitAuthFlows": flows});
        others.iter().for_each(|(name, value)| client[*name] = value.clone());
        client
    }

    #[test]
    fn derived_volatile_and_secret_members_do_not_count() {
        let bare = normal_form(ObjectKind::Client, &client(&[], &[]));
        let more = [
            ("CreationDate", json!(1)),
            ("LastModifiedDate", json!(1_764_000_000.123)),
            ("ClientSecret", json!("planted")),
            ("ClientType", json!("REGULAR")),
            ("DefaultRedirectURI", Value::Null),
        ];
        assert_eq!(normal_form(ObjectKind::Client, &client(&[], &more)), bare);
        let other = normal_form(ObjectKind::Client, &client(&[], &[("AuthSessionValidity", json!(5))]));
        assert_ne!(other, bare);
    }

    #[test]
    fn an_address_counts_by_being_there() {
        for (kind, member) in TELLING {
            let form = |value: Value| {
                let mut object = json!({"ClientId": "1"});
                object[member] = value;
                normal_form(kind, &object)
            };
            assert_eq!(form(json!("one")), form(json!("two")), "{kind}");
            assert_ne!(form(json!("one")), form(Value::Null), "{kind}");
            assert_eq!(form(Value::Null), normal_form(kind, &json!({"ClientId": "1"})), "{kind}");
        }
    }

    #[test]
    fn a_number_counts_by_its_value() {
        let settings = |number: Value| json!({"Settings": {"radius": [number]}});
        let form = |number| normal_form(ObjectKind::Branding, &settings(number));
        assert_eq!(form(json!(1)), form(json!(1.0)));
        assert_ne!(form(json!(1)), form(json!(1.5)));
    }

    #[test]
    fn an_object_without_settings_counts_as_a_whole() {
        let kinds: Vec<_> = ObjectKind::ALL.iter().copied().filter(|&kind| has_only_derived(kind)).collect();
        assert_eq!(kinds, [ObjectKind::ClientSecrets, ObjectKind::SigningCertificate]);
        let form = |pem: &str| normal_form(ObjectKind::SigningCertificate, &json!({"Certificate": pem}));
        assert_ne!(form("one"), form("two"));
    }

    #[test]
    fn the_order_of_the_secrets_of_a_client_does_not_count() {
        let secret = |id: &str| json!({"ClientSecretId": id, "ClientSecretCreateDate": 1});
        let form = |ids: [&str; 2]| {
            normal_form(ObjectKind::ClientSecrets, &json!({"ClientSecrets": ids.map(secret)}))
        };
        assert_eq!(form(["1", "2"]), form(["2", "1"]));
        assert_ne!(form(["1", "2"]), form(["1", "3"]));
    }

    #[test]
    fn objects_of_a_list_count_by_their_names() {
        let scope =
            |name: &str, description: &str| json!({"ScopeName": name, "ScopeDescription": description});
        let server = |scopes: &[Value]| normal_form(ObjectKind::ResourceServer, &json!({"Scopes": scopes}));
        let [read, write] = [scope("read", "z"), scope("write", "a")];
        assert_eq!(server(&[read.clone(), write.clone()]), server(&[write.clone(), read.clone()]));
        assert_ne!(server(&[read.clone(), write]), server(&[read, scope("write", "b")]));
    }

    proptest! {
        #[test]
        fn the_order_and_repetitions_of_a_set_do_not_count(
            flows in prop::collection::vec("[A-D]{1,2}", 0..8),
            seed in any::<usize>(),
        ) {
            let mut other = flows.clone();
            if !other.is_empty() {
                let turn = seed % other.len();
                other.rotate_left(turn);
                other.push(other[0].clone());
            }
            let form = |flows: &[String]| {
                let flows: Vec<&str> = flows.iter().map(String::as_str).collect();
                normal_form(ObjectKind::Client, &client(&flows, &[]))
            };
            prop_assert_eq!(form(&flows), form(&other));
            // The form of a form is the same form.
            let once = form(&flows);
            prop_assert_eq!(normal_form(ObjectKind::Client, &once), once);
        }
    }
}
