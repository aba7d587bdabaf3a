//! Members whose presence is a setting.

use crate::model::configuration::ObjectKind;

/// Objects in an answer that switch something on by being there, even if they are empty.
///
/// Without `DeviceConfiguration`, the pool remembers no devices. Without the other two, the pool does not have
/// the factor, although the pool itself may keep the message and the sender of the SMS factor.
/// Source: measured live, 2026-08; `SetUserPoolMfaConfig`.
const SWITCHES: &[(ObjectKind, &str)] = &[
    (ObjectKind::UserPool, "DeviceConfiguration"),
    (ObjectKind::Mfa, "SmsMfaConfiguration"),
    (ObjectKind::Mfa, "EmailMfaConfiguration"),
];

/// Whether the presence of the member at `path` is a setting. Its content has rows of its own.
pub fn is_switch(kind: ObjectKind, path: &str) -> bool {
    SWITCHES.contains(&(kind, path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::configuration::fields_of;

    #[test]
    fn a_switch_has_members() {
        for (kind, path) in SWITCHES {
            let is_above = |row: &str| row.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
            assert!(fields_of(*kind).iter().any(|row| is_above(row.path)), "{kind} {path}");
        }
        assert!(!is_switch(ObjectKind::UserPool, "LambdaConfig"));
    }
}
