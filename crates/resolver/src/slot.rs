use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use introspectd_core::ask::{self, Meter, Operation};
use introspectd_core::trace::{Kind, Span};
use introspectd_core::{
    Batch, Bound, Clock, Failure, Introspection, Issued, Provider, ProviderName, Token,
};
use introspectd_fleet::Digests;
use tokio::sync::Semaphore;

use crate::fact::{Fact, Resolution, Source};
use crate::gate_log::GateLog;
use crate::key::KeyMaker;
use crate::limits::{CacheTimes, MAX_CONCURRENT_LISTS, MAX_WAITING_LISTS};
use crate::log_limit::LogLimit;
use crate::lookup::Lookups;
use crate::purge_log::ProviderPurges;
use crate::router::Match;
use crate::status::LastFailure;

/// Configured provider.
#[derive(Debug)]
pub struct ProviderEntry {
    /// Unique name.
    pub name: ProviderName,
    /// `kind` in the configuration: `passport`, …
    pub kind: &'static str,
    /// Adapter that sends the requests.
    pub provider: Arc<dyn Provider>,
    /// Rule that recognizes its tokens. Without one it gets only requests that name it, and tokens
    /// that no other rule matches.
    pub matching: Option<Match>,
    /// `iss` of its tokens if its answers lack one.
    pub issuer: Option<String>,
    /// Longest time by which `nbf` of its tokens may lie ahead of our clock.
    pub clock_skew: Duration,
    /// Deadline of one answer, which is the adapter's own for each call.
    pub timeout: Duration,
    /// Times of its facts; `None` for those of the cache.
    pub times: Option<CacheTimes>,
    /// Digest of its configuration: replicas with another one share no facts with this.
    pub revision: [u8; 16],
}

/// Provider with everything that is its alone: the keys of its facts, its purges, limits and
/// failures.
///
/// A slot outlives the table that it stands in: the next table takes over the slot of an unchanged
/// provider, and with it all cached facts.
pub(crate) struct ProviderSlot {
    pub(crate) entry: ProviderEntry,
    pub(crate) keys: KeyMaker,
    pub(crate) purges: Arc<ProviderPurges>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Permits of running lists.
    pub(crate) lists: Semaphore,
    /// Permits of running and waiting lists.
    pub(crate) list_queue: Semaphore,
    pub(crate) last_failure: LastFailure,
    pub(crate) meter: Arc<Meter>,
    /// Times of its facts.
    times: Mutex<CacheTimes>,
    pub(crate) lookups: Lookups,
    log_limit: LogLimit,
    gate_log: GateLog,
}

impl ProviderSlot {
    /// Creates a slot with keys of its own, and these times unless its entry has others.
    ///
    /// # Errors
    /// Fails if the system provides no random bytes.
    pub(crate) fn new(
        entry: ProviderEntry,
        purges: Arc<ProviderPurges>,
        clock: Arc<dyn Clock>,
        times: CacheTimes,
        digests: Digests,
    ) -> io::Result<Self> {
        Ok(Self {
            meter: entry.provider.meter(),
            times: Mutex::new(entry.times.unwrap_or(times)),
            entry,
            keys: KeyMaker::new(digests)?,
            purges,
            clock,
            lists: Semaphore::new(MAX_CONCURRENT_LISTS),
            list_queue: Semaphore::new(MAX_CONCURRENT_LISTS + MAX_WAITING_LISTS),
            last_failure: LastFailure::default(),
            lookups: Lookups::default(),
            log_limit: LogLimit::default(),
            gate_log: GateLog::default(),
        })
    }

    /// Returns the times of facts that are requested from now on.
    pub(crate) fn times(&self) -> CacheTimes {
        *self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_times(&self, times: CacheTimes) {
        *self.times.lock().unwrap_or_else(PoisonError::into_inner) = times;
    }

    pub(crate) fn name(&self) -> &ProviderName {
        &self.entry.name
    }

    pub(crate) fn resolution<K>(
        &self,
        fact: Fact<K>,
        source: Source,
        fresh_for: Duration,
    ) -> Resolution<'_, K> {
        Resolution {
            fact: Some((self.name(), fact)),
            source,
            fresh_for,
        }
    }

    /// Awaits an ask, and counts, records and logs its outcome.
    pub(crate) async fn observe<T: Answer>(
        &self,
        operation: Operation,
        ask: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let started = Instant::now();
        let request = ask::Context::current();
        let span = Span::start(request.trace(), "ask", Kind::Internal);
        let context = request.part(span.trace());
        let answer = context.clone().scope(ask).await;
        let took = started.elapsed();
        let outcome = match &answer {
            Ok(answer) => Some(answer.outcome()),
            Err(failure) => ask::Outcome::of(failure),
        };
        if let Some(outcome) = outcome
            && context.is_sent()
        {
            self.meter.count(operation, outcome, took);
            self.end(span, operation, outcome, answer.is_err());
        } else {
            span.discard();
        }
        match &answer {
            Ok(_) => {
                tracing::debug!(provider = %self.name(), after = ?took, "provider answered")
            }
            Err(failure) => self.note(operation, failure, took),
        }
        self.gate_log
            .look(self.name(), || self.entry.provider.gauges());
        answer
    }

    fn end(&self, mut span: Span, operation: Operation, outcome: ask::Outcome, has_failed: bool) {
        span.set("introspectd.provider", || self.name().to_string());
        span.set("introspectd.operation", || operation.as_str());
        span.set("introspectd.outcome", || outcome.as_str());
        if has_failed {
            span.fail(outcome.as_str());
        }
        span.end();
    }

    fn note(&self, operation: Operation, failure: &Failure, took: Duration) {
        if *failure == Failure::Unsupported {
            return;
        }
        self.last_failure.record(failure, self.clock.now());
        if operation == Operation::Revoke {
            // Whoever takes a token back has to know, so that no limit hides it.
            tracing::warn!(provider = %self.name(), after = ?took, %failure, "revocation failed");
        } else if ask::Outcome::of(failure) != Some(ask::Outcome::BreakerOpen) {
            let now = self.clock.elapsed();
            self.log_limit.log(self.name(), failure, took, now);
        }
    }

    /// Adds what the configuration says of the provider's tokens.
    pub(crate) fn complete(&self, token: &mut Token) {
        token.allow_skew(self.entry.clock_skew);
        if token.iss.is_none() {
            token.iss.clone_from(&self.entry.issuer);
        }
    }
}

/// Answer of a provider, as it is counted.
pub(crate) trait Answer {
    fn outcome(&self) -> ask::Outcome {
        ask::Outcome::Ok
    }
}

impl Answer for Introspection {
    fn outcome(&self) -> ask::Outcome {
        match self {
            Self::Token(_) => ask::Outcome::Ok,
            Self::Inactive => ask::Outcome::Inactive,
        }
    }
}

impl Answer for () {}
impl Answer for Batch {}
impl Answer for Bound {}
impl Answer for Issued {}

impl fmt::Debug for ProviderSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderSlot")
            .field("entry", &self.entry)
            .finish_non_exhaustive()
    }
}
