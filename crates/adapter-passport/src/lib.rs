//! Passport: how to ask about a token id, for a list, and to take a token back; how to read the answers.
//!
//! Passport is asked by token id, and its answer holds no token: nothing in it proves which
//! credential it is about. A bare token therefore is of no use here without a binding (token → token
//! id) from a trusted source; until the binding store is there, every one is inactive.

mod config;
mod list;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use http::Uri;
use introspectd_core::{
    BadAnswer, Batch, Capabilities, Clock, Failure, Introspection, Listing, Position, Provider, State,
    TokenId, TokenValue,
};
use introspectd_upstream::{Address, Segment, Upstream};
use serde_json::json;

use list::Page;
use wire::Revocation;

pub use config::Config;

/// "Retrieve token information", <https://docs.passportfintech.com/EN/retrieve-token-information>, and its neighbours.
const TOKENS: &str = "/v1/iam/oauth/tokens";

/// One Passport.
#[derive(Debug)]
pub struct Passport {
    upstream: Upstream,
    address: Address,
    clock: Arc<dyn Clock>,
}

impl Passport {
    /// From what was read from the configuration.
    pub fn new(config: Config, clock: Arc<dyn Clock>) -> Self {
        let address = config.connection.address.clone();
        Self { upstream: Upstream::new(config.connection, Arc::clone(&clock)), address, clock }
    }

    /// `None` for what can be no token id.
    fn uri(&self, id: &TokenId) -> Option<Uri> {
        let id = Segment::parse(id.as_str(), &[]).ok()?;
        self.address.with_segment(TOKENS, &id).ok()
    }

    /// Whether a token that cannot be revoked is active still. Its record does not say that it was revoked; an active
    /// token that Passport will not take back is the one thing which must not be told as done.
    async fn is_active(&self, id: &TokenId) -> Result<bool, Failure> {
        Ok(match self.lookup(id).await? {
            Introspection::Inactive => false,
            Introspection::Token(token) => token.state(self.clock.now()) == State::Active,
        })
    }
}

#[async_trait]
impl Provider for Passport {
    fn capabilities(&self) -> Capabilities {
        Capabilities { lookup: true, revoke_by_id: true, list: true, ..Capabilities::default() }
    }

    async fn introspect(&self, _token: &TokenValue) -> Result<Introspection, Failure> {
        Ok(Introspection::Inactive)
    }

    async fn lookup(&self, id: &TokenId) -> Result<Introspection, Failure> {
        let Some(uri) = self.uri(id) else { return Ok(Introspection::Inactive) };
        let answer = self.upstream.get(uri).await?;
        Ok(wire::read(answer.status, &answer.body, id)?)
    }

    async fn revoke_by_id(&self, id: &TokenId) -> Result<(), Failure> {
        let Some(uri) = self.uri(id) else { return Ok(()) };
        let body = json!({ "token_id": id.as_str() });
        let exchanges = async {
            let answer = self.upstream.delete(uri, Some(&body)).await?;
            match wire::read_revocation(answer.status, &answer.body, id)? {
                Revocation::Conflict if self.is_active(id).await? => {
                    Err(BadAnswer::Status(answer.status.as_u16()).into())
                }
                Revocation::Conflict | Revocation::Done => Ok(()),
            }
        };
        self.upstream.in_time(exchanges).await
    }

    async fn list(&self, listing: &Listing, from: Option<&Position>) -> Result<Batch, Failure> {
        let Some(page) = Page::of(listing, from)? else { return Ok(Batch::default()) };
        // Filters that no URL can hold.
        let uri = self.address.with_query(TOKENS, &page.query()).map_err(|_| Failure::Unsupported)?;
        let asked_at = self.clock.now();
        let answer = self.upstream.get(uri).await?;
        Ok(page.read(&answer.ok()?, asked_at)?)
    }
}
