//! Tries schedules of a pair of actors: all with few preemptions, and random ones.
//!
//! The exhaustive search bounds the preemptions, that is the turns away from an actor that has not ended.
//! Source: Musuvathi and Qadeer, "Iterative Context Bounding for Systematic Testing of Multithreaded
//! Programs", PLDI 2007. A wait for time counts as a step like any other: a turn away from an actor that waits
//! is a preemption, too.

use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use super::schedule::{Schedule, Seeded};
use super::scheduler::{Choose, Step};
use crate::caught::caught;
use crate::in_paused_time;

/// Builds a world, runs its actors by `choose`, and checks what is left.
pub type Play = for<'a> fn(&'a mut dyn Choose) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Actors whose schedules are tried.
#[derive(Clone, Copy)]
pub struct Pair {
    pub name: &'static str,
    pub play: Play,
    /// The preemptions up to which all schedules can be tried in some minutes.
    pub preemptions: usize,
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
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at schedule \"{}\": {}", self.pair, self.schedule, self.message)
    }
}

/// What a search tried and found.
#[derive(Debug, Clone, Default)]
pub struct Explored {
    pub schedules: u64,
    /// The steps of the longest schedule.
    pub most_steps: usize,
    pub violations: Vec<Violation>,
    pub took: Duration,
    /// Whether the search ended because of its limit of schedules or violations.
    pub is_cut_short: bool,
}

/// A search ends after this many violations.
const MAX_VIOLATIONS: usize = 5;

/// Plays one schedule.
///
/// # Errors
/// The violation.
pub fn replay(pair: Pair, schedule: &Schedule) -> Result<Vec<Step>, Violation> {
    try_one(pair, &mut schedule.clone())
}

fn try_one(pair: Pair, choose: &mut dyn Choose) -> Result<Vec<Step>, Violation> {
    let mut recorded = Recorded { choose, steps: Vec::new() };
    let ended = caught(|| in_paused_time((pair.play)(&mut recorded)));
    let Recorded { steps, .. } = recorded;
    match ended {
        Ok(()) => Ok(steps),
        Err(message) => Err(Violation { pair: pair.name, schedule: Schedule::of(&steps), message }),
    }
}

/// Records what another one chooses.
struct Recorded<'a> {
    choose: &'a mut dyn Choose,
    steps: Vec<Step>,
}

impl Choose for Recorded<'_> {
    fn choose(&mut self, step: usize, current: Option<usize>, able: &[usize]) -> usize {
        let actor = self.choose.choose(step, current, able);
        self.steps.push(Step { actor, able: able.to_vec(), call: None });
        actor
    }
}

/// Plays every schedule with at most `preemptions`, in as many threads. Ends after `limit` schedules.
pub fn explore(pair: Pair, preemptions: usize, threads: usize, limit: u64) -> Explored {
    let search = Search {
        work: Mutex::new(Work {
            left: vec![(Schedule::default(), 0)],
            under_way: 0,
            found: Explored::default(),
        }),
        changed: Condvar::new(),
        pair,
        preemptions,
        limit,
    };
    let began = Instant::now();
    std::thread::scope(|scope| {
        (0..threads).for_each(|_| drop(scope.spawn(|| search.run())));
    });
    let Work { found, .. } = search.work.into_inner().unwrap();
    Explored { took: began.elapsed(), ..found }
}

struct Search {
    work: Mutex<Work>,
    changed: Condvar,
    pair: Pair,
    preemptions: usize,
    limit: u64,
}

struct Work {
    /// Schedules to play, with their preemptions.
    left: Vec<(Schedule, usize)>,
    under_way: usize,
    found: Explored,
}

impl Search {
    fn run(&self) {
        while let Some((mut schedule, preemptions)) = self.next() {
            let played = try_one(self.pair, &mut schedule);
            let mut children = Vec::new();
            if let Ok(steps) = &played {
                children = schedule.children(steps, preemptions);
                children.retain(|(_, preemptions)| *preemptions <= self.preemptions);
            }
            let mut work = self.work.lock().unwrap();
            work.under_way -= 1;
            let room =
                usize::try_from(self.limit.saturating_sub(work.found.schedules + 1)).unwrap_or(usize::MAX);
            if children.len() > room {
                children = at_even_distances(&children, room);
                work.found.is_cut_short = true;
            }
            work.found.note(played);
            work.left.extend(children);
            self.changed.notify_all();
        }
    }

    /// The next schedule. None if all are played.
    fn next(&self) -> Option<(Schedule, usize)> {
        let mut work = self.work.lock().unwrap();
        loop {
            if work.found.schedules >= self.limit || work.found.violations.len() >= MAX_VIOLATIONS {
                work.found.is_cut_short |= !work.left.is_empty();
                return None;
            }
            match work.left.pop() {
                Some(next) => {
                    work.under_way += 1;
                    return Some(next);
                }
                None if work.under_way == 0 => return None,
                None => work = self.changed.wait(work).unwrap(),
            }
        }
    }
}

