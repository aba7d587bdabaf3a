//! The changes to a user that the emulator cannot store: deleted attributes, and e-mail codes as a
//! second factor. The proxy remembers both, and shows users with them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

/// The name of the factor. Source: `UserMFASettingList` of AdminGetUser.
const EMAIL_OTP: &str = "EMAIL_OTP";

/// The users of all pools that the proxy shows differently from the emulator, by pool and username.
#[derive(Debug, Default)]
pub(super) struct Overlay(Mutex<HashMap<(String, String), UserOverlay>>);

#[derive(Debug, Default)]
struct UserOverlay {
    /// Attributes that a client deleted. In the emulator they are empty, unless a client set them again.
    deleted: BTreeSet<String>,
    has_email_factor: bool,
    prefers_email: bool,
}

impl Overlay {
    /// Remembers that attributes of a user are deleted.
    pub fn delete_attributes(&self, pool: &str, username: &str, names: impl Iterator<Item = String>) {
        self.change(pool, username, |user| user.deleted.extend(names));
    }

    /// Remembers the part about e-mail in the input of AdminSetUserMFAPreference.
    pub fn set_factors(&self, pool: &str, username: &str, input: &Value) {
        let email = &input["EmailMfaSettings"];
        let is_preferred = |settings: &Value| settings["PreferredMfa"] == true;
        self.change(pool, username, |user| {
            if let Some(is_enabled) = email["Enabled"].as_bool() {
                user.has_email_factor = is_enabled;
            }
            let prefers_another =
                ["SMSMfaSettings", "SoftwareTokenMfaSettings"].iter().any(|name| is_preferred(&input[name]));
            user.prefers_email =
                user.has_email_factor && (is_preferred(email) || user.prefers_email && !prefers_another);
        });
    }

    fn change(&self, pool: &str, username: &str, change: impl FnOnce(&mut UserOverlay)) {
        let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(users.entry((pool.to_owned(), username.to_owned())).or_default());
    }

    /// Changes a user, as the emulator returned it, into the user that Cognito would return. `attributes`
    /// names the field with the attributes.
    pub fn apply(&self, pool: &str, user: &mut Value, attributes: &str) {
        let key = (pool.to_owned(), user["Username"].as_str().unwrap_or_default().to_owned());
        let users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(overlay) = users.get(&key) else { return };
        if let Some(attributes) = user[attributes].as_array_mut() {
            let is_deleted = |name: &str| overlay.deleted.contains(name);
            attributes.retain(|attribute| {
                attribute["Value"] != "" || !attribute["Name"].as_str().is_some_and(is_deleted)
            });
        }
        if let Some(factors) = user["UserMFASettingList"].as_array_mut().filter(|_| overlay.has_email_factor)
        {
            factors.push(EMAIL_OTP.into());
        }
        if overlay.prefers_email {
            user["PreferredMfaSetting"] = json!(EMAIL_OTP);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anna() -> Value {
        json!({
            "Username": "anna", "UserMFASettingList": ["SMS_MFA"], "PreferredMfaSetting": "SMS_MFA",
            "UserAttributes": [{"Name": "name", "Value": ""}, {"Name": "locale", "Value": ""}, {"Name": "email", "Value": "a@x"}],
        })
    }

    fn shown(overlay: &Overlay) -> Value {
        let mut user = anna();
        overlay.apply("pool", &mut user, "UserAttributes");
        user
    }

    #[test]
    fn deleted_attributes_are_not_shown_until_they_are_set_again() {
        let overlay = Overlay::default();
        assert_eq!(shown(&overlay), anna());
        overlay.delete_attributes("pool", "anna", ["name", "email"].map(str::to_owned).into_iter());
        overlay.delete_attributes("other", "anna", std::iter::once("locale".to_owned()));
        let left = [json!({"Name": "locale", "Value": ""}), json!({"Name": "email", "Value": "a@x"})];
        assert_eq!(shown(&overlay)["UserAttributes"], json!(left));
    }

    #[test]
    fn e_mail_codes_are_a_factor_in_addition_to_those_of_the_emulator() {
        let overlay = Overlay::default();
        let set = |input: Value| {
            overlay.set_factors("pool", "anna", &input);
            let user = shown(&overlay);
            (user["UserMFASettingList"].to_string(), user["PreferredMfaSetting"].to_string())
        };
        let (both, sms) = (r#"["SMS_MFA","EMAIL_OTP"]"#.to_owned(), r#"["SMS_MFA"]"#.to_owned());
        let email =
            |enabled, preferred| json!({"EmailMfaSettings": {"Enabled": enabled, "PreferredMfa": preferred}});
        let of = |factor: &str| format!("{factor:?}");
        assert_eq!(set(email(true, true)), (both.clone(), of("EMAIL_OTP")));
        assert_eq!(
            set(json!({"SMSMfaSettings": {"Enabled": true, "PreferredMfa": true}})),
            (both, of("SMS_MFA"))
        );
        assert_eq!(set(email(false, false)), (sms, of("SMS_MFA")));
    }
}
