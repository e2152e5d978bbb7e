//! Passport: how to ask about a token id, how to read the answer.
//!
//! Passport is asked by token id, and its answer holds no token: nothing in it proves which
//! credential it is about. A bare token therefore is of no use here without a binding (token → token
//! id) from a trusted source; until the binding store is there, every one is inactive.

mod config;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use introspectd_core::{Capabilities, Clock, Failure, Introspection, Provider, TokenId, TokenValue};
use introspectd_upstream::{Address, Segment, Upstream};

pub use config::Config;

/// "Retrieve token information", <https://docs.passportfintech.com/EN/retrieve-token-information>.
const TOKENS: &str = "/v1/iam/oauth/tokens";

/// One Passport.
#[derive(Debug)]
pub struct Passport {
    upstream: Upstream,
    address: Address,
}

impl Passport {
    /// From what was read from the configuration.
    pub fn new(config: Config, clock: Arc<dyn Clock>) -> Self {
        let address = config.connection.address.clone();
        Self { upstream: Upstream::new(config.connection, clock), address }
    }
}

#[async_trait]
impl Provider for Passport {
    fn capabilities(&self) -> Capabilities {
        Capabilities { lookup: true, ..Capabilities::default() }
    }

    async fn introspect(&self, _token: &TokenValue) -> Result<Introspection, Failure> {
        Ok(Introspection::Inactive)
    }

    async fn lookup(&self, id: &TokenId) -> Result<Introspection, Failure> {
        let uri = Segment::parse(id.as_str(), &[]).and_then(|id| self.address.with_segment(TOKENS, &id));
        let Ok(uri) = uri else { return Ok(Introspection::Inactive) };
        let answer = self.upstream.get(uri).await?;
        Ok(wire::read(answer.status, &answer.body, id)?)
    }
}