/// So many of the schedules, from the first to the last: of a long run, early turns are tried as well as late
/// ones.
fn at_even_distances<T: Clone>(all: &[T], most: usize) -> Vec<T> {
    (0..most).map(|number| all[number * all.len() / most].clone()).collect()
}

impl Explored {
    fn note(&mut self, played: Result<Vec<Step>, Violation>) {
        self.schedules += 1;
        match played {
            Ok(steps) => self.most_steps = self.most_steps.max(steps.len()),
            Err(violation) => self.violations.push(violation),
        }
    }

    pub fn add(&mut self, other: Self) {
        self.schedules += other.schedules;
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
mod tests {
    use std::collections::BTreeMap;

    use shared::ports::Backend;
    use shared::ports::vault::{Key, ReadVault, WriteOnceVault};
    use shared_memory::{MemoryBackend, Turnstile};

    use super::*;
    use crate::backend;
    use crate::interleaving::pairs::PAIRS;
    use crate::interleaving::scheduler::{Actor, play};

    fn counter() -> Key {
        Key::new("COUNTER", "1")
    }

    async fn read(backend: &MemoryBackend) -> u64 {
        let item = backend.vault().get(&counter()).await.unwrap();
        item.map_or(0, |item| serde_dynamo::from_item::<_, BTreeMap<String, u64>>(item).unwrap()["value"])
    }

    /// Reads, and then writes without a condition: an update between the two is lost.
    async fn add_carelessly(backend: MemoryBackend) {
        let value = read(&backend).await + 1;
        let item = serde_dynamo::to_item(BTreeMap::from([("value", value)])).unwrap();
        backend.vault().put_all(vec![(counter(), item)]).await.unwrap();
    }

    fn actor<'a, F: Future<Output = ()> + 'a>(
        backend: &MemoryBackend,
        work: impl FnOnce(MemoryBackend) -> F,
    ) -> Actor<'a> {
        let turnstile = Turnstile::default();
        Actor::new("actor", &turnstile, work(backend.behind(&turnstile)))
    }

    /// Breaks at one preemption.
    async fn lost_update(choose: &mut dyn Choose) {
        let (backend, _, _) = backend();
        play(vec![actor(&backend, add_carelessly), actor(&backend, add_carelessly)], choose).await;
        assert_eq!(read(&backend).await, 2, "an update is lost");
    }

    /// Breaks if one actor stops, the other sees what it has done so far, and stops before the first ends.
    async fn seen_halfway(choose: &mut dyn Choose) {
        let (backend, _, _) = backend();
        let seen = std::cell::Cell::new([0, 0]);
        let writer = actor(&backend, async |backend| {
            add_carelessly(backend.clone()).await;
            add_carelessly(backend).await;
        });
        let reader = actor(&backend, async |backend| {
            let first = read(&backend).await;
            seen.set([first, read(&backend).await]);
        });
        play(vec![writer, reader], choose).await;
        assert_ne!(seen.get(), [1, 2], "the reader saw two states");
    }

    const LOST_UPDATE: Pair =
        Pair { name: "lost update", play: |choose| Box::pin(lost_update(choose)), preemptions: 1 };
    const SEEN_HALFWAY: Pair =
        Pair { name: "seen halfway", play: |choose| Box::pin(seen_halfway(choose)), preemptions: 2 };

    /// Checks that a search finds the bug with `least` preemptions and not with fewer.
    fn assert_found_with(pair: Pair, least: usize) {
        let fewer = explore(pair, least - 1, 1, u64::MAX);
        assert!(fewer.violations.is_empty(), "{:?}", fewer.violations);
        let found = explore(pair, least, 1, u64::MAX);
        let violation = found.violations.first().expect("the search finds the bug");
        // A replay shows the same.
        assert_eq!(replay(pair, &violation.schedule).unwrap_err(), *violation);
        assert!(!sample(pair, 0..5_000).violations.is_empty(), "random schedules find it");
    }

    #[test]
    fn a_search_finds_a_lost_update_with_one_preemption() {
        assert_found_with(LOST_UPDATE, 1);
    }

    #[test]
    fn a_search_finds_a_bug_that_needs_two_preemptions() {
        assert_found_with(SEEN_HALFWAY, 2);
    }

    /// Otherwise the children of a schedule would be of another run.
    #[test]
    fn a_schedule_is_played_alike_each_time() {
        for pair in PAIRS {
            for schedule in ["", "5>1,9>0"] {
                let schedule = schedule.parse().unwrap();
                assert_eq!(replay(*pair, &schedule).unwrap(), replay(*pair, &schedule).unwrap(), "{pair:?}");
            }
        }
    }

    #[test]
    fn a_limited_search_tries_early_and_late_turns() {
        assert_eq!(at_even_distances(&[0, 1, 2, 3, 4, 5, 6, 7, 8], 3), [0, 3, 6]);
        assert!(at_even_distances(&[0, 1, 2], 0).is_empty());
    }
}
