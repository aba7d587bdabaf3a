//! The script: faults and changes at chosen calls.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::calls::{CallRecord, CallSite};
use super::turnstile::{Reach, Turnstile};
use shared::ports::pool::{Operation, PoolErrorKind};

/// How much of a call takes effect before the invocation dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    Nothing,
    /// The first half of a write of several items. Nothing of any other call.
    Half,
    /// All of the call, but its answer is lost.
    All,
}

/// A fault of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call has no effect. The vault answers ServiceUnavailable for every kind, after the adapter's own
    /// retries.
    Refuse(PoolErrorKind),
    /// The same, and a pool answers this error code.
    RefuseWith(PoolErrorKind, &'static str),
    /// The call takes effect, and its answer is lost. The vault's adapter repeats the call at once, so a
    /// conditional put finds its own item.
    LostReply,
    /// A listing that was called with a token is refused. Any other call succeeds.
    RejectToken,
    /// The invocation dies. The call never returns, and the test drops the invocation.
    Die(Applied),
}

/// Numbers the calls of a backend's pools and vault, from 1, and decides what happens to each call.
///
/// All clones of a backend share one script.
#[derive(Clone, Default)]
pub struct Script(Arc<Mutex<ScriptState>>);

#[derive(Default)]
struct ScriptState {
    calls: u64,
    faults: BTreeMap<u64, Fault>,
    changes: BTreeMap<u64, Vec<Change>>,
    awaited: Vec<Awaited>,
    always: HashMap<Operation, Fault>,
    poisoned: HashMap<(Operation, String), PoolErrorKind>,
    alterations: HashMap<Operation, Alteration>,
    log: Vec<(Instant, Operation)>,
    pool_latency: Duration,
    vault_latency: Duration,
    weather: Option<Weather>,
}

/// What befalls a call for which the script orders nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mishap {
    pub fault: Option<Fault>,
    /// The time that the call takes in addition.
    pub delay: Duration,
}

/// Decides what befalls each call.
pub type Weather = Box<dyn FnMut(&CallSite) -> Mishap + Send>;

type Change = Box<dyn FnOnce() + Send>;

/// Alters an answer.
type Alteration = Box<dyn FnMut(&mut Value) + Send>;

/// A change that happens after so many more calls of an operation.
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
    fn state(&self) -> MutexGuard<'_, ScriptState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of calls so far, to pools and vault together.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Orders `fault` for the call number `call`, counted from 1 over the life of the script.
    pub fn fault(&self, call: u64, fault: Fault) {
        self.state().faults.insert(call, fault);
    }

    /// Orders `fault` for every call of `operation` from now on. None cancels the order.
    pub fn always(&self, operation: Operation, fault: Option<Fault>) {
        let mut state = self.state();
        match fault {
            Some(fault) => state.always.insert(operation, fault),
            None => state.always.remove(&operation),
        };
    }

    /// Refuses every call of `operation` about the object with this id from now on. None cancels the order.
    pub fn poison(&self, operation: Operation, id: &str, refusal: Option<PoolErrorKind>) {
        let mut state = self.state();
        match refusal {
            Some(kind) => state.poisoned.insert((operation, id.to_owned()), kind),
            None => state.poisoned.remove(&(operation, id.to_owned())),
        };
    }

    /// Adds these members to every answer of `operation` from now on, as AWS does with a new feature.
    pub fn show(&self, operation: Operation, members: Value) {
        self.alter(operation, move |answer| merge(answer, &members));
    }

    /// Alters every answer of `operation`, which reads a configuration, from now on.
    pub fn alter(&self, operation: Operation, alteration: impl FnMut(&mut Value) + Send + 'static) {
        self.state().alterations.insert(operation, Box::new(alteration));
    }

    /// The answer as it is altered.
    pub(super) fn altered(&self, operation: Operation, mut answer: Value) -> Value {
        if let Some(alter) = self.state().alterations.get_mut(&operation) {
            alter(&mut answer);
        }
        answer
    }

    /// How a call with these values in its request is refused.
    pub(super) fn poison_of<'a>(
        &self,
        operation: Operation,
        values: impl Iterator<Item = &'a str>,
    ) -> Option<PoolErrorKind> {
        let state = self.state();
        values.filter_map(|value| state.poisoned.get(&(operation, value.to_owned()))).next().copied()
    }

    /// Orders `change` just before the call number `call`.
    pub fn change(&self, call: u64, change: impl FnOnce() + Send + 'static) {
        self.state().changes.entry(call).or_default().push(Box::new(change));
    }

    /// Orders `change` just before the `nth` call of `operation` from now on, counted from 1.
    pub fn change_before(&self, operation: Operation, nth: u64, change: impl FnOnce() + Send + 'static) {
        self.state().awaited.push(Awaited { operation, calls: nth, change: Box::new(change) });
    }

    /// Lets `weather` decide what befalls each call from now on. None ends that.
    pub fn set_weather(&self, weather: Option<Weather>) {
        self.state().weather = weather;
    }

    /// Forgets all faults and changes that have not happened yet, except the weather.
    pub fn clear(&self) {
        let mut state = self.state();
        state.awaited.clear();
        state.faults.clear();
        state.changes.clear();
        state.always.clear();
        state.poisoned.clear();
    }

    /// Sets the mean time of a call. Each call takes between 0.5 and 1.5 times the mean.
    pub fn set_latency(&self, pool: Duration, vault: Duration) {
        let mut state = self.state();
        (state.pool_latency, state.vault_latency) = (pool, vault);
    }

    /// The calls of pools so far, with the time at which each left its invocation.
    pub fn log(&self) -> Vec<(Instant, Operation)> {
        self.state().log.clone()
    }
}

