use std::io;
use std::sync::Arc;

use introspectd_core::{Clock, ProviderName, Timestamp, TokenValue};
use introspectd_resolver::{PoolStatus, ProviderStatus, Resolver};

use crate::access::{Caller, Rules};
use crate::answer::KeptAnswer;
use crate::event::{Begun, Details, Event, Headline};
use crate::fingerprint::{Fingerprint, Fingerprints};
use crate::observer::{Observer, Observers, Published};
use crate::page_token::PageTokens;
use crate::refusal::{InvalidRequest, RequestFault};
use crate::request_id::{RequestIds, request_id};
use crate::tally::{EndpointName, Entered, InFlight};

/// All that operations need: access rules, resolver, clock, and who observes them.
pub struct Service {
    rules: Arc<Rules>,
    pub(crate) resolver: Arc<Resolver<KeptAnswer>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) page_tokens: PageTokens,
    fingerprints: Fingerprints,
    observers: Observers,
    in_flight: InFlight,
}

impl Service {
    /// Creates a service without observers.
    ///
    /// # Errors
    /// The system's, if it gives no random bytes for the key of page tokens.
    pub fn new(
        rules: Rules,
        resolver: Arc<Resolver<KeptAnswer>>,
        clock: Arc<dyn Clock>,
        fingerprints: Fingerprints,
    ) -> io::Result<Self> {
        let (rules, page_tokens) = (Arc::new(rules), PageTokens::new()?);
        let observers = Observers::default();
        Ok(Self {
            rules,
            resolver,
            clock,
            page_tokens,
            fingerprints,
            observers,
            in_flight: InFlight::default(),
        })
    }

    /// Replaces the observers.
    #[must_use]
    pub fn with_observers(self, observers: Vec<Arc<dyn Observer>>) -> Self {
        Self {
            observers: Observers::new(observers),
            ..self
        }
    }

    /// Returns the access rules in force.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Returns the time that requests are judged by.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Begins a request: notes when it arrived, and where.
    #[inline]
    pub fn begin(&self, endpoint: EndpointName) -> Begun {
        Begun {
            endpoint,
            at: self.clock.elapsed(),
        }
    }

    /// Counts a request as in flight until what is returned is dropped.
    #[inline]
    pub fn enter(&self) -> Entered<'_> {
        self.in_flight.enter()
    }

    /// Returns the number of requests in flight.
    pub fn in_flight(&self) -> u64 {
        self.in_flight.count()
    }

    /// All providers, in the order of their configuration.
    pub fn all_providers(&self) -> impl Iterator<Item = ProviderStatus<'_>> {
        self.resolver.providers()
    }

    /// Returns the pools of the cache: of active facts, and of all others.
    pub fn cache_pools(&self) -> [PoolStatus; 2] {
        self.resolver.pools()
    }

    /// Returns the number of entries that purges removed from the cache.
    pub fn purged(&self) -> u64 {
        self.resolver.purged()
    }

    /// Returns the provider that a parameter names.
    ///
    /// # Errors
    /// [`InvalidRequest::UnknownProvider`] if there is none, or the caller may not see it: the two
    /// look alike.
    pub fn known_provider(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<&ProviderName, InvalidRequest> {
        let provider = self
            .resolver
            .provider(name)
            .filter(|provider| caller.may_ask(provider));
        provider.ok_or(InvalidRequest::UnknownProvider)
    }

    /// Returns the provider that a path names.
    ///
    /// # Errors
    /// [`RequestFault::NotFound`] if there is none, or the caller may not see it.
    pub fn visible_provider(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<&ProviderName, RequestFault> {
        self.known_provider(caller, name)
            .map_err(|_| RequestFault::NotFound)
    }

    /// Returns the fingerprint of a token, as log and audit log have it.
    pub fn fingerprint(&self, token: &TokenValue) -> Fingerprint {
        self.fingerprints.of(token)
    }

    /// Collects details of a request about a token: its provider, if it belongs to exactly one.
    pub fn token_details(
        &self,
        caller: &Caller,
        token: &TokenValue,
        only: Option<&ProviderName>,
    ) -> Details {
        self.details_within(token, only, |name| caller.may_ask(name))
    }

    /// Collects details of a request about a token, among the providers that `may_ask` accepts.
    pub fn details_within(
        &self,
        token: &TokenValue,
        only: Option<&ProviderName>,
        may_ask: impl Fn(&ProviderName) -> bool,
    ) -> Details {
        let providers = self.resolver.belongs_to(token, only, may_ask);
        let provider = match providers.as_slice() {
            [one] => Some((*one).clone()),
            _ => None,
        };
        let (token, is_unrouted) = (Some(token.clone()), providers.is_empty());
        Details {
            provider,
            token,
            is_unrouted,
            ..Details::default()
        }
    }

    /// Counts a request that passed. An active token has no other event.
    #[inline]
    pub fn count<'a>(&self, headline: impl FnOnce() -> Headline<'a>) {
        self.observers.count(headline);
    }

    /// Publishes what happened with a request, once, at its end. `details` is called only if an
    /// observer wants them.
    pub fn publish(
        &self,
        headline: Headline<'_>,
        request: &impl RequestIds,
        details: impl FnOnce() -> Details,
    ) -> Published {
        self.observers.publish(headline, |observe| {
            let details = details();
            let of_value = || {
                details
                    .hidden_value()
                    .map(|value| self.fingerprints.of_text(value))
            };
            let fingerprint = details
                .token
                .as_ref()
                .map(|token| self.fingerprint(token))
                .or_else(of_value);
            let request_id = request_id(request, headline.operation, &details);
            let (details, request_id, time) = (&details, request_id.as_str(), self.now());
            observe(&Event {
                headline,
                details,
                fingerprint,
                request_id,
                time,
            });
        })
    }

    /// Begins another second of the limit on refusals. Call it once a second: observers get the
    /// number that the last second left out.
    pub fn begin_second(&self) {
        self.observers.begin_second(self.now());
    }
}
