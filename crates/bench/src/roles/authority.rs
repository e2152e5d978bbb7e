use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::AUTHORIZATION;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::{Reply, reply};
use crate::answer::{self, BASIC, Reader};

#[derive(Default)]
struct Authority {
    questions: AtomicU64,
    delay: AtomicU64,
}

type Replying = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// A fake authorization server: every token is active.
///
/// `POST /introspect` for those who hand its answer on, `POST /facts` for introspectd (see
/// [`Reader`]); `DELETE` of anything revokes it; `GET /count` tells how often either was asked,
/// `POST /delay?MILLISECONDS` makes it slow, `POST /reset` undoes both.
pub(super) fn service() -> impl Fn(Request<Incoming>) -> Replying + Clone + Send + 'static {
    let authority = Arc::new(Authority::default());
    move |request| {
        let authority = Arc::clone(&authority);
        Box::pin(async move { authority.answer(request).await })
    }
}

impl Authority {
    async fn answer(&self, request: Request<Incoming>) -> Reply {
        match (request.method(), request.uri().path()) {
            (&Method::POST, "/introspect") => self.introspect(request, Reader::Peer).await,
            (&Method::POST, "/facts") => self.introspect(request, Reader::Introspectd).await,
            (&Method::DELETE, _) => reply(StatusCode::NO_CONTENT, ""),
            (&Method::GET, "/count") => {
                reply(StatusCode::OK, self.questions.load(Relaxed).to_string())
            }
            (&Method::POST, "/delay") => {
                let delay = request.uri().query().and_then(|query| query.parse().ok());
                self.delay.store(delay.unwrap_or_default(), Relaxed);
                reply(StatusCode::OK, "")
            }
            (&Method::POST, "/reset") => {
                self.questions.store(0, Relaxed);
                self.delay.store(0, Relaxed);
                reply(StatusCode::OK, "")
            }
            _ => reply(StatusCode::NOT_FOUND, "{}"),
        }
    }

    async fn introspect(&self, request: Request<Incoming>, reader: Reader) -> Reply {
        self.questions.fetch_add(1, Relaxed);
        let known = request
            .headers()
            .get(AUTHORIZATION)
            .is_some_and(|value| value.as_bytes() == BASIC.as_bytes());
        let Ok(body) = request.into_body().collect().await else {
            return reply(StatusCode::BAD_REQUEST, "");
        };
        let body = body.to_bytes();
        let delay = self.delay.load(Relaxed);
        if delay > 0 {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        if !known {
            return reply(StatusCode::UNAUTHORIZED, r#"{"error":"invalid_client"}"#);
        }
        match form_token(&body) {
            Some(token) => reply(StatusCode::OK, answer::active(token, now(), reader)),
            None => reply(StatusCode::BAD_REQUEST, r#"{"error":"invalid_request"}"#),
        }
    }
}

/// Our tokens need no decoding.
fn form_token(body: &[u8]) -> Option<&str> {
    body.split(|byte| *byte == b'&')
        .find_map(|field| field.strip_prefix(b"token="))
        .and_then(|token| std::str::from_utf8(token).ok())
}

#[allow(
    clippy::disallowed_methods,
    reason = "a server of its own, without an injected clock"
)]
fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_is_found_among_other_fields() {
        assert_eq!(
            form_token(b"token_type_hint=access_token&token=abc"),
            Some("abc")
        );
        assert_eq!(form_token(b"mytoken=abc"), None);
    }
}
