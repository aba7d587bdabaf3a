//! Tells other programs of the end of a run: events on the default bus, and the heartbeat.
//!
//! The run has ended and is recorded, so an error here does not fail it. The log says what was lost. A metric counts lost
//! events about a sealed snapshot, because one of them starts the removal of others.

use crate::model::{BusEvent, Deployment, Metrics, Restore, Snapshot};
use crate::ports::Backend;
use crate::report::cause;

/// Puts the events about a sealed snapshot, and sends the heartbeat.
pub(super) async fn publish_sealed<B: Backend>(backend: &B, snapshot: &Snapshot) {
    let events = BusEvent::of_snapshot(&deployment(backend), snapshot);
    if !put(backend, &events).await {
        backend.measure(&Metrics::of_lost_events(snapshot.pool.clone(), snapshot.id.clone(), events.len()));
    }
    if let Err(error) = backend.send_heartbeat().await {
        let (error, message) = (error.kind().name(), cause(&error));
        tracing::error!(run = %snapshot.id, error, message, "the heartbeat was not sent");
    }
}

/// Puts the event about a snapshot that was copied.
pub(super) async fn publish_copied<B: Backend>(backend: &B, snapshot: &Snapshot) {
    let event = BusEvent::of_copied(&deployment(backend), snapshot);
    if !put(backend, event.as_slice()).await {
        backend.measure(&Metrics::of_lost_events(snapshot.pool.clone(), snapshot.id.clone(), 1));
    }
}

/// Puts the event about a restore, if it has ended.
pub(super) async fn publish_restored<B: Backend>(backend: &B, restore: &Restore) {
    let event = BusEvent::of_restore(&deployment(backend), restore);
    put(backend, event.as_slice()).await;
}

fn deployment<B: Backend>(backend: &B) -> Deployment {
    Deployment::new(backend.table(), backend.region())
}

/// Puts events. Returns whether the bus took all of them.
async fn put<B: Backend>(backend: &B, events: &[BusEvent]) -> bool {
    if events.is_empty() {
        return true;
    }
    let put = backend.put_events(events).await;
    if let Err(error) = &put {
        let types: Vec<_> = events.iter().map(BusEvent::detail_type).collect();
        let (error, message, events) = (error.kind().name(), cause(error), types.join(", "));
        tracing::error!(error, message, events, "events were not put");
    }
    put.is_ok()
}
