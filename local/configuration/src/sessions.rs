//! The sessions of users: tracking in the pool, and single sign-on for clients. The calls replace all of it.
//!
//! Source: SetUserPoolSessionConfiguration and SetUserPoolClientSessionConfiguration, API reference.

use serde_json::{Value, json};

use crate::Account;
use crate::pool::Pool;
use crate::refusal::ConfigurationRefusal;
use crate::request::{Answer, Request};

const FEATURE: &str = "Session Management";

/// GetUserPoolSessionConfiguration. A pool that never set it tracks no sessions.
pub(crate) fn get_of_pool(pool: &mut Pool, _: &mut Account, _: &Request<'_>) -> Answer {
    let default = || json!({"UserSessionTracking": "DISABLED", "TokenSession": {"MaxPerUser": 20}});
    let mut answer = pool.sessions.clone().unwrap_or_else(default);
    answer["UserPoolId"] = pool.id.as_str().into();
    Ok(answer)
}

/// SetUserPoolSessionConfiguration. The settings of clients stay if tracking ends.
pub(crate) fn set_of_pool(pool: &mut Pool, account: &mut Account, request: &Request<'_>) -> Answer {
    pool.require_tier("ESSENTIALS", FEATURE)?;
    let (tracking, session) = (&request.input["UserSessionTracking"], &request.input["TokenSession"]);
    pool.sessions = Some(json!({"UserSessionTracking": tracking, "TokenSession": session}));
    get_of_pool(pool, account, request)
}

/// GetUserPoolClientSessionConfiguration. A client that never set it has sessions of an hour.
pub(crate) fn get_of_client(pool: &mut Pool, _: &mut Account, request: &Request<'_>) -> Answer {
    let client = &pool.client(request.text("ClientId"))?.id;
    let session = pool.client_sessions.get(client).cloned();
    let session = session.unwrap_or_else(|| json!({"MaxValidityMinutes": 60}));
    Ok(json!({"UserPoolId": pool.id, "ClientId": client, "SSOSession": session}))
}

/// SetUserPoolClientSessionConfiguration.
pub(crate) fn set_of_client(pool: &mut Pool, account: &mut Account, request: &Request<'_>) -> Answer {
    pool.require_tier("ESSENTIALS", FEATURE)?;
    let client = pool.client(request.text("ClientId"))?.id.clone();
    let tracks = |sessions: &Value| sessions["UserSessionTracking"] == "ENABLED";
    if !pool.sessions.as_ref().is_some_and(tracks) {
        let message = "User session tracking is not enabled in the user pool";
        return Err(ConfigurationRefusal::invalid(message));
    }
    pool.client_sessions.insert(client, request.input["SSOSession"].clone());
    get_of_client(pool, account, request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;

    fn tracking(mode: &str) -> Value {
        json!({"UserSessionTracking": mode, "TokenSession": {"MaxPerUser": 5}})
    }

    #[test]
    fn the_sessions_of_a_client_need_tracking_and_outlive_it() {
        let mut fixture = Fixture::new();
        let client = fixture.client(json!({"ClientName": "a"}));
        let get = json!({"ClientId": client});
        let minutes = |fixture: &mut Fixture| {
            let read = fixture.call("GetUserPoolClientSessionConfiguration", get.clone());
            read["SSOSession"]["MaxValidityMinutes"].clone()
        };
        assert_eq!(minutes(&mut fixture), 60);
        let set = json!({"ClientId": client, "SSOSession": {"MaxValidityMinutes": 10}});
        fixture.refused("SetUserPoolClientSessionConfiguration", set.clone());
        fixture.call("SetUserPoolSessionConfiguration", tracking("ENABLED"));
        fixture.call("SetUserPoolClientSessionConfiguration", set);
        fixture.call("SetUserPoolSessionConfiguration", tracking("DISABLED"));
        assert_eq!(minutes(&mut fixture), 10);
    }

    #[test]
    fn the_sessions_of_a_pool_need_essentials_and_all_members() {
        let mut fixture = Fixture::with(json!({"UserPoolTier": "LITE"}));
        let default = fixture.call("GetUserPoolSessionConfiguration", json!({}));
        assert_eq!(
            (&default["UserSessionTracking"], &default["TokenSession"]["MaxPerUser"]),
            (&json!("DISABLED"), &json!(20))
        );
        let refusal = fixture.refused("SetUserPoolSessionConfiguration", tracking("ENABLED"));
        assert_eq!(refusal.code, "FeatureUnavailableInTierException");
        fixture.refused("SetUserPoolSessionConfiguration", json!({"UserSessionTracking": "ENABLED"}));
    }
}
