//! Rows: one user each.

use super::header::{Column, Header, USERNAME};
use super::value::{self, Form, Unwritable};
use crate::model::{MfaPreference, MfaSetting, NotInJob, PoolDescription, UserRecord};

/// "The maximum row length is 16,000 characters." AWS does not say what a character is `[?]`. No
/// way to count gives more than the bytes of UTF-8, the line's end included.
const MAX_ROW_BYTES: usize = 16_000;

/// A user, and what is needed to write it as a row.
pub struct Row<'a> {
    /// The columns of the target's files.
    pub header: &'a Header,
    /// The pool that runs the job.
    pub target: &'a PoolDescription,
    /// The name under which the job creates the user: the username, or the e-mail address or phone
    /// number if users sign in with these.
    pub sign_in_name: &'a str,
    pub user: &'a UserRecord,
}

/// Why no file can hold a user, so that the restore creates it through the API. It names
/// attributes, never values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum NotInCsv {
    /// The user came from an identity provider. Neither a job nor a call may make a native user of
    /// it.
    Federated,
    /// The user has no sign-in name: no e-mail address in a pool that signs in by e-mail, for
    /// example.
    NoSignInName,
    /// The sign-in name holds white space: `cognito:username` "cannot contain spaces or tabs".
    BlankInSignInName,
    /// The pool signs in by e-mail or phone, and the sign-in name is neither address of the user.
    ForeignSignInName,
    /// The row would be longer than 16,000 bytes.
    RowTooLong,
    /// "At least one of the auto-verified attributes must be true for each user", and none is true.
    NothingVerified,
    /// `email_verified` or `phone_number_verified` is true, but the address or number is missing.
    NothingToVerify {
        /// `email` or `phone_number`.
        attribute: String,
    },
    /// The pool requires the attribute, and the user lacks it.
    RequiredMissing { attribute: String },
    /// The header lacks the attribute.
    NoColumn { attribute: String },
    /// No file can hold a value.
    Value {
        /// The name of the attribute, or `cognito:username`.
        column: String,
        because: Unwritable,
    },
}

impl NotInCsv {
    /// The reason under which it is counted.
    pub fn reason(&self) -> NotInJob {
        match self {
            Self::Federated => NotInJob::Federated,
            Self::NoSignInName => NotInJob::NoSignInName,
            Self::BlankInSignInName => NotInJob::BlankInSignInName,
            Self::ForeignSignInName => NotInJob::ForeignSignInName,
            Self::RowTooLong => NotInJob::RowTooLong,
            Self::NothingVerified => NotInJob::NothingVerified,
            Self::NothingToVerify { .. } => NotInJob::NothingToVerify,
            Self::RequiredMissing { .. } => NotInJob::RequiredMissing,
            Self::NoColumn { .. } => NotInJob::NoColumn,
            Self::Value { because, .. } => match because {
                Unwritable::Backslash => NotInJob::Backslash,
                Unwritable::LineBreak => NotInJob::LineBreak,
                Unwritable::ControlCharacter => NotInJob::ControlCharacter,
                Unwritable::QuotationMark => NotInJob::QuotationMark,
                Unwritable::BlankAtEdge => NotInJob::BlankAtEdge,
                Unwritable::NotADate => NotInJob::NotADate,
                Unwritable::NotATime => NotInJob::NotATime,
                Unwritable::NotABoolean => NotInJob::NotABoolean,
                Unwritable::UndocumentedType => NotInJob::UndocumentedType,
            },
        }
    }
}

