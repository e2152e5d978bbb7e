//! TIBCO API Exchange Gateway adapter: introspects, revokes and lists tokens.

mod config;
mod list;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use http::Uri;
use introspectd_core::ask::{Gauges, Meter};
use introspectd_core::{
    Batch, Clock, Failure, Health, Introspection, Listing, Lists, Position, Provider, Revocation,
    TokenId, TokenValue,
};
use introspectd_upstream::{Address, Outbound, Request, Segment, Upstream};

pub use config::Config;

/// Path of "Retrieve Access Token Details" and "Revoke Token", user guide chapter 13.
const TOKENS: &str = "/asg/oauth2/access_token";

/// Path segments that are not tokens: `owners` would list every token of the server with its
/// secrets.
const RESERVED: &[&str] = &["owners"];

/// TIBCO API Exchange Gateway provider.
#[derive(Debug)]
pub struct TibcoAsg {
    upstream: Upstream,
    address: Address,
}

impl TibcoAsg {
    /// Creates the provider from its configuration.
    pub fn new(config: Config, clock: Arc<dyn Clock>, outbound: &Outbound) -> Self {
        let address = config.connection.address.clone();
        Self {
            upstream: Upstream::new(config.connection, clock, outbound),
            address,
        }
    }

    /// Address of a token; `None` for a text that cannot be one.
    fn uri(&self, token: &TokenValue) -> Option<Uri> {
        let token = Segment::parse(token.expose(), RESERVED).ok()?;
        self.address.with_segment(TOKENS, &token).ok()
    }
}

#[async_trait]
impl Provider for TibcoAsg {
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
        let Some(uri) = self.uri(token) else {
            return Ok(Introspection::Inactive);
        };
        let response = self.upstream.send(Request::get(uri)).await?;
        Ok(wire::read(response.status, &response.body, token)?)
    }

    /// Takes the `jti` as it is: a record shows the same `id` in lists and with its token.
    fn record_id(&self, jti: &str) -> Option<TokenId> {
        TokenId::parse(jti.to_owned()).ok()
    }

    fn lists(&self) -> Option<&dyn Lists> {
        Some(self)
    }

    fn revocation(&self) -> Option<&dyn Revocation> {
        Some(self)
    }
}

#[async_trait]
impl Revocation for TibcoAsg {
    async fn revoke(&self, token: &TokenValue) -> Result<(), Failure> {
        let Some(uri) = self.uri(token) else {
            return Ok(());
        };
        let response = self.upstream.send(Request::delete(uri)).await?;
        Ok(wire::read_revocation(
            response.status,
            &response.body,
            token,
        )?)
    }
}

#[async_trait]
impl Lists for TibcoAsg {
    async fn list(&self, listing: &Listing, from: Option<&Position>) -> Result<Batch, Failure> {
        self.records(listing, from).await
    }
}
