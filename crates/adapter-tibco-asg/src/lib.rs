//! TIBCO API Exchange Gateway: how to ask about a token, how to read the answer.

mod config;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use introspectd_core::{Capabilities, Clock, Failure, Introspection, Provider, TokenValue};
use introspectd_upstream::{Address, Segment, Upstream};

pub use config::Config;

/// "Retrieve Access Token Details", user guide chapter 13.
const TOKENS: &str = "/asg/oauth2/access_token";

/// In the place of a token, `owners` lists every token of the server, secrets and all.
const RESERVED: &[&str] = &["owners"];

/// One TIBCO API Exchange Gateway.
#[derive(Debug)]
pub struct TibcoAsg {
    upstream: Upstream,
    address: Address,
}

impl TibcoAsg {
    /// From what was read from the configuration.
    pub fn new(config: Config, clock: Arc<dyn Clock>) -> Self {
        let address = config.connection.address.clone();
        Self { upstream: Upstream::new(config.connection, clock), address }
    }
}

#[async_trait]
impl Provider for TibcoAsg {
    fn capabilities(&self) -> Capabilities {
        Capabilities { introspect: true, ..Capabilities::default() }
    }

    async fn introspect(&self, token: &TokenValue) -> Result<Introspection, Failure> {
        let uri =
            Segment::parse(token.expose(), RESERVED).and_then(|it| self.address.with_segment(TOKENS, &it));
        let Ok(uri) = uri else { return Ok(Introspection::Inactive) };
        let answer = self.upstream.get(uri).await?;
        Ok(wire::read(answer.status, &answer.body, token)?)
    }
}
