//! The scheduler: it lets one actor at a time make one call.
//!
//! It polls the actors itself. An actor rests if its calls wait at its turnstile, if it waits for time, or if
//! it has ended. When all actors rest, a [`Choose`] picks the actor that goes on. If that actor waits for
//! time, the paused time advances until its next call waits.

use std::future::poll_fn;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use shared::pacing::seed_waits;
use shared_memory::{CallSite, MemoryBackend, Reach, Turnstile};
use tokio::time::timeout;

/// The longest wait of an actor for time. No wait of a run is longer.
const MAX_WAIT: Duration = Duration::from_secs(7 * 24 * 3600);
/// More steps than any schedule needs.
const MAX_STEPS: usize = 200_000;

/// An actor: what it does, and where its calls wait.
pub struct Actor<'a> {
    name: &'static str,
    turnstile: Turnstile,
    /// What its calls reach. None if it makes no call.
    backend: Option<MemoryBackend>,
    work: Pin<Box<dyn Future<Output = ()> + 'a>>,
    /// Whether it only serves the others: it has no end of its own.
    serves: bool,
}

impl<'a> Actor<'a> {
    /// An actor whose calls of `backend` wait at `turnstile`.
    pub fn new(
        name: &'static str,
        turnstile: &Turnstile,
        backend: &MemoryBackend,
        work: impl Future<Output = ()> + 'a,
    ) -> Self {
        let backend = Some(backend.clone());
        Self { name, turnstile: turnstile.clone(), backend, work: Box::pin(work), serves: false }
    }

    /// An actor that goes on as long as the others have not ended. It can step only if its call waits.
    #[must_use]
    pub fn serving(self) -> Self {
        Self { serves: true, ..self }
    }

    /// An actor that makes no call: it lets `time` pass, in one step.
    pub fn clock(time: Duration) -> Self {
        let work = Box::pin(tokio::time::sleep(time));
        Self { name: "clock", turnstile: Turnstile::default(), backend: None, work, serves: false }
    }
}

/// A step of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub actor: usize,
    /// The actors that had not ended before the step.
    pub able: Vec<usize>,
    /// The call that the step let in. None if the actor ended first.
    pub call: Option<CallSite>,
}

/// An actor that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Able {
    pub actor: usize,
    /// The call that its next step lets in. None if it waits for time.
    pub call: Option<CallSite>,
    /// What the call reads or writes.
    pub reach: Option<Reach>,
}

/// Where a schedule can turn to another actor.
pub struct Point<'a> {
    /// The number of the next step.
    pub step: usize,
    /// The actor that made the last step.
    pub current: Option<usize>,
    /// The actors that have not ended, in order.
    pub able: &'a [Able],
    state: &'a dyn Fn() -> u64,
}

impl<'a> Point<'a> {
    pub fn new(step: usize, current: Option<usize>, able: &'a [Able], state: &'a dyn Fn() -> u64) -> Self {
        Self { step, current, able, state }
    }

    /// A fingerprint of the pools, the table, the time and the actors. What can follow depends on it alone.
    pub fn state(&self) -> u64 {
        (self.state)()
    }

    /// The actor of the last step, if it has not ended.
    pub fn going_on(&self) -> Option<&'a Able> {
        self.able.iter().find(|able| Some(able.actor) == self.current)
    }

    /// The first actor whose call waits.
    pub fn first_ready(&self) -> Option<&'a Able> {
        self.able.iter().find(|able| able.call.is_some())
    }
}

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// This actor makes a step. If it waits for time, the time passes until its call waits.
    Step(usize),
    /// No call waits, and the time passes until one does.
    LetTimePass,
    /// What would follow is of no interest.
    GiveUp,
}

