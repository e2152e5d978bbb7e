use introspectd_core::ask;
use introspectd_core::trace::{Kind, Span};
use introspectd_core::{BadAnswer, Failure, Outage};

use super::around::{Around, Below, Next, Outcome};
use crate::request::Request;

/// Span of each try of an ask, whose id is the parent that the provider gets.
#[derive(Clone)]
pub(super) struct Attempt;

impl Around for Attempt {
    async fn call<S: Below>(self, mut request: Box<Request>, next: Next<S>) -> Outcome {
        let mut span = Span::start(request.trace.take(), "try", Kind::Client);
        request.trace = span.trace();
        span.set("http.request.method", || request.method.to_string());
        // The path may hold a token.
        let host = request.uri.host().unwrap_or_default();
        span.set("server.address", || host.to_owned());
        if request.resends > 0 {
            let resends = request.resends;
            span.set("http.request.resend_count", || i64::from(resends));
        }
        let outcome = next.send(request).await;
        let status = match &outcome {
            Ok(response) => Some(response.status.as_u16()),
            Err(failure) => status(failure),
        };
        if let Some(status) = status {
            span.set("http.response.status_code", || i64::from(status));
        }
        if let Some(failed) = outcome.as_ref().err().and_then(ask::Outcome::of) {
            span.fail(failed.as_str());
        }
        span.end();
        outcome
    }
}

fn status(failure: &Failure) -> Option<u16> {
    match failure {
        Failure::Unavailable {
            outage: Outage::Status(status),
            ..
        }
        | Failure::BadAnswer(BadAnswer::Status(status) | BadAnswer::Credentials(status)) => {
            Some(*status)
        }
        Failure::Timeout
        | Failure::ConnectTimeout
        | Failure::ProxyTimeout
        | Failure::QueueTimeout
        | Failure::Unavailable { .. }
        | Failure::BadAnswer(_)
        | Failure::Unsupported => None,
    }
}
