use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::StatusCode;
use introspectd_core::Failure;
use introspectd_core::ask;
use introspectd_core::trace::{Kind, Span, Trace};
use secrecy::ExposeSecret;
use tower::{Layer, Service};

use crate::credentials::Credentials;
use crate::grant::Grant;
use crate::headers::Headers;
use crate::pool::{Reply, Unanswered};
use crate::request::Request;

/// Credentials of our own, added to each request that brings none, and the configured headers.
#[derive(Clone)]
pub(super) struct AuthenticateLayer {
    credentials: Arc<Credentials>,
    headers: Arc<Headers>,
}

#[derive(Clone)]
pub(super) struct Authenticate<S> {
    inner: S,
    credentials: Arc<Credentials>,
    headers: Arc<Headers>,
}

impl AuthenticateLayer {
    pub(super) fn new(credentials: Arc<Credentials>, headers: Arc<Headers>) -> Self {
        Self {
            credentials,
            headers,
        }
    }
}

impl<S> Layer<S> for AuthenticateLayer {
    type Service = Authenticate<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Authenticate {
            inner,
            credentials: Arc::clone(&self.credentials),
            headers: Arc::clone(&self.headers),
        }
    }
}

impl<S> Service<Box<Request>> for Authenticate<S>
where
    S: Service<Box<Request>, Response = Reply, Error = Unanswered> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Reply;
    type Error = Unanswered;
    type Future = BoxFuture<'static, Result<Reply, Unanswered>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Unanswered>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Box<Request>) -> Self::Future {
        let credentials = Arc::clone(&self.credentials);
        self.headers.add_to(&mut request);
        // The one that is ready serves this call.
        let next = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, next);
        Box::pin(async move {
            if request.is_relayed {
                return inner.call(request).await;
            }
            match &*credentials {
                Credentials::None => {}
                Credentials::Header(header) => {
                    request.authorization = Some((*header.get()).clone())
                }
                Credentials::Form {
                    client_id,
                    client_secret,
                } => {
                    let secret = client_secret.get();
                    request.add_to_form(&[
                        ("client_id", client_id),
                        ("client_secret", secret.expose_secret()),
                    ]);
                }
                Credentials::Assertion(assertion, clock) => {
                    let form = assertion.form(&request.uri, clock)?;
                    let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
                    request.add_to_form(&form);
                }
                Credentials::Certificate { client_id } => {
                    request.add_to_form(&[("client_id", client_id)]);
                }
                Credentials::Grant(grant) => return send_with_grant(grant, inner, request).await,
            }
            inner.call(request).await
        })
    }
}

/// Sends a request with a bearer token of our own. A 401 may mean that the token was taken back
/// before its end: it is renewed once, unless the exchange is exposed.
async fn send_with_grant<S>(
    grant: &Arc<Grant>,
    mut inner: S,
    mut request: Box<Request>,
) -> Result<Reply, Unanswered>
where
    S: Service<Box<Request>, Response = Reply, Error = Unanswered> + Clone,
{
    request.stage.renew(grant.stage());
    let held = awaited(request.trace.clone(), grant.bearer()).await?;
    request.stage.renewed();
    request.authorization = Some(held.header().clone());
    let mut again = inner.clone();
    let reply = inner.call(request.clone()).await?;
    if reply.status != StatusCode::UNAUTHORIZED || request.exposure.is_some() {
        return Ok(reply);
    }
    // Read to its end, the refusal leaves the connection to others.
    reply.whole().await?;
    request.stage.renew(grant.stage());
    let renewed = awaited(request.trace.clone(), grant.after_refusal(&held)).await?;
    request.stage.renewed();
    request.authorization = Some(renewed.header().clone());
    std::future::poll_fn(|cx| again.poll_ready(cx)).await?;
    again.call(request).await
}

/// Awaits a credential, in a span of its own unless it is at hand.
async fn awaited<T>(
    trace: Option<Trace>,
    credential: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let mut credential = pin!(credential);
    if let Some(at_hand) = credential.as_mut().now_or_never() {
        return at_hand;
    }
    let mut span = Span::start(trace, "credential", Kind::Internal);
    let outcome = credential.await;
    if let Some(failed) = outcome.as_ref().err().and_then(ask::Outcome::of) {
        span.fail(failed.as_str());
    }
    span.end();
    outcome
}
