use std::sync::Arc;

use http::header::ALLOW;
use http::{HeaderValue, Method, Request, StatusCode};
use introspectd_server::{Heartbeats, LongHead, names_one_host};
use introspectd_service::Reloads;
use introspectd_service::refusal::{InvalidRequest, Refusal, RequestFault};

use crate::exposition::{Exposition, Format};
use crate::language::Language;
use crate::problem;
use crate::readiness::Readiness;
use crate::reply::{Reply, text, with_media_type};

/// Admin endpoints, on a listener of their own: `GET /livez` (503 while a worker is stalled),
/// `GET /readyz` (503 before the start is done, from the beginning of the drain, and while a worker
/// is stalled) and `GET /metrics`.
///
/// A provider that is down does not make the process unready: then all instances would leave at
/// once, and with them the answers for the tokens of the others.
#[derive(Clone)]
pub struct Admin {
    readiness: Readiness,
    heartbeats: Heartbeats,
    metrics: Exposition,
    reloads: Arc<Reloads>,
    notes: Notes,
}

/// Source of further lines of `/readyz?verbose`.
type Notes = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

impl Admin {
    /// Creates the admin endpoints.
    pub fn new(
        readiness: Readiness,
        heartbeats: Heartbeats,
        metrics: Exposition,
        reloads: Arc<Reloads>,
    ) -> Self {
        Self {
            readiness,
            heartbeats,
            metrics,
            reloads,
            notes: Arc::new(Vec::new),
        }
    }

    /// Adds lines to `/readyz?verbose` that have no say in readiness.
    #[must_use]
    pub fn with_notes(self, notes: impl Fn() -> Vec<String> + Send + Sync + 'static) -> Self {
        Self {
            notes: Arc::new(notes),
            ..self
        }
    }

    /// Answers one request.
    pub async fn answer<B>(self, request: Request<B>) -> Reply {
        let (head, _) = request.into_parts();
        let is_read = matches!(head.method, Method::GET | Method::HEAD);
        let has_host = names_one_host(head.version, &head.uri, &head.headers);
        let refuse = |refusal: Refusal| problem::reply(&refusal, Language::of(&head.headers));
        match head.uri.path() {
            _ if LongHead::marks(&head.extensions) => refuse(RequestFault::HeadTooLong.into()),
            _ if !has_host => refuse(InvalidRequest::NotOneHost.into()),
            "/livez" | "/readyz" | "/metrics" if !is_read => {
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
            "/readyz" => self.readyz(is_verbose(head.uri.query())),
            "/metrics" => {
                let format = Format::accepted(&head.headers);
                match self.metrics.text(format).await {
                    Some(metrics) => with_media_type(format.content_type(), metrics.into()),
                    None => text(StatusCode::SERVICE_UNAVAILABLE, "shutting down\n"),
                }
            }
            _ => refuse(RequestFault::NotFound.into()),
        }
    }

    /// Replies with a line for each reason why the process is not ready, or with one for each check
    /// (`[+]name ok`, `[-]name failed: reason`, as Kubernetes' own servers write them) and one for
    /// the last reload. A refused reload does not make the process unready: it serves as before.
    fn readyz(&self, is_verbose: bool) -> Reply {
        let stalled = self.heartbeats.stalled().map(|stalled| stalled.to_string());
        let phase = self.readiness.checks();
        let phase = phase.map(|(name, reason)| (name, reason.map(str::to_owned)));
        let checks: Vec<_> = phase.into_iter().chain([("workers", stalled)]).collect();
        let is_ready = checks.iter().all(|(_, reason)| reason.is_none());
        let line = |(name, reason): &(&str, Option<String>)| match reason {
            None if is_verbose => Some(format!("[+]{name} ok\n")),
            Some(reason) if is_verbose => Some(format!("[-]{name} failed: {reason}\n")),
            None => None,
            Some(reason) => Some(format!("{reason}\n")),
        };
        let mut lines: String = checks.iter().filter_map(line).collect();
        if is_verbose {
            let last = self.reloads.last();
            let last = last.as_deref().unwrap_or("none since the start");
            lines.push_str(&format!("last reload: {last}\n"));
            for note in (self.notes)() {
                lines.push_str(&format!("{note}\n"));
            }
        }
        if is_ready {
            lines.push_str("ready\n");
            text(StatusCode::OK, lines)
        } else {
            text(StatusCode::SERVICE_UNAVAILABLE, lines)
        }
    }
}

fn is_verbose(query: Option<&str>) -> bool {
    let mut parameters = query.unwrap_or_default().split('&');
    parameters.any(|parameter| parameter == "verbose" || parameter.starts_with("verbose="))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use http_body_util::BodyExt;
    use introspectd_core::{Clock, ManualClock, Timestamp};
    use introspectd_server::Workers;

    const READY: &str = "[+]started ok\n[+]not_draining ok\n[+]workers ok\n\
        last reload: none since the start\nready\n";

    async fn get(admin: &Admin, path: &str) -> (u16, String) {
        let request = Request::get(path).header("host", "x").body(()).unwrap();
        let (head, body) = admin.clone().answer(request).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (
            head.status.as_u16(),
            String::from_utf8(body.into()).unwrap(),
        )
    }

    fn admin() -> (Admin, Readiness, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(
            Timestamp::from_seconds(1_700_000_000).unwrap(),
        ));
        let heartbeats = Heartbeats::start(&Workers::here(), Arc::clone(&clock) as Arc<dyn Clock>);
        let (readiness, metrics) = (Readiness::default(), Exposition::new(|_| String::new()));
        let reloads = Arc::new(Reloads::new(clock.now()));
        let admin = Admin::new(readiness.clone(), heartbeats, metrics, reloads);
        (admin, readiness, clock)
    }

