//! Tries schedules of a pair of actors: all with few preemptions, and random ones.
//!
//! The exhaustive search bounds the preemptions. Source: Musuvathi and Qadeer, "Iterative Context Bounding for
//! Systematic Testing of Multithreaded Programs", PLDI 2007. An actor can wait for time, and such a wait can have two
//! ends. So the search has two [`Mode`]s.
//!
//! The search notes each state that it meets: the table, the pools, the time, and what each actor was told. A
//! schedule that comes to a state from which another one goes on is given up. So of schedules that differ only in
//! the order of independent steps, one is played to its end. Nor does a schedule turn away from an actor before a
//! step that reads and writes nothing which another actor writes or reads: it equals one that turns after the step.

use std::cell::Cell;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::future::poll_fn;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Condvar, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

use shared_memory::{CallSite, Reach};

use super::schedule::{Schedule, Seeded};
use super::scheduler::{Able, Choice, Choose, Point, Step};
use crate::caught::caught;
use crate::in_paused_time;
use crate::random::Random;

/// Builds a world, runs its actors by `choose`, and checks what is left.
pub type Play = for<'a> fn(&'a mut dyn Choose) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Actors whose schedules are tried.
#[derive(Clone, Copy)]
pub struct Pair {
    pub name: &'static str,
    /// A search of all schedules with so many preemptions takes a minute or two at most.
    pub most_preemptions: usize,
    pub play: Play,
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A schedule that breaks an invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub pair: &'static str,
    pub schedule: Schedule,
    /// The steps up to the violation.
    pub steps: Vec<Step>,
    pub message: String,
}

impl Violation {
    /// The steps just before and after each turn, one a line.
    pub fn turns(&self) -> String {
        let is_turn = |at: usize| at > 0 && self.steps[at].actor != self.steps[at - 1].actor;
        let is_near = |at: usize| at == 0 || is_turn(at) || (at + 1 < self.steps.len() && is_turn(at + 1));
        let line = |at: usize| {
            let Step { actor, call, .. } = &self.steps[at];
            let call = call.as_ref().map_or_else(|| "ends".to_owned(), ToString::to_string);
            format!("  {at:>4} actor {actor}: {call}\n")
        };
        (0..self.steps.len()).filter(|&at| is_near(at)).map(line).collect()
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at schedule \"{}\": {}", self.pair, self.schedule, self.message)
    }
}

/// What a search tried and found.
#[derive(Debug, Clone, Default)]
pub struct Explored {
    /// Schedules that were played to their ends.
    pub schedules: u64,
    /// Schedules that were given up, because they came to a state from which another one goes on.
    pub merged: u64,
    /// The steps of the longest schedule.
    pub most_steps: usize,
    pub violations: Vec<Violation>,
    pub took: Duration,
    /// Up to so many preemptions, every schedule was tried. None if not even those without one.
    pub preemptions: Option<usize>,
    /// Whether no schedule has more preemptions.
    pub is_all: bool,
    /// Whether the search ended because of its limit of schedules, time or violations.
    pub is_cut_short: bool,
}

/// A search ends after this many violations.
const MAX_VIOLATIONS: usize = 5;

/// Plays one schedule.
///
/// # Errors
/// The violation.
pub fn replay(pair: Pair, schedule: &Schedule) -> Result<Vec<Step>, Violation> {
    try_one(pair, &mut schedule.clone()).map(Option::unwrap_or_default)
}

/// Plays what `choose` decides. None if it gives the schedule up.
fn try_one(pair: Pair, choose: &mut dyn Choose) -> Result<Option<Vec<Step>>, Violation> {
    let has_given_up = Cell::new(false);
    let mut recorded = Recorded { choose, steps: Vec::new(), has_given_up: &has_given_up };
    let ended = caught(|| {
        let mut play = (pair.play)(&mut recorded);
        in_paused_time(poll_fn(|cx| match play.as_mut().poll(cx) {
            Poll::Pending if has_given_up.get() => Poll::Ready(()),
            ended => ended,
        }));
    });
    let Recorded { steps, .. } = recorded;
    match ended {
        Ok(()) => Ok((!has_given_up.get()).then_some(steps)),
        Err(message) => Err(Violation { pair: pair.name, schedule: Schedule::of(&steps), steps, message }),
    }
}

