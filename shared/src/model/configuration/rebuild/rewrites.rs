//! Values that belong to an account or a Region, and their rewriting.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::members::rows_of;
use super::super::path::{at_mut, remove};
use super::super::{Bound, ObjectKind, Write};
use super::LeftReason;

/// The account and the Region of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    pub account: String,
    pub region: String,
}

impl Home {
    /// The account and the Region in an ARN.
    pub fn of_arn(arn: &str) -> Option<Self> {
        let mut parts = arn.split(':').skip(3);
        let (region, account) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        (!region.is_empty() && !account.is_empty()).then_some(Self { account, region })
    }
}

/// How values of the old pool become values of the new one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rewrites {
    /// Whole values.
    pub arns: BTreeMap<String, String>,
    pub accounts: BTreeMap<String, String>,
    pub regions: BTreeMap<String, String>,
    /// Old and new domains. A domain that is not here stays with the old pool.
    pub domains: BTreeMap<String, String>,
}

/// What became of a value.
enum Mapped {
    To(String),
    Unmapped,
    /// It is no ARN, and follows the ARN beside it.
    Follows,
}

impl Rewrites {
    fn map(&self, bound: Bound, value: &str, from: &Home, to: &Home) -> Mapped {
        let [by_account, by_region] = match bound {
            Bound::Account => [true, false],
            Bound::Region => [false, true],
            Bound::AccountAndRegion => [true, true],
            Bound::Nothing | Bound::Pool | Bound::World => return Mapped::To(value.to_owned()),
        };
        if let Some(new) = self.arns.get(value) {
            return Mapped::To(new.clone());
        }
        let new = |is_bound: bool, rewrites: &BTreeMap<String, String>, part: &str, from: &str, to: &str| {
            match rewrites.get(part).filter(|_| is_bound) {
                Some(new) => Some(new.clone()),
                // A value of a third account or Region was valid there, and still is.
                None if !is_bound || part != from || from == to => Some(part.to_owned()),
                None => None,
            }
        };
        let mut parts: Vec<&str> = value.split(':').collect();
        if parts.len() < 6 || parts[0] != "arn" {
            if bound == Bound::Region {
                let region = new(true, &self.regions, value, &from.region, &to.region);
                return region.map_or(Mapped::Unmapped, Mapped::To);
            }
            let is_same =
                (!by_account || from.account == to.account) && (!by_region || from.region == to.region);
            return if is_same { Mapped::To(value.to_owned()) } else { Mapped::Follows };
        }
        // The ARN of a bucket names neither, and the bucket has both.
        if parts[3].is_empty() && parts[4].is_empty() && from != to {
            return Mapped::Unmapped;
        }
        let region = new(by_region, &self.regions, parts[3], &from.region, &to.region);
        let account = new(by_account, &self.accounts, parts[4], &from.account, &to.account);
        let (Some(region), Some(account)) = (region, account) else { return Mapped::Unmapped };
        (parts[3], parts[4]) = (&region, &account);
        Mapped::To(parts.join(":"))
    }

    /// Rewrites the values of an object. Takes out the members that cannot be rewritten, with what is worth nothing
    /// without them. Returns what it took out or turned off, by path.
    pub(super) fn apply(
        &self,
        kind: ObjectKind,
        object: &mut Value,
        from: &Home,
        to: &Home,
    ) -> Vec<(String, LeftReason)> {
        let mut left_out = Vec::new();
        if kind == ObjectKind::LogDelivery {
            if let Some(Value::Array(logs)) = object.get_mut("LogConfigurations") {
                logs.retain_mut(|log| {
                    let unmapped = self.rewrite(kind, log, "LogConfigurations[].", from, to);
                    let source = log["EventSource"].as_str().unwrap_or_default();
                    if !unmapped.is_empty() {
                        left_out.push((format!("LogConfigurations[{source}]"), LeftReason::Bound));
                    }
                    unmapped.is_empty()
                });
            }
            return left_out;
        }
        for unit in self.rewrite(kind, object, "", from, to) {
            remove(object, &unit);
            for dependent in without(object, &unit) {
                left_out.push((dependent, LeftReason::NamesLeftOut));
            }
            left_out.push((unit, LeftReason::Bound));
        }
        left_out
    }

    /// Rewrites the values of the rows below `prefix`. Returns the members to take out.
    fn rewrite(
        &self,
        kind: ObjectKind,
        object: &mut Value,
        prefix: &str,
        from: &Home,
        to: &Home,
    ) -> Vec<String> {
        let mut unmapped: Vec<String> = Vec::new();
        let mut followers: Vec<String> = Vec::new();
        let mut mapped: Vec<String> = Vec::new();
        // Cognito makes the values that no request has.
        for row in rows_of(kind, object).into_iter().filter(|row| row.write != Write::Never) {
            let Some(path) = row.path.strip_prefix(prefix).filter(|path| !path.contains(['[', '*'])) else {
                continue;
            };
            let Some(Value::String(value)) = at_mut(object, path) else { continue };
            let unit = unit_of(path);
            match self.map(row.bound, value, from, to) {
                Mapped::To(new) => {
                    if row.bound != Bound::Nothing && value.starts_with("arn:") {
                        mapped.push(unit);
                    }
                    *value = new;
                }
                Mapped::Unmapped => unmapped.push(unit),
                Mapped::Follows => followers.push(unit),
            }
        }
        unmapped.extend(followers.into_iter().filter(|unit| !mapped.contains(unit)));
        unmapped.sort();
        unmapped.dedup();
        unmapped
    }
}

