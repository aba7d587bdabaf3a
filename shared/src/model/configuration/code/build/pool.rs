//! The second factors, which both tools keep in the pool.

use serde_json::{Map, Value, json};

use super::super::members::placed;
use super::super::{Code, GapReason, Members, Tool};
use super::Builder;
use crate::model::configuration::path::{at, remove};
use crate::model::configuration::request::writable_members;
use crate::model::configuration::{Comparison, ObjectKind, ObjectName, fields_of};

const SMS: &str = "SmsMfaConfiguration";
const EMAIL: &str = "EmailMfaConfiguration";
const TOTP: &str = "SoftwareTokenMfaConfiguration";

impl Builder<'_> {
    /// Adds to the members of the pool what Cognito keeps apart, and what is set by being there.
    pub(super) fn add_to_pool(&mut self, pool: &Value, members: &mut Members) {
        let [devices, email] = match self.tool {
            Tool::CloudFormation => ["DeviceConfiguration", ""],
            Tool::Terraform => ["device_configuration", "email_mfa_configuration"],
        };
        if pool["DeviceConfiguration"].is_object() {
            members.entry(devices.to_owned()).or_insert_with(|| Code::Object(Members::new()));
        }
        let name = ObjectName::single(ObjectKind::Mfa);
        let Some(mfa) = self.captured.get(&name).copied() else { return };
        let mut source = writable_members(ObjectKind::Mfa, mfa);
        let has_factor = |factor: &str| source.contains_key(factor);
        let (has_sms, has_email) = (has_factor(SMS), has_factor(EMAIL));
        let is_on = source.get("MfaConfiguration").is_some_and(|state| state != "OFF");
        if self.tool == Tool::CloudFormation && is_on {
            members.insert("EnabledMfas".to_owned(), Code::Value(factors(&source)));
        } else if self.tool == Tool::CloudFormation {
            // The request for a factor beside `OFF` is refused. Terraform sends none as long as nothing changes.
            for factor in [EMAIL, TOTP] {
                if source.remove(factor).is_some_and(|factor| says_more_than_off(&factor)) {
                    self.gap(&name, Some(factor), GapReason::BesideOff);
                }
            }
        }
        let mut source = Value::Object(source);
        remove_mirrors(pool, &mut source);
        let source = source.as_object().cloned().unwrap_or_default();
        let placed = placed(ObjectKind::Mfa, &source, self.tool);
        for (member, reason) in placed.gaps {
            self.gap(&name, Some(&member), reason);
        }
        members.extend(placed.members);
        if self.tool == Tool::Terraform {
            if has_email {
                members.entry(email.to_owned()).or_insert_with(|| Code::Object(Members::new()));
            }
            if is_on && !has_sms && members.contains_key("sms_configuration") {
                self.gap(&name, Some(SMS), GapReason::MeansFactor);
            }
        }
    }
}

/// Whether a factor is enabled or has a text.
fn says_more_than_off(factor: &Value) -> bool {
    factor.as_object().is_some_and(|members| members.values().any(|member| *member != json!(false)))
}

/// The factors, as CloudFormation names them.
fn factors(mfa: &Map<String, Value>) -> Value {
    let has_totp = mfa.get(TOTP).is_some_and(|factor| factor["Enabled"] == true);
    let named = [
        ("EMAIL_OTP", mfa.contains_key(EMAIL)),
        ("SMS_MFA", mfa.contains_key(SMS)),
        ("SOFTWARE_TOKEN_MFA", has_totp),
    ];
    named.iter().filter(|(_, is_on)| *is_on).map(|(name, _)| json!(name)).collect()
}

/// Removes the message and the sender that the pool has, too.
fn remove_mirrors(pool: &Value, mfa: &mut Value) {
    for row in fields_of(ObjectKind::Mfa) {
        let Comparison::Mirror(path) = row.comparison else { continue };
        let of_pool = path.split_once('/').and_then(|(_, path)| at(pool, path));
        if of_pool.is_some() && of_pool == at(mfa, row.path) {
            remove(mfa, row.path);
        }
    }
}
