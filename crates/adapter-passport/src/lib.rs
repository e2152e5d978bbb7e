//! Passport adapter: looks up, lists, revokes and issues tokens, and binds them to their ids.
//!
//! Passport looks tokens up by id, and its response contains no token: nothing proves which
//! credential it is about. A bare token is therefore looked up by the id that it is bound to, by a
//! trusted caller or because both were seen when it was issued. Without a binding it is inactive.

mod config;
mod list;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{StatusCode, Uri};
use introspectd_core::ask::{Gauges, Meter};
use introspectd_core::{
    BadAnswer, Batch, Binding, Bindings, BindingsFailed, Bound, Clock, Failure, Found, Health,
    Introspection, Issuance, Issued, Kept, Listing, Lists, Position, Provider, ProviderName,
    Records, Revocation, RevocationById, State, Timestamp, TokenId, TokenValue,
};
use introspectd_upstream::{Address, Outbound, Request, Segment, Upstream};
use serde_json::json;

use list::Page;

pub use config::Config;

/// Path of "Retrieve token information",
/// <https://docs.passportfintech.com/EN/retrieve-token-information>, and its neighbours.
const TOKENS: &str = "/v1/iam/oauth/tokens";

/// Passport provider.
#[derive(Debug)]
pub struct Passport {
    upstream: Upstream,
    address: Address,
    clock: Arc<dyn Clock>,
    /// Name that its bindings are stored under.
    name: ProviderName,
    bindings: Arc<dyn Bindings>,
}

impl Passport {
    /// Creates the provider from its configuration, with the store of its bindings.
    pub fn new(
        config: Config,
        clock: Arc<dyn Clock>,
        name: ProviderName,
        bindings: Arc<dyn Bindings>,
        outbound: &Outbound,
    ) -> Self {
        let address = config.connection.address.clone();
        let upstream = Upstream::new(config.connection, Arc::clone(&clock), outbound);
        Self {
            upstream,
            address,
            clock,
            name,
            bindings,
        }
    }

    /// Address of a record; `None` for a text that cannot be a token id.
    fn uri(&self, id: &TokenId) -> Option<Uri> {
        let id = Segment::parse(id.as_str(), &[]).ok()?;
        self.address.with_segment(TOKENS, &id).ok()
    }

    /// Finds the id that this token is bound to.
    async fn find(&self, token: &TokenValue) -> Result<Option<TokenId>, Failure> {
        let found = self.find_even_ended(token).await?;
        Ok(found.and_then(|found| found.unless_ended(self.clock.now())))
    }

    /// Finds the binding of this token, also if it has ended.
    ///
    /// A token id is never bound, whatever the store contains.
    async fn find_even_ended(&self, token: &TokenValue) -> Result<Option<Found>, Failure> {
        if wire::spells_an_id(token) {
            return Ok(None);
        }
        self.stored(self.bindings.find(&self.name, token, self.clock.now()))
            .await
    }

    async fn keep(
        &self,
        token: &TokenValue,
        id: &TokenId,
        end: Timestamp,
        replace: bool,
    ) -> Result<Kept, Failure> {
        let binding = Binding {
            token,
            id,
            end,
            replace,
        };
        self.stored(self.bindings.bind(&self.name, &binding, self.clock.now()))
            .await
    }

    /// Waits for the store no longer than the provider's deadline: a hanging disk counts against
    /// it.
    async fn stored<T>(
        &self,
        call: impl Future<Output = Result<T, BindingsFailed>>,
    ) -> Result<T, Failure> {
        let answer = self.upstream.in_time(async { Ok(call.await) }).await;
        Ok(answer.unwrap_or(Err(BindingsFailed))?)
    }

    /// Returns true if a token that cannot be revoked is still active. Its record does not show a
    /// revocation, and an active token that Passport refuses to revoke must not be reported as
    /// revoked.
    async fn is_active(&self, id: &TokenId) -> Result<bool, Failure> {
        Ok(match self.lookup(id).await? {
            Introspection::Inactive => false,
            Introspection::Token(token) => token.state(self.clock.now()) == State::Active,
        })
    }
}

#[async_trait]
impl Provider for Passport {
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
        let Some(id) = self.find(token).await? else {
            return Ok(Introspection::Inactive);
        };
        Ok(match self.lookup(&id).await? {
            Introspection::Token(record) => Introspection::Token(Box::new(record.redact(token))),
            Introspection::Inactive => Introspection::Inactive,
        })
    }

    /// Lowers the case: a revocation may spell an id in another case than Passport's responses.
    fn record_id(&self, jti: &str) -> Option<TokenId> {
        TokenId::parse(jti.to_ascii_lowercase()).ok()
    }

    fn records(&self) -> Option<&dyn Records> {
        Some(self)
    }

    fn lists(&self) -> Option<&dyn Lists> {
        Some(self)
    }

    fn revocation(&self) -> Option<&dyn Revocation> {
        Some(self)
    }

    fn revocation_by_id(&self) -> Option<&dyn RevocationById> {
        Some(self)
    }

    fn issuance(&self) -> Option<&dyn Issuance> {
        Some(self)
    }
}

