//! Watches a run to its end.

mod meter;
mod pace;
mod position;
mod run;

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use shared::{Error, ErrorKind};
use tokio::time::Instant;

use crate::aws::{ExecutionArn, ExecutionView, RunStatus};
use crate::guidance::in_flags;
use crate::output::watch_with;
use crate::problem::Problem;

pub use meter::Meter;
pub use pace::Pace;
pub use position::Position;
pub use run::{DeployedRun, find_restore, find_snapshot};

/// How often a run is looked at.
const EVERY: Duration = Duration::from_secs(1);
/// The longest pause between two looks when AWS asks for patience.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How many looks in a row may fail: about five minutes.
const PATIENCE: u32 = 14;

/// A run, as it is watched.
pub trait Run {
    /// Its execution.
    async fn execution(&self) -> Result<ExecutionView, Error>;
    /// How far it is; none before it has written its plan.
    async fn position(&mut self) -> Result<Option<Position>, Error>;
}

/// Why watching ended.
#[derive(Debug, PartialEq)]
pub enum Watched {
    /// The run ended.
    Ended(Box<ExecutionView>),
    /// Whoever watches has seen enough.
    StillRunning,
}

/// Shows `run` on `meter` until it ends or `enough` is.
///
/// # Errors
/// When AWS does not let the run be looked at, or not for minutes. The run goes on.
pub async fn watch(run: &mut impl Run, meter: &mut Meter, enough: impl Future<Output = ()>) -> Result<Watched, Error> {
    let mut enough = pin!(enough);
    let result = tokio::select! {
        biased;
        () = &mut enough => Ok(Watched::StillRunning),
        ended = until_end(run, meter) => ended.map(|view| Watched::Ended(Box::new(view))),
    };
    meter.end();
    result
}

