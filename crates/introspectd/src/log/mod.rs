//! Logs: human on a terminal, JSON otherwise or as configured, on standard error, without secrets.
//!
//! No logging thread waits for the reader of the log: lines pass a bounded queue to a thread of
//! their own.

mod format;
mod queue;

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::panic;
use std::time::Duration;

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Filter, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use format::{Fields, Lines};
use queue::Queue;

/// Longest wait for lines that are queued when the process ends.
const FLUSH: Duration = Duration::from_secs(1);

/// Format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// A JSON object on each line.
    Json,
    /// Text for people, with colors on a terminal.
    Text,
}

/// Log of a running server.
#[derive(Debug, Clone)]
pub struct Log {
    queue: Queue,
    level: reload::Handle<EnvFilter, Registry>,
    lines: Lines,
}

impl Log {
    /// Starts logging at this level (`RUST_LOG` syntax) in this format.
    ///
    /// # Errors
    /// Where the system gives no thread or no descriptor.
    pub fn start(level: &str, format: Format) -> io::Result<Self> {
        let queue = Queue::default();
        // Not through `io::stderr`, whose lock others would wait for while a write does.
        let out = File::from(io::stderr().as_fd().try_clone_to_owned()?);
        queue.write_to(out)?;
        let lines = Lines::new(is_for_people(format));
        let (asked, level) = reload::Layer::new(filter(level));
        let layer = lines_for(
            asked,
            queue.clone(),
            lines.clone(),
            io::stderr().is_terminal(),
        );
        // A second start, in one process of tests, keeps the first.
        let _ = tracing_subscriber::registry().with(layer).try_init();
        // The default hook writes to standard error itself, and what it writes may hold a part of a
        // request.
        panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string);
            tracing::error!(place, "a thread panicked; this is a bug");
        }));
        Ok(Self {
            queue,
            level,
            lines,
        })
    }

    /// Replaces level and format.
    pub fn set(&self, level: &str, format: Format) {
        // Fails only where another log was installed, as in a process of tests.
        let _ = self.level.reload(filter(level));
        self.lines.set_for_people(is_for_people(format));
    }

    /// Writes what is queued, then `last_words` as they are, for at most `FLUSH`: the process ends
    /// whatever the reader does.
    pub fn finish(&self, last_words: &str) {
        if !last_words.is_empty() {
            self.queue.push(last_words.as_bytes());
        }
        self.queue.flush(FLUSH);
    }
}

/// Layer that formats events at this level, as lines for people or as JSON. An invalid level is
/// `info`, since the configuration has been checked before.
pub fn lines<S, W>(level: &str, writer: W, for_people: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    lines_for(filter(level), writer, Lines::new(for_people), for_people)
}

fn is_for_people(format: Format) -> bool {
    match format {
        Format::Auto => io::stderr().is_terminal(),
        Format::Json => false,
        Format::Text => true,
    }
}

fn filter(level: &str) -> EnvFilter {
    EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"))
}

fn lines_for<S, W>(
    asked: impl Filter<S> + Send + Sync + 'static,
    writer: W,
    lines: Lines,
    has_colors: bool,
) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = asked.and(filter_fn(is_ours_or_important));
    tracing_subscriber::fmt::layer()
        .with_ansi(has_colors)
        .with_writer(writer)
        .fmt_fields(Fields::default())
        .event_format(lines)
        .with_filter(filter)
        .boxed()
}

/// Below warnings, HTTP libraries write what they send and receive, headers and bodies among it. No
/// level that an operator can choose lets that into the log.
fn is_ours_or_important(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("introspectd") || *metadata.level() <= Level::WARN
}
