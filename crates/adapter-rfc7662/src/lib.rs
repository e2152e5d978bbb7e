//! Any RFC 7662 server: how to ask about a token, how to read the answer.

mod config;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use http::Uri;
use introspectd_core::{Capabilities, Clock, Failure, Introspection, Provider, TokenValue};
use introspectd_upstream::Upstream;

pub use config::Config;
pub use wire::MissingExp;

/// One RFC 7662 server.
#[derive(Debug)]
pub struct Rfc7662 {
    upstream: Upstream,
    endpoint: Uri,
    missing_exp: MissingExp,
}

impl Rfc7662 {
    /// From what was read from the configuration.
    pub fn new(config: Config, clock: Arc<dyn Clock>) -> Self {
        let Config { connection, endpoint, missing_exp } = config;
        Self { upstream: Upstream::new(connection, clock), endpoint, missing_exp }
    }
}

#[async_trait]
impl Provider for Rfc7662 {
    fn capabilities(&self) -> Capabilities {
        Capabilities { introspect: true, ..Capabilities::default() }
    }

    /// Asks without a `token_type_hint`: an answer that depended on the caller's hint could not be
    /// shared with the next caller.
    async fn introspect(&self, token: &TokenValue) -> Result<Introspection, Failure> {
        let answer = self.upstream.post_form(self.endpoint.clone(), &[("token", token.expose())]).await?;
        Ok(wire::read(&answer.ok()?, token, self.missing_exp)?)
    }
}
