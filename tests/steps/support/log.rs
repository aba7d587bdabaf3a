//! The log lines of the library, at every level.

use std::io::{self, Write};
use std::sync::{Arc, LazyLock, Mutex};

use tracing::Dispatch;
use tracing::subscriber::DefaultGuard;

/// Lines of this thread.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Notes lines until the guard is dropped.
    pub fn listen(&self) -> DefaultGuard {
        // With a single subscriber, tracing asks the current thread whether an event is wanted, and keeps the answer
        // for all threads. Other tests want none.
        static SECOND: LazyLock<Dispatch> = LazyLock::new(|| {
            let level = tracing::Level::TRACE;
            Dispatch::new(tracing_subscriber::fmt().with_max_level(level).with_writer(io::sink).finish())
        });
        LazyLock::force(&SECOND);
        let lines = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || lines.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
