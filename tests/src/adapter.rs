use std::sync::Arc;

use introspectd_core::{Batch, Failure, Listing, Position, Provider, TokenId, TokenValue};
use introspectd_simulators::Simulator;

use crate::gateway::provider;
use crate::{Fixture, Sent, now};

/// An adapter before its vendor's simulator, without a gateway.
pub struct Adapter<V: Fixture> {
    pub server: Simulator<V::Server>,
    pub provider: Arc<dyn Provider>,
}

impl<V: Fixture> Adapter<V> {
    /// Opens an adapter with the vendor's usual configuration.
    pub async fn open() -> Self {
        Self::open_with("timeout = \"60s\"").await
    }

    /// Opens an adapter with further lines in the provider's section.
    pub async fn open_with(lines: &str) -> Self {
        let server = Simulator::start(V::server(now()))
            .await
            .expect("a free port");
        let provider = provider(&format!("{}\n{lines}", V::section(&server.base_url())));
        Self { server, provider }
    }

    /// Takes a token back, or for the vendor that is asked by id, the token of an id.
    ///
    /// # Errors
    /// As the adapter says.
    pub async fn revoke(&self, identifier: &str) -> Result<(), Failure> {
        match self.provider.revocation_by_id() {
            Some(revocation) => revocation.revoke_by_id(&id(identifier)).await,
            None => self.revoke_by_value(identifier).await,
        }
    }

    /// Takes a token back by its value.
    ///
    /// # Errors
    /// As the adapter says.
    pub async fn revoke_by_value(&self, text: &str) -> Result<(), Failure> {
        self.provider
            .revocation()
            .expect("a revocation")
            .revoke(&token(text))
            .await
    }

    /// Lists records, as the adapter says.
    ///
    /// # Errors
    /// As the adapter says.
    pub async fn list(&self, listing: &Listing, from: Option<&Position>) -> Result<Batch, Failure> {
        self.provider
            .lists()
            .expect("a list")
            .list(listing, from)
            .await
    }

    /// Requests to the vendor since the start or the last call.
    pub fn sent(&self) -> Vec<Sent> {
        let sent = self.server.requests().iter().map(Sent::from).collect();
        self.server.forget();
        sent
    }
}

fn token(text: &str) -> TokenValue {
    TokenValue::parse(text.to_owned()).expect("a token")
}

fn id(text: &str) -> TokenId {
    TokenId::parse(text.to_owned()).expect("an id")
}