impl Row<'_> {
    /// The row without the end of the line.
    ///
    /// A row never holds `sub`, `identities`, a `cognito:…` attribute or a password hash. It holds
    /// every other attribute, or the user is refused. An empty value is no value, as in
    /// AdminUpdateUserAttributes: "To delete an attribute from your user, submit the attribute in
    /// your API request with a blank value."
    ///
    /// # Errors
    /// Why no file can hold the user.
    pub fn encode(&self) -> Result<String, NotInCsv> {
        self.check_name()?;
        self.check_attributes()?;
        let mut row = String::with_capacity(256);
        for (at, column) in self.header.columns().iter().enumerate() {
            if at > 0 {
                row.push(',');
            }
            match column {
                Column::Username => write(&mut row, USERNAME, Ok(Form::Text), self.sign_in_name)?,
                Column::MfaEnabled => row.push_str(self.mfa_enabled()),
                Column::Blank => {}
                Column::Attribute(name) => {
                    if let Some(value) = self.user.attributes.get(name).filter(|value| !value.is_empty()) {
                        write(&mut row, name, Form::of(name, self.target), value)?;
                    }
                }
            }
        }
        if row.len() < MAX_ROW_BYTES { Ok(row) } else { Err(NotInCsv::RowTooLong) }
    }

    fn check_name(&self) -> Result<(), NotInCsv> {
        let is_own =
            |name: &String| self.user.attributes.get(name).is_some_and(|value| value == self.sign_in_name);
        match self.sign_in_name {
            _ if self.user.is_federated() => Err(NotInCsv::Federated),
            "" => Err(NotInCsv::NoSignInName),
            name if name.chars().any(|c| c == '\t' || (c.is_whitespace() && !c.is_control())) => {
                Err(NotInCsv::BlankInSignInName)
            }
            _ if self.target.username_attributes.is_empty()
                || self.target.username_attributes.iter().any(is_own) =>
            {
                Ok(())
            }
            _ => Err(NotInCsv::ForeignSignInName),
        }
    }

    fn check_attributes(&self) -> Result<(), NotInCsv> {
        for (name, value) in self.user.settable_attributes() {
            if !value.is_empty() && !self.header.has_attribute(name) {
                return Err(NotInCsv::NoColumn { attribute: name.to_owned() });
            }
        }
        for (name, schema) in &self.target.attributes {
            // The schema requires `sub`, which Cognito sets.
            if schema.required && name != "sub" && !self.has(name) {
                return Err(NotInCsv::RequiredMissing { attribute: name.clone() });
            }
        }
        for name in ["email", "phone_number"] {
            if self.is_verified(name) && !self.has(name) {
                return Err(NotInCsv::NothingToVerify { attribute: name.to_owned() });
            }
        }
        let is_any_verified = self.target.auto_verified_attributes.iter().any(|name| self.is_verified(name));
        if is_any_verified { Ok(()) } else { Err(NotInCsv::NothingVerified) }
    }

    fn has(&self, name: &str) -> bool {
        self.user.attributes.get(name).is_some_and(|value| !value.is_empty())
    }

    fn is_verified(&self, name: &str) -> bool {
        self.user
            .attributes
            .get(&format!("{name}_verified"))
            .is_some_and(|value| value::is_true(value) == Some(true))
    }

    fn had_codes_by_sms(&self) -> bool {
        self.user.second_factors().is_some_and(|factors| factors.enabled.contains(MfaPreference::SMS))
    }

    /// "The cognito:mfa_enabled field must correspond to the MFA requirements of your user pool":
    /// true if the pool requires MFA, false if MFA is off. If MFA is optional, true for users that
    /// received codes by SMS. Users must enrol other factors again. Blank, "the state required by
    /// the user pool", for any other setting.
    fn mfa_enabled(&self) -> &'static str {
        match self.target.mfa {
            MfaSetting::On => "true",
            MfaSetting::Optional if self.had_codes_by_sms() && self.has("phone_number") => "true",
            MfaSetting::Off | MfaSetting::Optional => "false",
            MfaSetting::Other(_) => "",
        }
    }
}

fn write(
    row: &mut String,
    column: &str,
    form: Result<Form, Unwritable>,
    value: &str,
) -> Result<(), NotInCsv> {
    form.and_then(|form| value::write(row, form, value))
        .map_err(|because| NotInCsv::Value { column: column.to_owned(), because })
}

#[cfg(test)]
mod tests;
