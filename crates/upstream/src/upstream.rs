mod exchange;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode, Uri};
use introspectd_core::{BadAnswer, Clock, DoubtHandler, Failure, Outage};
use secrecy::ExposeSecret;
use serde_json::Value;
use tracing::Instrument as _;

use crate::answer::{Answer, Relayed};
use crate::coding;
use crate::connection::Connection;
use crate::credentials::Credentials;
use crate::elements::{Elements, List};
use crate::grant::Grant;
use crate::outbound::{Net, Outbound};
use crate::pool::{Effect, Pool, Question, Reply, Stage};

pub use exchange::{Exchange, Head, MASK, Sent};

/// One provider, asked over a pool of connections of its own (HTTP/1.1, or HTTP/2 where TLS agrees
/// on it).
///
/// Calls are cancel-safe: a dropped call closes or returns its connection and leaves nothing behind but
/// a renewal of the credential, which others may wait for.
#[derive(Debug, Clone)]
pub struct Upstream(Arc<Shared>);

struct Shared {
    net: Net,
    pool: Pool,
    credentials: Credentials,
    timeout: Duration,
}

impl Upstream {
    /// From what was read from the configuration.
    pub fn new(connection: Connection, clock: Arc<dyn Clock>, outbound: &Outbound) -> Self {
        let Connection { tls, timeout, keep_alive, credentials, .. } = connection;
        let net = outbound.net();
        let pool = Pool::new(net.clone(), tls, keep_alive, Arc::clone(&clock));
        let credentials = credentials.into_live(&pool, timeout, clock);
        Self(Arc::new(Shared { net, pool, credentials, timeout }))
    }

    /// Asks with GET.
    ///
    /// # Errors
    /// A [`Failure`] for anything but an [`Answer`].
    pub async fn get(&self, uri: Uri) -> Result<Answer, Failure> {
        self.ask(Question::get(uri)).await
    }

    /// Asks with GET for an array of objects, which may be of any length. Only the answer's head is bound to come within
    /// the timeout; how long the rest may take, [`Elements`] says.
    ///
    /// # Errors
    /// As for [`Upstream::get`].
    pub async fn list(&self, uri: Uri) -> Result<List, Failure> {
        self.drive(Question::get(uri), |shared, question| async move {
            let reply = shared.open(question).await?;
            if reply.status == StatusCode::OK {
                if coding::is_coded(&reply.headers) {
                    return Err(BadAnswer::Compressed.into());
                }
                return Ok(List::Elements(Elements::new(reply, shared.timeout)));
            }
            read(reply).await.map(List::Answer)
        })
        .await
    }

    /// Asks with a form.
    ///
    /// # Errors
    /// A [`Failure`] for anything but an [`Answer`].
    pub async fn post_form(&self, uri: Uri, form: &[(&str, &str)]) -> Result<Answer, Failure> {
        self.ask(Question::form(uri, form, Effect::None)).await
    }

    /// Has something changed with a form, which is sent once.
    ///
    /// # Errors
    /// A [`Failure`] for anything but an [`Answer`].
    pub async fn submit_form(&self, uri: Uri, form: &[(&str, &str)]) -> Result<Answer, Failure> {
        self.ask(Question::form(uri, form, Effect::Change)).await
    }

    /// Has something changed with POST and an empty body of this media type.
    ///
    /// # Errors
    /// A [`Failure`] for anything but an [`Answer`].
    pub async fn post_empty(&self, uri: Uri, media_type: &'static str) -> Result<Answer, Failure> {
        let media_type = HeaderValue::from_static(media_type);
        self.ask(Question::post(uri, media_type, Bytes::new(), Effect::Change)).await
    }

    /// Has something changed with DELETE, for some vendors with a JSON body.
    ///
    /// # Errors
    /// A [`Failure`] for anything but an [`Answer`].
    pub async fn delete(&self, uri: Uri, json: Option<&Value>) -> Result<Answer, Failure> {
        self.ask(Question::delete(uri, json)).await
    }

