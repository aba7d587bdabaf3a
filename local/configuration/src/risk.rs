//! The risk configuration of threat protection, for the pool and for single clients. The call replaces all of
//! it.

use serde_json::{Value, json};

use crate::json::{Object, get, object};
use crate::pool::{Pool, no_threat_protection};
use crate::refusal::ConfigurationRefusal;
use crate::request::{Answer, Request};
use crate::{Account, mfa};

const ALL: &str = "ALL";
const MEMBERS: [&str; 3] = [
    "CompromisedCredentialsRiskConfiguration",
    "AccountTakeoverRiskConfiguration",
    "RiskExceptionConfiguration",
];

/// Refuses a pool without threat protection.
fn check_add_on(pool: &Pool, account: &Account) -> Result<(), ConfigurationRefusal> {
    if !account.settings.has_threat_protection {
        return Err(no_threat_protection());
    }
    let mode = get(&pool.settings, "UserPoolAddOns")["AdvancedSecurityMode"].as_str().unwrap_or("OFF");
    if mode == "OFF" {
        let message = "User pool add-on is not enabled";
        return Err(ConfigurationRefusal::new("UserPoolAddOnNotEnabledException", message));
    }
    Ok(())
}

/// The client of a request, or `ALL`.
fn owner(pool: &Pool, request: &Request<'_>) -> Result<String, ConfigurationRefusal> {
    match request.text("ClientId") {
        "" | ALL => Ok(ALL.to_owned()),
        id => pool.client(id).map(|client| client.id.clone()),
    }
}

/// DescribeRiskConfiguration.
pub(crate) fn describe(pool: &mut Pool, account: &mut Account, request: &Request<'_>) -> Answer {
    check_add_on(pool, account)?;
    let owner = owner(pool, request)?;
    let own = pool.risks.get(&owner);
    let inherited = pool.risks.get(ALL).filter(|_| account.settings.inherits_risk_in_reads);
    Ok(json!({"RiskConfiguration": shown(pool, &owner, own.or(inherited))}))
}

/// SetRiskConfiguration. Without any member, a pool goes back to the defaults and a client to the pool's.
pub(crate) fn set(pool: &mut Pool, account: &mut Account, request: &Request<'_>) -> Answer {
    check_add_on(pool, account)?;
    let owner = owner(pool, request)?;
    let takeover = &request.input["AccountTakeoverRiskConfiguration"];
    check_mails(takeover)?;
    mfa::check_sender(&takeover["NotifyConfiguration"]["SourceArn"], &account.settings)?;
    let sent: Object =
        MEMBERS.iter().filter_map(|name| Some(((*name).to_owned(), request.member(name)?.clone()))).collect();
    if sent.is_empty() {
        pool.risks.remove(&owner);
    } else {
        let mut risk = Value::Object(sent);
        risk["LastModifiedDate"] = request.now.into();
        pool.risks.insert(owner.clone(), risk);
    }
    Ok(json!({"RiskConfiguration": shown(pool, &owner, pool.risks.get(&owner))}))
}

/// A mail has a subject and both bodies. An action that notifies needs a mail configuration.
/// Source: NotifyConfigurationType and AccountTakeoverActionType, API reference.
fn check_mails(takeover: &Value) -> Result<(), ConfigurationRefusal> {
    let notify = &takeover["NotifyConfiguration"];
    for name in ["BlockEmail", "NoActionEmail", "MfaEmail"] {
        let mail = &notify[name];
        if !mail.is_null() && (mail["HtmlBody"].is_null() || mail["TextBody"].is_null()) {
            return Err(ConfigurationRefusal::invalid(format!("{name} needs HtmlBody and TextBody")));
        }
    }
    let actions = object(&takeover["Actions"]);
    if notify.is_null() && actions.values().any(|action| action["Notify"] == true) {
        return Err(ConfigurationRefusal::invalid("NotifyConfiguration is required for actions that notify"));
    }
    Ok(())
}

