//! The turnstile: the calls of an actor wait here until a scheduler lets them in, one at a time.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::model::PoolId;
use shared::ports::vault::Key;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::calls::CallSite;
use super::fingerprint::Fingerprint;

/// Where the calls of one actor wait, in the order in which they came. Clones share the queue.
///
/// A call leaves the actor when it joins the queue, and takes effect when it leaves the queue. In between
/// are a slow network, or a suspended invocation.
#[derive(Clone)]
pub struct Turnstile(Arc<Mutex<Queue>>);

struct Queue {
    waiting: VecDeque<Waiting>,
    began: Instant,
    /// A fingerprint of the answers so far and their times.
    past: u64,
}

struct Waiting {
    site: CallSite,
    reach: Reach,
    release: oneshot::Sender<()>,
}

/// What a call reads or writes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reach {
    /// A whole pool.
    Pool(PoolId),
    Items(Vec<Key>),
    /// The items of a partition whose sort keys begin with this.
    Query {
        pk: String,
        prefix: String,
    },
    Everything,
}

impl Reach {
    /// Whether both reach one pool or item.
    pub fn meets(&self, other: &Self) -> bool {
        let in_query = |key: &Key, pk: &str, prefix: &str| key.pk == pk && key.sk.starts_with(prefix);
        match (self, other) {
            (Self::Everything, _) | (_, Self::Everything) => true,
            (Self::Pool(one), Self::Pool(other)) => one == other,
            (Self::Items(one), Self::Items(other)) => one.iter().any(|key| other.contains(key)),
            (Self::Items(keys), Self::Query { pk, prefix })
            | (Self::Query { pk, prefix }, Self::Items(keys)) => {
                keys.iter().any(|key| in_query(key, pk, prefix))
            }
            // Queries write nothing, so none of them meets another.
            (Self::Query { .. }, Self::Query { .. }) => false,
            (Self::Pool(_), _) | (_, Self::Pool(_)) => false,
        }
    }
}

impl Default for Turnstile {
    fn default() -> Self {
        let queue = Queue { waiting: VecDeque::new(), began: Instant::now(), past: 0 };
        Self(Arc::new(Mutex::new(queue)))
    }
}

impl fmt::Debug for Turnstile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turnstile").field("waiting", &self.queue().waiting.len()).finish()
    }
}

impl Turnstile {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The call that [`Self::release`] lets in. A call whose invocation no longer waits for it does not count.
    pub fn next(&self) -> Option<CallSite> {
        let mut queue = self.queue();
        queue.waiting.retain(|waiting| !waiting.release.is_closed());
        queue.waiting.front().map(|waiting| waiting.site.clone())
    }

    /// What the call that [`Self::release`] lets in reads or writes.
    pub fn next_reach(&self) -> Option<Reach> {
        self.next()?;
        self.queue().waiting.front().map(|waiting| waiting.reach.clone())
    }

    /// Whether a call waits.
    pub fn is_waiting(&self) -> bool {
        self.next().is_some()
    }

    /// Lets the first call in. Returns which, or none if no call waits.
    pub fn release(&self) -> Option<CallSite> {
        let mut queue = self.queue();
        while let Some(Waiting { site, release, .. }) = queue.waiting.pop_front() {
            if release.send(()).is_ok() {
                return Some(site);
            }
        }
        None
    }

    /// Waits until the scheduler lets the call in.
    pub(super) async fn pass(&self, site: &CallSite, reach: &Reach) {
        let (release, released) = oneshot::channel();
        self.queue().waiting.push_back(Waiting { site: site.clone(), reach: reach.clone(), release });
        if released.await.is_err() {
            // The scheduler has stopped for good, and with it every actor.
            std::future::pending::<()>().await;
        }
    }

    /// Notes what a call answers.
    pub(super) fn note(&self, answer: u64) {
        let mut queue = self.queue();
        queue.past = Fingerprint::of(&(queue.past, queue.began.elapsed(), answer));
    }

    /// A fingerprint of the actor. What it does next follows from its answers so far, their times, and the time
    /// now.
    pub fn fingerprint(&self) -> u64 {
        let queue = self.queue();
        let waiting =
            queue.waiting.iter().filter(|waiting| !waiting.release.is_closed()).map(|waiting| &waiting.site);
        let waiting: Vec<_> = waiting.collect();
        Fingerprint::of(&(queue.past, waiting, queue.began.elapsed()))
    }
}
