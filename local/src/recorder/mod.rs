//! A proxy between the functions and the emulator that counts and measures calls, and injects faults.
//!
//! It speaks HTTP/1.1 on 127.0.0.1, keeps connections alive on both sides and adds less than a millisecond to a call. It
//! records the calls as [`Traffic`]. A function from [`Call`] to [`Action`] decides what it does with a call.

mod fault;
mod traffic;
mod write_units;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::http::request::Parts;
use hyper::{Request, Response};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::http::{self, ConnectionDropped, Reply, Upstream};

pub use fault::{Action, Answer, Call};
pub use traffic::{Entry, Traffic};
pub use write_units::write_units;

/// The recorder. It runs until it is dropped.
pub struct Recorder {
    url: String,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// Decides what the recorder does with a call.
type Plan = Arc<dyn Fn(&Call) -> Action + Send + Sync>;

struct Shared {
    upstream: Upstream,
    record: Mutex<Record>,
    plan: Mutex<Option<Plan>>,
}

/// The calls since the record was last cleared.
#[derive(Default)]
struct Record {
    generation: usize,
    entries: Vec<Entry>,
    counts: HashMap<String, usize>,
}

/// The place of a call in the record. It is of no use after the record was cleared.
#[derive(Clone, Copy)]
struct Place {
    generation: usize,
    index: usize,
}

impl Recorder {
    /// Starts a recorder in front of `upstream_url`, on a free port.
    ///
    /// # Errors
    /// If the URL has no host and port, or no port is free.
    pub async fn start(upstream_url: &str) -> Result<Self> {
        let upstream = Upstream::new(upstream_url)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no port for the recorder")?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared { upstream, record: Mutex::default(), plan: Mutex::default() });
        let handler = Arc::clone(&shared);
        let accepting = tokio::spawn(http::accept(listener, move |request| handle(Arc::clone(&handler), request)));
        Ok(Self { url, shared, accepting })
    }

    /// The URL on which the recorder listens: the endpoint URL for an SDK.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// From now on, lets `plan` decide about every call. Several threads call `plan` at once, each after a whole call
    /// has arrived.
    pub fn inject(&self, plan: impl Fn(&Call) -> Action + Send + Sync + 'static) {
        *lock(&self.shared.plan) = Some(Arc::new(plan));
    }

    /// From now on, forwards every call unchanged.
    pub fn heal(&self) {
        *lock(&self.shared.plan) = None;
    }

    /// The recorded calls, in the order of arrival.
    pub fn traffic(&self) -> Traffic {
        let mut entries = lock(&self.shared.record).entries.clone();
        entries.sort_by_key(|entry| entry.at);
        Traffic::new(entries)
    }

    /// Forgets the recorded calls.
    pub fn clear(&self) {
        let mut record = lock(&self.shared.record);
        *record = Record { generation: record.generation + 1, ..Record::default() };
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Recorder").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // This ends the connections, too: their tasks belong to the task that accepts.
        self.accepting.abort();
    }
}

async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Reply, ConnectionDropped> {
    let at = Instant::now();
    let (head, body) = http::received(request).await?;
    let (service, operation) = http::name(&head.headers, &body);
    let (place, sequence) = shared.begin(Entry::new(at, &service, &operation, body.len()));
    let call = Call { at, service, operation, sequence, body };
    let plan = lock(&shared.plan).clone();
    let action = plan.map_or(Action::Forward, |plan| plan(&call));
    let reply = shared.perform(action, head, &call, place).await;
    if let Ok(reply) = &reply {
        shared.update(place, |entry| {
            entry.status = Some(reply.status().as_u16());
            entry.done_at = Some(Instant::now());
        });
    }
    reply
}

impl Shared {
    /// Notes a call. Returns its place in the record, and its number among the calls of its operation.
    fn begin(&self, entry: Entry) -> (Place, usize) {
        let mut record = lock(&self.record);
        let count = record.counts.entry(entry.operation.clone()).or_default();
        *count += 1;
        let sequence = *count;
        record.entries.push(entry);
        (Place { generation: record.generation, index: record.entries.len() - 1 }, sequence)
    }

    fn update(&self, place: Place, change: impl FnOnce(&mut Entry)) {
        let mut record = lock(&self.record);
        if record.generation == place.generation
            && let Some(entry) = record.entries.get_mut(place.index)
        {
            change(entry);
        }
    }

    async fn perform(&self, action: Action, head: Parts, call: &Call, place: Place) -> Result<Reply, ConnectionDropped> {
        match action {
            Action::Forward => Ok(self.forward(head, call, place).await),
            Action::Delay(time, then) => {
                tokio::time::sleep(time).await;
                Box::pin(self.perform(*then, head, call, place)).await
            }
            Action::Answer(answer) => Ok(answer.into_reply()),
            Action::LoseRequest => Err(ConnectionDropped),
            Action::LoseReply => {
                self.forward(head, call, place).await;
                Err(ConnectionDropped)
            }
            Action::Rewrite(rewrite) => {
                let reply = self.forward(head, call, place).await;
                Ok(rewritten(reply, rewrite).await)
            }
        }
    }

    async fn forward(&self, head: Parts, call: &Call, place: Place) -> Reply {
        let units = write_units(&call.operation, &call.body);
        self.update(place, |entry| {
            entry.write_units = units;
            entry.forwarded_at = Some(Instant::now());
        });

        match self.upstream.send(head, call.body.clone()).await {
            Ok(reply) => {
                self.update(place, |entry| {
                    entry.response_bytes = reply.body().len();
                    entry.replied_at = Some(Instant::now());
                });
                reply.map(Full::new)
            }
            Err(error) => {
                Answer::error(502, "BadGateway", &format!("the recorder cannot reach the emulator: {error:#}")).into_reply()
            }
        }
    }
}

async fn rewritten(reply: Reply, rewrite: fault::Rewrite) -> Reply {
    let (mut head, body) = reply.into_parts();
    let Ok(body) = collected(body).await;
    let Ok(json) = serde_json::from_slice(&body) else {
        return Response::from_parts(head, Full::new(body));
    };
    head.headers.remove("x-amz-crc32");
    Response::from_parts(head, Full::new(rewrite(json).to_string().into()))
}

async fn collected(body: Full<Bytes>) -> Result<Bytes, std::convert::Infallible> {
    Ok(body.collect().await?.to_bytes())
}

impl Answer {
    fn into_reply(self) -> Reply {
        http::json_reply(self.status, self.error_type.as_deref(), &self.body)
    }
}

/// A thread that panicked with the lock left complete entries, so a poisoned lock is safe to use.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
