//! The table of fields: one row for each member of each object.

use super::{Comparison, Field, ObjectKind};

/// The rows of the kind, in the order of Cognito's API reference.
pub fn fields_of(kind: ObjectKind) -> &'static [Field] {
    match kind {
        ObjectKind::Mfa => MFA,
        _ => &[],
    }
}

/// The row of the member at `path` of an object. `path` is written as in [`Field::path`].
pub fn field(kind: ObjectKind, path: &str) -> Option<&'static Field> {
    fields_of(kind).iter().find(|field| field.path == path)
}

const MFA: &[Field] = &[
    Field::setting("MfaConfiguration").default("\"OFF\"").reset(),
    Field::setting("SmsMfaConfiguration.SmsAuthenticationMessage")
        .compared(Comparison::Mirror("userPool/SmsAuthenticationMessage"))
        .reset(),
    Field::setting("SoftwareTokenMfaConfiguration.Enabled").reset(),
];