/// Records what another one chooses.
struct Recorded<'a> {
    choose: &'a mut dyn Choose,
    steps: Vec<Step>,
    has_given_up: &'a Cell<bool>,
}

impl Choose for Recorded<'_> {
    fn choose(&mut self, point: &Point<'_>) -> Choice {
        let choice = self.choose.choose(point);
        self.has_given_up.set(choice == Choice::GiveUp);
        if let Choice::Step(actor) = choice {
            let able = point.able.iter().map(|able| able.actor).collect();
            self.steps.push(Step { actor, able, call: None });
        }
        choice
    }

    fn made(&mut self, call: Option<&CallSite>) {
        if let Some(step) = self.steps.last_mut() {
            step.call = call.cloned();
        }
    }
}

/// What an actor that waits for time does to the others. A search tries the schedules of both modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Mode {
    /// It lets them go on, as time passes for all. Then a turn away from it is no preemption. A turn away from an
    /// actor whose call waits is one, and so is a call that waits while the time passes.
    Yields,
    /// It suspends them until it ends, as if they stood still. That is the first preemption of the schedule, and each
    /// turn away from an actor that has not ended is another.
    Suspends,
}

impl Mode {
    fn default_choice(self, point: &Point<'_>) -> Choice {
        let going_on = point.going_on();
        let able = match self {
            Self::Yields => going_on.filter(|able| able.call.is_some()).or(point.first_ready()),
            Self::Suspends => going_on.or(point.able.first()),
        };
        able.map_or(Choice::LetTimePass, |able| Choice::Step(able.actor))
    }

    /// Whether a step of another actor than by default is a preemption.
    fn preempts(self, point: &Point<'_>, able: &Able) -> bool {
        match (self, point.going_on()) {
            (Self::Yields, Some(going_on)) if going_on.call.is_some() => true,
            (Self::Yields, _) => able.call.is_none(),
            (Self::Suspends, going_on) => going_on.is_some(),
        }
    }
}

/// When a search ends although it has not tried all schedules.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most schedules to begin.
    pub schedules: u64,
    pub deadline: Option<Instant>,
}

impl Limits {
    pub const NONE: Self = Self { schedules: u64::MAX, deadline: None };
}

/// Plays every schedule with at most `preemptions`, in as many threads.
pub fn explore(pair: Pair, preemptions: usize, threads: usize, limits: Limits) -> Explored {
    let search = Search::of(pair);
    search.go_on(preemptions, threads, limits);
    search.found()
}

/// The search of a pair: first the schedules without a preemption, then those with one, and so on.
pub struct Search {
    pair: Pair,
    work: Mutex<Work>,
    changed: Condvar,
    /// Whether a schedule ends at a state that another one has come to.
    merges: bool,
}

struct Work {
    /// Schedules to play, by the number of their preemptions.
    left: Vec<Vec<(Mode, Schedule)>>,
    /// The steps that actors have made.
    steps: HashSet<Stepped>,
    /// Schedules that turn away from an actor before this step. While no other actor has made a step that it meets,
    /// each equals one that turns after the step.
    deferred: HashMap<Stepped, Vec<(usize, Mode, Schedule)>>,
    /// The preemptions of the schedules that are played now.
    under_way: Vec<usize>,
    /// The states that were met, each with the fewest preemptions that led to it.
    met: HashMap<State, usize>,
    found: Explored,
    begun: u64,
    random: Random,
}

/// What can follow depends on the state of the world, the mode, and the actor of the last step if it can go on.
type State = (u64, Mode, Option<usize>);

impl Search {
    pub fn of(pair: Pair) -> Self {
        Self::with(pair, true)
    }

