//! Any RFC 7662 server: how to ask about a token, and to take it back (RFC 7009); how to read the answers.

mod config;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use http::Uri;
use introspectd_core::{Capabilities, Clock, Failure, Introspection, Provider, Timestamp, TokenValue};
use introspectd_upstream::{Answer, Exchange, Outbound, Upstream};

pub use config::Config;
pub use wire::MissingExp;

/// One RFC 7662 server.
#[derive(Debug)]
pub struct Rfc7662 {
    upstream: Upstream,
    endpoint: Uri,
    revocation_endpoint: Option<Uri>,
    reading: wire::Reading,
    clock: Arc<dyn Clock>,
}

impl Rfc7662 {
    /// From what was read from the configuration.
    pub fn new(config: Config, clock: Arc<dyn Clock>, outbound: &Outbound) -> Self {
        let Config { connection, endpoint, revocation_endpoint, reading } = config;
        let upstream = Upstream::new(connection, Arc::clone(&clock), outbound);
        Self { upstream, endpoint, revocation_endpoint, reading, clock }
    }

    /// Asks as [`Provider::introspect`] does, but once, and leaves the exchange to be looked at.
    pub async fn expose(&self, token: &TokenValue) -> Exchange<Introspection> {
        let now = self.clock.now();
        let exchange = self.upstream.expose_form(self.endpoint.clone(), &[("token", token.expose())]).await;
        exchange.and_then(|answer| self.read(answer, token, now))
    }

    fn read(&self, answer: Answer, token: &TokenValue, now: Timestamp) -> Result<Introspection, Failure> {
        Ok(wire::read(&answer.ok()?, token, self.reading, now)?)
    }
}

#[async_trait]
impl Provider for Rfc7662 {
    fn capabilities(&self) -> Capabilities {
        let revoke = self.revocation_endpoint.is_some();
        Capabilities { introspect: true, revoke, ..Capabilities::default() }
    }

    /// Asks without a `token_type_hint`: an answer that depended on the caller's hint could not be
    /// shared with the next caller.
    async fn introspect(&self, token: &TokenValue) -> Result<Introspection, Failure> {
        // Before the question: what is left of a token then is less when the answer is here.
        let now = self.clock.now();
        let answer = self.upstream.post_form(self.endpoint.clone(), &[("token", token.expose())]).await?;
        self.read(answer, token, now)
    }

    async fn revoke(&self, token: &TokenValue) -> Result<(), Failure> {
        let endpoint = self.revocation_endpoint.clone().ok_or(Failure::Unsupported)?;
        let answer = self.upstream.submit_form(endpoint, &[("token", token.expose())]).await?;
        wire::read_revocation(answer.status, &answer.body)
    }
}
