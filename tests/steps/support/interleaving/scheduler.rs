//! The scheduler: it lets one actor at a time make one call.
//!
//! It polls the actors itself. An actor rests if its calls wait at its turnstile, if it waits for time, or if
//! it has ended. When all actors rest, a [`Choose`] picks the actor that goes on. If that actor waits for
//! time, the paused time advances until its next call waits.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use shared_memory::{CallSite, Turnstile};
use tokio::time::timeout;

/// The longest wait of an actor for time. No wait of a run is longer.
const MAX_WAIT: Duration = Duration::from_secs(7 * 24 * 3600);
/// More steps than any schedule needs.
const MAX_STEPS: usize = 200_000;

/// An actor: what it does, and where its calls wait.
pub struct Actor<'a> {
    name: &'static str,
    turnstile: Turnstile,
    work: Pin<Box<dyn Future<Output = ()> + 'a>>,
}

impl<'a> Actor<'a> {
    /// An actor whose calls wait at `turnstile`.
    pub fn new(name: &'static str, turnstile: &Turnstile, work: impl Future<Output = ()> + 'a) -> Self {
        Self { name, turnstile: turnstile.clone(), work: Box::pin(work) }
    }

    /// An actor that makes no call: it lets `time` pass, in one step.
    pub fn clock(time: Duration) -> Self {
        Self::new("clock", &Turnstile::default(), tokio::time::sleep(time))
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

/// Picks the actor that makes the next step.
pub trait Choose {
    /// `current` made the last step, and `able` are the actors that have not ended, in order.
    fn choose(&mut self, step: usize, current: Option<usize>, able: &[usize]) -> usize;
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
        let able: Vec<_> = (0..stage.runs.len()).filter(|&at| !stage.runs[at].ended).collect();
        if able.is_empty() {
            return steps;
        }
        assert!(steps.len() < MAX_STEPS, "the actors do not come to an end");
        let actor = choose.choose(steps.len(), current, &able);
        let can_step = |stage: &Stage<'_>| {
            let run = &stage.runs[actor];
            run.ended || run.turnstile.is_waiting()
        };
        let name = stage.runs[actor].name;
        let waited = timeout(MAX_WAIT, stage.rest(can_step)).await;
        assert!(waited.is_ok(), "the actor {name:?} waits for nothing");
        let call = stage.runs[actor].turnstile.release();
        stage.rest(|_| true).await;
        steps.push(Step { actor, able, call });
        current = Some(actor);
    }
}

struct Stage<'a> {
    runs: Vec<Run<'a>>,
}

struct Run<'a> {
    name: &'static str,
    turnstile: Turnstile,
    work: Pin<Box<dyn Future<Output = ()> + 'a>>,
    bell: Arc<Bell>,
    ended: bool,
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
        let run = |Actor { name, turnstile, work }| {
            let bell = Arc::new(Bell { rings: AtomicBool::new(true), outer: Mutex::default() });
            Run { name, turnstile, work, bell, ended: false }
        };
        Self { runs: actors.into_iter().map(run).collect() }
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
                run.ended = run.work.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
                has_polled = true;
            }
        }
        has_polled
    }
}
