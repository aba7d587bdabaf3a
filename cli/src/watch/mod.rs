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
pub use run::DeployedRun;

/// How often the run is read.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The longest pause between two reads after failures.
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// How many consecutive reads may fail. That takes about five minutes.
const MAX_FAILURES: u32 = 14;

/// A run that can be watched.
pub trait Run {
    /// The execution of the run.
    async fn execution(&self) -> Result<ExecutionView, Error>;
    /// The position of the run. None before it has written its header.
    async fn position(&mut self) -> Result<Option<Position>, Error>;
    /// What the operator should know now, once. None if there is nothing to say yet, or at all.
    async fn news(&mut self) -> Result<Option<String>, Error>;
}

/// Why watching ended.
#[derive(Debug, PartialEq)]
pub enum Watched {
    /// The run ended.
    Ended(Box<ExecutionView>),
    /// The operator interrupted the command.
    StillRunning,
}

/// Shows `run` on `meter` until it ends or the operator interrupts the command.
///
/// # Errors
/// If access to the run is denied, or AWS does not answer for minutes. The run continues.
pub async fn watch(
    run: &mut impl Run,
    meter: &mut Meter,
    interrupted: impl Future<Output = ()>,
) -> Result<Watched, Error> {
    let mut interrupted = pin!(interrupted);
    let result = tokio::select! {
        biased;
        () = &mut interrupted => Ok(Watched::StillRunning),
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
            Err(error) if error.kind().retryable() && failures < MAX_FAILURES => {
                failures += 1;
                if failures == 3 {
                    meter.note(&format!("{} The command keeps watching.", error.message()));
                }
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(pause(failures)).await;
    }
}

/// The pause doubles after each failure in a row.
fn pause(failures: u32) -> Duration {
    LOOK_EVERY.saturating_mul(1 << failures.min(10)).min(MAX_PAUSE)
}

/// Reads and shows positions, until that fails for good.
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
                // Without the news, the end of the run says the same.
                if let Ok(Some(news)) = run.news().await {
                    meter.note(&news);
                }
            }
            Err(error) if error.kind().retryable() => {}
            Err(error) => {
                self.given_up = true;
                let Problem { message, guidance, .. } = error.into();
                meter.note(&format!(
                    "The run continues, but the command cannot show its progress. {message} {guidance}"
                ));
            }
        }
    }
}

/// Waits for Ctrl-C or a request to end (SIGTERM). Waits for ever if the system has no such signals.
pub async fn interrupt() {
    tokio::select! {
        () = ctrl_c() => {}
        () = terminated() => {}
    }
}

async fn ctrl_c() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

#[cfg(unix)]
async fn terminated() {
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}

/// The problem if a run cannot be watched any longer.
pub fn lost_sight(error: &Error, arn: &ExecutionArn) -> Problem {
    let kind = if error.kind().retryable() { error.kind() } else { ErrorKind::CallRefused };
    let guidance =
        format!("{} The run continues. Watch it with `{}`.", in_flags(error.guidance()), watch_with(arn));
    Problem { execution_arn: Some(arn.as_str().into()), ..Error::new(kind, error.message(), guidance).into() }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::future::pending;
    use std::sync::Mutex;

    use super::*;
    use crate::exit::ExitStatus;
    use crate::testing;

    /// A run with a script of answers. The last answer is repeated.
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

        async fn news(&mut self) -> Result<Option<String>, Error> {
            Ok(None)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_is_read_every_second_until_it_ends() {
        let mut looks = VecDeque::from(vec![Ok(RunStatus::Running); 12]);
        looks.push_back(Ok(RunStatus::Succeeded));
        let mut run = Script::new(looks);
        let (mut meter, written) = testing::meter();
        let start = Instant::now();
        let Watched::Ended(view) = watch(&mut run, &mut meter, pending()).await.unwrap() else {
            panic!("it ended")
        };
        assert_eq!(view.status, RunStatus::Succeeded);
        assert_eq!(start.elapsed(), Duration::from_secs(12));
        assert_eq!(written.text().lines().count(), 2);
        assert!(written.text().contains("100.0 users/s"), "{}", written.text());
    }

    #[tokio::test(start_paused = true)]
    async fn the_watch_slows_down_under_throttling_and_recovers() {
        let throttled = Err(ErrorKind::Throttled);
        let mut run =
            Script::new([throttled, throttled, throttled, Ok(RunStatus::Running), Ok(RunStatus::Failed)]);
        let (mut meter, written) = testing::meter();
        assert!(matches!(watch(&mut run, &mut meter, pending()).await, Ok(Watched::Ended(_))));
        let seen = run.seen.lock().unwrap();
        let pauses: Vec<_> = seen.windows(2).map(|two| (two[1] - two[0]).as_secs()).collect();
        assert_eq!(pauses, [2, 4, 8, 1]);
        assert!(written.text().starts_with("It did not work. The command keeps watching."));
    }

    #[tokio::test(start_paused = true)]
    async fn the_watch_gives_up_after_minutes_and_at_once_if_access_is_denied() {
        let (mut meter, _) = testing::meter();
        let start = Instant::now();
        let lost = watch(&mut Script::new([Err(ErrorKind::ServiceUnavailable)]), &mut meter, pending())
            .await
            .unwrap_err();
        assert_eq!(lost.kind(), ErrorKind::ServiceUnavailable);
        assert!((240..400).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
        let mut denied = Script::new([Err(ErrorKind::AccessDenied)]);
        let denied = watch(&mut denied, &mut meter, pending()).await.unwrap_err();
        let problem = lost_sight(&denied, &testing::arn());
        assert!(
            problem.guidance.contains("The run continues. Watch it with `cognito-backup status"),
            "{problem}"
        );
        assert_eq!(problem.status, ExitStatus::Failed, "it was no refusal: the run had begun");
    }

    #[tokio::test(start_paused = true)]
    async fn an_interrupted_command_leaves_the_run_running() {
        let (mut meter, _) = testing::meter();
        let mut run = Script::new([Ok(RunStatus::Running)]);
        let interrupted = tokio::time::sleep(Duration::from_secs(3));
        assert_eq!(watch(&mut run, &mut meter, interrupted).await, Ok(Watched::StillRunning));
    }

    #[tokio::test(start_paused = true)]
    async fn an_unreadable_table_is_reported_once_and_does_not_end_the_watch() {
        let running = Ok(RunStatus::Running);
        let mut run = Script::new([running, running, running, Ok(RunStatus::Succeeded)]);
        run.positions = Err(ErrorKind::TableNotFound);
        let (mut meter, written) = testing::meter();
        assert!(matches!(watch(&mut run, &mut meter, pending()).await, Ok(Watched::Ended(_))));
        assert_eq!(
            written.text(),
            "The run continues, but the command cannot show its progress. It did not work. Wait.\n"
        );
    }
}