/// Adds the members of one object to another.
fn merge(value: &mut Value, more: &Value) {
    match (value.as_object_mut(), more) {
        (Some(members), Value::Object(more)) => {
            for (name, more) in more {
                merge(members.entry(name.as_str()).or_insert(Value::Null), more);
            }
        }
        _ => *value = more.clone(),
    }
}

/// The gate that all calls of one invocation pass.
#[derive(Debug, Clone, Default)]
pub(super) struct Gate {
    pub(super) script: Script,
    pub(super) record: CallRecord,
    death: Arc<Death>,
    turnstile: Option<Turnstile>,
    death_orders: Vec<DeathOrder>,
}

/// An order that the first invocation that makes a call at a site dies there. Clones share the order.
#[derive(Debug, Clone)]
pub struct DeathOrder {
    /// The name of the [`CallSite`].
    site: String,
    applied: Applied,
    is_pending: Arc<AtomicBool>,
}

impl DeathOrder {
    pub fn new(site: &str, applied: Applied) -> Self {
        Self { site: site.to_owned(), applied, is_pending: Arc::new(AtomicBool::new(true)) }
    }

    /// Whether no invocation has died of it yet.
    pub fn is_pending(&self) -> bool {
        self.is_pending.load(Ordering::Relaxed)
    }

    fn strike(&self, site: &CallSite) -> Option<Fault> {
        let strikes = site.to_string() == self.site && self.is_pending.swap(false, Ordering::Relaxed);
        strikes.then_some(Fault::Die(self.applied))
    }
}

/// The death of an invocation, and the call at which it died.
#[derive(Debug, Default)]
struct Death {
    notify: Notify,
    site: Mutex<Option<CallSite>>,
}

pub(super) struct Passage {
    pub(super) fault: Option<Fault>,
    site: CallSite,
    reach: Reach,
    rest: Duration,
}

impl Gate {
    /// The gate of another invocation: the same script, its own calls and its own death.
    pub(super) fn for_invocation(&self) -> Self {
        Self { record: CallRecord::default(), death: Arc::default(), ..self.clone() }
    }

    /// The same gate, behind a turnstile.
    pub(super) fn behind(&self, turnstile: &Turnstile) -> Self {
        Self { turnstile: Some(turnstile.clone()), ..self.clone() }
    }

    /// The same gate, at which an invocation dies as ordered.
    pub(super) fn dying_by(&self, death_orders: Vec<DeathOrder>) -> Self {
        Self { death_orders, ..self.clone() }
    }

    pub(super) async fn death(&self) {
        self.death.notify.notified().await;
    }

