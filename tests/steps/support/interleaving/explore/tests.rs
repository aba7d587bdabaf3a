//! Tests of the search for schedules that break an invariant, on pairs with known mistakes.

use std::collections::{BTreeMap, BTreeSet};

use shared::ports::Backend;
use shared::ports::vault::{Key, ReadVault, Vault, WriteOnceVault};
use shared_memory::{MemoryBackend, Turnstile};
use tokio::time::sleep;

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
    write(&backend, value).await;
}

async fn write(backend: &MemoryBackend, value: u64) {
    let item = serde_dynamo::to_item(BTreeMap::from([("value", value)])).unwrap();
    backend.vault().put_all(vec![(counter(), item)]).await.unwrap();
}

fn actor<'a, F: Future<Output = ()> + 'a>(
    backend: &MemoryBackend,
    work: impl FnOnce(MemoryBackend) -> F,
) -> Actor<'a> {
    let turnstile = Turnstile::default();
    Actor::new("actor", &turnstile, backend, work(backend.behind(&turnstile)))
}

/// Breaks at one preemption.
async fn lost_update(choose: &mut dyn Choose) {
    let (backend, _, _) = backend();
    play(vec![actor(&backend, add_carelessly), actor(&backend, add_carelessly)], choose).await;
    assert_eq!(read(&backend).await, 2, "an update is lost");
}

/// Breaks without a preemption, because an actor waits between its two calls.
async fn lost_update_after_a_wait(choose: &mut dyn Choose) {
    let (backend, _, _) = backend();
    let slowly = async |backend: MemoryBackend| {
        let value = read(&backend).await + 1;
        sleep(Duration::from_secs(1)).await;
        write(&backend, value).await;
    };
    play(vec![actor(&backend, slowly), actor(&backend, slowly)], choose).await;
    assert_eq!(read(&backend).await, 2, "an update is lost");
}

/// Breaks if one actor stops, the other sees what it has done so far, and stops before the first ends.
async fn seen_halfway(choose: &mut dyn Choose) {
    let (backend, _, _) = backend();
    let seen = Cell::new([0, 0]);
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

/// What the schedules of [`many_ends`] came to.
static ENDS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Calls that meet and calls that do not, waits, and a call on several items.
async fn many_ends(choose: &mut dyn Choose) {
    let (backend, _, _) = backend();
    let (seen, at) = (Cell::new([0, 0]), Cell::new(None));
    let writer = actor(&backend, async |backend| {
        add_carelessly(backend.clone()).await;
        sleep(Duration::from_millis(2)).await;
        backend.vault().delete_all(vec![counter(), Key::new("OTHER", "1")]).await.unwrap();
    });
    let other = actor(&backend, async |backend| {
        backend.vault().get(&Key::new("OTHER", "1")).await.unwrap();
        add_carelessly(backend).await;
    });
    let reader = actor(&backend, async |backend| {
        let first = read(&backend).await;
        sleep(Duration::from_millis(3)).await;
        seen.set([first, read(&backend).await]);
        at.set(Some(backend.clock().now()));
    });
    play(vec![writer, other, reader], choose).await;
    let end = format!("{} {:?} {:?}", read(&backend).await, seen.get(), at.get());
    ENDS.lock().unwrap().insert(end);
}

/// Checks that a search finds the bug with `least` preemptions and not with fewer.
fn assert_found_with(pair: Pair, least: usize) {
    if let Some(fewer) = least.checked_sub(1) {
        let fewer = explore(pair, fewer, 1, Limits::NONE);
        assert!(fewer.violations.is_empty(), "{:?}", fewer.violations);
    }
    let found = explore(pair, least, 1, Limits::NONE);
    let violation = found.violations.first().expect("the search finds the bug");
    // A replay shows the same.
    assert_eq!(replay(pair, &violation.schedule).unwrap_err(), *violation);
    assert!(!sample(pair, 0..5_000).violations.is_empty(), "random schedules find it");
}

#[test]
fn a_search_finds_a_lost_update_with_one_preemption() {
    assert_found_with(
        Pair { name: "lost update", most_preemptions: 3, play: |choose| Box::pin(lost_update(choose)) },
        1,
    );
}

#[test]
fn a_turn_away_from_an_actor_that_waits_for_time_is_no_preemption() {
    let play: Play = |choose| Box::pin(lost_update_after_a_wait(choose));
    assert_found_with(Pair { name: "lost update after a wait", most_preemptions: 3, play }, 0);
}

#[test]
fn a_search_finds_a_bug_that_needs_two_preemptions() {
    assert_found_with(
        Pair { name: "seen halfway", most_preemptions: 3, play: |choose| Box::pin(seen_halfway(choose)) },
        2,
    );
}

#[test]
fn a_schedule_that_comes_to_a_known_state_is_given_up_and_no_end_is_missed() {
    let pair = Pair { name: "many ends", most_preemptions: 3, play: |choose| Box::pin(many_ends(choose)) };
    let ends_of = |merges| {
        let search = Search::with(pair, merges);
        search.go_on(99, 1, Limits::NONE);
        (search.found(), std::mem::take(&mut *ENDS.lock().unwrap()))
    };
    let ((plain, all), (merging, same)) = (ends_of(false), ends_of(true));
    assert!(all.len() > 10, "{all:?}");
    assert_eq!(same, all);
    assert!(plain.is_all && merging.is_all && plain.merged == 0);
    assert!(merging.schedules * 5 < plain.schedules, "{merging:?} {plain:?}");
}

#[test]
fn a_search_that_is_cut_short_says_so() {
    let pair =
        Pair { name: "lost update", most_preemptions: 3, play: |choose| Box::pin(lost_update(choose)) };
    let cut = explore(pair, 2, 1, Limits { schedules: 2, deadline: None });
    assert!(cut.is_cut_short && !cut.is_all && cut.schedules + cut.merged == 2, "{cut:?}");
    let late = explore(pair, 2, 1, Limits { schedules: u64::MAX, deadline: Some(Instant::now()) });
    assert!(late.is_cut_short && late.preemptions.is_none() && late.schedules == 0, "{late:?}");
}

/// Otherwise a search would follow another run than the one that it has begun.
#[test]
fn a_schedule_is_played_alike_each_time() {
    for pair in PAIRS {
        for schedule in ["", "5>1,9>0"] {
            let states = || {
                let mut noted = Noted { schedule: schedule.parse().unwrap(), states: Vec::new() };
                let steps = try_one(*pair, &mut noted).unwrap().unwrap();
                (steps, noted.states)
            };
            assert_eq!(states(), states(), "{pair:?}");
        }
    }
}

/// Follows a schedule, and notes the states.
struct Noted {
    schedule: Schedule,
    states: Vec<u64>,
}

impl Choose for Noted {
    fn choose(&mut self, point: &Point<'_>) -> Choice {
        self.states.push(point.state());
        self.schedule.choose(point)
    }
}
