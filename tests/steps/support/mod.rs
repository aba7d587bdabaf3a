//! The common code of the tests: state machines, populations, checks of the results, schedules, and the
//! soak. `cargo xtask soak` uses it, too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "helpers of tests")]

pub mod caught;
pub mod copied;
pub mod disturbance;
pub mod interleaving;
pub mod log;
pub mod machine;
pub mod manifest;
pub mod people;
pub mod pruned;
pub mod random;
pub mod regions;
pub mod restored;
pub mod snapshot;
pub mod soak;
pub mod stored_selections;

use std::cell::Cell;
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::test_runner::Config as ProptestConfig;
use shared::model::{PoolDescription, PoolId};
use shared::ports::Clock;
use shared_memory::{MemoryBackend, MemoryPool};
use tokio::time::{Duration, Instant};

/// `cases` cases of a property, or the number in `PROPTEST_CASES`. No failure is stored: the waits
/// between retries are random, so the case alone does not reproduce it.
pub fn cases(cases: u32) -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(cases);
    ProptestConfig { max_shrink_iters: 400, failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

thread_local! {
    /// The names that the case of this thread has used.
    static NAMES: Cell<u64> = const { Cell::new(0) };
}

/// A name that no other command of the case has. It is the same in each run of the case.
pub fn new_name(command: &str) -> String {
    let number = NAMES.get();
    NAMES.set(number + 1);
    format!("{command}-{number}")
}

/// Runs a case in paused time: a wait ends as soon as no task has work. The waits before repeated calls are the same
/// in each run of the case.
pub fn in_paused_time<T>(case: impl Future<Output = T>) -> T {
    NAMES.set(0);
    shared::pacing::seed_waits(Some(1));
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(case)
}

pub fn source_id() -> PoolId {
    PoolId::parse("eu-west-1_Source001").unwrap()
}

pub fn target_id() -> PoolId {
    PoolId::parse("eu-west-1_Target001").unwrap()
}

/// A backend with an empty source and an empty target of the same settings.
pub fn backend() -> (MemoryBackend, MemoryPool, MemoryPool) {
    let backend = MemoryBackend::new(Clock::starting_at("2026-11-21T02:00:00Z".parse().unwrap()));
    let source = backend.create_pool(&source_id(), PoolDescription::with_defaults(&["note", "shoe_size"]));
    let target = backend.create_pool(&target_id(), PoolDescription::with_defaults(&["note", "shoe_size"]));
    [&source, &target].into_iter().for_each(|pool| pool.add_provider(people::PROVIDER));
    (backend, source, target)
}

/// Checks that no second has more calls than the limit, from the `from`-th call on.
pub fn assert_rate(backend: &MemoryBackend, from: usize, tps: u32) {
    let mut call_times: Vec<Instant> =
        backend.script().log().into_iter().skip(from).map(|(at, _)| at).collect();
    // A scheduler lets calls in after the time at which they left.
    call_times.sort();
    for window in call_times.windows(tps as usize + 1) {
        let span = window[tps as usize] - window[0];
        assert!(span >= Duration::from_secs(1), "{} calls within {span:?} at a limit of {tps}", tps + 1);
    }
}

/// A name for an execution. No two executions have the same name.
pub fn new_execution() -> String {
    static EXECUTIONS: AtomicU32 = AtomicU32::new(0);
    format!("execution-{}", EXECUTIONS.fetch_add(1, Ordering::Relaxed))
}
