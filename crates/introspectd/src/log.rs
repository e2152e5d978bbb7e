//! Logs: human on a terminal, JSON otherwise, on standard error, without secrets.

use std::io::{self, IsTerminal};

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// Starts logging at this level (`RUST_LOG` syntax).
pub fn start(level: &str) {
    let lines = lines(level, io::stderr, io::stderr().is_terminal());
    // A second start, in one process of tests, keeps the first.
    let _ = tracing_subscriber::registry().with(lines).try_init();
}

/// What is logged at this level, as lines for people or as JSON. What is no level logs at `info`: the
/// configuration has been judged before.
pub fn lines<S, W>(level: &str, writer: W, for_people: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let asked = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    let filter = asked.and(filter_fn(is_ours_or_important));
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    if for_people {
        lines.with_filter(filter).boxed()
    } else {
        lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_filter(filter)
            .boxed()
    }
}

/// Below warnings, HTTP libraries write what they send and receive, headers and bodies among it. No
/// level that an operator can choose lets that into the log.
fn is_ours_or_important(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("introspectd") || *metadata.level() <= Level::WARN
}
