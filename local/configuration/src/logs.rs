//! The delivery of logs. The call replaces the whole list; an empty list ends it.
//!
//! Source: SetLogDeliveryConfiguration, API reference; measured, 2026-08 (floci-io/floci #2867);
//! terraform-provider-aws #47790, #47894.

use serde_json::{Value, json};

use crate::Account;
use crate::json::text;
use crate::pool::Pool;
use crate::refusal::ConfigurationRefusal;
use crate::request::{Answer, Request};

const DESTINATIONS: [&str; 3] = ["CloudWatchLogsConfiguration", "S3Configuration", "FirehoseConfiguration"];

/// GetLogDeliveryConfiguration.
pub(crate) fn get(pool: &mut Pool, _: &mut Account, _: &Request<'_>) -> Answer {
    Ok(json!({"LogDeliveryConfiguration": {"UserPoolId": pool.id, "LogConfigurations": pool.logs}}))
}

/// SetLogDeliveryConfiguration.
pub(crate) fn set(pool: &mut Pool, account: &mut Account, request: &Request<'_>) -> Answer {
    let logs = request.input["LogConfigurations"].as_array().cloned().unwrap_or_default();
    for log in &logs {
        check(pool, account, log)?;
    }
    if let [first, second] = logs.as_slice()
        && first["EventSource"] == second["EventSource"]
    {
        return Err(ConfigurationRefusal::invalid("Only one log configuration per event source is allowed"));
    }
    pool.logs = logs;
    get(pool, account, request)
}

fn check(pool: &Pool, account: &Account, log: &Value) -> Result<(), ConfigurationRefusal> {
    let invalid = |message: String| Err(ConfigurationRefusal::invalid(message));
    let (source, level) = (text(log, "EventSource"), text(log, "LogLevel"));
    let expected = if source == "userAuthEvents" { "INFO" } else { "ERROR" };
    if level != expected {
        return invalid(format!("{source} needs the log level {expected}"));
    }
    if source == "userAuthEvents" {
        pool.require_tier("PLUS", "Export User Activity Logs")?;
    }
    let destinations: Vec<&str> = DESTINATIONS.into_iter().filter(|name| !log[*name].is_null()).collect();
    if destinations.len() != 1 {
        return invalid("A log configuration needs exactly one destination".to_owned());
    }
    if source == "userNotification" && destinations != ["CloudWatchLogsConfiguration"] {
        return invalid("userNotification can only be delivered to CloudWatch Logs".to_owned());
    }
    let group = log["CloudWatchLogsConfiguration"]["LogGroupArn"].as_str();
    if group.is_some_and(|arn| arn.split(':').nth(4) != Some(account.id.as_str())) {
        return invalid("The log group must be in the account of the user pool".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;

    const SET: &str = "SetLogDeliveryConfiguration";
    const GROUP: &str = "arn:aws:logs:eu-central-1:123456789012:log-group:a";

    fn notification() -> Value {
        json!({
            "EventSource": "userNotification", "LogLevel": "ERROR",
            "CloudWatchLogsConfiguration": {"LogGroupArn": GROUP},
        })
    }

    fn events(destination: &str, arn: Value) -> Value {
        json!({"EventSource": "userAuthEvents", "LogLevel": "INFO", destination: arn})
    }

    fn bucket() -> Value {
        events("S3Configuration", json!({"BucketArn": "arn:aws:s3:::bucket"}))
    }

    fn list(logs: &[Value]) -> Value {
        json!({"LogConfigurations": logs})
    }

    #[test]
    fn a_call_replaces_the_list_and_an_empty_list_clears_it() {
        let mut fixture = Fixture::with(json!({"UserPoolTier": "PLUS"}));
        fixture.call(SET, list(&[notification(), bucket()]));
        fixture.call(SET, list(&[bucket()]));
        let read = fixture.call("GetLogDeliveryConfiguration", json!({}));
        assert_eq!(read["LogDeliveryConfiguration"]["LogConfigurations"], json!([bucket()]));
        let cleared = fixture.call(SET, list(&[]));
        assert_eq!(cleared["LogDeliveryConfiguration"]["LogConfigurations"], json!([]));
    }

    #[test]
    fn an_event_source_has_one_level_and_one_allowed_destination() {
        let mut fixture = Fixture::with(json!({"UserPoolTier": "PLUS"}));
        let mut wrong_level = notification();
        wrong_level["LogLevel"] = "INFO".into();
        let mut to_bucket = notification();
        to_bucket["CloudWatchLogsConfiguration"].take();
        to_bucket["S3Configuration"] = json!({"BucketArn": "arn:aws:s3:::bucket"});
        let mut to_both = bucket();
        to_both["CloudWatchLogsConfiguration"] = json!({"LogGroupArn": GROUP});
        let mut elsewhere = notification();
        elsewhere["CloudWatchLogsConfiguration"]["LogGroupArn"] =
            GROUP.replace("123456789012", "210987654321").into();
        for log in [wrong_level, to_bucket, to_both, elsewhere] {
            fixture.refused(SET, list(&[log]));
        }
        fixture.refused(SET, list(&[notification(), notification()]));
    }

    #[test]
    fn the_export_of_events_needs_plus() {
        assert_eq!(Fixture::new().refused(SET, list(&[bucket()])).code, "FeatureUnavailableInTierException");
    }
}
