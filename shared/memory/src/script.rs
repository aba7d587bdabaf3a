//! The script: what goes wrong at which call, and who does what meanwhile.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::calls::CallRecord;
use shared::ports::pool::{Operation, PoolErrorKind};

/// How much of a call was carried out before its function died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// Nothing.
    Nothing,
    /// Of a write of several items, the first half; of any other call, nothing.
    Half,
    /// All of it, but the answer never came.
    All,
}

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call is not carried out. Of the vault, whatever the kind: ServiceUnavailable, after the adapter's own retries.
    Refuse(PoolErrorKind),
    /// The call is carried out, and its answer is lost on the way. The vault's adapter repeats it at once, so that a conditional put
    /// meets its own item.
    LostReply,
    /// A listing that was called with a token is refused; any other call goes well.
    RejectToken,
    /// The function dies: the call never returns, and whoever drives the function drops it.
    Die(Applied),
}

/// Numbers the calls of a backend's pools and vault, from 1, and decides what becomes of each.
///
/// All of a backend's clones share one script.
#[derive(Clone, Default)]
pub struct Script(Arc<Mutex<Plan>>);

#[derive(Default)]
struct Plan {
    calls: u64,
    faults: BTreeMap<u64, Fault>,
    changes: BTreeMap<u64, Vec<Change>>,
    awaited: Vec<Awaited>,
    always: HashMap<Operation, Fault>,
    log: Vec<(Instant, Operation)>,
    pool_latency: Duration,
    vault_latency: Duration,
}

type Change = Box<dyn FnOnce() + Send>;

/// A change that waits for so many more calls of an operation.
struct Awaited {
    operation: Operation,
    calls: u64,
    change: Change,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").field("calls", &self.calls()).finish_non_exhaustive()
    }
}

impl Script {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls made so far, to pools and vault together.
    pub fn calls(&self) -> u64 {
        self.plan().calls
    }

    /// Has `fault` befall the call number `call`, counted from 1 over the life of the script.
    pub fn fault(&self, call: u64, fault: Fault) {
        self.plan().faults.insert(call, fault);
    }

    /// Has `fault` befall every call of `operation` from now on; none takes it back.
    pub fn always(&self, operation: Operation, fault: Option<Fault>) {
        let mut plan = self.plan();
        match fault {
            Some(fault) => plan.always.insert(operation, fault),
            None => plan.always.remove(&operation),
        };
    }

    /// Has `change` happen just before the call number `call`.
    pub fn change(&self, call: u64, change: impl FnOnce() + Send + 'static) {
        self.plan().changes.entry(call).or_default().push(Box::new(change));
    }

    /// Has `change` happen just before the `nth` call of `operation` from now on, counted from 1.
    pub fn change_before(&self, operation: Operation, nth: u64, change: impl FnOnce() + Send + 'static) {
        self.plan().awaited.push(Awaited { operation, calls: nth, change: Box::new(change) });
    }

    /// Forgets what has not come to pass yet.
    pub fn clear(&self) {
        let mut plan = self.plan();
        plan.awaited.clear();
        plan.faults.clear();
        plan.changes.clear();
        plan.always.clear();
    }

    /// How long calls take on average; each takes between half of it and one and a half times as long.
    pub fn set_latency(&self, pool: Duration, vault: Duration) {
        let mut plan = self.plan();
        (plan.pool_latency, plan.vault_latency) = (pool, vault);
    }

    /// The calls to pools so far: when each left, and what it was.
    pub fn log(&self) -> Vec<(Instant, Operation)> {
        self.plan().log.clone()
    }
}

/// Where the calls of one invocation pass.
#[derive(Debug, Clone, Default)]
pub(super) struct Gate {
    pub(super) script: Script,
    pub(super) record: CallRecord,
    death: Arc<Notify>,
}

/// A call under way.
pub(super) struct Passage {
    pub(super) fault: Option<Fault>,
    rest: Duration,
}

impl Gate {
    /// The same script for another invocation, which has its own record of calls and its own death.
    pub(super) fn of_its_own(&self) -> Self {
        Self { script: self.script.clone(), record: CallRecord::default(), death: Arc::default() }
    }

    /// Waits for the death of the invocation.
    pub(super) async fn death(&self) {
        self.death.notified().await;
    }

    /// A call leaves: to a pool where it has an operation, otherwise to the vault.
    pub(super) async fn enter(&self, operation: Option<Operation>) -> Passage {
        self.record.add(|calls| calls.cognito.extend(operation));
        let (changes, fault, latency) = {
            let mut plan = self.script.plan();
            plan.calls += 1;
            let call = plan.calls;
            let always = operation.and_then(|operation| plan.always.get(&operation).copied());
            let fault = plan.faults.remove(&call).or(always);
            let average = if operation.is_some() { plan.pool_latency } else { plan.vault_latency };
            let mut changes = plan.changes.remove(&call).unwrap_or_default();
            if let Some(operation) = operation {
                plan.log.push((Instant::now(), operation));
                plan.awaited.iter_mut().filter(|awaited| awaited.operation == operation).for_each(|awaited| awaited.calls -= 1);
                changes.extend(plan.awaited.extract_if(.., |awaited| awaited.calls == 0).map(|awaited| awaited.change));
            }
            (changes, fault, average.mul_f64(0.5 + fraction(call)))
        };
        changes.into_iter().for_each(|change| change());
        let passage = Passage { fault, rest: latency / 2 };
        let whole = operation.is_some();
        match passage.fault {
            Some(Fault::Die(Applied::Nothing)) => self.die().await,
            Some(Fault::Die(Applied::Half)) if whole => self.die().await,
            _ => pause(latency / 2).await,
        }
        passage
    }

    /// Its answer arrives, unless it is the death of the function.
    pub(super) async fn leave(&self, passage: &Passage) {
        if let Some(Fault::Die(_)) = passage.fault {
            self.die().await;
        }
        pause(passage.rest).await;
    }

    async fn die(&self) {
        self.death.notify_one();
        std::future::pending().await
    }
}

async fn pause(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

/// A number from 0 to 1 that looks random and is always the same for a call. SplitMix64.
fn fraction(call: u64) -> f64 {
    let mut z = call.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}
