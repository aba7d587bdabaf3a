//! The log of a function.
//!
//! Only lines of this program are logged. At their lowest levels, the SDK and the Lambda runtime log requests,
//! answers and events, which hold names and addresses. The message of a panic can hold them, too.

use std::panic::PanicHookInfo;

use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};

/// The subscriber that writes lines of this program as JSON, as far as `filter` lets them through.
/// `filter` reads as `RUST_LOG`.
pub fn subscriber<W>(filter: Option<&str>, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let level = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
    let level = level.parse(filter.unwrap_or_default()).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer().json().with_writer(writer).with_target(false);
    tracing_subscriber::registry().with(level).with(lines.with_filter(filter_fn(is_ours)))
}

fn is_ours(line: &Metadata<'_>) -> bool {
    let package = line.target().split("::").next().unwrap_or_default();
    ["shared", "shared_aws"].contains(&package)
}

/// Logs where a panic happened, and not its message.
pub fn panicked(panic: &PanicHookInfo<'_>) {
    let at = panic.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
    tracing::error!(at, "the program panicked");
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What `work` logs with this filter.
    fn logged(filter: Option<&str>, work: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        tracing::subscriber::with_default(subscriber(filter, move || writer.clone()), work);
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn only_lines_of_this_program_are_logged() {
        for filter in [None, Some("trace"), Some("shared=trace,aws_smithy_runtime=trace"), Some("=,=")] {
            let lines = logged(filter, || {
                tracing::error!(target: "lambda_runtime", body = "anna", "raw JSON event received from Lambda");
                tracing::error!(target: "aws_smithy_runtime::client", body = "anna", "response");
                tracing::error!("ours");
            });
            assert!(lines.contains("ours") && !lines.contains("anna"), "{filter:?}: {lines}");
        }
    }

    #[test]
    fn the_filter_decides_about_the_level() {
        let lines = |filter| {
            logged(filter, || {
                tracing::debug!("deep");
                tracing::info!("shallow");
            })
        };
        assert!(lines(None).contains("shallow") && !lines(None).contains("deep"));
        assert!(lines(Some("shared_aws=debug")).contains("deep"));
        assert!(!lines(Some("error")).contains("shallow"));
    }

    #[test]
    fn a_panic_is_logged_with_its_place_and_without_its_message() {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(panicked));
        let lines = logged(None, || {
            let name = "anna".to_owned();
            assert!(std::panic::catch_unwind(|| panic!("no {name}")).is_err());
        });
        std::panic::set_hook(before);
        assert!(lines.contains("log.rs:") && !lines.contains("anna"), "{lines}");
    }
}
