//! Point-in-time recovery of user data. It restores no configuration, but blocks its changes.

use serde_json::json;

use crate::Account;
use crate::pool::Pool;
use crate::refusal::ConfigurationRefusal;
use crate::request::{Answer, Request};

/// ListPointInTimeRecoveries. Essentials and Plus have recoveries: StartPointInTimeRecovery, API reference.
pub(crate) fn list(pool: &mut Pool, _: &mut Account, request: &Request<'_>) -> Answer {
    if pool.tier() == "LITE" {
        return Err(ConfigurationRefusal::tier("Point-in-time Recovery", "LITE"));
    }
    if !pool.recovery_is_running {
        return Ok(json!({"Restorations": []}));
    }
    let running = json!({
        "RestoreId": "00000000-0000-4000-8000-000000000001",
        "RestoreStatus": "RESTORING",
        "RestoreTimestamp": request.now,
    });
    Ok(json!({"Restorations": [running]}))
}
