//! Adapter of any RFC 7662 server: introspects tokens and revokes them (RFC 7009).

mod config;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use http::Uri;
use introspectd_core::ask::{Gauges, Meter};
use introspectd_core::{
    Clock, Failure, Health, Introspection, Provider, Revocation, Timestamp, TokenValue,
};
use introspectd_upstream::{Exchange, Outbound, Request, Response, Upstream};

pub use config::Config;
pub use wire::MissingExp;

/// RFC 7662 provider.
#[derive(Debug)]
pub struct Rfc7662 {
    upstream: Upstream,
    endpoint: Uri,
    revocation: Option<Rfc7009>,
    reading: wire::Reading,
    clock: Arc<dyn Clock>,
}

/// Revocation endpoint of the same server.
#[derive(Debug)]
struct Rfc7009 {
    upstream: Upstream,
    endpoint: Uri,
}

impl Rfc7662 {
    /// Creates the provider from its configuration.
    pub fn new(config: Config, clock: Arc<dyn Clock>, outbound: &Outbound) -> Self {
        let Config {
            connection,
            endpoint,
            revocation_endpoint,
            reading,
        } = config;
        let upstream = Upstream::new(connection, Arc::clone(&clock), outbound);
        let revocation = revocation_endpoint.map(|endpoint| Rfc7009 {
            upstream: upstream.clone(),
            endpoint,
        });
        Self {
            upstream,
            endpoint,
            revocation,
            reading,
            clock,
        }
    }

    /// Introspects like [`Provider::introspect`], but without retry, and returns the exchange for
    /// inspection.
    pub async fn expose(&self, token: &TokenValue) -> Exchange<Introspection> {
        let now = self.clock.now();
        let exchange = self.upstream.expose(self.introspection(token)).await;
        exchange.and_then(|response| self.read(response, token, now))
    }

    /// Request without `token_type_hint`: a response that depended on the caller's hint could not
    /// be shared with the next caller.
    fn introspection(&self, token: &TokenValue) -> Request {
        Request::post(self.endpoint.clone())
            .form(&[("token", token.expose())])
            .repeatable()
    }

    fn read(
        &self,
        response: Response,
        token: &TokenValue,
        now: Timestamp,
    ) -> Result<Introspection, Failure> {
        Ok(wire::read(&response.ok()?, token, self.reading, now)?)
    }
}

#[async_trait]
impl Provider for Rfc7662 {
    fn health(&self) -> Health {
        self.upstream.health()
    }

    fn gauges(&self) -> Gauges {
        self.upstream.gauges()
    }

    fn meter(&self) -> Arc<Meter> {
        self.upstream.meter()
    }

    async fn introspect(&self, token: &TokenValue) -> Result<Introspection, Failure> {
        // Taken before the request: a remaining life (`expires_in`) counts from here at the latest.
        let now = self.clock.now();
        let response = self.upstream.send(self.introspection(token)).await?;
        self.read(response, token, now)
    }

    fn revocation(&self) -> Option<&dyn Revocation> {
        self.revocation.as_ref().map(|it| it as _)
    }
}

#[async_trait]
impl Revocation for Rfc7009 {
    async fn revoke(&self, token: &TokenValue) -> Result<(), Failure> {
        let request = Request::post(self.endpoint.clone()).form(&[("token", token.expose())]);
        let response = self.upstream.send(request).await?;
        wire::read_revocation(response.status, &response.body)
    }
}
