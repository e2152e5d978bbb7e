mod issuance;
mod records;
mod revocation;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::ask::{Gauges, Meter};
use crate::{Failure, Health, Introspection, TokenId, TokenValue};

pub use issuance::{Binding, Bindings, Bound, Found, Issuance, Issued, Kept};
pub use records::{Lists, Records};
pub use revocation::{Remembered, Revocation, RevocationById, Revocations, Revoked};

/// Client of one authorization server, implemented by its adapter.
///
/// Every provider introspects. Any other capability is a trait of its own, reached by a method that
/// returns `None` where the vendor has no such call: what a provider supports and what can be
/// called on it are the same thing.
///
/// An implementation caches nothing (the resolver does) and keeps its own deadline: each call ends
/// within the provider's configured time. Calls are cancel-safe: a dropped future abandons the
/// request and leaves nothing half done.
#[async_trait]
pub trait Provider: fmt::Debug + Send + Sync + 'static {
    /// Health by the last request that was sent to the provider.
    fn health(&self) -> Health;

    /// Present state of the way to the provider.
    fn gauges(&self) -> Gauges {
        Gauges::default()
    }

    /// Counters of the provider's asks, where its client counts some by itself (retries, grants).
    fn meter(&self) -> Arc<Meter> {
        Arc::default()
    }

    /// Returns true if tokens are judged here, without a request: that costs less than a look into
    /// a tier that replicas share.
    fn is_local(&self) -> bool {
        false
    }

    /// Introspects the token that a client presented.
    ///
    /// # Errors
    /// A [`Failure`] unless the provider gave a definite answer about this very token.
    async fn introspect(&self, token: &TokenValue) -> Result<Introspection, Failure>;

    /// Judges a token that is not active once more, and returns what it is refused for, in words
    /// for an operator that hold nothing of it. `None` if the provider does not judge by itself (a
    /// server's answer gives no reason), or now finds nothing to object to.
    ///
    /// Asks no server about the token. It may wait for keys, within the provider's time.
    async fn objection(&self, token: &TokenValue) -> Option<String> {
        let _ = token;
        None
    }

    /// Normalizes a `jti`, or an id from a request, to the id of a record, so that ids can be
    /// compared; `None` if it names no record of the provider's.
    fn record_id(&self, jti: &str) -> Option<TokenId> {
        let _ = jti;
        None
    }

    /// Records by their ids.
    fn records(&self) -> Option<&dyn Records> {
        None
    }

    /// Lists of records.
    fn lists(&self) -> Option<&dyn Lists> {
        None
    }

    /// Revocation of tokens by their values.
    fn revocation(&self) -> Option<&dyn Revocation> {
        None
    }

    /// Revocation of tokens by the ids of their records.
    fn revocation_by_id(&self) -> Option<&dyn RevocationById> {
        None
    }

    /// Issuance of tokens, and bindings of tokens to records.
    fn issuance(&self) -> Option<&dyn Issuance> {
        None
    }
}

/// Operations that a provider supports, as shown to operators. An unsupported one is refused as
/// such, never answered with an empty result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Introspection of a token, which every provider supports.
    pub introspect: bool,
    /// Lookup by token id.
    pub lookup: bool,
    /// Revocation of a token.
    pub revoke: bool,
    /// Revocation by token id.
    pub revoke_by_id: bool,
    /// Lists of records.
    pub list: bool,
    /// Binding of a token to a record.
    pub bind: bool,
    /// Issuance of tokens with the caller's credentials.
    pub issue: bool,
}

impl Capabilities {
    /// Returns the operations of this provider, by the traits that it offers.
    pub fn of(provider: &dyn Provider) -> Self {
        let is_issuer = provider.issuance().is_some();
        Self {
            introspect: true,
            lookup: provider.records().is_some(),
            revoke: provider.revocation().is_some(),
            revoke_by_id: provider.revocation_by_id().is_some(),
            list: provider.lists().is_some(),
            bind: is_issuer,
            issue: is_issuer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Batch, Listing, Position};

    /// Provider that introspects, and lists if it says so.
    #[derive(Debug)]
    struct Lister {
        lists: bool,
    }

    #[async_trait]
    impl Provider for Lister {
        fn health(&self) -> Health {
            Health::Unknown
        }

        async fn introspect(&self, _: &TokenValue) -> Result<Introspection, Failure> {
            Ok(Introspection::Inactive)
        }

        fn lists(&self) -> Option<&dyn Lists> {
            self.lists.then_some(self)
        }
    }

    #[async_trait]
    impl Lists for Lister {
        async fn list(&self, _: &Listing, _: Option<&Position>) -> Result<Batch, Failure> {
            Ok(Batch::default())
        }
    }

    #[test]
    fn capabilities_are_the_traits_that_a_provider_offers() {
        for lists in [false, true] {
            let expected = Capabilities {
                introspect: true,
                lookup: false,
                revoke: false,
                revoke_by_id: false,
                list: lists,
                bind: false,
                issue: false,
            };
            assert_eq!(Capabilities::of(&Lister { lists }), expected);
        }
    }
}
