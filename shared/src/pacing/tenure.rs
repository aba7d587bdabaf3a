//! Tenure: the time in which an invocation may call Cognito.
//!
//! Two invocations of a run may live at once: Step Functions loses a connection, and invokes the
//! function again. Each has a limiter of its own. So only one of them may call at a time. The lease
//! of the run carries a generation, which each invocation raises when it takes the lease.
//!
//! * An invocation calls only within [`CONFIRMED_FOR`] after it **sent** the last read that showed
//!   its own generation. Reads are strongly consistent. So a read that shows generation `g` was sent
//!   before any invocation wrote `g + 1`.
//! * An invocation marks its generation as ended after its last call. Its successor, which got the
//!   state of its limiter, goes on at once. Any other invocation that takes the lease from one that
//!   has ended waits [`WINDOW`] after its own write.
//! * An invocation that takes the lease from one that has not ended waits [`WAIT`] after its own
//!   write before its first call.
//!
//! With `T` as the time of the write of `g + 1`, the last call of `g` leaves before
//! `T + CONFIRMED_FOR`, and the first call of `g + 1` after `T + WAIT`. `WAIT − CONFIRMED_FOR` is a
//! little more than a second, because calls take different times to arrive: no window of one second holds calls of both. Each invocation measures its own durations
//! on its monotonic clock, so clocks need not agree.

use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use crate::Result;

/// How long after a read of the lease calls may leave.
pub const CONFIRMED_FOR: Duration = Duration::from_secs(2);
/// How long an invocation waits if the one before it has not ended.
pub const WAIT: Duration = Duration::from_millis(3_100);
/// How long an invocation waits if it does not know the last calls of the one before it: a little
/// more than a second, as the windows of lanes and limiter.
pub const WINDOW: Duration = Duration::from_millis(1_020);
/// A call reads the lease if the last read is older. The calls beside it do not wait for it.
const READ_AFTER: Duration = Duration::from_secs(1);
/// Reads in a row that took longer than [`CONFIRMED_FOR`], before the invocation stops.
const MAX_SLOW_READS: usize = 3;

/// The lease of an invocation, as the table shows it.
pub trait LeaseView: Send + Sync {
    /// Reads whether the lease still has the generation of the invocation.
    fn is_current(&self) -> Pin<Box<dyn Future<Output = Result<bool>> + Send + '_>>;
}

/// Why an invocation may not call any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lapsed {
    /// Another invocation has taken the lease, or it was released.
    Overtaken,
    /// The lease cannot be read.
    Unreadable,
}

/// What an invocation knows about the calls of those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Predecessor {
    /// There was none, or it has ended and handed on the state of its limiter.
    Known,
    /// It has ended.
    Ended,
    /// It may still call.
    MayCall,
}

impl Predecessor {
    fn wait(self) -> Duration {
        match self {
            Self::Known => Duration::ZERO,
            Self::Ended => WINDOW,
            Self::MayCall => WAIT,
        }
    }
}

/// The right of one invocation to call Cognito.
pub struct Tenure {
    view: Box<dyn LeaseView>,
    calls_from: Instant,
    /// When the last read that showed the generation was sent.
    confirmed_at: Mutex<Moment>,
    /// What the clock of the computer shows. None if the computer does not sleep.
    shown: Option<ShownTime>,
    /// Locked by the call that reads the lease.
    reading: tokio::sync::Mutex<()>,
}

/// Reads the clock of a computer.
type ShownTime = Box<dyn Fn() -> Timestamp + Send + Sync>;

/// A moment by both clocks.
#[derive(Debug, Clone, Copy)]
struct Moment {
    instant: Instant,
    shown: Option<Timestamp>,
}

impl fmt::Debug for Tenure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenure").field("calls_from", &self.calls_from).finish_non_exhaustive()
    }
}

impl Tenure {
    /// The tenure of an invocation that has just taken its lease. It sent the write at `taken_at`.
    pub fn new(view: Box<dyn LeaseView>, taken_at: Instant, predecessor: Predecessor) -> Self {
        Self {
            view,
            calls_from: Instant::now() + predecessor.wait(),
            confirmed_at: Mutex::new(Moment { instant: taken_at, shown: None }),
            shown: None,
            reading: tokio::sync::Mutex::default(),
        }
    }

