//! Which members of an object the table of fields knows.

use serde_json::Value;

use super::{Comparison, Field, ObjectKind, ProviderType, fields_of};

/// The paths of the members of an object for which the table has no row, in the order in which they are
/// found.
///
/// Such a member may hold a secret. A path is written as in [`Field::path`]; it ends at the first member
/// without a row. An empty list or object holds nothing, so it is known if the table has a row for its
/// content.
pub fn unknown_members(kind: ObjectKind, object: &Value) -> Vec<String> {
    let provider = object["ProviderType"].as_str().and_then(ProviderType::parse);
    let rows = fields_of(kind).iter().filter(|row| row.is_valid_for(provider)).collect();
    let mut search = Search { rows, unknown: vec![] };
    search.visit("", object);
    search.unknown
}

struct Search {
    rows: Vec<&'static Field>,
    unknown: Vec<String>,
}

impl Search {
    fn visit(&mut self, path: &str, value: &Value) {
        let row = self.rows.iter().find(|row| row.path == path);
        if row.is_some_and(|row| row.comparison == Comparison::FreeJson) {
            return;
        }
        let [is_object, is_list] = [self.has_members(path), self.has_elements(path)];
        match value {
            Value::Object(members) if is_object || members.is_empty() && row.is_some() => {
                for (name, member) in members {
                    let child = self.child(path, name);
                    self.visit(&child, member);
                }
            }
            Value::Array(elements) if is_list => {
                let child = format!("{path}[]");
                elements.iter().for_each(|element| self.visit(&child, element));
            }
            Value::Null if row.is_some() || is_object || is_list => {}
            Value::Object(_) | Value::Array(_) | Value::Null => self.report(path),
            _ if row.is_some() && !is_object && !is_list => {}
            _ => self.report(path),
        }
    }

    /// The path of a member. A name with a character of the notation is a key of a map, or unknown.
    fn child(&self, path: &str, name: &str) -> String {
        let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        let [literal, any] = [join(name), join("*")];
        let is_known = |path: &str| {
            self.rows.iter().any(|row| row.path == path) || self.has_members(path) || self.has_elements(path)
        };
        let is_plain = !name.is_empty() && !name.contains(['.', '[', ']', '*']);
        if (is_plain && is_known(&literal)) || !is_known(&any) {
            return if is_plain { literal } else { join(&format!("{name:?}")) };
        }
        any
    }

    fn has_members(&self, path: &str) -> bool {
        path.is_empty() || self.below(path, ".")
    }

    fn has_elements(&self, path: &str) -> bool {
        self.below(path, "[]")
    }

    fn below(&self, path: &str, separator: &str) -> bool {
        let rest = |row: &&Field| row.path.strip_prefix(path).is_some_and(|rest| rest.starts_with(separator));
        self.rows.iter().copied().any(|row| rest(&row))
    }

    fn report(&mut self, path: &str) {
        if !self.unknown.iter().any(|known| known == path) {
            self.unknown.push(path.to_owned());
        }
    }
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
