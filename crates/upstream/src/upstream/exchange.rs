//! Exchange in the open, to look for faults in it.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version};
use introspectd_core::Failure;

use super::{Shared, Upstream};
use crate::answer::Answer;
use crate::credentials::Credentials;
use crate::pool::{Effect, Question, Reply};

/// Request and response of one form, before anything is screened, beside what the adapter makes of them.
pub struct Exchange<T> {
    /// Request.
    pub sent: Sent,
    /// Head of the response, if one came in time.
    pub head: Option<Head>,
    /// Body of the response, its coding undone, if it came whole. May hold secrets, so it does not print.
    pub body: Option<Bytes>,
    /// Outcome that the service would go on with.
    pub outcome: Result<T, Failure>,
}

/// Request in which every secret is masked.
#[derive(Debug)]
pub struct Sent {
    /// Method of HTTP.
    pub method: Method,
    /// The configured address.
    pub uri: Uri,
    /// Headers but for those of the connection. `Authorization` has its scheme and [`MASK`].
    pub headers: HeaderMap,
    /// Body: values other than `client_id` are [`MASK`].
    pub form: String,
}

/// Head of a response. Its headers may hold secrets, so it does not print.
#[derive(Clone)]
pub struct Head {
    /// Version of HTTP.
    pub version: Version,
    /// Status, whichever it is.
    pub status: StatusCode,
    /// Headers as they came.
    pub headers: HeaderMap,
}

/// Stands for a secret.
pub const MASK: &str = "***";

/// Response so far.
#[derive(Default)]
struct Seen {
    head: Option<Head>,
    body: Option<Bytes>,
}

impl<T> Exchange<T> {
    /// Reads the answer further.
    pub fn and_then<U>(self, read: impl FnOnce(T) -> Result<U, Failure>) -> Exchange<U> {
        let Self { sent, head, body, outcome } = self;
        Exchange { sent, head, body, outcome: outcome.and_then(read) }
    }
}

impl Upstream {
    /// Asks with a form as [`Upstream::post_form`] does, but once and over a connection of its own.
    pub async fn expose_form(&self, uri: Uri, form: &[(&str, &str)]) -> Exchange<Answer> {
        let sent = self.0.masked(uri.clone(), form);
        let seen = Arc::<Mutex<Seen>>::default();
        let noted = Arc::clone(&seen);
        let note = move |change: &dyn Fn(&mut Seen)| {
            change(&mut noted.lock().unwrap_or_else(PoisonError::into_inner));
        };
        let question = Question::form(uri, form, Effect::Change);
        let exchange = self.drive(question, |shared, question| async move {
            let reply = shared.open_once(question).await?;
            note(&|seen| seen.head = Some(Head::of(&reply)));
            let received = reply.whole().await?;
            note(&|seen| seen.body = Some(received.body.clone()));
            received.screen()?;
            Ok(Answer { status: received.status, body: received.body })
        });
        let outcome = exchange.await;
        let Seen { head, body } = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
        Exchange { sent, head, body, outcome }
    }
}

impl Head {
    fn of(reply: &Reply) -> Self {
        Self { version: reply.version, status: reply.status, headers: reply.headers.clone() }
    }
}

impl Shared {
    /// Sends a request. A grant that is refused is not fetched again.
    async fn open_once(&self, question: Question) -> Result<Reply, Failure> {
        if let Credentials::Grant(grant) = &self.credentials {
            question.stage.renew(false);
            let held = grant.bearer().await?;
            question.stage.renew(true);
            return self.pool.open(question, Some(held.header())).await;
        }
        self.open(question).await
    }

    fn masked(&self, uri: Uri, form: &[(&str, &str)]) -> Sent {
        let mut shown: Vec<_> = form.iter().map(|(name, _)| format!("{name}={MASK}")).collect();
        let scheme = match &self.credentials {
            Credentials::None => None,
            Credentials::Header(header) => {
                let header = header.get();
                Some(if header.as_bytes().starts_with(b"Basic ") { "Basic" } else { "Bearer" })
            }
            Credentials::Form { client_id, .. } => {
                let client_id: String = form_urlencoded::byte_serialize(client_id.as_bytes()).collect();
                shown.extend([format!("client_id={client_id}"), format!("client_secret={MASK}")]);
                None
            }
            Credentials::Grant(_) => Some("Bearer"),
        };
        let question = Question::form(uri.clone(), form, Effect::Change);
        let (head, _) = question.request(None).into_parts();
        let mut headers = head.headers;
        // The length of a body tells that of the secrets in it.
        headers.remove(http::header::CONTENT_LENGTH);
        let masked = scheme.and_then(|scheme| HeaderValue::try_from(format!("{scheme} {MASK}")).ok());
        headers.extend(masked.map(|value| (AUTHORIZATION, value)));
        Sent { method: head.method, uri, headers, form: shown.join("&") }
    }
}