    /// The same tenure on a computer that may sleep. Its monotonic clock then stands still, and `shown` goes on.
    #[must_use]
    pub fn on_a_computer_that_sleeps(self, shown: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        let instant = self.confirmed_at.lock().unwrap_or_else(PoisonError::into_inner).instant;
        let confirmed_at = Moment { instant, shown: Some(shown()) };
        Self { confirmed_at: Mutex::new(confirmed_at), shown: Some(Box::new(shown)), ..self }
    }

    /// Waits until the invocation may make its first call. If the last read is a second old, reads
    /// the lease, so that the calls beside this one need not.
    ///
    /// # Errors
    /// If the invocation must stop.
    pub async fn prepare(&self) -> Result<(), Lapsed> {
        sleep_until(self.calls_from).await;
        if self.age() < READ_AFTER {
            return Ok(());
        }
        match self.reading.try_lock() {
            Ok(_reading) => self.read().await,
            Err(_) => Ok(()),
        }
    }

    /// Returns at a moment at which a call may leave.
    ///
    /// # Errors
    /// If the invocation must stop.
    pub async fn confirm(&self) -> Result<(), Lapsed> {
        for _ in 0..=MAX_SLOW_READS {
            if self.age() < CONFIRMED_FOR {
                return Ok(());
            }
            let _reading = self.reading.lock().await;
            if self.age() >= CONFIRMED_FOR {
                self.read().await?;
            }
        }
        Err(Lapsed::Unreadable)
    }

    fn age(&self) -> Duration {
        let confirmed_at = *self.confirmed_at.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = self.shown.as_ref().zip(confirmed_at.shown);
        let by_shown = shown.map(|(shown, then)| Duration::try_from(shown().duration_since(then)));
        // A clock that was set back says nothing.
        confirmed_at.instant.elapsed().max(by_shown.and_then(Result::ok).unwrap_or_default())
    }

    fn now(&self) -> Moment {
        Moment { instant: Instant::now(), shown: self.shown.as_ref().map(|shown| shown()) }
    }

