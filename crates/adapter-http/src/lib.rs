//! Adapter of servers without RFC 7662: their requests and answers are described, not programmed.
//!
//! A description is data, read at the start into types that cannot be wrong: conditions that an
//! answer meets, pointers to its members, requests with one place for the identifier. It has no
//! expressions. An answer is judged strictly: what a description does not foresee, a wrong type
//! among it, is a failure, never an inactive token and never an active one.

mod config;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use introspectd_core::ask::{Gauges, Meter};
use introspectd_core::{
    Clock, Failure, Health, Introspection, Provider, Records, Revocation, TokenId, TokenValue,
};
use introspectd_upstream::{Exchange, MASK, Outbound, Upstream};

use config::{Ask, Revoke};
use wire::{Asked, Reading};

pub use config::Config;

/// Described provider.
#[derive(Debug)]
pub struct Described {
    server: Arc<Server>,
    introspect: Ask,
    lookup: Option<Lookup>,
    revocation: Option<DescribedRevocation>,
}

/// Server behind all of its requests.
#[derive(Debug)]
struct Server {
    upstream: Upstream,
    reading: Reading,
    clock: Arc<dyn Clock>,
}

#[derive(Debug)]
struct Lookup {
    server: Arc<Server>,
    ask: Ask,
}

#[derive(Debug)]
struct DescribedRevocation {
    server: Arc<Server>,
    revoke: Revoke,
}

impl Described {
    /// Creates the provider from its configuration.
    pub fn new(config: Config, clock: Arc<dyn Clock>, outbound: &Outbound) -> Self {
        let Config {
            connection,
            introspect,
            lookup,
            revoke,
            reading,
            ..
        } = config;
        let server = Arc::new(Server {
            upstream: Upstream::new(connection, Arc::clone(&clock), outbound),
            reading,
            clock,
        });
        let lookup = lookup.map(|ask| Lookup {
            server: Arc::clone(&server),
            ask,
        });
        let revocation = revoke.map(|revoke| DescribedRevocation {
            server: Arc::clone(&server),
            revoke,
        });
        Self {
            server,
            introspect,
            lookup,
            revocation,
        }
    }

    /// Introspects like [`Provider::introspect`], but without retry, and returns the exchange for
    /// inspection; `None` if the token is unfit for its place in the request, and inactive for it.
    pub async fn expose(&self, token: &TokenValue) -> Option<Exchange<Introspection>> {
        let request = self.introspect.request(token.expose())?;
        let shown = self.introspect.shown(MASK)?;
        let (server, now) = (&self.server, self.server.clock.now());
        let exchange = server.upstream.expose_as(request, &shown).await;
        Some(exchange.and_then(|response| {
            let asked = Asked::Token(token);
            let (status, body) = (response.status, &response.body);
            Ok(wire::read(status, body, asked, &server.reading, now)?)
        }))
    }
}

impl Server {
    async fn ask(
        &self,
        ask: &Ask,
        identifier: &str,
        asked: Asked<'_>,
    ) -> Result<Introspection, Failure> {
        // Taken before the request: a remaining life counts from here at the latest.
        let now = self.clock.now();
        let Some(request) = ask.request(identifier) else {
            return Ok(Introspection::Inactive);
        };
        let response = self.upstream.send(request.repeatable()).await?;
        let (status, body) = (response.status, &response.body);
        Ok(wire::read(status, body, asked, &self.reading, now)?)
    }
}

#[async_trait]
impl Provider for Described {
    fn health(&self) -> Health {
        self.server.upstream.health()
    }

    fn gauges(&self) -> Gauges {
        self.server.upstream.gauges()
    }

    fn meter(&self) -> Arc<Meter> {
        self.server.upstream.meter()
    }

    async fn introspect(&self, token: &TokenValue) -> Result<Introspection, Failure> {
        let asked = Asked::Token(token);
        self.server
            .ask(&self.introspect, token.expose(), asked)
            .await
    }

    /// Takes the `jti` as it is.
    fn record_id(&self, jti: &str) -> Option<TokenId> {
        TokenId::parse(jti.to_owned()).ok()
    }

    fn records(&self) -> Option<&dyn Records> {
        self.lookup.as_ref().map(|it| it as _)
    }

    fn revocation(&self) -> Option<&dyn Revocation> {
        self.revocation.as_ref().map(|it| it as _)
    }
}

#[async_trait]
impl Records for Lookup {
    async fn lookup(&self, id: &TokenId) -> Result<Introspection, Failure> {
        self.server.ask(&self.ask, id.as_str(), Asked::Id(id)).await
    }

    /// False: which form the server's ids have is not described, so that any text may be a token.
    fn is_id(&self, _: &TokenId) -> bool {
        false
    }

    fn spells_an_id(&self, _: &TokenValue) -> bool {
        false
    }
}

#[async_trait]
impl Revocation for DescribedRevocation {
    async fn revoke(&self, token: &TokenValue) -> Result<(), Failure> {
        let Revoke { ask, done } = &self.revoke;
        let Some(request) = ask.request(token.expose()) else {
            return Ok(());
        };
        let response = self.server.upstream.send(request).await?;
        wire::read_revocation(response.status, &response.body, done)
    }
}
