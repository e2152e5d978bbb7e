use std::io;
use std::sync::Arc;

use introspectd_core::ask::Context;
use introspectd_core::trace::Tracer;
use introspectd_core::{Clock, ProviderName, Timestamp, TokenValue};
use introspectd_resolver::{
    CacheTimes, NextProviders, PoolStatus, ProviderStatus, Replica, Resolver, Unmatched,
};

use crate::access::{Caller, Permission, Rules};
use crate::answer::KeptAnswer;
use crate::event::{Details, Event, Headline, Operation, RequestContext};
use crate::fingerprint::{Fingerprint, Fingerprints};
use crate::identity::Begun;
use crate::observer::{Observer, Observers, Published};
use crate::page_token::PageTokens;
use crate::proof::Possession;
use crate::refusal::{CallerFault, InvalidRequest, RequestFault};
use crate::request_id::settle;
use crate::seen::Seen;
use crate::signing::Signing;
use crate::tally::EndpointName;
use crate::transmitter::Transmitters;

/// All that operations need: access rules, resolver, clock, and who observes them.
///
/// A service never changes. That of a changed configuration ([`Service::reconfigured`]) takes its
/// place as a whole, so that no request sees the rules of one and the providers of another.
pub struct Service {
    rules: Rules,
    pub(crate) resolver: Arc<Resolver<KeptAnswer>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) page_tokens: Arc<PageTokens>,
    pub(crate) seen: Arc<Seen>,
    pub(crate) possession: Arc<Possession>,
    transmitters: Transmitters,
    signing: Option<Signing>,
    fingerprints: Fingerprints,
    observers: Arc<Observers>,
    tracer: Option<Tracer>,
}