    #[tokio::test(start_paused = true)]
    async fn livez_names_a_stalled_worker_and_recovers() {
        let (admin, readiness, clock) = admin();
        readiness.start();
        assert_eq!(get(&admin, "/livez").await, (200, "alive\n".to_owned()));
        // This test is the worker's only thread, and lets no other task run.
        clock.advance(4);
        assert_eq!(get(&admin, "/livez").await.0, 200);
        clock.advance(1);
        let stalled = "worker-0 has not run for 5 s\n";
        assert_eq!(get(&admin, "/livez").await, (503, stalled.to_owned()));
        assert_eq!(get(&admin, "/readyz").await, (503, stalled.to_owned()));
        tokio::task::yield_now().await;
        assert_eq!(get(&admin, "/livez").await.0, 200);
        assert_eq!(get(&admin, "/readyz").await, (200, "ready\n".to_owned()));
    }

    #[tokio::test]
    async fn readyz_gives_each_reason_and_verbose_every_check() {
        let (admin, readiness, clock) = admin();
        let answer = |status, text: &str| (status, text.to_owned());
        assert_eq!(get(&admin, "/readyz").await, answer(503, "not finished\n"));
        readiness.start();
        assert_eq!(get(&admin, "/readyz").await, answer(200, "ready\n"));
        assert_eq!(get(&admin, "/readyz?x&verbose").await, answer(200, READY));
        readiness.drain();
        readiness.start();
        assert_eq!(get(&admin, "/readyz").await, answer(503, "shutting down\n"));
        clock.advance(7);
        assert_eq!(
            get(&admin, "/readyz").await,
            answer(503, "shutting down\nworker-0 has not run for 7 s\n")
        );
        assert_eq!(
            get(&admin, "/readyz?verbose=1").await,
            answer(
                503,
                "[+]started ok\n[-]not_draining failed: shutting down\n[-]workers failed: \
                 worker-0 has not run for 7 s\nlast reload: none since the start\n"
            )
        );
    }

    #[tokio::test]
    async fn readyz_verbose_has_the_last_reload_and_a_refused_one_stays_ready() {
        let (admin, readiness, _) = admin();
        readiness.start();
        let problem = "refused: limits.requests need a restart";
        admin.reloads.note_refused(problem.to_owned());
        let (status, verbose) = get(&admin, "/readyz?verbose").await;
        assert_eq!(status, 200);
        assert!(verbose.contains(&format!("\nlast reload: {problem}\n")));
        assert_eq!(get(&admin, "/readyz").await, (200, "ready\n".to_owned()));
    }
}
