use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use introspectd_core::ask::Context;
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

/// Fields of an event as text, and ids of the request that it is about.
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
            return self.text.format_event(context, writer, event);
        }
        let mut line = String::new();
        self.json
            .format_event(context, Writer::new(&mut line), event)?;
        let object = line.strip_suffix("}\n").unwrap_or(&line);
        let mut writer = writer;
        writer.write_str(object)?;
        for (name, id) in ids() {
            let id = serde_json::to_string(&id).map_err(|_| fmt::Error)?;
            write!(writer, r#","{name}":{id}"#)?;
        }
        writer.write_str("}\n")
    }
}

/// Ids of the request that a line is about: they are the context's, not the call's that logs, so
/// that no line can lack them.
fn ids() -> impl Iterator<Item = (&'static str, String)> {
    let known = Context::with_current(|context| {
        let (request, trace) = (context.request_id(), context.trace_id());
        [("request_id", request), ("trace_id", trace)]
            .map(|(name, id)| Some((name, id?.to_owned())))
    });
    known.into_iter().flatten().flatten()
}

impl<'writer> FormatFields<'writer> for Fields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut writer = writer;
        self.0.format_fields(writer.by_ref(), fields)?;
        ids().try_for_each(|(name, id)| write!(writer, " {name}={id}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Write};
    use std::sync::Mutex;

    use introspectd_core::trace::{Trace, TraceParent};
    use tracing_subscriber::layer::SubscriberExt;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(for_people: bool, context: Option<Context>) -> String {
        let written = Written::default();
        let writer = written.clone();
        let lines = crate::log::lines("info", move || writer.clone(), for_people);
        let subscriber = tracing_subscriber::registry().with(lines);
        tracing::subscriber::with_default(subscriber, || {
            let log = || tracing::info!(target: "introspectd::test", number = 1, "something");
            match context {
                Some(context) => context.sync_scope(log),
                None => log(),
            }
        });
        String::from_utf8(written.0.lock().unwrap().clone()).unwrap()
    }

    fn context(id: &str) -> Context {
        let trace = TraceParent::parse(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
        let context = Context::new(trace.map(Trace::of_caller), None);
        context.settle_request_id(|_| id.to_owned());
        context
    }

    #[test]
    fn line_has_the_ids_of_its_request_in_either_format() {
        let json = written(false, Some(context(r#"a"b\"#)));
        let event: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(event["request_id"], r#"a"b\"#);
        assert_eq!(event["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(
            (&event["message"], &event["number"]),
            (&"something".into(), &1.into())
        );
        assert!(json.ends_with("\"}\n"), "{json}");
        let text = written(true, Some(context("req-1")));
        assert!(
            text.contains("request_id=req-1 trace_id=4bf92f35"),
            "{text}"
        );
        assert!(text.contains("something") && text.ends_with('\n'), "{text}");
    }

    #[test]
    fn line_of_no_request_has_none() {
        for for_people in [true, false] {
            let line = written(for_people, None);
            assert!(
                line.contains("something") && !line.contains("_id"),
                "{line}"
            );
        }
        let unsettled = written(false, Some(Context::default()));
        assert!(!unsettled.contains("_id"), "{unsettled}");
    }
}
