//! What the table of fields says of a difference.

use serde_json::Value;

use super::super::super::difference::Difference;
use super::super::super::{Comparison, Field, Nature, ObjectKind, Tier, Write, fields_of};

/// The rows that a difference reaches: that of its member, or those below it.
pub(super) struct Reach {
    kind: Option<ObjectKind>,
    rows: Vec<&'static Field>,
}

/// The kinds of objects that no call of this program writes.
const NEVER_WRITTEN: [ObjectKind; 4] =
    [ObjectKind::ClientSecrets, ObjectKind::Replica, ObjectKind::WebAcl, ObjectKind::SigningCertificate];

impl Reach {
    pub fn of(found: &Difference) -> Self {
        let kind = found.object.kind;
        if let Some(row) = found.row {
            return Self { kind, rows: vec![row] };
        }
        let pattern = pattern(found.field.as_deref().unwrap_or_default());
        let rows = kind.map(fields_of).unwrap_or_default().iter();
        Self { kind, rows: rows.filter(|row| reaches(row, &pattern)).collect() }
    }

    /// Whether the table does not know the member.
    pub fn is_unknown(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether a request that changes the object takes the member.
    pub fn is_changeable(&self) -> bool {
        let is_sent = |row: &&'static Field| {
            matches!(row.write, Write::Always | Write::OnlyUpdate)
                && matches!(row.nature, Nature::Setting | Nature::Secret)
                && !row.withheld
        };
        self.kind.is_some_and(|kind| !NEVER_WRITTEN.contains(&kind)) && self.rows.iter().any(is_sent)
    }

    /// The least tier that has the member.
    pub fn tier(&self) -> Tier {
        self.rows.iter().map(|row| row.tier).min().unwrap_or(Tier::Lite)
    }

    /// Whether a value is the one of an object that lacks the member.
    pub fn is_default(&self, value: &Value) -> bool {
        let defaults = self.rows.iter().filter_map(|row| row.default);
        defaults.filter_map(|json| serde_json::from_str::<Value>(json).ok()).any(|default| default == *value)
    }

    /// The path of the member without its elements: what can be kept as a whole.
    pub fn member<'f>(&self, found: &'f Difference) -> &'f str {
        let field = found.field.as_deref().unwrap_or_default();
        let is_whole = |row: &&&Field| row.comparison == Comparison::FreeJson || row.path.ends_with(".*");
        match self.rows.iter().find(is_whole) {
            Some(row) => {
                let length = base(row.path).len().min(field.len());
                field.get(..length).unwrap_or(field)
            }
            None => field.split('[').next().unwrap_or(field),
        }
    }
}

/// Whether a path is that of a member, or below it. Everything is below the empty path.
pub(super) fn is_of(field: &str, path: &str) -> bool {
    let below = field.strip_prefix(path);
    path.is_empty() || below.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// A path as the table writes it: `SchemaAttributes[custom:x].Mutable` is `SchemaAttributes[].Mutable`.
fn pattern(field: &str) -> String {
    let (mut pattern, mut depth, mut is_quoted) = (String::new(), 0_usize, false);
    for c in field.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            '[' if !is_quoted => {
                depth += 1;
                if depth == 1 {
                    pattern.push_str("[]");
                }
                continue;
            }
            ']' if !is_quoted => {
                depth = depth.saturating_sub(1);
                continue;
            }
            _ => {}
        }
        if depth == 0 {
            pattern.push(c);
        }
    }
    pattern
}

fn base(path: &str) -> &str {
    path.trim_end_matches(".*").trim_end_matches("[]")
}

fn reaches(row: &Field, pattern: &str) -> bool {
    let base = base(row.path);
    let is_open = base.len() < row.path.len() || row.comparison == Comparison::FreeJson;
    is_of(base, pattern) || (is_open && is_of(pattern, base))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_a_difference_leads_to_its_rows() {
        for (field, expected) in [
            ("SchemaAttributes[custom:x].Mutable", "SchemaAttributes[].Mutable"),
            ("Assets[FAVICON_ICO, LIGHT]", "Assets[]"),
            (r#"L["a]b"].X"#, "L[].X"),
            (r#"UserPoolTags."a.b[c]""#, r#"UserPoolTags."a.b[c]""#),
        ] {
            assert_eq!(pattern(field), expected);
        }
        let row = |kind, path: &str| fields_of(kind).iter().find(|row| row.path == path).unwrap();
        assert!(reaches(row(ObjectKind::UserPool, "UserPoolTags.*"), "UserPoolTags.team"));
        assert!(reaches(row(ObjectKind::Branding, "Settings"), "Settings.components.radius"));
        assert!(reaches(row(ObjectKind::Mfa, "EmailMfaConfiguration.Message"), "EmailMfaConfiguration"));
        assert!(!reaches(row(ObjectKind::UserPool, "LambdaConfig.PreSignUp"), "LambdaConfig.New"));
    }
}