    fn with(pair: Pair, merges: bool) -> Self {
        let work = Work {
            steps: HashSet::new(),
            deferred: HashMap::new(),
            // To suspend the others is a preemption.
            left: vec![
                vec![(Mode::Yields, Schedule::default())],
                vec![(Mode::Suspends, Schedule::default())],
            ],
            under_way: Vec::new(),
            met: HashMap::new(),
            found: Explored::default(),
            begun: 0,
            random: Random::new(1),
        };
        Self { pair, work: Mutex::new(work), changed: Condvar::new(), merges }
    }

    /// Plays the schedules that are left, with at most `preemptions`.
    pub fn go_on(&self, preemptions: usize, threads: usize, limits: Limits) {
        let began = Instant::now();
        self.work.lock().unwrap().found.is_cut_short = false;
        std::thread::scope(|scope| {
            (0..threads).for_each(|_| drop(scope.spawn(|| self.play(preemptions, limits))));
        });
        self.work.lock().unwrap().found.took += began.elapsed();
    }

    /// What it found so far.
    pub fn found(&self) -> Explored {
        let work = self.work.lock().unwrap();
        let first_left = work.left.iter().position(|schedules| !schedules.is_empty());
        let preemptions = first_left.map_or(Some(usize::MAX), |left| left.checked_sub(1));
        Explored { preemptions, is_all: first_left.is_none(), ..work.found.clone() }
    }

    fn play(&self, preemptions: usize, limits: Limits) {
        while let Some(((mode, schedule), used)) = self.next(preemptions, limits) {
            let mut guided = Guided { search: self, last_turn: schedule.last_turn(), mode, schedule, used };
            let played = try_one(self.pair, &mut guided);
            let mut work = self.work.lock().unwrap();
            let at = work.under_way.iter().position(|other| *other == used).expect("it is under way");
            work.under_way.swap_remove(at);
            work.found.note(played);
            self.changed.notify_all();
        }
    }

    /// The next schedule, with its preemptions. None if all are played.
    fn next(&self, preemptions: usize, limits: Limits) -> Option<((Mode, Schedule), usize)> {
        let mut guard = self.work.lock().unwrap();
        loop {
            let work = &mut *guard;
            let used = work.left.iter().take(preemptions + 1).position(|schedules| !schedules.is_empty());
            let is_late = limits.deadline.is_some_and(|deadline| Instant::now() >= deadline);
            if is_late || work.begun >= limits.schedules || work.found.violations.len() >= MAX_VIOLATIONS {
                work.found.is_cut_short |= used.is_some();
                return None;
            }
            if let Some(used) = used {
                // Of a limited search, early turns of long runs are tried as well as late ones.
                let number = work.random.below(work.left[used].len() as u64) as usize;
                work.begun += 1;
                work.under_way.push(used);
                return Some((work.left[used].swap_remove(number), used));
            }
            if work.under_way.is_empty() {
                return None;
            }
            guard = self.changed.wait(guard).unwrap();
        }
    }
}

/// A step as far as it can matter to other actors.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Stepped {
    actor: usize,
    reach: Reach,
    writes: bool,
}

impl Stepped {
    /// The step of an actor whose call waits.
    fn of(able: &Able) -> Option<Self> {
        let writes = able.call.as_ref()?.writes();
        Some(Self { actor: able.actor, reach: able.reach.clone()?, writes })
    }

    /// Whether the order of both can matter.
    fn meets(&self, other: &Self) -> bool {
        self.actor != other.actor && (self.writes || other.writes) && self.reach.meets(&other.reach)
    }
}

impl Work {
    /// Notes a schedule that turns away from an actor before this step.
    fn turn(&mut self, before: Option<&Stepped>, schedule: (usize, Mode, Schedule)) {
        match before {
            Some(step) if !self.steps.iter().any(|other| other.meets(step)) => {
                self.deferred.entry(step.clone()).or_default().push(schedule);
            }
            _ => self.push(schedule),
        }
    }

    fn push(&mut self, (preemptions, mode, schedule): (usize, Mode, Schedule)) {
        if self.left.len() <= preemptions {
            self.left.resize_with(preemptions + 1, Vec::new);
        }
        self.left[preemptions].push((mode, schedule));
    }

