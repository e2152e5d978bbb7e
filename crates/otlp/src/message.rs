//! Spans in the words of OTLP.

use std::time::Duration;

use introspectd_core::trace::{Attribute, FinishedSpan, Kind, Value};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

/// Flag: it is known where the parent is (`SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK`).
const KNOWN_PLACE: u32 = 0x100;

/// Flag: the parent is elsewhere (`SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK`).
const REMOTE: u32 = 0x200;

/// Writes spans as one message. `epoch` is the wall time, since 1970, at which the clock of the
/// spans was zero.
pub(crate) fn request(spans: Vec<FinishedSpan>, epoch: Duration) -> ExportTraceServiceRequest {
    let resource = Resource {
        attributes: vec![
            attribute(("service.name", Value::Word("introspectd"))),
            attribute(("service.version", Value::Word(env!("CARGO_PKG_VERSION")))),
        ],
        ..Resource::default()
    };
    let scope = InstrumentationScope {
        name: "introspectd".to_owned(),
        ..InstrumentationScope::default()
    };
    let spans = spans.into_iter().map(|it| span(it, epoch)).collect();
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource),
            scope_spans: vec![ScopeSpans {
                scope: Some(scope),
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

fn span(finished: FinishedSpan, epoch: Duration) -> Span {
    let FinishedSpan {
        name,
        kind,
        trace_id,
        id,
        parent,
        flags,
        start,
        end,
        attributes,
        has_failed,
    } = finished;
    // The parent of a request's span is its caller's.
    let is_remote = kind == Kind::Server && parent.is_some();
    let flags = u32::from(flags) | KNOWN_PLACE | if is_remote { REMOTE } else { 0 };
    let kind = match kind {
        Kind::Server => SpanKind::Server,
        Kind::Client => SpanKind::Client,
        Kind::Internal => SpanKind::Internal,
    };
    let failed = Status {
        code: StatusCode::Error.into(),
        message: String::new(),
    };
    Span {
        trace_id: trace_id.to_be_bytes().into(),
        span_id: id.to_be_bytes().into(),
        parent_span_id: parent.map_or_else(Vec::new, |parent| parent.to_be_bytes().into()),
        flags,
        name: name.to_owned(),
        kind: kind.into(),
        start_time_unix_nano: nanoseconds(epoch + start),
        end_time_unix_nano: nanoseconds(epoch + end),
        attributes: attributes.into_iter().map(attribute).collect(),
        status: has_failed.then_some(failed),
        ..Span::default()
    }
}

fn attribute((key, value): Attribute) -> KeyValue {
    let value = match value {
        Value::Word(word) => Any::StringValue(word.to_owned()),
        Value::Name(name) => Any::StringValue(name),
        Value::Number(number) => Any::IntValue(number),
        Value::True => Any::BoolValue(true),
    };
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn nanoseconds(since_epoch: Duration) -> u64 {
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}
