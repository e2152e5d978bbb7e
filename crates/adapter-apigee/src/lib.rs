//! Apigee Edge: how to ask about a token, and to take it back; how to read the answers.

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
    /// What follows a token's address to revoke it.
    revocation: &'static str,
}

/// "Approve or revoke an access token", <http://apigee.com/docs/api/api_methods/115-approve-an-access-token>: no body,
/// of this type.
const OCTETS: &str = "application/octet-stream";

impl Apigee {
    /// From what was read from the configuration.
    pub fn new(config: Config, clock: Arc<dyn Clock>) -> Self {
        let address = config.connection.address.clone();
        let tokens = format!("/v1/o/{}/oauth2/accesstokens", config.organization);
        let revocation = if config.cascade { "action=revoke&cascade=true" } else { "action=revoke" };
        Self { upstream: Upstream::new(config.connection, clock), address, tokens, revocation }
    }
}

#[async_trait]
impl Provider for Apigee {
    fn capabilities(&self) -> Capabilities {
        Capabilities { introspect: true, revoke: true, ..Capabilities::default() }
    }

    async fn introspect(&self, token: &TokenValue) -> Result<Introspection, Failure> {
        // An empty or climbing token would count the tokens, list live ones, or show a consumer's secret.
        let uri =
            Segment::parse(token.expose(), &[]).and_then(|it| self.address.with_segment(&self.tokens, &it));
        let Ok(uri) = uri else { return Ok(Introspection::Inactive) };
        let answer = self.upstream.get(uri).await?;
        Ok(wire::read(answer.status, &answer.body, token)?)
    }

    async fn revoke(&self, token: &TokenValue) -> Result<(), Failure> {
        // A token with a query of its own could approve what was revoked.
        let uri = Segment::parse(token.expose(), &[])
            .and_then(|it| self.address.with_segment_and_query(&self.tokens, &it, self.revocation));
        let Ok(uri) = uri else { return Ok(()) };
        let answer = self.upstream.post_empty(uri, OCTETS).await?;
        Ok(wire::read_revocation(answer.status, &answer.body, token)?)
    }
}
