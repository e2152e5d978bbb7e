use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::ALLOW;
use http::{HeaderValue, Method, Request, StatusCode};
use introspectd_server::{Heartbeats, LongHead, names_one_host};
use introspectd_service::refusal::{InvalidRequest, Refusal, RequestFault};

use crate::language::Language;
use crate::problem;
use crate::reply::{Reply, text};

/// Readiness flag behind `/readyz`, shared by all that start and drain the process.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Sets the flag.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    /// Returns true if the process is ready.
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Admin endpoints, on a listener of their own: `GET /livez` (503 while a worker is stalled) and
/// `GET /readyz` (503 before the start is done and from the beginning of the drain).
///
/// A provider that is down does not make the process unready: then all instances would leave at
/// once, and with them the answers for the tokens of the others.
#[derive(Debug, Clone)]
pub struct Admin {
    readiness: Readiness,
    heartbeats: Heartbeats,
}

impl Admin {
    /// Creates the admin endpoints.
    pub fn new(readiness: Readiness, heartbeats: Heartbeats) -> Self {
        Self {
            readiness,
            heartbeats,
        }
    }

    /// Answers one request.
    pub fn answer<B>(&self, request: &Request<B>) -> Reply {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        let has_host = names_one_host(request.version(), request.uri(), request.headers());
        let refuse = |refusal: Refusal| problem::reply(&refusal, Language::of(request.headers()));
        match request.uri().path() {
            _ if LongHead::marks(request.extensions()) => refuse(RequestFault::HeadTooLong.into()),
            _ if !has_host => refuse(InvalidRequest::NotOneHost.into()),
            "/livez" | "/readyz" if !is_read => {
                let mut reply = refuse(RequestFault::MethodNotAllowed.into());
                reply
                    .headers_mut()
                    .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
                reply
            }
            "/livez" => match self.heartbeats.stalled() {
                None => text(StatusCode::OK, "alive\n"),
                Some(stalled) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{stalled}\n")),
            },
            "/readyz" if self.readiness.is_ready() => text(StatusCode::OK, "ready\n"),
            "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
            _ => refuse(RequestFault::NotFound.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use introspectd_core::{Clock, ManualClock, Timestamp};
    use introspectd_server::Workers;

    async fn livez(admin: &Admin) -> (u16, String) {
        let reply = admin.answer(&Request::get("/livez").header("host", "x").body(()).unwrap());
        let (head, body) = reply.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (
            head.status.as_u16(),
            String::from_utf8(body.into()).unwrap(),
        )
    }

    #[tokio::test(start_paused = true)]
    async fn livez_names_a_stalled_worker_and_recovers() {
        let clock = Arc::new(ManualClock::at(
            Timestamp::from_seconds(1_700_000_000).unwrap(),
        ));
        let heartbeats = Heartbeats::start(&Workers::here(), Arc::clone(&clock) as Arc<dyn Clock>);
        let admin = Admin::new(Readiness::default(), heartbeats);
        assert_eq!(livez(&admin).await, (200, "alive\n".to_owned()));
        // This test is the worker's only thread, and lets no other task run.
        clock.advance(4);
        assert_eq!(livez(&admin).await.0, 200);
        clock.advance(1);
        assert_eq!(
            livez(&admin).await,
            (503, "worker-0 has not run for 5 s\n".to_owned())
        );
        tokio::task::yield_now().await;
        assert_eq!(livez(&admin).await.0, 200);
    }
}
