use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Method, Request, StatusCode};

use crate::language::Language;
use crate::problem::Problem;
use crate::reply::{Reply, text};

/// Whether new requests are welcome. Shared by whoever starts and drains the process.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Says so.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    /// Whether they are.
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What an operator's machinery asks, on a listener of its own: `GET /livez` (the process answers) and
/// `GET /readyz` (it takes requests; 503 before the start is done and from the beginning of the drain).
///
/// A provider that is down does not make the process unready: then all instances would leave at once,
/// and with them the answers for the tokens of the others.
#[derive(Debug, Clone)]
pub struct Admin {
    readiness: Readiness,
}

impl Admin {
    /// With this readiness.
    pub fn new(readiness: Readiness) -> Self {
        Self { readiness }
    }

    /// Answers one request.
    pub fn answer<B>(&self, request: &Request<B>) -> Reply {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        match request.uri().path() {
            "/livez" | "/readyz" if !is_read => {
                Problem::MethodNotAllowed { allow: "GET, HEAD" }.reply(Language::of(request.headers()))
            }
            "/livez" => text(StatusCode::OK, "alive\n"),
            "/readyz" if self.readiness.is_ready() => text(StatusCode::OK, "ready\n"),
            "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
            _ => Problem::NotFound.reply(Language::of(request.headers())),
        }
    }
}
