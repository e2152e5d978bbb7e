use std::fmt::Write as _;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use tokio::sync::watch;

use super::drip::Drip;
use super::reply;
use crate::answer::{self, BASIC, Reader};
use crate::behaviour::Behaviour;

struct Authority {
    questions: AtomicU64,
    delay: AtomicU64,
    behaviour: watch::Sender<Behaviour>,
}

type Reply = Response<Either<Full<Bytes>, Drip>>;
type Replying = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// Size of an answer that swells: what introspectd takes at most, in bytes.
const SWOLLEN: usize = 1 << 20;

/// A fake authorization server: every token is active.
///
/// `POST /introspect` for those who hand its answer on, `POST /facts` for introspectd (see
/// [`Reader`]); `DELETE` of anything and `POST /revoke` revoke it, and it stays active here; `GET
/// /count` tells how often either was asked, `POST /delay?MILLISECONDS` makes it slow, `POST
/// /behave?NAME` makes it misbehave (see [`Behaviour`]).
pub(super) fn service() -> impl Fn(Request<Incoming>) -> Replying + Clone + Send + 'static {
    let authority = Arc::new(Authority {
        questions: AtomicU64::default(),
        delay: AtomicU64::default(),
        behaviour: watch::Sender::new(Behaviour::Well),
    });
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
            (&Method::DELETE, _) => whole(StatusCode::NO_CONTENT, ""),
            (&Method::POST, "/revoke") => whole(StatusCode::OK, ""),
            (&Method::GET, "/count") => {
                whole(StatusCode::OK, self.questions.load(Relaxed).to_string())
            }
            (&Method::POST, "/delay") => {
                let delay = request.uri().query().and_then(|query| query.parse().ok());
                self.delay.store(delay.unwrap_or_default(), Relaxed);
                whole(StatusCode::OK, "")
            }
            (&Method::POST, "/behave") => match request.uri().query().and_then(Behaviour::named) {
                Some(behaviour) => {
                    self.behaviour.send_replace(behaviour);
                    whole(StatusCode::OK, "")
                }
                None => whole(StatusCode::BAD_REQUEST, ""),
            },
            _ => whole(StatusCode::NOT_FOUND, "{}"),
        }
    }

    async fn introspect(&self, request: Request<Incoming>, reader: Reader) -> Reply {
        self.questions.fetch_add(1, Relaxed);
        let known = request
            .headers()
            .get(AUTHORIZATION)
            .is_some_and(|value| value.as_bytes() == BASIC.as_bytes());
        let Ok(body) = request.into_body().collect().await else {
            return whole(StatusCode::BAD_REQUEST, "");
        };
        let body = body.to_bytes();
        let delay = self.delay.load(Relaxed);
        if delay > 0 {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        if !known {
            return whole(StatusCode::UNAUTHORIZED, r#"{"error":"invalid_client"}"#);
        }
        let Some(token) = form_token(&body) else {
            return whole(StatusCode::BAD_REQUEST, r#"{"error":"invalid_request"}"#);
        };
        let active = || answer::active(token, now(), reader);
        match self.behaviour().await {
            Behaviour::Well | Behaviour::Hangs => whole(StatusCode::OK, active()),
            Behaviour::Drips => reply(StatusCode::OK, Either::Right(Drip::new(active().into()))),
            Behaviour::Swells => whole(StatusCode::OK, swollen(active())),
            Behaviour::Refuses => whole(StatusCode::SERVICE_UNAVAILABLE, ""),
        }
    }

    /// Behaviour of an answer, once it does not hang.
    async fn behaviour(&self) -> Behaviour {
        let mut behaviour = self.behaviour.subscribe();
        let other = behaviour.wait_for(|it| *it != Behaviour::Hangs).await;
        other.map_or(Behaviour::Well, |it| *it)
    }
}

fn whole(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    reply(status, Either::Left(Full::new(body.into())))
}

/// The same answer with so many short members that it is [`SWOLLEN`], nearly.
fn swollen(mut answer: String) -> String {
    answer.pop();
    for number in 0.. {
        if answer.len() + 32 > SWOLLEN {
            break;
        }
        let _ = write!(answer, ",\"x{number:06}\":\"{number:06}\"");
    }
    answer.push('}');
    answer
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

    #[test]
    fn swollen_answer_has_just_the_size_that_is_taken() {
        let answer = swollen(r#"{"active":true}"#.to_owned());
        assert!(answer.len() <= SWOLLEN && answer.len() > SWOLLEN - 64);
        assert!(answer.starts_with(r#"{"active":true,"x000000":"000000","#));
        assert!(answer.ends_with("\"}"));
    }
}
