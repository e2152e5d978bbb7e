use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{DefaultFields, Format, Full, Json, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Format of lines, which may change while they are written. Clones change together.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    text: Format<Full>,
    json: Format<Json>,
    is_for_people: Arc<AtomicBool>,
}

/// Fields of an event, as text.
#[derive(Debug, Default)]
pub(super) struct Fields(DefaultFields);

impl Lines {
    pub(super) fn new(is_for_people: bool) -> Self {
        let json = Format::default()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false);
        Self {
            text: Format::default(),
            json,
            is_for_people: Arc::new(AtomicBool::new(is_for_people)),
        }
    }

    /// Chooses text for people, or JSON.
    pub(super) fn set_for_people(&self, is_for_people: bool) {
        self.is_for_people.store(is_for_people, Relaxed);
    }
}

impl<S> FormatEvent<S, Fields> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, Fields>,
        writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if self.is_for_people.load(Relaxed) {
            self.text.format_event(context, writer, event)
        } else {
            self.json.format_event(context, writer, event)
        }
    }
}

impl<'writer> FormatFields<'writer> for Fields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        self.0.format_fields(writer, fields)
    }
}
