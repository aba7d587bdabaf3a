//! The domains of a new pool, which are not active at once.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use super::WatchRebuild;
use crate::Result;
use crate::model::configuration::ObjectKind;
use crate::model::configuration::rebuild::Step;
use crate::operations::refusals::refused;
use crate::pacing::PacedPool;
use crate::ports::pool::{Operation, Pool, PoolErrorKind};

/// How often the creation looks at a domain.
const READ_EVERY: Duration = Duration::from_secs(15);
/// A prefix domain takes up to a minute, and a custom domain up to an hour. Source: "Configuring a user pool domain",
/// developer guide.
const PREFIX_TIMEOUT: Duration = Duration::from_secs(3 * 60);
const CUSTOM_TIMEOUT: Duration = Duration::from_secs(75 * 60);

/// The domain that a step creates.
pub(super) fn of(step: &Step) -> Option<&str> {
    let is_domain = step.name.kind == ObjectKind::Domain;
    is_domain.then(|| step.reveal()["Domain"].as_str().unwrap_or(&step.name.id))
}

/// Waits until one of the domains is active. Returns whether one is.
///
/// # Errors
/// If Cognito refuses to describe a domain.
pub(super) async fn wait<P: Pool>(
    pool: &PacedPool<P>,
    domains: &[&str],
    watch: &mut impl WatchRebuild,
) -> Result<bool> {
    let has_custom = domains.iter().any(|domain| domain.contains('.'));
    let until = Instant::now() + if has_custom { CUSTOM_TIMEOUT } else { PREFIX_TIMEOUT };
    loop {
        let mut failed = 0;
        for domain in domains {
            let request = json!({"Domain": domain});
            match pool.read_configuration(Operation::DescribeUserPoolDomain, &request).await {
                // A Cognito that shows no status has no time before it.
                Ok(answer) => match answer.reveal()["DomainDescription"]["Status"].as_str() {
                    Some("ACTIVE") | None => return Ok(true),
                    Some("FAILED") => failed += 1,
                    Some(_) => {}
                },
                Err(error) if error.kind == PoolErrorKind::Transient => {}
                Err(error) => return Err(refused(pool.id(), error)),
            }
        }
        if failed == domains.len() || Instant::now() + READ_EVERY > until {
            return Ok(false);
        }
        watch.waits_for_domain(&domains.join(", "), READ_EVERY);
        sleep(READ_EVERY).await;
    }
}