/// The member that is worth nothing without the value at `path`.
fn unit_of(path: &str) -> String {
    let parents = ["LambdaConfig.", "AccountTakeoverRiskConfiguration."];
    let depth = if parents.iter().any(|parent| path.starts_with(parent)) { 2 } else { 1 };
    path.split('.').take(depth).collect::<Vec<_>>().join(".")
}

/// Takes out or turns off what Cognito refuses without the member `unit`. Returns the paths.
fn without(object: &mut Value, unit: &str) -> Vec<String> {
    let mut changed = Vec::new();
    match unit {
        // Both custom senders encrypt with this key.
        "LambdaConfig.KMSKeyID" => {
            for sender in ["LambdaConfig.CustomSMSSender", "LambdaConfig.CustomEmailSender"] {
                if remove(object, sender) {
                    changed.push(sender.to_owned());
                }
            }
        }
        // Cognito cannot notify a user without a sender.
        "AccountTakeoverRiskConfiguration.NotifyConfiguration" => {
            for action in ["LowAction", "MediumAction", "HighAction"] {
                let path = format!("AccountTakeoverRiskConfiguration.Actions.{action}.Notify");
                if let Some(notifies) = at_mut(object, &path)
                    && *notifies == true
                {
                    *notifies = false.into();
                    changed.push(path);
                }
            }
        }
        _ => {}
    }
    changed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn home(account: &str, region: &str) -> Home {
        Home { account: account.to_owned(), region: region.to_owned() }
    }

    fn pool() -> Value {
        json!({
            "LambdaConfig": {
                "PreSignUp": "arn:aws:lambda:eu-west-1:111111111111:function:a",
                "CustomSMSSender": {"LambdaVersion": "V1_0", "LambdaArn": "arn:aws:lambda:eu-west-1:111111111111:function:b"},
                "KMSKeyID": "arn:aws:kms:eu-west-1:111111111111:key/1",
            },
            "EmailConfiguration": {"SourceArn": "arn:aws:ses:us-east-1:111111111111:identity/x", "From": "a@example.com"},
            "SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::111111111111:role/sms", "SnsRegion": "eu-west-1"},
        })
    }

    fn applied(rewrites: &Rewrites, to: &Home) -> (Value, Vec<(String, LeftReason)>) {
        let mut pool = pool();
        let left = rewrites.apply(ObjectKind::UserPool, &mut pool, &home("111111111111", "eu-west-1"), to);
        (pool, left)
    }

    #[test]
    fn the_same_account_and_region_need_no_map() {
        let (same, left) = applied(&Rewrites::default(), &home("111111111111", "eu-west-1"));
        assert_eq!((same, left), (pool(), vec![]));
    }

    #[test]
    fn an_unmapped_value_is_taken_out_with_what_needs_it() {
        let (rest, left) = applied(&Rewrites::default(), &home("222222222222", "eu-west-1"));
        assert_eq!(rest, json!({"LambdaConfig": {}}));
        let mut left = left;
        left.sort();
        let expected = [
            ("EmailConfiguration", LeftReason::Bound),
            ("LambdaConfig.CustomSMSSender", LeftReason::Bound),
            ("LambdaConfig.KMSKeyID", LeftReason::Bound),
            ("LambdaConfig.PreSignUp", LeftReason::Bound),
            ("SmsConfiguration", LeftReason::Bound),
        ];
        assert_eq!(left, expected.map(|(path, reason)| (path.to_owned(), reason)));
    }

    #[test]
    fn arns_are_rewritten_by_value_account_and_region_and_other_values_follow_them() {
        let map = |old: &str, new: &str| BTreeMap::from([(old.to_owned(), new.to_owned())]);
        let rewrites = Rewrites {
            arns: map(
                "arn:aws:kms:eu-west-1:111111111111:key/1",
                "arn:aws:kms:eu-central-1:222222222222:key/2",
            ),
            accounts: map("111111111111", "222222222222"),
            regions: map("eu-west-1", "eu-central-1"),
            ..Rewrites::default()
        };
        let (new, left) = applied(&rewrites, &home("222222222222", "eu-central-1"));
        assert_eq!(left, vec![]);
        assert_eq!(new["LambdaConfig"]["PreSignUp"], "arn:aws:lambda:eu-central-1:222222222222:function:a");
        assert_eq!(new["LambdaConfig"]["KMSKeyID"], "arn:aws:kms:eu-central-1:222222222222:key/2");
        assert_eq!(new["EmailConfiguration"]["SourceArn"], "arn:aws:ses:us-east-1:222222222222:identity/x");
        assert_eq!(new["EmailConfiguration"]["From"], "a@example.com");
        assert_eq!(new["SmsConfiguration"]["SnsRegion"], "eu-central-1");
    }
}