    pub(super) fn died_at(&self) -> Option<CallSite> {
        self.death.site.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets a call in.
    pub(super) async fn enter(&self, site: &CallSite, reach: Reach) -> Passage {
        let operation = match site {
            CallSite::Pool { operation, .. } => Some(*operation),
            CallSite::Vault(..)
            | CallSite::JobFile
            | CallSite::JobLog
            | CallSite::Keys(_)
            | CallSite::Message
            | CallSite::Events
            | CallSite::Heartbeat
            | CallSite::Arrival => None,
        };
        self.record.add(|calls| {
            calls.cognito.extend(operation);
            calls.sites.insert(site.to_string());
        });
        let left_at = Instant::now();
        if let Some(turnstile) = &self.turnstile {
            turnstile.pass(site, &reach).await;
        }
        let (changes, fault, latency) = {
            let mut state = self.script.state();
            state.calls += 1;
            let call = state.calls;
            let always = operation.and_then(|operation| state.always.get(&operation).copied());
            let death = self.death_orders.iter().find_map(|order| order.strike(site));
            let ordered = state.faults.remove(&call).or(death).or(always);
            let mishap = match (&mut state.weather, ordered) {
                (Some(weather), None) => weather(site),
                _ => Mishap { fault: ordered, delay: Duration::ZERO },
            };
            let average = if operation.is_some() { state.pool_latency } else { state.vault_latency };
            let mut changes = state.changes.remove(&call).unwrap_or_default();
            if let Some(operation) = operation {
                state.log.push((left_at, operation));
                state
                    .awaited
                    .iter_mut()
                    .filter(|awaited| awaited.operation == operation)
                    .for_each(|awaited| awaited.calls -= 1);
                changes.extend(
                    state.awaited.extract_if(.., |awaited| awaited.calls == 0).map(|awaited| awaited.change),
                );
            }
            (changes, mishap.fault, average.mul_f64(0.5 + fraction(call)) + mishap.delay)
        };
        changes.into_iter().for_each(|change| change());
        let passage = Passage { fault, site: site.clone(), reach, rest: latency / 2 };
        let whole = operation.is_some();
        match passage.fault {
            Some(Fault::Die(Applied::Nothing)) => self.die(site).await,
            Some(Fault::Die(Applied::Half)) if whole => self.die(site).await,
            _ => pause(latency / 2).await,
        }
        passage
    }

    /// Returns the answer, unless the invocation dies at the call.
    pub(super) async fn leave(&self, passage: &Passage, answer: impl FnOnce() -> u64 + Send) {
        if let Some(Fault::Die(_)) = passage.fault {
            self.die(&passage.site).await;
        }
        self.note(answer);
        pause(passage.rest).await;
    }

    /// Lets in the next item of a call of several items. Behind a turnstile, each item is a step of its own.
    pub(super) async fn enter_again(&self, passage: &Passage) {
        if let Some(turnstile) = &self.turnstile {
            turnstile.pass(&passage.site, &passage.reach).await;
        }
    }

    /// Makes a call of another service than Cognito and DynamoDB. The script does not number it.
    pub(super) async fn call_elsewhere<T>(&self, site: CallSite, effect: impl FnOnce() -> T) -> T {
        self.record.add(|calls| {
            calls.sites.insert(site.to_string());
        });
        if let Some(turnstile) = &self.turnstile {
            let reach = if matches!(
                site,
                CallSite::Message | CallSite::Events | CallSite::Heartbeat | CallSite::Keys(_)
            ) {
                Reach::Items(Vec::new())
            } else {
                Reach::Everything
            };
            turnstile.pass(&site, &reach).await;
        }
        let death = self.death_orders.iter().find_map(|order| order.strike(&site));
        if matches!(death, Some(Fault::Die(Applied::Nothing))) {
            self.die(&site).await;
        }
        let answer = effect();
        if death.is_some() {
            self.die(&site).await;
        }
        answer
    }

    /// Notes what the actor at the turnstile has been told.
    pub(super) fn note(&self, answer: impl FnOnce() -> u64) {
        if let Some(turnstile) = &self.turnstile {
            turnstile.note(answer());
        }
    }

    /// Whether a scheduler decides when each item of a call takes effect.
    pub(super) fn is_in_steps(&self) -> bool {
        self.turnstile.is_some()
    }

    async fn die(&self, site: &CallSite) {
        *self.death.site.lock().unwrap_or_else(PoisonError::into_inner) = Some(site.clone());
        self.death.notify.notify_one();
        std::future::pending().await
    }
}

async fn pause(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

/// A pseudo-random number from 0 to 1, always the same for a call. Source: SplitMix64.
fn fraction(call: u64) -> f64 {
    let mut z = call.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}
