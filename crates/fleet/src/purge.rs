use introspectd_core::{ProviderName, Selection, Selector, Target, Timestamp};
use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Digests};

/// Purge as replicas exchange it: digests in place of tokens, ids and claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purge {
    /// Providers whose facts it selects.
    pub providers: Selection<ProviderName>,
    /// Property that the facts share.
    pub mark: SharedMark,
    /// Revocations that the provider confirmed, to be remembered before the purge is in force.
    pub revoked: Vec<Revocation>,
}

/// Property that the facts of a shared purge have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SharedMark {
    /// Any fact.
    All,
    /// Token, by [`Digests::token`].
    Token(Digest),
    /// Record: by [`Digests::id`], and by [`Digests::claim`] of its `jti`.
    Record(Digest, Digest),
    /// `sub`, by [`Digests::claim`].
    Subject(Digest),
    /// `client_id`, by [`Digests::claim`].
    Client(Digest),
}

/// Confirmed revocation at one provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Provider that confirmed it.
    pub provider: ProviderName,
    /// Digest of the token or record id.
    pub revoked: RevokedDigest,
    /// End of the token, if known.
    pub end: Option<Timestamp>,
}

/// Digest of what was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RevokedDigest {
    /// Token, by [`Digests::token`].
    Token(Digest),
    /// Record, by [`Digests::id`].
    Record(Digest),
}

/// Purge before it has digests: what a replica asks the fleet to publish.
#[derive(Debug, Clone)]
pub struct LocalPurge {
    /// Facts that it selects.
    pub selector: Selector,
    /// Revocations that the provider confirmed.
    pub revoked: Vec<Confirmed>,
}

/// Confirmed revocation before it has a digest, or after.
#[derive(Debug, Clone)]
pub struct Confirmed {
    /// Provider that confirmed it.
    pub provider: ProviderName,
    /// Token or record.
    pub subject: ConfirmedSubject,
    /// End of the token, if known.
    pub end: Option<Timestamp>,
}

/// Subject of a confirmed revocation.
#[derive(Debug, Clone)]
pub enum ConfirmedSubject {
    /// Single token.
    Token(introspectd_core::TokenValue),
    /// Record, and every token that is bound to it.
    Record(introspectd_core::TokenId),
    /// Digest by the secret in force, as a replica has sent it.
    Digest(RevokedDigest),
}

impl Purge {
    /// Purge of every fact.
    pub const EVERYTHING: Self = Self {
        providers: Selection::All,
        mark: SharedMark::All,
        revoked: Vec::new(),
    };

    /// Purge of what this selects, and of these revocations, by their digests.
    pub fn of(selector: &Selector, revoked: &[Confirmed], digests: &Digests) -> Self {
        let named = |name: &ProviderName| {
            let is_selected = selector.providers.contains(name);
            Selection::Only(is_selected.then(|| name.clone()).into_iter().collect())
        };
        let (providers, mark) = match &selector.target {
            Target::Token(token) => (None, SharedMark::Token(digests.token(token.expose()))),
            Target::Record { provider, id } => {
                let (id, claim) = (digests.id(id.as_str()), digests.claim(id.as_str()));
                (Some(named(provider)), SharedMark::Record(id, claim))
            }
            Target::Subject(subject) => (None, SharedMark::Subject(digests.claim(subject))),
            Target::Client(client) => (None, SharedMark::Client(digests.claim(client))),
            Target::Provider(provider) => (Some(named(provider)), SharedMark::All),
            Target::All => (None, SharedMark::All),
        };
        let revoked = revoked.iter().map(|confirmed| confirmed.digest(digests));
        Self {
            providers: providers.unwrap_or_else(|| selector.providers.clone()),
            mark,
            revoked: revoked.collect(),
        }
    }
}

impl Confirmed {
    fn digest(&self, digests: &Digests) -> Revocation {
        Revocation {
            provider: self.provider.clone(),
            revoked: match &self.subject {
                ConfirmedSubject::Token(token) => {
                    RevokedDigest::Token(digests.token(token.expose()))
                }
                ConfirmedSubject::Record(id) => RevokedDigest::Record(digests.id(id.as_str())),
                ConfirmedSubject::Digest(digest) => *digest,
            },
            end: self.end,
        }
    }
}
