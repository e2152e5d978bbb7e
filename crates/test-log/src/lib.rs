//! Lines that a test's thread logs.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

pub use tracing::Level;

use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

/// All that is logged on the thread that started it, up to a level, until it is dropped.
#[derive(Debug)]
pub struct Log {
    written: Written,
    _guard: DefaultGuard,
}

/// Listens all the time, and keeps nothing. Where nobody listens, an event's place in the code may
/// be written off as of no interest by another test's thread, just when this one begins to listen.
static LISTENER: Once = Once::new();

impl Log {
    /// Listens on this thread: to all that a test and its tasks do.
    pub fn start(level: Level) -> Self {
        LISTENER.call_once(|| {
            let listener = tracing_subscriber::fmt().with_max_level(Level::TRACE);
            listener.with_writer(io::sink).init();
        });
        let written = Written::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .with_writer(written.clone())
            .finish();
        Self {
            written,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    /// Returns all lines so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.written.lock()).into_owned()
    }

    /// Takes all lines so far, so that none of them is seen again.
    pub fn take(&self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut *self.written.lock())).into_owned()
    }
}

#[derive(Debug, Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Written {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
