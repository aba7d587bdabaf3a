//! Threat protection. Source: `RiskConfigurationType`, `SetRiskConfiguration`.
//!
//! The request replaces everything. A request with only the ids returns to the defaults, or to what the pool
//! has.

use crate::model::configuration::{Bound, Field, Tier};

pub(super) const FIELDS: &[Field] = &[
    Field::derived("UserPoolId").bound(Bound::Pool).tier(Tier::Plus),
    Field::given_name("ClientId").bound(Bound::Pool).tier(Tier::Plus),
    // Absent and an empty list both mean all events. Reads add the empty list (measured live, 2026).
    risk("CompromisedCredentialsRiskConfiguration.EventFilter[]").default("[]").set(),
    risk("CompromisedCredentialsRiskConfiguration.Actions.EventAction"),
    risk("AccountTakeoverRiskConfiguration.NotifyConfiguration.From").bound(Bound::AccountAndRegion),
    risk("AccountTakeoverRiskConfiguration.NotifyConfiguration.ReplyTo"),
    // An identity of SES.
    risk("AccountTakeoverRiskConfiguration.NotifyConfiguration.SourceArn").bound(Bound::AccountAndRegion),
    risk("AccountTakeoverRiskConfiguration.NotifyConfiguration.BlockEmail.Subject"),
    risk("AccountTakeoverRiskConfiguration.NotifyConfiguration.BlockEmail.HtmlBody"),
    risk("AccountTakeoverRiskConfiguration.NotifyConfiguration.BlockEmail.TextBody"),
    risk("AccountTakeoverRiskConfiguration.NotifyConfiguration.NoActionEmail.Subject"),
    risk("AccountTakeoverRiskConfiguration.NotifyConfiguration.NoActionEmail.HtmlBody"),
    risk("AccountTakeoverRiskConfiguration.NotifyConfiguration.NoActionEmail.TextBody"),
    risk("AccountTakeoverRiskConfiguration.NotifyConfiguration.MfaEmail.Subject"),
    risk("AccountTakeoverRiskConfiguration.NotifyConfiguration.MfaEmail.HtmlBody"),
    risk("AccountTakeoverRiskConfiguration.NotifyConfiguration.MfaEmail.TextBody"),
    risk("AccountTakeoverRiskConfiguration.Actions.LowAction.Notify"),
    risk("AccountTakeoverRiskConfiguration.Actions.LowAction.EventAction"),
    risk("AccountTakeoverRiskConfiguration.Actions.MediumAction.Notify"),
    risk("AccountTakeoverRiskConfiguration.Actions.MediumAction.EventAction"),
    risk("AccountTakeoverRiskConfiguration.Actions.HighAction.Notify"),
    risk("AccountTakeoverRiskConfiguration.Actions.HighAction.EventAction"),
    risk("RiskExceptionConfiguration.BlockedIPRangeList[]").default("[]").set(),
    risk("RiskExceptionConfiguration.SkippedIPRangeList[]").default("[]").set(),
    Field::volatile("LastModifiedDate"),
];

const fn risk(path: &'static str) -> Field {
    Field::setting(path).reset().tier(Tier::Plus)
}
