//! Shows progress on stderr: a bar on a terminal, a line every ten seconds elsewhere, or nothing.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use super::pace::Pace;
use super::position::Position;

/// How often a line is written without a terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// The place for progress.
pub enum Meter {
    /// Shows nothing.
    Silent,
    /// Writes lines.
    Lines {
        out: Box<dyn Write>,
        /// The time of the last line.
        last: Option<Instant>,
    },
    /// Draws a bar.
    Bar(ProgressBar),
}

impl Meter {
    /// The meter that fits stderr.
    pub fn new(quiet: bool) -> Self {
        match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Self::Silent,
            (false, true) => Self::Bar(bar()),
            (false, false) => Self::Lines { out: Box::new(std::io::stderr()), last: None },
        }
    }

    /// Writes a message beside the progress.
    pub fn note(&mut self, text: &str) {
        match self {
            Self::Silent => {}
            Self::Lines { out, .. } => write_line(out, text),
            Self::Bar(bar) => bar.suspend(|| write_line(&mut std::io::stderr(), text)),
        }
    }

    /// Writes a question, also if the command shows no progress, and returns what `answer` reads. No progress is
    /// drawn meanwhile.
    pub fn ask<T>(&mut self, question: &str, answer: impl FnOnce() -> T) -> T {
        match self {
            Self::Silent => write_line(&mut std::io::stderr(), question),
            Self::Lines { out, .. } => write_line(out, question),
            Self::Bar(bar) => {
                return bar.suspend(|| {
                    write_line(&mut std::io::stderr(), question);
                    answer()
                });
            }
        }
        answer()
    }

    /// Shows the position of a run. None before the run has written its header.
    pub fn show(&mut self, position: Option<&Position>, pace: &Pace) {
        let words = pace.summary().unwrap_or_else(|| "waiting for the run to begin".to_owned());
        match self {
            Self::Silent => {}
            Self::Lines { out, last } => {
                if last.is_none_or(|last| last.elapsed() >= LINE_EVERY) {
                    *last = Some(Instant::now());
                    write_line(out, &words);
                }
            }
            Self::Bar(bar) => {
                let (done, all) = position.map_or((0, 1), Position::work);
                bar.set_length(all.max(1));
                bar.set_position(done);
                bar.set_message(words);
            }
        }
    }

    /// Removes the bar.
    pub fn end(&mut self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// A line that cannot be written does not end the watch.
fn write_line(out: &mut impl Write, text: &str) {
    let _ = writeln!(out, "{text}");
}

fn bar() -> ProgressBar {
    // The template is a constant that a test checks. Without it, indicatif shows its own bar.
    let style = ProgressStyle::with_template("{elapsed_precise} [{bar:24}] {percent:>3}% {wide_msg}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ");
    ProgressBar::new(1).with_style(style)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[tokio::test(start_paused = true)]
    async fn lines_come_every_ten_seconds() {
        let (mut meter, written) = testing::meter();
        for _ in 0..25 {
            meter.show(None, &Pace::default());
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        meter.note("A word.");
        meter.end();
        let lines: Vec<_> = written.text().lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), 4);
        assert_eq!((lines[0].as_str(), lines[3].as_str()), ("waiting for the run to begin", "A word."));
    }

    #[test]
    fn indicatif_accepts_the_template_of_the_bar() {
        let bar = bar();
        bar.set_message("x");
        bar.finish_and_clear();
        let mut silent = Meter::Silent;
        silent.note("x");
        silent.show(None, &Pace::default());
    }
}