async fn until_end(run: &mut impl Run, meter: &mut Meter) -> Result<ExecutionView, Error> {
    let mut progress = Progress::default();
    let mut failures = 0;
    loop {
        match run.execution().await {
            Ok(view) if view.status != RunStatus::Running => return Ok(view),
            Ok(_) => {
                failures = 0;
                progress.show(run, meter).await;
            }
            Err(error) if error.kind().retryable() && failures < PATIENCE => {
                failures += 1;
                if failures == 3 {
                    meter.note(&format!("{} Watching goes on.", error.message()));
                }
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(pause(failures)).await;
    }
}

/// Twice as long after every failure in a row.
fn pause(failures: u32) -> Duration {
    EVERY.saturating_mul(1 << failures.min(10)).min(LONGEST_PAUSE)
}

/// Reads and shows positions as long as there is any use in it.
#[derive(Default)]
struct Progress {
    pace: Pace,
    given_up: bool,
}

impl Progress {
    async fn show(&mut self, run: &mut impl Run, meter: &mut Meter) {
        if self.given_up {
            return;
        }
        match run.position().await {
            Ok(position) => {
                if let Some(position) = position {
                    self.pace.note(Instant::now(), position);
                }
                meter.show(position.as_ref(), &self.pace);
            }
            Err(error) if error.kind().retryable() => {}
            Err(error) => {
                self.given_up = true;
                let Problem { message, guidance, .. } = error.into();
                meter.note(&format!("The run goes on, but progress cannot be shown: {message} {guidance}"));
            }
        }
    }
}

/// Waits for Ctrl-C; for ever where that cannot be waited for.
pub async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

/// The error of a run that cannot be looked at any more.
pub fn lost_sight(error: &Error, arn: &ExecutionArn) -> Problem {
    let kind = if error.kind().retryable() { error.kind() } else { ErrorKind::CallRefused };
    let guidance = format!("{} The run goes on; watch it with `{}`.", in_flags(error.guidance()), watch_with(arn));
    Problem { execution_arn: Some(arn.to_string()), ..Error::new(kind, error.message(), guidance).into() }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::future::pending;
    use std::sync::Mutex;

    use super::*;
    use crate::exit::ExitStatus;
    use crate::testing;

    /// A run whose looks are written down beforehand; the last look is repeated.
    struct Script {
        looks: Mutex<VecDeque<Result<RunStatus, ErrorKind>>>,
        positions: Result<u64, ErrorKind>,
        seen: Mutex<Vec<Instant>>,
    }

    impl Script {
        fn new(looks: impl Into<VecDeque<Result<RunStatus, ErrorKind>>>) -> Self {
            Self { looks: Mutex::new(looks.into()), positions: Ok(0), seen: Mutex::default() }
        }
    }

    fn error(kind: ErrorKind) -> Error {
        Error::new(kind, "It did not work.", "Wait.")
    }

    impl Run for Script {
        async fn execution(&self) -> Result<ExecutionView, Error> {
            self.seen.lock().unwrap().push(Instant::now());
            let mut looks = self.looks.lock().unwrap();
            let look = if looks.len() > 1 { looks.pop_front().unwrap() } else { looks[0] };
            look.map(testing::execution).map_err(error)
        }

        async fn position(&mut self) -> Result<Option<Position>, Error> {
            let users = self.positions.as_mut().map_err(|kind| error(*kind))?;
            *users += 100;
            Ok(Some(Position::from(&testing::snapshot(1, *users))))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_is_looked_at_every_second_until_it_ends() {
        let mut looks = VecDeque::from(vec![Ok(RunStatus::Running); 12]);
        looks.push_back(Ok(RunStatus::Succeeded));
        let mut run = Script::new(looks);
        let (mut meter, written) = testing::meter();
        let start = Instant::now();
        let Watched::Ended(view) = watch(&mut run, &mut meter, pending()).await.unwrap() else { panic!("it ended") };
        assert_eq!(view.status, RunStatus::Succeeded);
        assert_eq!(start.elapsed(), Duration::from_secs(12));
        assert_eq!(written.text().lines().count(), 2);
        assert!(written.text().contains("100.0 users/s"), "{}", written.text());
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_makes_it_patient_and_then_it_recovers() {
        let throttled = Err(ErrorKind::Throttled);
        let mut run = Script::new([throttled, throttled, throttled, Ok(RunStatus::Running), Ok(RunStatus::Failed)]);
        let (mut meter, written) = testing::meter();
        assert!(matches!(watch(&mut run, &mut meter, pending()).await, Ok(Watched::Ended(_))));
        let seen = run.seen.lock().unwrap();
        let pauses: Vec<_> = seen.windows(2).map(|two| (two[1] - two[0]).as_secs()).collect();
        assert_eq!(pauses, [2, 4, 8, 1]);
        assert!(written.text().starts_with("It did not work. Watching goes on."));
    }

    #[tokio::test(start_paused = true)]
    async fn it_gives_up_after_minutes_and_at_once_when_it_is_not_allowed() {
        let (mut meter, _) = testing::meter();
        let start = Instant::now();
        let lost = watch(&mut Script::new([Err(ErrorKind::ServiceUnavailable)]), &mut meter, pending()).await.unwrap_err();
        assert_eq!(lost.kind(), ErrorKind::ServiceUnavailable);
        assert!((240..400).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
        let mut denied = Script::new([Err(ErrorKind::AccessDenied)]);
        let denied = watch(&mut denied, &mut meter, pending()).await.unwrap_err();
        let problem = lost_sight(&denied, &testing::arn());
        assert!(problem.guidance.contains("The run goes on; watch it with `cognito-backup status"), "{problem}");
        assert_eq!(problem.status, ExitStatus::Failed, "it was no refusal: the run had begun");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_has_seen_enough_leaves_the_run_running() {
        let (mut meter, _) = testing::meter();
        let mut run = Script::new([Ok(RunStatus::Running)]);
        let enough = tokio::time::sleep(Duration::from_secs(3));
        assert_eq!(watch(&mut run, &mut meter, enough).await, Ok(Watched::StillRunning));
    }

    #[tokio::test(start_paused = true)]
    async fn a_table_out_of_reach_is_told_once_and_does_not_end_the_watch() {
        let running = Ok(RunStatus::Running);
        let mut run = Script::new([running, running, running, Ok(RunStatus::Succeeded)]);
        run.positions = Err(ErrorKind::TableNotFound);
        let (mut meter, written) = testing::meter();
        assert!(matches!(watch(&mut run, &mut meter, pending()).await, Ok(Watched::Ended(_))));
        assert_eq!(written.text(), "The run goes on, but progress cannot be shown: It did not work. Wait.\n");
    }
}
