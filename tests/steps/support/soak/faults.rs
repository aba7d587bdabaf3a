//! The faults of a world: a seed decides at which calls they strike.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shared::model::PoolId;
use shared::ports::pool::PoolErrorKind;
use shared::ports::vault::Access;
use shared_memory::{Applied, CallSite, Fault, MemoryBackend, Mishap};
use tokio::time::Instant;

use crate::random::Random;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $name:literal),+ $(,)?) => {
        /// A kind of fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum FaultKind { $($(#[$doc])* $kind),+ }

        impl FaultKind {
            pub const ALL: &'static [Self] = &[$(Self::$kind),+];

            /// The name, as the report shows it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => $name),+ }
            }
        }
    };
}

kinds! {
    Throttled "call throttled",
    /// Every call of Cognito is throttled for some minutes.
    ThrottledForMinutes "all calls throttled for minutes",
    Transient "transient error of Cognito",
    LostReply "lost reply of Cognito",
    RefusedToken "refused token",
    SlowCall "slow call",
    TableRefused "table throttled or out of order",
    LostTableReply "lost reply of the table",
    DiedBefore "death before a call",
    DiedHalfway "death halfway through a write",
    DiedAfter "death after a call",
    TimedOut "invocation killed at its timeout",
    Duplicated "duplicated invocation",
    Aborted "execution aborted by the operator",
    ClockJump "wrong clock of an invocation",
    LostRecord "record lost from the table",
}

/// How often each kind has struck.
pub type Struck = BTreeMap<FaultKind, u64>;

/// The faults of a world. Clones share them.
#[derive(Debug, Clone)]
pub struct Faults(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    random: Random,
    /// One of so many calls meets a fault. None while no fault strikes.
    one_in: Option<u64>,
    throttled_until: Option<Instant>,
    struck: Struck,
    /// When the calls of each pool left since the last check.
    calls: BTreeMap<PoolId, Vec<Instant>>,
    digest: u64,
}

impl Faults {
    pub fn new(random: Random) -> Self {
        Self(Arc::new(Mutex::new(State {
            random,
            one_in: None,
            throttled_until: None,
            struck: Struck::new(),
            calls: BTreeMap::new(),
            digest: 0,
        })))
    }

    /// Lets the faults strike the calls of a backend's pools and vault.
    pub fn strike(&self, backend: &MemoryBackend) {
        let state = Arc::clone(&self.0);
        backend.script().set_weather(Some(Box::new(move |site| state.lock().unwrap().meet(site))));
    }

    /// Sets how many calls meet a fault: one of `one_in`, or none.
    pub fn set_rate(&self, one_in: Option<u64>) {
        let mut state = self.0.lock().unwrap();
        state.one_in = one_in;
        state.throttled_until = None;
    }

    /// Counts faults that do not strike a call.
    pub fn count(&self, kind: FaultKind, times: u64) {
        *self.0.lock().unwrap().struck.entry(kind).or_default() += times;
    }

    pub fn struck(&self) -> Struck {
        self.0.lock().unwrap().struck.clone()
    }

    /// The calls of each pool since the last time, in order.
    pub fn take_calls(&self) -> BTreeMap<PoolId, Vec<Instant>> {
        std::mem::take(&mut self.0.lock().unwrap().calls)
    }

    /// A digest of all calls so far. Two plays of one seed have the same.
    pub fn digest(&self) -> u64 {
        self.0.lock().unwrap().digest
    }
}

impl State {
    /// What befalls a call.
    fn meet(&mut self, site: &CallSite) -> Mishap {
        let now = Instant::now();
        for byte in site.to_string().bytes() {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if let CallSite::Pool { pool, .. } = site {
            self.calls.entry(pool.clone()).or_default().push(now);
        }
        let is_pool = matches!(site, CallSite::Pool { .. });
        self.throttled_until = self.throttled_until.filter(|until| now < *until);
        if is_pool && self.throttled_until.is_some() {
            return Mishap { fault: Some(Fault::Refuse(PoolErrorKind::Throttled)), ..Mishap::default() };
        }
        let Some(one_in) = self.one_in else { return Mishap::default() };
        if !self.random.one_in(one_in) {
            return Mishap::default();
        }
        let kind = if is_pool {
            *self.random.pick(&[
                FaultKind::Throttled,
                FaultKind::Throttled,
                FaultKind::Transient,
                FaultKind::Transient,
                FaultKind::LostReply,
                FaultKind::LostReply,
                FaultKind::RefusedToken,
                FaultKind::SlowCall,
                FaultKind::DiedBefore,
                FaultKind::DiedAfter,
                FaultKind::ThrottledForMinutes,
            ])
        } else {
            *self.random.pick(&[
                FaultKind::TableRefused,
                FaultKind::TableRefused,
                FaultKind::LostTableReply,
                FaultKind::LostTableReply,
                FaultKind::SlowCall,
                FaultKind::DiedBefore,
                FaultKind::DiedHalfway,
                FaultKind::DiedAfter,
            ])
        };
        match kind {
            FaultKind::RefusedToken if !site.has_token() => Mishap::default(),
            FaultKind::DiedHalfway if !site.writes() => Mishap::default(),
            // Other writes are the same if the adapter sends them twice.
            FaultKind::LostTableReply if !matches!(site, CallSite::Vault(_, Access::PutIf)) => {
                Mishap::default()
            }
            kind => self.strike(kind),
        }
    }

    fn strike(&mut self, kind: FaultKind) -> Mishap {
        let (fault, mut delay) = match kind {
            FaultKind::Throttled => (Some(Fault::Refuse(PoolErrorKind::Throttled)), 0),
            FaultKind::ThrottledForMinutes => {
                let minutes = self.random.between(1, 20);
                self.throttled_until = Some(Instant::now() + Duration::from_secs(60 * minutes));
                (Some(Fault::Refuse(PoolErrorKind::Throttled)), 0)
            }
            FaultKind::Transient | FaultKind::TableRefused => {
                (Some(Fault::Refuse(PoolErrorKind::Transient)), 0)
            }
            FaultKind::LostReply | FaultKind::LostTableReply => (Some(Fault::LostReply), 0),
            FaultKind::RefusedToken => (Some(Fault::RejectToken), 0),
            FaultKind::DiedBefore => (Some(Fault::Die(Applied::Nothing)), 0),
            FaultKind::DiedHalfway => (Some(Fault::Die(Applied::Half)), 0),
            FaultKind::DiedAfter => (Some(Fault::Die(Applied::All)), 0),
            FaultKind::SlowCall => (None, 1),
            other => unreachable!("{other:?} strikes no call"),
        };
        if delay > 0 {
            // Some are longer than an invocation may last.
            delay = *self.random.pick(&[300, 2_500, 4_000, 30_000, 200_000, 1_000_000]);
        }
        *self.struck.entry(kind).or_default() += 1;
        Mishap { fault, delay: Duration::from_millis(delay) }
    }
}
