//! Adapter of any RFC 7662 server: introspects tokens and revokes them (RFC 7009).

mod config;
mod signed;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use http::header::ACCEPT;
use http::{HeaderValue, Uri};
use introspectd_core::ask::{Gauges, Meter};
use introspectd_core::{
    Clock, Failure, Health, Introspection, Outage, Provider, Revocation, Timestamp, TokenValue,
};
use introspectd_discovery::Endpoints;
use introspectd_upstream::{Exchange, Outbound, Request, Response, Upstream};

use signed::Form;

pub use config::Config;
pub use wire::MissingExp;

/// RFC 7662 provider.
#[derive(Debug)]
pub struct Rfc7662 {
    server: Arc<Server>,
    missing_exp: MissingExp,
    clock: Arc<dyn Clock>,
    revocation: Rfc7009,
}

/// Server, as it is asked.
#[derive(Debug)]
struct Server {
    upstream: Upstream,
    endpoints: Endpoints,
    form: Form,
    /// Further fields of each form.
    parameters: Vec<(String, String)>,
}

/// Revocation endpoint of the same server.
#[derive(Debug)]
struct Rfc7009(Arc<Server>);

impl Rfc7662 {
    /// Creates the provider from its configuration.
    pub fn new(config: Config, clock: Arc<dyn Clock>, outbound: &Outbound) -> Self {
        let Config {
            connection,
            source,
            revocation_endpoint,
            parameters,
            missing_exp,
            signed,
        } = config;
        let endpoints = Endpoints::of(
            &connection,
            source,
            revocation_endpoint,
            Arc::clone(&clock),
            outbound,
        );
        let server = Arc::new(Server {
            upstream: Upstream::new(connection, Arc::clone(&clock), outbound),
            endpoints,
            form: signed.map_or(Form::Json, |signed| signed.into_form(&clock, outbound)),
            parameters,
        });
        Self {
            revocation: Rfc7009(Arc::clone(&server)),
            server,
            missing_exp,
            clock,
        }
    }

    /// Introspects like [`Provider::introspect`], but without retry, and returns the exchange for
    /// inspection.
    ///
    /// # Errors
    /// A [`Failure`] where the endpoint is not known.
    pub async fn expose(&self, token: &TokenValue) -> Result<Exchange<Introspection>, Failure> {
        let now = self.clock.now();
        let endpoint = self.server.endpoints.introspection().await?;
        let request = self.server.introspection(endpoint, token);
        let Exchange {
            sent,
            head,
            body,
            outcome,
        } = self.server.upstream.expose(request).await;
        let outcome = match outcome {
            Ok(response) => self.read(response, token, now).await,
            Err(failure) => Err(failure),
        };
        Ok(Exchange {
            sent,
            head,
            body,
            outcome,
        })
    }

    /// Reads the response to a request of this time.
    async fn read(
        &self,
        response: Response,
        token: &TokenValue,
        now: Timestamp,
    ) -> Result<Introspection, Failure> {
        let form = &self.server.form;
        let body = form.json(response, now, || self.clock.now()).await?;
        Ok(wire::read(&body, token, self.missing_exp, now)?)
    }
}

impl Server {
    /// Request without `token_type_hint`: a response that depended on the caller's hint could not
    /// be shared with the next caller.
    fn introspection(&self, endpoint: Uri, token: &TokenValue) -> Request {
        let request = Request::post(endpoint).form(&self.fields(token));
        let request = request.repeatable();
        match self.form.accept() {
            Some(accept) => request.header(ACCEPT, HeaderValue::from_static(accept)),
            None => request,
        }
    }

    fn fields<'a>(&'a self, token: &'a TokenValue) -> Vec<(&'a str, &'a str)> {
        let further = self.parameters.iter();
        let further = further.map(|(name, value)| (name.as_str(), value.as_str()));
        [("token", token.expose())]
            .into_iter()
            .chain(further)
            .collect()
    }

    /// Sends a request to an endpoint. The wait for its discovery is part of the deadline.
    async fn send(
        &self,
        endpoint: impl Future<Output = Result<Uri, Failure>>,
        request: impl FnOnce(Uri) -> Request,
    ) -> Result<Response, Failure> {
        if self.endpoints.are_known() {
            return self.upstream.send(request(endpoint.await?)).await;
        }
        let exchange = async { self.upstream.send(request(endpoint.await?)).await };
        match self.upstream.in_time(exchange).await {
            Err(Failure::Timeout) if !self.endpoints.are_known() => {
                Err(Failure::outage(Outage::NoMetadata))
            }
            outcome => outcome,
        }
    }
}

#[async_trait]
impl Provider for Rfc7662 {
    fn health(&self) -> Health {
        if self.server.endpoints.are_known() {
            self.server.upstream.health()
        } else {
            Health::Failing
        }
    }

    fn gauges(&self) -> Gauges {
        self.server.upstream.gauges()
    }

    fn meter(&self) -> Arc<Meter> {
        self.server.upstream.meter()
    }

    async fn introspect(&self, token: &TokenValue) -> Result<Introspection, Failure> {
        // Taken before the request: a remaining life (`expires_in`) counts from here at the latest.
        let now = self.clock.now();
        let server = &*self.server;
        let endpoint = server.endpoints.introspection();
        let request = |endpoint| server.introspection(endpoint, token);
        let response = server.send(endpoint, request).await?;
        self.read(response, token, now).await
    }

    fn revocation(&self) -> Option<&dyn Revocation> {
        let can_revoke = self.server.endpoints.can_revoke();
        can_revoke.then_some(&self.revocation as _)
    }
}

#[async_trait]
impl Revocation for Rfc7009 {
    async fn revoke(&self, token: &TokenValue) -> Result<(), Failure> {
        let server = &*self.0;
        let endpoint = server.endpoints.revocation();
        let request = |endpoint| Request::post(endpoint).form(&server.fields(token));
        let response = server.send(endpoint, request).await?;
        wire::read_revocation(response.status, &response.body)
    }
}
