//! Resource servers, threat protection, logs, replicas and the web access control list.

use super::To::{At, Nowhere, Same};
use super::{Place, renamed, same};

pub(super) const RESOURCE_SERVER: &[Place] = &[
    same("Identifier"),
    same("Name"),
    renamed("Scopes[].ScopeName", "scope[].scope_name"),
    renamed("Scopes[].ScopeDescription", "scope[].scope_description"),
];

pub(super) const RISK_CONFIGURATION: &[Place] = &[
    same("ClientId"),
    same("CompromisedCredentialsRiskConfiguration.EventFilter[]"),
    same("CompromisedCredentialsRiskConfiguration.Actions.EventAction"),
    same("AccountTakeoverRiskConfiguration.NotifyConfiguration.From"),
    same("AccountTakeoverRiskConfiguration.NotifyConfiguration.ReplyTo"),
    same("AccountTakeoverRiskConfiguration.NotifyConfiguration.SourceArn"),
    same("AccountTakeoverRiskConfiguration.NotifyConfiguration.BlockEmail.Subject"),
    same("AccountTakeoverRiskConfiguration.NotifyConfiguration.BlockEmail.HtmlBody"),
    same("AccountTakeoverRiskConfiguration.NotifyConfiguration.BlockEmail.TextBody"),
    same("AccountTakeoverRiskConfiguration.NotifyConfiguration.NoActionEmail.Subject"),
    same("AccountTakeoverRiskConfiguration.NotifyConfiguration.NoActionEmail.HtmlBody"),
    same("AccountTakeoverRiskConfiguration.NotifyConfiguration.NoActionEmail.TextBody"),
    same("AccountTakeoverRiskConfiguration.NotifyConfiguration.MfaEmail.Subject"),
    same("AccountTakeoverRiskConfiguration.NotifyConfiguration.MfaEmail.HtmlBody"),
    same("AccountTakeoverRiskConfiguration.NotifyConfiguration.MfaEmail.TextBody"),
    same("AccountTakeoverRiskConfiguration.Actions.LowAction.Notify"),
    same("AccountTakeoverRiskConfiguration.Actions.LowAction.EventAction"),
    same("AccountTakeoverRiskConfiguration.Actions.MediumAction.Notify"),
    same("AccountTakeoverRiskConfiguration.Actions.MediumAction.EventAction"),
    same("AccountTakeoverRiskConfiguration.Actions.HighAction.Notify"),
    same("AccountTakeoverRiskConfiguration.Actions.HighAction.EventAction"),
    same("RiskExceptionConfiguration.BlockedIPRangeList[]"),
    same("RiskExceptionConfiguration.SkippedIPRangeList[]"),
];

pub(super) const LOG_DELIVERY: &[Place] = &[
    same("LogConfigurations[].LogLevel"),
    same("LogConfigurations[].EventSource"),
    same("LogConfigurations[].CloudWatchLogsConfiguration.LogGroupArn"),
    same("LogConfigurations[].S3Configuration.BucketArn"),
    same("LogConfigurations[].FirehoseConfiguration.StreamArn"),
];

pub(super) const REPLICA: &[Place] = &[
    same("RegionName"),
    Place::new("Status", Nowhere, Same),
    Place::new("UserPoolTags.*", At("UserPoolTagsAtCreate.*"), At("tags.*")),
];

pub(super) const WEB_ACL: &[Place] = &[Place::new("ARN", At("WebACLArn"), At("web_acl_arn"))];