/// Changed configuration of a service.
pub struct Reconfiguration {
    /// Access rules.
    pub rules: Rules,
    /// Servers that tell of their subjects.
    pub transmitters: Transmitters,
    /// Keys that sign answers.
    pub signing: Option<Signing>,
    /// Providers.
    pub providers: NextProviders,
    /// Handling of tokens that no provider matches.
    pub unmatched: Unmatched,
    /// Times of providers without times of their own.
    pub times: CacheTimes,
    /// Maker of fingerprints, if it is another one.
    pub fingerprints: Option<Fingerprints>,
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
        let page_tokens = Arc::new(PageTokens::new()?);
        let observers = Arc::default();
        let seen = Seen::new(Arc::clone(&clock), resolver.fleet().cloned())?;
        let possession = Possession::new(resolver.fleet().cloned())?;
        Ok(Self {
            rules,
            resolver,
            clock,
            page_tokens,
            seen: Arc::new(seen),
            possession: Arc::new(possession),
            transmitters: Transmitters::default(),
            signing: None,
            fingerprints,
            observers,
            tracer: None,
        })
    }

    /// Takes messages of these servers about their subjects.
    #[must_use]
    pub fn with_transmitters(self, transmitters: Transmitters) -> Self {
        Self {
            transmitters,
            ..self
        }
    }

    /// Signs answers for callers that ask for it.
    #[must_use]
    pub fn with_signing(self, signing: Option<Signing>) -> Self {
        Self { signing, ..self }
    }

    /// Has requests traced. The tracer is to be among the observers as well, who end the spans.
    #[must_use]
    pub fn with_tracer(self, tracer: Option<Tracer>) -> Self {
        Self { tracer, ..self }
    }

    /// Replaces the observers.
    #[must_use]
    pub fn with_observers(self, observers: Vec<Arc<dyn Observer>>) -> Self {
        Self {
            observers: Arc::new(Observers::new(observers)),
            ..self
        }
    }

    /// Creates the service of a changed configuration. Callers with the same rate go on counting,
    /// kept providers keep their facts, and page tokens stay good. Nothing of this service changes.
    ///
    /// # Errors
    /// Those of [`Resolver::reconfigured`].
    pub fn reconfigured(&self, change: Reconfiguration) -> io::Result<Self> {
        let Reconfiguration {
            rules,
            transmitters,
            signing,
            providers,
            unmatched,
            times,
            fingerprints,
        } = change;
        let resolver = self.resolver.reconfigured(providers, &unmatched, times)?;
        let mut rules = rules;
        rules.callers.continue_from(&self.rules.callers);
        Ok(Self {
            rules,
            resolver: Arc::new(resolver),
            clock: Arc::clone(&self.clock),
            page_tokens: Arc::clone(&self.page_tokens),
            seen: Arc::clone(&self.seen),
            possession: Arc::clone(&self.possession),
            transmitters,
            signing,
            fingerprints: fingerprints.unwrap_or_else(|| self.fingerprints.clone()),
            observers: Arc::clone(&self.observers),
            tracer: self.tracer.clone(),
        })
    }

    /// Returns where a fleet puts purges of other replicas in force.
    pub fn replica(&self) -> Arc<dyn Replica> {
        self.resolver.replica()
    }

    /// Ends the use of the providers that `next`, which has taken over, did not keep.
    pub fn retire_for(&self, next: &Self) {
        self.resolver.retire_for(&next.resolver);
    }

    /// Returns the number of the configuration in force: 1 at the start, and one more with each
    /// change.
    pub fn revision(&self) -> u64 {
        self.resolver.revision()
    }

    /// Returns the access rules in force.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Returns the servers that tell of their subjects.
    pub fn transmitters(&self) -> &Transmitters {
        &self.transmitters
    }

    /// Returns the keys that sign answers, if there are any.
    pub fn signing(&self) -> Option<&Signing> {
        self.signing.as_ref()
    }

    /// Admits a request of a caller that was found: within its rate, then with one of these
    /// permissions; none are needed where there are none.
    ///
    /// The only place of this order. What follows (policy, body) is not reached by a request over
    /// the rate, and counts all the same if it is refused there.
    ///
    /// # Errors
    /// [`CallerFault`]: not found, over its rate, without permission.
    #[inline]
    pub fn admit<'a>(
        &self,
        begun: Begun,
        found: Result<&'a Arc<Caller>, CallerFault>,
        any_of: &[Permission],
    ) -> Result<&'a Arc<Caller>, CallerFault> {
        let caller = found?;
        caller.count(begun.at)?;
        if !any_of.is_empty() {
            caller.permissions.must_have(any_of)?;
        }
        Ok(caller)
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
            .filter(|provider| caller.permissions.may_ask(provider));
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
        self.details_within(token, only, |name| caller.permissions.may_ask(name))
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

    /// Returns the context of the work for a request.
    pub fn context(&self, request: &RequestContext<'_>) -> Context {
        let context = request
            .identity
            .context(self.tracer.as_ref(), request.begun);
        context.clone()
    }

    /// Returns the context of the work for a request that asks a provider, and settles the
    /// request's id by what it is about.
    #[cold]
    pub fn asking(
        &self,
        request: &RequestContext<'_>,
        operation: Operation,
        details: &Details,
    ) -> Context {
        let context = self.context(request);
        settle(&context, operation, details);
        context
    }

    /// Counts a request that passed. An active token has no other event.
    #[inline]
    pub fn count<'a>(&self, headline: impl FnOnce() -> Headline<'a>) {
        self.observers.count(headline);
    }

    /// Publishes what happened with a request, once, at its end. `details` is called only if an
    /// observer wants them.
    pub fn publish(&self, headline: Headline<'_>, details: impl FnOnce() -> Details) -> Published {
        if let Some(tracer) = &self.tracer {
            // Before it is counted, so that all lines are part of the same trace.
            let RequestContext {
                identity, begun, ..
            } = headline.context;
            identity.sample(tracer, begun);
        }
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
            let context = self.asking(&headline.context, headline.operation, &details);
            let (request_id, trace_id) = (context.request_id(), context.trace_id());
            let event = Event {
                headline,
                details: &details,
                fingerprint,
                request_id: request_id.unwrap_or_default(),
                trace_id,
                time: self.now(),
            };
            // Lines of the log about the event bear the request's id.
            context.clone().sync_scope(|| observe(&event));
        })
    }

    /// Begins another second of the limit on refusals. Call it once a second: observers get the
    /// number that the last second left out.
    pub fn begin_second(&self) {
        self.observers.begin_second(self.now());
    }
}
