//! Shows progress on stderr: a bar on a terminal, a line now and then elsewhere, or nothing.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use super::pace::Pace;
use super::position::Position;

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// What progress is shown on.
pub enum Meter {
    /// Nothing is shown.
    Silent,
    /// Lines are written.
    Lines {
        /// Where to.
        out: Box<dyn Write>,
        /// When the last one was.
        last: Option<Instant>,
    },
    /// A bar is drawn.
    Bar(ProgressBar),
}

impl Meter {
    /// The one that fits stderr.
    pub fn new(quiet: bool) -> Self {
        match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Self::Silent,
            (false, true) => Self::Bar(bar()),
            (false, false) => Self::Lines { out: Box::new(std::io::stderr()), last: None },
        }
    }

    /// Tells something that is worth knowing besides the progress.
    pub fn note(&mut self, text: &str) {
        match self {
            Self::Silent => {}
            Self::Lines { out, .. } => write_line(out, text),
            Self::Bar(bar) => bar.suspend(|| write_line(&mut std::io::stderr(), text)),
        }
    }

    /// Shows where a run is; `position` is none as long as it has not written its plan.
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

    /// Takes the bar away.
    pub fn end(&mut self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// Progress that cannot be written is no reason to stop watching.
fn write_line(out: &mut impl Write, text: &str) {
    let _ = writeln!(out, "{text}");
}

fn bar() -> ProgressBar {
    // The template is a constant; where it were wrong, indicatif's own bar would do.
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
    fn the_template_of_the_bar_is_sound() {
        let bar = bar();
        bar.set_message("x");
        bar.finish_and_clear();
        let mut silent = Meter::Silent;
        silent.note("x");
        silent.show(None, &Pace::default());
    }
}
