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
    let recovery = |id: u8, status: &str| {
        json!({
            "RestoreId": format!("00000000-0000-4000-8000-00000000000{id}"),
            "RestoreStatus": status,
            "RestoreTimestamp": request.now,
        })
    };
    let running = pool.recovery_is_running.then(|| recovery(1, "RESTORING"));
    // The list keeps the recoveries that have ended.
    let ended = pool.had_recovery.then(|| recovery(2, "RESTORE_COMPLETED"));
    Ok(json!({"Restorations": running.into_iter().chain(ended).collect::<Vec<_>>()}))
}
