use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::StatusCode;
use introspectd_core::{BadAnswer, Failure};
use tower::{Layer, Service};

use crate::coding;
use crate::elements::Elements;
use crate::exposure::{Exposure, Head};
use crate::pool::{Reply, Unanswered};
use crate::request::Request;
use crate::response::Response;

/// Reader of responses: the whole body, and a [`Failure`] for every status that says nothing about
/// a token.
#[derive(Clone)]
pub(super) struct ReceiveLayer {
    /// Longest silence in a streamed body.
    silence: Duration,
}

#[derive(Clone)]
pub(super) struct Receive<S> {
    inner: S,
    silence: Duration,
}

/// Parts of a request that decide how its response is read.
struct Reading {
    is_streamed: bool,
    is_relayed: bool,
    is_refusable: bool,
    exposure: Option<Exposure>,
    silence: Duration,
}

impl ReceiveLayer {
    pub(super) fn new(silence: Duration) -> Self {
        Self { silence }
    }
}

impl<S> Layer<S> for ReceiveLayer {
    type Service = Receive<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Receive {
            inner,
            silence: self.silence,
        }
    }
}

impl<S> Service<Box<Request>> for Receive<S>
where
    S: Service<Box<Request>, Response = Reply, Error = Unanswered>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Failure;
    type Future = BoxFuture<'static, Result<Response, Failure>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner
            .poll_ready(cx)
            .map_err(|unanswered| unanswered.failure)
    }

    fn call(&mut self, request: Box<Request>) -> Self::Future {
        let Request {
            is_streamed,
            is_relayed,
            is_refusable,
            exposure,
            ..
        } = &*request;
        let reading = Reading {
            is_streamed: *is_streamed,
            is_relayed: *is_relayed,
            is_refusable: *is_refusable,
            exposure: exposure.clone(),
            silence: self.silence,
        };
        let reply = self.inner.call(request);
        Box::pin(async move {
            let reply = reply.await.map_err(|unanswered| unanswered.failure)?;
            reading.read(reply).await
        })
    }
}

impl Reading {
    async fn read(self, reply: Reply) -> Result<Response, Failure> {
        if let Some(exposure) = &self.exposure {
            let (version, status, headers) = (reply.version, reply.status, reply.headers.clone());
            exposure.note_head(Head {
                version,
                status,
                headers,
            });
        }
        if self.is_streamed && reply.status == StatusCode::OK {
            return self.stream(reply);
        }
        let received = reply.whole().await?;
        if let Some(exposure) = &self.exposure {
            exposure.note_body(&received.body);
        }
        let is_refusal = matches!(
            received.status,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
        );
        if !((self.is_relayed || self.is_refusable) && is_refusal) {
            received.screen()?;
        }
        if self.is_relayed && str::from_utf8(&received.body).is_err() {
            return Err(BadAnswer::NotUtf8.into());
        }
        let (status, headers, body) = (received.status, received.headers, received.body);
        Ok(Response {
            status,
            headers,
            body,
            elements: None,
        })
    }

    fn stream(&self, reply: Reply) -> Result<Response, Failure> {
        if coding::is_coded(&reply.headers) {
            return Err(BadAnswer::Compressed.into());
        }
        let (status, headers) = (reply.status, reply.headers.clone());
        let elements = Some(Elements::new(reply, self.silence));
        Ok(Response {
            status,
            headers,
            body: Bytes::new(),
            elements,
        })
    }
}