    async fn read(&self) -> Result<(), Lapsed> {
        let sent_at = self.now();
        match self.view.is_current().await {
            Ok(true) => {
                *self.confirmed_at.lock().unwrap_or_else(PoisonError::into_inner) = sent_at;
                Ok(())
            }
            Ok(false) => Err(Lapsed::Overtaken),
            Err(error) => {
                tracing::warn!(error = error.kind().name(), "the lease of the invocation cannot be read");
                Err(Lapsed::Unreadable)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use futures::future::join_all;
    use proptest::prelude::*;
    use tokio::time::sleep;

    use super::*;
    use crate::model::{CallStats, Tps};
    use crate::pacing::Limiter;
    use crate::ports::Clock;
    use crate::{Error, ErrorKind};

    /// A lease in memory: its generation, and the time of a request, half of it on each way.
    #[derive(Debug, Clone, Default)]
    struct Table {
        generation: Arc<AtomicU64>,
        latency: Duration,
        reads: Arc<AtomicU64>,
    }

    impl Table {
        /// Takes the lease. Returns the generation.
        async fn take(&self) -> u64 {
            sleep(self.latency / 2).await;
            let generation = self.generation.fetch_add(1, Ordering::Relaxed) + 1;
            sleep(self.latency / 2).await;
            generation
        }
    }

    struct View(Table, u64);

    impl LeaseView for View {
        fn is_current(&self) -> Pin<Box<dyn Future<Output = Result<bool>> + Send + '_>> {
            Box::pin(async {
                self.0.reads.fetch_add(1, Ordering::Relaxed);
                sleep(self.0.latency / 2).await;
                let is_current = self.0.generation.load(Ordering::Relaxed) == self.1;
                sleep(self.0.latency / 2).await;
                Ok(is_current)
            })
        }
    }

    struct Unreadable;

    impl LeaseView for Unreadable {
        fn is_current(&self) -> Pin<Box<dyn Future<Output = Result<bool>> + Send + '_>> {
            Box::pin(async { Err(Error::new(ErrorKind::ServiceUnavailable, "No.", "")) })
        }
    }

    /// An invocation with this many callers. It calls until it must stop, or its time is over. Returns
    /// when its calls left.
    async fn invocation(table: Table, tps: i64, callers: usize, time: Duration) -> Vec<Instant> {
        let began = Instant::now();
        let generation = table.take().await;
        let predecessor = if generation == 1 { Predecessor::Known } else { Predecessor::MayCall };
        let tenure = Tenure::new(Box::new(View(table, generation)), began, predecessor);
        let tps = Tps::new(tps).unwrap();
        let clock = Clock::starting_at("2026-01-01T00:00:00Z".parse().unwrap());
        let limiter = Limiter::resuming(tps, clock, CallStats::none(tps));
        let left = Mutex::new(Vec::new());
        let calls = (0..callers).map(|_| async {
            while began.elapsed() < time {
                if tenure.prepare().await.is_err() || limiter.permit_within(Some(&tenure)).await.is_err() {
                    return;
                }
                left.lock().unwrap().push(Instant::now());
                sleep(Duration::from_millis(40)).await;
            }
        });
        join_all(calls).await;
        left.into_inner().unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        /// Invocations begin at any times, each while the ones before it still call.
        #[test]
        fn no_second_holds_calls_of_two_invocations(
            tps in 1i64..60,
            callers in 1usize..20,
            starts in prop::collection::vec(0u64..12_000, 2..5),
            latency in 0u64..2_500,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            runtime.block_on(async {
                let table = Table { latency: Duration::from_millis(latency), ..Table::default() };
                let invocations = starts.iter().map(|&start| {
                    let table = table.clone();
                    async move {
                        sleep(Duration::from_millis(start)).await;
                        invocation(table, tps, callers, Duration::from_secs(20)).await
                    }
                });
                let mut left: Vec<Instant> = join_all(invocations).await.into_iter().flatten().collect();
                left.sort();
                let in_second = |from: &Instant| left.iter().filter(|&at| at >= from && *at < *from + Duration::from_secs(1)).count();
                let most = left.iter().map(in_second).max().unwrap_or(0);
                assert!(most <= tps as usize, "{most} calls in a second at a limit of {tps}");
                assert!(!left.is_empty() || latency > 1_900);
            });
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_invocation_reads_its_lease_once_a_second_and_keeps_its_rate() {
        let table = Table { latency: Duration::from_millis(8), ..Table::default() };
        let left = invocation(table.clone(), 100, 30, Duration::from_secs(60)).await;
        assert!(left.len() > 5_880, "{}", left.len());
        let reads = table.reads.load(Ordering::Relaxed);
        assert!((50..=62).contains(&reads), "{reads}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_invocation_that_cannot_read_its_lease_stops() {
        let tenure = Tenure::new(Box::new(Unreadable), Instant::now(), Predecessor::Known);
        assert_eq!((tenure.prepare().await, tenure.confirm().await), (Ok(()), Ok(())));
        sleep(Duration::from_millis(1_500)).await;
        assert_eq!((tenure.prepare().await, tenure.confirm().await), (Err(Lapsed::Unreadable), Ok(())));
        sleep(Duration::from_millis(500)).await;
        assert_eq!(tenure.confirm().await, Err(Lapsed::Unreadable));
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_reads_its_lease_before_its_first_call_after_the_computer_slept() {
        let table = Table::default();
        let generation = table.take().await;
        let (view, began) = (Box::new(View(table.clone(), generation)), Instant::now());
        let shown = Arc::new(AtomicU64::new(1_000));
        let clock = shown.clone();
        let tenure = Tenure::new(view, began, Predecessor::Known).on_a_computer_that_sleeps(move || {
            Timestamp::from_second(clock.load(Ordering::Relaxed).cast_signed()).unwrap()
        });
        assert_eq!(tenure.confirm().await, Ok(()));
        assert_eq!(table.reads.load(Ordering::Relaxed), 0);
        // The monotonic clock stands still for an hour, in which another command takes the lease.
        shown.store(4_600, Ordering::Relaxed);
        assert_eq!(tenure.confirm().await, Ok(()));
        assert_eq!(table.reads.load(Ordering::Relaxed), 1);
        table.take().await;
        shown.store(8_200, Ordering::Relaxed);
        assert_eq!(tenure.confirm().await, Err(Lapsed::Overtaken));
        shown.store(0, Ordering::Relaxed);
        assert_eq!(tenure.confirm().await, Ok(()), "a clock that was set back counts for nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn an_invocation_waits_for_calls_that_it_does_not_know() {
        let cases = [
            (Predecessor::Known, Duration::ZERO),
            (Predecessor::Ended, WINDOW),
            (Predecessor::MayCall, WAIT),
        ];
        for (predecessor, wait) in cases {
            let table = Table::default();
            let began = Instant::now();
            let generation = table.take().await;
            let tenure = Tenure::new(Box::new(View(table, generation)), began, predecessor);
            tenure.prepare().await.unwrap();
            tenure.confirm().await.unwrap();
            assert_eq!(began.elapsed(), wait);
        }
    }
}
