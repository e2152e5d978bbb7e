use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Response, StatusCode, Uri};
use hyper::body::Incoming;
use introspectd_core::{Clock, Failure};
use serde_json::Value;

use crate::answer::{Answer, Relayed, screen};
use crate::connection::Connection;
use crate::credentials::Credentials;
use crate::elements::{Elements, List};
use crate::grant::Grant;
use crate::pool::{Pool, Question, whole};

/// One provider, asked over a pool of connections of its own (HTTP/1.1, or HTTP/2 where TLS agrees
/// on it).
///
/// Calls are cancel-safe: a dropped call closes or returns its connection and leaves nothing behind but
/// a renewal of the credential, which others may wait for.
#[derive(Debug)]
pub struct Upstream {
    pool: Pool,
    credentials: Credentials,
    timeout: Duration,
}

impl Upstream {
    /// From what was read from the configuration.
    pub fn new(connection: Connection, clock: Arc<dyn Clock>) -> Self {
        let Connection { tls, timeout, credentials, .. } = connection;
        let pool = Pool::new(tls, timeout);
        let credentials = credentials.into_live(&pool, timeout, clock);
        Self { pool, credentials, timeout }
    }

    /// Asks with GET.
    ///
    /// # Errors
    /// A [`Failure`] for anything but an [`Answer`].
    pub async fn get(&self, uri: Uri) -> Result<Answer, Failure> {
        self.ask(Question { method: Method::GET, uri, body: None }).await
    }

    /// Asks with GET for an array of objects, which may be of any length. Only the answer's head is bound to come within
    /// the timeout; how long the rest may take, [`Elements`] says.
    ///
    /// # Errors
    /// As for [`Upstream::get`].
    pub async fn list(&self, uri: Uri) -> Result<List, Failure> {
        let exchange = async {
            let response = self.open(Question { method: Method::GET, uri, body: None }).await?;
            if response.status() == StatusCode::OK {
                return Ok(List::Elements(Elements::new(response.into_body(), self.timeout)));
            }
            read(response).await.map(List::Answer)
        };
        self.in_time(exchange).await
    }

    /// Asks with a form.
    ///
    /// # Errors
    /// A [`Failure`] for anything but an [`Answer`].
    pub async fn post_form(&self, uri: Uri, form: &[(&str, &str)]) -> Result<Answer, Failure> {
        self.ask(Question::form(uri, self.form_body(form))).await
    }

    /// Asks with POST and an empty body of this media type.
    ///
    /// # Errors
    /// A [`Failure`] for anything but an [`Answer`].
    pub async fn post_empty(&self, uri: Uri, media_type: &'static str) -> Result<Answer, Failure> {
        let body = Some((HeaderValue::from_static(media_type), Bytes::new()));
        self.ask(Question { method: Method::POST, uri, body }).await
    }

    /// Asks with DELETE, for some vendors with a JSON body.
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
    /// A [`Failure`] for anything but an answer.
    pub async fn relay_json(&self, uri: Uri, body: Bytes) -> Result<Relayed, Failure> {
        let exchange = async {
            let (status, headers, body) = self.pool.send(Question::json(uri, body), None).await?;
            if !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
                screen(status, &headers)?;
            }
            let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            Ok(Relayed { status, content_type: content_type.map(str::to_owned), body })
        };
        self.in_time(exchange).await
    }

    /// Ends what takes several exchanges in the time of one.
    ///
    /// # Errors
    /// [`Failure::Timeout`] at its end, and before it what `exchanges` fails with.
    pub async fn in_time<T>(
        &self,
        exchanges: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::time::timeout(self.timeout, exchanges).await.unwrap_or(Err(Failure::Timeout))
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

    fn form_body(&self, form: &[(&str, &str)]) -> String {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        self.credentials.add_to_form(&mut body);
        body.finish()
    }

    async fn ask(&self, question: Question) -> Result<Answer, Failure> {
        self.in_time(async { read(self.open(question).await?).await }).await
    }

    async fn open(&self, question: Question) -> Result<Response<Incoming>, Failure> {
        match &self.credentials {
            Credentials::Grant(grant) => self.open_with_grant(grant, question).await,
            Credentials::None | Credentials::Header(_) | Credentials::Form { .. } => {
                self.pool.open(question, self.credentials.header()).await
            }
        }
    }

    /// A 401 may mean that the credential was taken back before its end: it is renewed once.
    async fn open_with_grant(
        &self,
        grant: &Arc<Grant>,
        question: Question,
    ) -> Result<Response<Incoming>, Failure> {
        let held = grant.bearer().await?;
        let response = self.pool.open(question.clone(), Some(held.header())).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        // Read to its end, the refusal leaves the connection to the second attempt.
        whole(response).await?;
        let renewed = grant.after_refusal(&held).await?;
        self.pool.open(question, Some(renewed.header())).await
    }
}

async fn read(response: Response<Incoming>) -> Result<Answer, Failure> {
    let (status, headers, body) = whole(response).await?;
    screen(status, &headers)?;
    Ok(Answer { status, body })
}