    /// Hands on a JSON body that brings credentials of its own, with none of ours but our certificate. What is said of
    /// those credentials, 401 and 403, is for whoever brought them.
    ///
    /// # Errors
    /// A [`Failure`] for anything but an answer, in UTF-8.
    pub async fn relay_json(&self, uri: Uri, body: Bytes) -> Result<Relayed, Failure> {
        let question = Question::json(uri, body, Effect::Change);
        self.drive(question, |shared, question| async move {
            let received = shared.pool.send(question, None).await?;
            if !matches!(received.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
                received.screen()?;
            }
            if str::from_utf8(&received.body).is_err() {
                return Err(BadAnswer::NotUtf8.into());
            }
            let content_type = received.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            let content_type = content_type.map(str::to_owned);
            Ok(Relayed { status: received.status, content_type, body: received.body })
        })
        .await
    }

    /// Ends what takes several exchanges in the time of one.
    ///
    /// # Errors
    /// [`Failure::Timeout`] at its end, and before it what `exchanges` fails with.
    pub async fn in_time<T>(
        &self,
        exchanges: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::time::timeout(self.0.timeout, exchanges).await.unwrap_or(Err(Failure::Timeout))
    }

    /// Ends what takes many exchanges, each of which has its own time.
    ///
    /// # Errors
    /// [`Failure::Timeout`] when `limit` is over, and before it what `exchanges` fails with.
    pub async fn within<T>(
        limit: Duration,
        exchanges: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::time::timeout(limit, Box::pin(exchanges)).await.unwrap_or(Err(Failure::Timeout))
    }

    async fn ask(&self, mut question: Question) -> Result<Answer, Failure> {
        question.doubt = DoubtHandler::current();
        self.drive(question, |shared, question| async move { read(shared.open(question).await?).await }).await
    }

    /// Runs an exchange on the outbound threads, in the provider's time.
    async fn drive<T, F>(
        &self,
        question: Question,
        exchange: impl FnOnce(Arc<Shared>, Question) -> F,
    ) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let Shared { net, timeout, .. } = &*self.0;
        let stage = question.stage.clone();
        let exchange = tokio::time::timeout(*timeout, Box::pin(exchange(Arc::clone(&self.0), question)));
        match net.run(exchange.in_current_span()).await {
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Err(self.0.timeout(&stage)),
            None => Err(Failure::outage(Outage::Abandoned)),
        }
    }
}

impl Shared {
    /// Names a timeout at this stage.
    fn timeout(&self, stage: &Stage) -> Failure {
        match &self.credentials {
            Credentials::Grant(grant) if stage.is_renewing() && grant.is_connecting() => {
                Failure::ConnectTimeout
            }
            Credentials::None | Credentials::Header(_) | Credentials::Form { .. } | Credentials::Grant(_) => {
                stage.timeout()
            }
        }
    }

    async fn open(&self, mut question: Question) -> Result<Reply, Failure> {
        match &self.credentials {
            Credentials::None => self.pool.open(question, None).await,
            Credentials::Header(header) => self.pool.open(question, Some(&header.get())).await,
            Credentials::Form { client_id, client_secret } => {
                let secret = client_secret.get();
                question.add_to_form(&[("client_id", client_id), ("client_secret", secret.expose_secret())]);
                self.pool.open(question, None).await
            }
            Credentials::Grant(grant) => self.open_with_grant(grant, question).await,
        }
    }

    /// A 401 may mean that the credential was taken back before its end: it is renewed once.
    async fn open_with_grant(&self, grant: &Arc<Grant>, question: Question) -> Result<Reply, Failure> {
        question.stage.renew(false);
        let held = grant.bearer().await?;
        question.stage.renew(true);
        let reply = self.pool.open(question.clone(), Some(held.header())).await?;
        if reply.status != StatusCode::UNAUTHORIZED {
            return Ok(reply);
        }
        // Read to its end, the refusal leaves the connection to others.
        reply.whole().await?;
        question.stage.renew(false);
        let renewed = grant.after_refusal(&held).await?;
        question.stage.renew(true);
        self.pool.open(question, Some(renewed.header())).await
    }
}

async fn read(reply: Reply) -> Result<Answer, Failure> {
    let received = reply.whole().await?;
    received.screen()?;
    Ok(Answer { status: received.status, body: received.body })
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").field("credentials", &self.credentials).finish_non_exhaustive()
    }
}
