//! Apigee Edge: how to ask about a token, how to read the answer.

mod config;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use introspectd_core::{Capabilities, Clock, Failure, Introspection, Provider, TokenValue};
use introspectd_upstream::{Address, Segment, Upstream};

pub use config::Config;

/// One organization of an Apigee Edge.
#[derive(Debug)]
pub struct Apigee {
    upstream: Upstream,
    address: Address,
    /// "Get an access token", <http://apigee.com/docs/api/api_methods/109-get-an-access-token>.
    tokens: String,
}

impl Apigee {
    /// From what was read from the configuration.
    pub fn new(config: Config, clock: Arc<dyn Clock>) -> Self {
        let address = config.connection.address.clone();
        let tokens = format!("/v1/o/{}/oauth2/accesstokens", config.organization);
        Self { upstream: Upstream::new(config.connection, clock), address, tokens }
    }
}

#[async_trait]
impl Provider for Apigee {
    fn capabilities(&self) -> Capabilities {
        Capabilities { introspect: true, ..Capabilities::default() }
    }

    async fn introspect(&self, token: &TokenValue) -> Result<Introspection, Failure> {
        // An empty or climbing token would count the tokens, list live ones, or show a consumer's secret.
        let uri =
            Segment::parse(token.expose(), &[]).and_then(|it| self.address.with_segment(&self.tokens, &it));
        let Ok(uri) = uri else { return Ok(Introspection::Inactive) };
        let answer = self.upstream.get(uri).await?;
        Ok(wire::read(answer.status, &answer.body, token)?)
    }
}