/// A risk configuration as reads show it. They add an empty filter of events: measured, 2026-08.
fn shown(pool: &Pool, owner: &str, risk: Option<&Value>) -> Value {
    let mut shown = risk.cloned().unwrap_or_else(|| json!({}));
    shown["UserPoolId"] = pool.id.as_str().into();
    if owner != ALL {
        shown["ClientId"] = owner.into();
    }
    if let Some(compromised) = shown[MEMBERS[0]].as_object_mut() {
        compromised.entry("EventFilter").or_insert_with(|| json!([]));
    }
    // The look at an absent member leaves a null.
    Value::Object(object(&shown).into_iter().filter(|(_, value)| !value.is_null()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fixture, SES};

    fn fixture() -> Fixture {
        Fixture::with(json!({"UserPoolTier": "PLUS", "UserPoolAddOns": {"AdvancedSecurityMode": "ENFORCED"}}))
    }

    fn compromised() -> Value {
        json!({"CompromisedCredentialsRiskConfiguration": {"Actions": {"EventAction": "BLOCK"}}})
    }

    fn shown(fixture: &mut Fixture, client: &str) -> Value {
        fixture.call("DescribeRiskConfiguration", json!({"ClientId": client}))["RiskConfiguration"].take()
    }

    #[test]
    fn a_risk_configuration_needs_threat_protection() {
        let mut fixture = Fixture::new();
        for (operation, input) in
            [("DescribeRiskConfiguration", json!({})), ("SetRiskConfiguration", compromised())]
        {
            assert_eq!(fixture.refused(operation, input).code, "UserPoolAddOnNotEnabledException");
        }
    }

    #[test]
    fn a_call_replaces_everything_and_reads_add_an_empty_filter() {
        let mut fixture = fixture();
        fixture.call("SetRiskConfiguration", compromised());
        let read = shown(&mut fixture, "ALL");
        assert_eq!(read[MEMBERS[0]], json!({"Actions": {"EventAction": "BLOCK"}, "EventFilter": []}));
        let exception = json!({"RiskExceptionConfiguration": {"BlockedIPRangeList": ["192.0.2.0/24"]}});
        fixture.call("SetRiskConfiguration", exception);
        let read = shown(&mut fixture, "ALL");
        assert!(read[MEMBERS[0]].is_null() && read[MEMBERS[2]].is_object());
        fixture.call("SetRiskConfiguration", json!({}));
        assert_eq!(shown(&mut fixture, "ALL"), json!({"UserPoolId": fixture.pool}));
    }

    #[test]
    fn a_client_that_inherits_reads_nothing_or_what_the_pool_has() {
        let mut fixture = fixture();
        let client = fixture.client(json!({"ClientName": "a"}));
        fixture.call("SetRiskConfiguration", compromised());
        assert!(shown(&mut fixture, &client)[MEMBERS[0]].is_null());
        fixture.settings().inherits_risk_in_reads = true;
        assert!(shown(&mut fixture, &client)[MEMBERS[0]].is_object());
        assert_eq!(shown(&mut fixture, &client)["ClientId"], client.as_str());
    }

    #[test]
    fn notifications_need_a_sender_and_complete_mails() {
        let mut fixture = fixture();
        let takeover = |notify: Value| {
            let actions = json!({"LowAction": {"Notify": true, "EventAction": "NO_ACTION"}});
            let mut takeover = json!({"Actions": actions});
            if !notify.is_null() {
                takeover["NotifyConfiguration"] = notify;
            }
            json!({"AccountTakeoverRiskConfiguration": takeover})
        };
        fixture.refused("SetRiskConfiguration", takeover(Value::Null));
        fixture.refused("SetRiskConfiguration", takeover(json!({"From": "a@example.com"})));
        let mail = json!({"Subject": "Hello"});
        fixture.refused("SetRiskConfiguration", takeover(json!({"SourceArn": SES, "BlockEmail": mail})));
        let mail = json!({"Subject": "Hello", "HtmlBody": "<b>Hi</b>", "TextBody": "Hi there"});
        fixture.call("SetRiskConfiguration", takeover(json!({"SourceArn": SES, "BlockEmail": mail})));
    }

    #[test]
    fn an_exception_has_at_most_200_ranges() {
        let ranges = vec!["192.0.2.0/24"; 201];
        let input = json!({"RiskExceptionConfiguration": {"SkippedIPRangeList": ranges}});
        fixture().refused("SetRiskConfiguration", input);
    }
}
