//! The recorder: a proxy between the functions and the emulator. It counts and measures calls and injects
//! faults.
//!
//! It speaks HTTP/1.1 on 127.0.0.1 and keeps connections alive on both sides. It adds well under a
//! millisecond to a call. [`Traffic`] holds the recorded calls. A function from [`Call`] to [`Action`]
//! decides what the recorder does with a call.

mod fault;
mod traffic;
mod write_units;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::{Context, Result};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::http::request::Parts;
use hyper::{Request, Response};
use tokio::net::TcpListener;

use crate::http::{self, Accepting, ConnectionDropped, Reply, Upstream};
use crate::lock::lock;

pub use fault::{Action, Answer, Call};
pub use traffic::{Entry, Traffic};
pub use write_units::write_units;

/// A running recorder. It stops when this value is dropped.
pub struct Recorder {
    url: String,
    shared: Arc<Shared>,
    _accepting: Accepting,
}

/// Decides what the recorder does with a call.
type FaultRule = Arc<dyn Fn(&Call) -> Action + Send + Sync>;

struct Shared {
    upstream: Upstream,
    record: Mutex<Record>,
    rule: Mutex<Option<FaultRule>>,
}

/// The calls since the last [`Recorder::clear`].
#[derive(Default)]
struct Record {
    generation: usize,
    entries: Vec<Entry>,
    counts: HashMap<String, usize>,
}

/// The position of a call in the record. [`Recorder::clear`] makes it invalid.
#[derive(Clone, Copy)]
struct EntryId {
    generation: usize,
    index: usize,
}

impl Recorder {
    /// Starts a recorder in front of `upstream_url`, on a free port.
    ///
    /// # Errors
    /// If the URL has no host and port, or if no port is free.
    pub async fn start(upstream_url: &str) -> Result<Self> {
        let upstream = Upstream::new(upstream_url)?;
        let listener =
            TcpListener::bind(("127.0.0.1", 0)).await.context("no port is free for the recorder")?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared { upstream, record: Mutex::default(), rule: Mutex::default() });
        let handler = Arc::clone(&shared);
        let accepting = Accepting::start(listener, move |request| handle(Arc::clone(&handler), request));
        Ok(Self { url, shared, _accepting: accepting })
    }

    /// The endpoint URL for an SDK.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// From now on, `rule` decides about every call. The recorder calls it after a call has arrived in
    /// full, from several threads at the same time.
    pub fn inject(&self, rule: impl Fn(&Call) -> Action + Send + Sync + 'static) {
        *lock(&self.shared.rule) = Some(Arc::new(rule));
    }

    /// From now on, the recorder forwards every call unchanged.
    pub fn forward_all(&self) {
        *lock(&self.shared.rule) = None;
    }

    /// The calls since the last [`Recorder::clear`], in the order of their arrival.
    pub fn traffic(&self) -> Traffic {
        let mut entries = lock(&self.shared.record).entries.clone();
        entries.sort_by_key(|entry| entry.at);
        Traffic::new(entries)
    }

    /// Deletes the recorded calls.
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

async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Reply, ConnectionDropped> {
    let at = Instant::now();
    let (head, body) = http::received(request).await?;
    let (service, operation) = http::name(&head.headers, &body);
    let (id, sequence) = shared.begin(Entry::new(at, &service, &operation, body.len()));
    let (access_key_id, region) = http::signer(&head.headers);
    let call = Call { at, service, operation, sequence, access_key_id, region, body };
    let rule = lock(&shared.rule).clone();
    let action = rule.map_or(Action::Forward, |rule| rule(&call));
    let reply = shared.perform(action, head, &call, id).await;
    if let Ok(reply) = &reply {
        shared.update(id, |entry| {
            entry.status = Some(reply.status().as_u16());
            entry.done_at = Some(Instant::now());
        });
    }
    reply
}

impl Shared {
    /// Records a call. Returns its id and its number among the calls of its operation.
    fn begin(&self, entry: Entry) -> (EntryId, usize) {
        let mut record = lock(&self.record);
        let count = record.counts.entry(entry.operation.clone()).or_default();
        *count += 1;
        let sequence = *count;
        record.entries.push(entry);
        (EntryId { generation: record.generation, index: record.entries.len() - 1 }, sequence)
    }

    fn update(&self, id: EntryId, change: impl FnOnce(&mut Entry)) {
        let mut record = lock(&self.record);
        if record.generation == id.generation
            && let Some(entry) = record.entries.get_mut(id.index)
        {
            change(entry);
        }
    }

    async fn perform(
        &self,
        action: Action,
        head: Parts,
        call: &Call,
        id: EntryId,
    ) -> Result<Reply, ConnectionDropped> {
        match action {
            Action::Forward => Ok(self.forward(head, call, id).await),
            Action::Delay(time, next) => {
                tokio::time::sleep(time).await;
                Box::pin(self.perform(*next, head, call, id)).await
            }
            Action::Answer(answer) => Ok(answer.into_reply()),
            Action::LoseRequest => Err(ConnectionDropped),
            Action::LoseReply => {
                self.forward(head, call, id).await;
                Err(ConnectionDropped)
            }
            Action::Rewrite(rewrite) => {
                let reply = self.forward(head, call, id).await;
                Ok(apply_rewrite(reply, rewrite).await)
            }
        }
    }

    async fn forward(&self, head: Parts, call: &Call, id: EntryId) -> Reply {
        let units = write_units(&call.operation, &call.body);
        self.update(id, |entry| {
            entry.write_units = units;
            entry.forwarded_at = Some(Instant::now());
        });

        match self.upstream.send(head, call.body.clone()).await {
            Ok(reply) => {
                self.update(id, |entry| {
                    entry.response_bytes = reply.body().len();
                    entry.replied_at = Some(Instant::now());
                });
                reply.map(Full::new)
            }
            Err(error) => {
                let message = format!("The recorder cannot reach the emulator: {error:#}");
                Answer::error(502, "BadGateway", &message).into_reply()
            }
        }
    }
}

async fn apply_rewrite(reply: Reply, rewrite: fault::Rewrite) -> Reply {
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

#[cfg(test)]
mod tests;