/// Picks the actor that makes the next step.
pub trait Choose {
    fn choose(&mut self, point: &Point<'_>) -> Choice;

    /// Notes the call that the chosen step let in. None if the actor ended first.
    fn made(&mut self, _call: Option<&CallSite>) {}
}

/// Runs the actors to their ends. Returns the steps, in order.
///
/// # Panics
/// If an actor waits for nothing.
pub async fn play(actors: Vec<Actor<'_>>, choose: &mut dyn Choose) -> Vec<Step> {
    // Tokio's own fairness would suspend an actor between two calls.
    tokio::task::unconstrained(play_fairly(actors, choose)).await
}

async fn play_fairly(actors: Vec<Actor<'_>>, choose: &mut dyn Choose) -> Vec<Step> {
    let mut stage = Stage::of(actors);
    stage.rest(|_| true).await;
    let (mut steps, mut current) = (Vec::new(), None);
    loop {
        if stage.runs.iter().all(|run| run.ended || run.serves) {
            return steps;
        }
        let able = stage.able();
        assert!(steps.len() < MAX_STEPS, "the actors do not come to an end");
        let state = || stage.state();
        let actor = match choose.choose(&Point::new(steps.len(), current, &able, &state)) {
            Choice::Step(actor) => actor,
            Choice::GiveUp => return std::future::pending().await,
            Choice::LetTimePass => {
                let goes_on = |stage: &Stage<'_>| {
                    let is_changed = |able: &Able| {
                        let run = &stage.runs[able.actor];
                        run.ended || run.turnstile.is_waiting()
                    };
                    able.iter().any(is_changed)
                };
                let waited = timeout(MAX_WAIT, stage.rest(goes_on)).await;
                assert!(waited.is_ok(), "the actors wait for nothing");
                continue;
            }
        };
        let can_step = |stage: &Stage<'_>| {
            let run = &stage.runs[actor];
            run.ended || run.turnstile.is_waiting()
        };
        let name = stage.runs[actor].name;
        let waited = timeout(MAX_WAIT, stage.rest(can_step)).await;
        assert!(waited.is_ok(), "the actor {name:?} waits for nothing");
        let call = stage.runs[actor].turnstile.release();
        choose.made(call.as_ref());
        stage.rest(|_| true).await;
        steps.push(Step { actor, able: able.iter().map(|able| able.actor).collect(), call });
        current = Some(actor);
    }
}

struct Stage<'a> {
    runs: Vec<Run<'a>>,
}

struct Run<'a> {
    name: &'static str,
    turnstile: Turnstile,
    backend: Option<MemoryBackend>,
    work: Pin<Box<dyn Future<Output = ()> + 'a>>,
    bell: Arc<Bell>,
    ended: bool,
    serves: bool,
    /// The seed of its waits: they do not depend on the waits of another actor.
    seed: Option<u64>,
}

/// Whether an actor must be polled.
#[derive(Default)]
struct Bell {
    rings: AtomicBool,
    outer: Mutex<Option<Waker>>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rings.store(true, Ordering::Relaxed);
        if let Some(outer) = &*self.outer.lock().unwrap() {
            outer.wake_by_ref();
        }
    }
}

impl<'a> Stage<'a> {
    fn of(actors: Vec<Actor<'a>>) -> Self {
        let run = |(number, Actor { name, turnstile, backend, work, serves })| {
            let bell = Arc::new(Bell { rings: AtomicBool::new(true), outer: Mutex::default() });
            Run { name, turnstile, backend, work, bell, ended: false, serves, seed: Some(number) }
        };
        Self { runs: (1..).zip(actors).map(run).collect() }
    }

    fn able(&self) -> Vec<Able> {
        let runs = self.runs.iter().enumerate().filter(|(_, run)| !run.ended);
        let able = runs.map(|(actor, run)| {
            let (call, reach) = (run.turnstile.next(), run.turnstile.next_reach());
            (run.serves, Able { actor, call, reach })
        });
        able.filter(|(serves, able)| !serves || able.call.is_some()).map(|(_, able)| able).collect()
    }

    /// See [`Point::state`].
    fn state(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for (number, run) in self.runs.iter().enumerate() {
            (run.ended, run.turnstile.fingerprint()).hash(&mut hasher);
            let is_first = |backend: &&MemoryBackend| {
                let mut before = self.runs[..number].iter().filter_map(|run| run.backend.as_ref());
                !before.any(|other| other.shares_table_with(backend))
            };
            let backend = run.backend.as_ref().filter(is_first);
            backend.map(MemoryBackend::fingerprint).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Polls the actors until all rest and `is_enough`. Meanwhile time may advance.
    async fn rest(&mut self, is_enough: impl Fn(&Self) -> bool) {
        poll_fn(|cx| {
            for run in &self.runs {
                *run.bell.outer.lock().unwrap() = Some(cx.waker().clone());
            }
            while self.poll_once() {}
            if is_enough(self) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Polls every actor whose bell rings. Returns whether one did.
    fn poll_once(&mut self) -> bool {
        let mut has_polled = false;
        for run in self.runs.iter_mut().filter(|run| !run.ended) {
            if run.bell.rings.swap(false, Ordering::Relaxed) {
                let waker = Waker::from(Arc::clone(&run.bell));
                let of_others = seed_waits(run.seed);
                run.ended = run.work.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
                run.seed = seed_waits(of_others);
                has_polled = true;
            }
        }
        has_polled
    }
}
