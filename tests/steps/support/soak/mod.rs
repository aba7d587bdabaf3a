//! The soak: worlds in which exports, imports, prunes, copies and an operator run for months under faults.
//!
//! A seed decides everything in a world. Each **day** of a world is one schedule: runs begin at random times
//! and overlap, and faults strike their calls for some hours. During these hours anything may fail, and no
//! invariant may break. Then the faults stop, and every run must end within [`ENDS_WITHIN`]. Every few days
//! a **calm** follows: new runs of each kind must succeed within [`SUCCEEDS_WITHIN`].

mod calm;
mod checks;
mod day;
mod faults;
mod report;
mod world;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub use faults::FaultKind;
pub use report::{Report, WorldViolation};
use world::World;

use crate::caught::caught;
use crate::in_paused_time;

/// The days of a world: four months. Restores expire after 90 days.
pub const DAYS: u64 = 120;
/// The longest time from the last fault to the end of every run. The state machines retry throttled calls for
/// two hours.
pub const ENDS_WITHIN: Duration = Duration::from_secs(4 * 3600);
/// The longest time of a run that begins without faults, after the leases of earlier runs have ended.
pub const SUCCEEDS_WITHIN: Duration = Duration::from_secs(3600);

/// Which worlds to play.
#[derive(Debug, Clone, Copy)]
pub struct Worlds {
    /// The seed of the first world. The others have the seeds that follow.
    pub seed: u64,
    /// The days of each world.
    pub days: u64,
    /// The most worlds. None for as many as the time allows.
    pub most: Option<u64>,
    /// No world begins after this time, and worlds under way end early.
    pub time: Duration,
    pub threads: usize,
}

/// Plays worlds. Calls `progress` after each.
pub fn soak(worlds: Worlds, progress: &(dyn Fn(&Report) + Sync)) -> Report {
    let began = Instant::now();
    let next = AtomicU64::new(0);
    let stops = AtomicBool::new(false);
    let total = std::sync::Mutex::new(Report::default());
    std::thread::scope(|scope| {
        for _ in 0..worlds.threads {
            scope.spawn(|| {
                while began.elapsed() < worlds.time && !stops.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if worlds.most.is_some_and(|most| number >= most) {
                        return;
                    }
                    let until = (worlds.most.is_none()).then(|| began + worlds.time);
                    let report = play_world(worlds.seed + number, worlds.days, until);
                    let mut total = total.lock().unwrap();
                    total.add(report);
                    if total.violations.len() >= 5 {
                        stops.store(true, Ordering::Relaxed);
                    }
                    progress(&total);
                }
            });
        }
    });
    Report { took: began.elapsed(), ..total.into_inner().unwrap() }
}

/// Plays one world of so many days, until a time of this computer at most.
fn play_world(seed: u64, days: u64, until: Option<Instant>) -> Report {
    let report = std::sync::Mutex::new(Report { worlds: 1, ..Report::default() });
    let ended = caught(|| {
        in_paused_time(async {
            shared::pacing::seed_waits(Some(seed));
            let mut world = World::new(seed);
            for day in 1..=days {
                if until.is_some_and(|until| Instant::now() >= until) {
                    break;
                }
                world.play_day(day).await;
                world.tell(&mut report.lock().unwrap());
            }
        });
    });
    shared::pacing::seed_waits(None);
    let mut report = report.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Err(message) = ended {
        let day = report.schedules + 1;
        report.violations.push(WorldViolation { seed, day, message });
    }
    report
}
