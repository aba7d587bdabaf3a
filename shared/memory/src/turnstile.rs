//! The turnstile: the calls of an actor wait here until a scheduler lets them in, one at a time.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::calls::CallSite;

/// Where the calls of one actor wait, in the order in which they came. Clones share the queue.
///
/// A call leaves the actor when it joins the queue, and takes effect when it leaves the queue. In between
/// are a slow network, or a suspended invocation.
#[derive(Clone, Default)]
pub struct Turnstile(Arc<Mutex<VecDeque<Waiting>>>);

struct Waiting {
    site: CallSite,
    release: oneshot::Sender<()>,
}

impl fmt::Debug for Turnstile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turnstile").field("waiting", &self.queue().len()).finish()
    }
}

impl Turnstile {
    fn queue(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a call waits. A call whose invocation no longer waits for it does not count.
    pub fn is_waiting(&self) -> bool {
        let mut queue = self.queue();
        queue.retain(|waiting| !waiting.release.is_closed());
        !queue.is_empty()
    }

    /// Lets the first call in. Returns which, or none if no call waits.
    pub fn release(&self) -> Option<CallSite> {
        let mut queue = self.queue();
        while let Some(Waiting { site, release }) = queue.pop_front() {
            if release.send(()).is_ok() {
                return Some(site);
            }
        }
        None
    }

    /// Waits until the scheduler lets the call in.
    pub(super) async fn pass(&self, site: &CallSite) {
        let (release, released) = oneshot::channel();
        self.queue().push_back(Waiting { site: site.clone(), release });
        if released.await.is_err() {
            // The scheduler has stopped for good, and with it every actor.
            std::future::pending::<()>().await;
        }
    }
}
