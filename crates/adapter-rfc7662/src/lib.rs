//! Adapter of any RFC 7662 server: introspects tokens and revokes them (RFC 7009).

mod config;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use http::Uri;
use introspectd_core::{
    Capabilities, Clock, Failure, Health, Introspection, Provider, Timestamp, TokenValue,
};
use introspectd_upstream::{Exchange, Outbound, Request, Response, Upstream};

pub use config::Config;
pub use wire::MissingExp;

/// RFC 7662 provider.
#[derive(Debug)]
pub struct Rfc7662 {
    upstream: Upstream,
    endpoint: Uri,
    revocation_endpoint: Option<Uri>,
    reading: wire::Reading,
    clock: Arc<dyn Clock>,
}

impl Rfc7662 {
    /// Creates the provider from its configuration.
    pub fn new(config: Config, clock: Arc<dyn Clock>, outbound: &Outbound) -> Self {
        let Config { connection, endpoint, revocation_endpoint, reading } = config;
        let upstream = Upstream::new(connection, Arc::clone(&clock), outbound);
        Self { upstream, endpoint, revocation_endpoint, reading, clock }
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
        Request::post(self.endpoint.clone()).form(&[("token", token.expose())]).repeatable()
    }

    fn read(&self, response: Response, token: &TokenValue, now: Timestamp) -> Result<Introspection, Failure> {
        Ok(wire::read(&response.ok()?, token, self.reading, now)?)
    }
}

#[async_trait]
impl Provider for Rfc7662 {
    fn capabilities(&self) -> Capabilities {
        let revoke = self.revocation_endpoint.is_some();
        Capabilities { introspect: true, revoke, ..Capabilities::default() }
    }

    fn health(&self) -> Health {
        self.upstream.health()
    }

    async fn introspect(&self, token: &TokenValue) -> Result<Introspection, Failure> {
        // Taken before the request: a remaining life (`expires_in`) counts from here at the latest.
        let now = self.clock.now();
        let response = self.upstream.send(self.introspection(token)).await?;
        self.read(response, token, now)
    }

    async fn revoke(&self, token: &TokenValue) -> Result<(), Failure> {
        let endpoint = self.revocation_endpoint.clone().ok_or(Failure::Unsupported)?;
        let response = self.upstream.send(Request::post(endpoint).form(&[("token", token.expose())])).await?;
        wire::read_revocation(response.status, &response.body)
    }
}