    /// Notes that an actor makes this step. The schedules that turn before a step whose order can matter now are to
    /// be played.
    fn note_step(&mut self, step: Stepped) {
        if self.steps.contains(&step) {
            return;
        }
        let met = self.deferred.extract_if(|other, _| other.meets(&step));
        let schedules: Vec<_> = met.flat_map(|(_, schedules)| schedules).collect();
        schedules.into_iter().for_each(|schedule| self.push(schedule));
        self.steps.insert(step);
    }
}

/// Follows a schedule. After its last turn, notes which schedules turn once more.
struct Guided<'a> {
    search: &'a Search,
    mode: Mode,
    schedule: Schedule,
    last_turn: Option<usize>,
    /// The preemptions of the schedule.
    used: usize,
}

impl Choose for Guided<'_> {
    fn choose(&mut self, point: &Point<'_>) -> Choice {
        let default = self.mode.default_choice(point);
        if self.last_turn.is_some_and(|last| point.step <= last) {
            let choice = self.schedule.turn(point).map_or(default, Choice::Step);
            if let Choice::Step(actor) = choice
                && self.last_turn == Some(point.step)
                && let Some(step) = point.able.iter().find(|able| able.actor == actor).and_then(Stepped::of)
            {
                self.search.work.lock().unwrap().note_step(step);
            }
            return choice;
        }
        let can_go_on = |able: &&Able| able.call.is_some() || self.mode == Mode::Suspends;
        let going_on = point.going_on().filter(can_go_on).map(|able| able.actor);
        let state = self.search.merges.then(|| (point.state(), self.mode, going_on));
        let mut guard = self.search.work.lock().unwrap();
        let work = &mut *guard;
        if let Some(state) = state {
            match work.met.entry(state) {
                Entry::Occupied(met) if *met.get() <= self.used => return Choice::GiveUp,
                Entry::Occupied(mut met) => drop(met.insert(self.used)),
                Entry::Vacant(new) => drop(new.insert(self.used)),
            }
        }
        // An actor that is alone can only go on.
        let others = point.able.iter().filter(|able| Choice::Step(able.actor) != default);
        let before = point.going_on().and_then(Stepped::of).filter(|_| self.search.merges);
        for able in others.filter(|_| point.able.len() > 1) {
            let preemptions = self.used + usize::from(self.mode.preempts(point, able));
            let schedule = self.schedule.and_turn(point.step, able.actor);
            work.turn(before.as_ref(), (preemptions, self.mode, schedule));
        }
        if let Choice::Step(actor) = default
            && let Some(step) = point.able.iter().find(|able| able.actor == actor).and_then(Stepped::of)
        {
            work.note_step(step);
        }
        self.search.changed.notify_all();
        default
    }
}

impl Explored {
    fn note(&mut self, played: Result<Option<Vec<Step>>, Violation>) {
        match played {
            Ok(None) => self.merged += 1,
            Ok(Some(steps)) => {
                self.schedules += 1;
                self.most_steps = self.most_steps.max(steps.len());
            }
            Err(violation) => {
                self.schedules += 1;
                self.violations.push(violation);
            }
        }
    }

    pub fn add(&mut self, other: Self) {
        self.schedules += other.schedules;
        self.merged += other.merged;
        self.most_steps = self.most_steps.max(other.most_steps);
        self.violations.extend(other.violations);
        self.is_cut_short |= other.is_cut_short;
    }
}

/// Plays one schedule for each seed, in this thread.
pub fn sample(pair: Pair, seeds: Range<u64>) -> Explored {
    let began = Instant::now();
    let mut found = Explored::default();
    for seed in seeds {
        found.note(try_one(pair, &mut Seeded::new(seed)));
        if found.violations.len() >= MAX_VIOLATIONS {
            found.is_cut_short = true;
            break;
        }
    }
    Explored { took: began.elapsed(), ..found }
}

#[cfg(test)]
mod tests;