#[async_trait]
impl Records for Passport {
    async fn lookup(&self, id: &TokenId) -> Result<Introspection, Failure> {
        let Some(uri) = self.uri(id) else {
            return Ok(Introspection::Inactive);
        };
        let response = self.upstream.send(Request::get(uri)).await?;
        Ok(wire::read(response.status, &response.body, id)?)
    }

    fn is_id(&self, id: &TokenId) -> bool {
        wire::is_id(id)
    }

    fn spells_an_id(&self, text: &TokenValue) -> bool {
        wire::spells_an_id(text)
    }
}

#[async_trait]
impl Lists for Passport {
    async fn list(&self, listing: &Listing, from: Option<&Position>) -> Result<Batch, Failure> {
        let Some(page) = Page::of(listing, from)? else {
            return Ok(Batch::default());
        };
        // A filter may not fit in a URL.
        let uri = self
            .address
            .with_query(TOKENS, &page.query())
            .map_err(|_| Failure::Unsupported)?;
        let asked_at = self.clock.now();
        let response = self.upstream.send(Request::get(uri).listing()).await?;
        Ok(page.read(&response.ok()?, asked_at)?)
    }
}

#[async_trait]
impl Revocation for Passport {
    /// Requires a binding, of late at least: one that has ended names a token that has ended by our
    /// clock. Without one the token may still be active at Passport, and cannot be named there.
    async fn revoke(&self, token: &TokenValue) -> Result<(), Failure> {
        let found = self.find_even_ended(token).await?;
        let Found { id, .. } = found.ok_or(Failure::Unsupported)?;
        self.revoke_by_id(&id).await
    }
}

#[async_trait]
impl RevocationById for Passport {
    async fn revoke_by_id(&self, id: &TokenId) -> Result<(), Failure> {
        let Some(uri) = self.uri(id) else {
            return Ok(());
        };
        let body = json!({ "token_id": id.as_str() });
        let exchanges = async {
            let response = self
                .upstream
                .send(Request::delete(uri).json(body.to_string()))
                .await?;
            match wire::read_revocation(response.status, &response.body, id)? {
                wire::Revocation::Conflict if self.is_active(id).await? => {
                    Err(BadAnswer::Status(response.status.as_u16()).into())
                }
                wire::Revocation::Conflict | wire::Revocation::Done => Ok(()),
            }
        };
        self.upstream.in_time(exchanges).await
    }
}

#[async_trait]
impl Issuance for Passport {
    async fn bound(&self, token: &TokenValue) -> Option<TokenId> {
        self.find(token).await.ok().flatten()
    }

    async fn bind(
        &self,
        token: &TokenValue,
        id: &TokenId,
        replace: bool,
    ) -> Result<Bound, Failure> {
        if wire::spells_an_id(token) {
            return Ok(Bound::IsId);
        }
        // Any other text may be a token, which must not enter a URL: a caller that swapped the two
        // sends nothing.
        if !self.is_id(id) {
            return Ok(Bound::NoSuchToken);
        }
        let end = match self.lookup(id).await? {
            Introspection::Token(record) if record.state(self.clock.now()) == State::Active => {
                record.exp()
            }
            Introspection::Token(_) | Introspection::Inactive => return Ok(Bound::NoSuchToken),
        };
        Ok(
            match self
                .keep(token, id, end.unwrap_or(Timestamp::MAX), replace)
                .await?
            {
                Kept::Done => Bound::Done,
                Kept::OtherId => Bound::OtherId,
            },
        )
    }

    async fn issue(&self, request: Bytes) -> Result<Issued, Failure> {
        let uri = self
            .address
            .below(TOKENS)
            .map_err(|_| Failure::Unsupported)?;
        let response = self
            .upstream
            .send(Request::post(uri).json(request).relayed())
            .await?;
        let token = match response.status {
            StatusCode::OK | StatusCode::CREATED => {
                let wire::Created { token, id, end } = wire::read_created(&response.body)?;
                // The issuer knows the token's record better than an earlier binding.
                match self.keep(&token, &id, end, true).await? {
                    Kept::Done => Some(token),
                    Kept::OtherId => None,
                }
            }
            // These statuses concern the caller's own credentials.
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => None,
            other => return Err(BadAnswer::Status(other.as_u16()).into()),
        };
        let content_type = response.content_type().map(str::to_owned);
        Ok(Issued {
            status: response.status.as_u16(),
            content_type,
            body: response.body,
            token,
        })
    }
}
