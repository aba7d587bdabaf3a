//! Progress on standard error: lines and bars.

use std::io::{Write, stderr};
use std::time::Duration;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

/// How often a progress bar moves.
pub(crate) const TICK_EVERY: Duration = Duration::from_millis(250);

/// Writes a line of progress to standard error.
pub(crate) fn say(what: &str) -> Result<()> {
    Ok(writeln!(stderr(), "{what}")?)
}

/// A progress bar on a terminal. If standard error is not a terminal, a line.
pub(crate) fn bar(what: &'static str, length: usize) -> Result<ProgressBar> {
    let bar = ProgressBar::new(length as u64).with_message(what);
    bar.set_style(ProgressStyle::with_template("{msg:32} {bar:32} {pos:>6} of {len} {elapsed:>4}")?);
    if bar.is_hidden() {
        say(what)?;
    }
    Ok(bar)
}

/// Fills the bar and leaves it on the terminal. If standard error is not a terminal, says how long the work
/// took.
pub(crate) fn finish(bar: &ProgressBar) -> Result<()> {
    bar.set_position(bar.length().unwrap_or_default());
    bar.abandon();
    if bar.is_hidden() { say(&format!("  done in {:.1} s", bar.elapsed().as_secs_f64())) } else { Ok(()) }
}

/// Runs `work`. Meanwhile, moves the bar to `position` every 250 milliseconds.
pub(crate) async fn watch<T>(
    work: impl Future<Output = Result<T>>,
    bar: &ProgressBar,
    position: impl AsyncFn() -> u64,
) -> Result<T> {
    let mut work = std::pin::pin!(work);
    let mut ticks = tokio::time::interval(TICK_EVERY);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = ticks.tick() => bar.set_position(position().await),
        }
    }
}
