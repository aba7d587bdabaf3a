//! The release of the lease of a command that ends.

use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;

use crate::watch::Meter;

/// How long a command releases its lease. A second Ctrl-C cannot end it.
const MAX_TIDYING: Duration = Duration::from_secs(20);

/// Releases a lease. If that fails, the end of the command stays as it is: the lease ends by itself within minutes.
pub async fn release(meter: &mut Meter, releasing: impl Future<Output = shared::Result<()>>) {
    let why = match timeout(MAX_TIDYING, releasing).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "The table did not answer.".to_owned(),
    };
    meter.note(&format!("The lease was not released: {why}\nIt ends by itself within minutes. Until then, the next command is refused."));
}
