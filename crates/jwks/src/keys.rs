use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use introspectd_core::Clock;
use introspectd_core::ask::{Meter, Operation, Outcome};
use introspectd_discovery::{Document, Fetch, Lifetimes, NotFetched, PAUSE, Refreshing, Renewal};
use introspectd_jose::{Algorithm, JwkSet, Jws, Refusal, Unusable, Verified};
use tokio::runtime::Handle;

use crate::status::{NotVerified, Presence, Status};
use crate::turns::Turns;

/// Keys of one issuer, shared by all who verify its signatures.
#[derive(Debug, Clone)]
pub struct Keys {
    document: Document<JwkSet>,
    turns: Arc<Turns>,
}

/// Fetch that is counted.
struct Counted<F> {
    fetch: F,
    meter: Arc<Meter>,
}

impl Keys {
    /// Shortest time between two fetches.
    pub const PAUSE: Duration = PAUSE;

    /// Creates the keys of an issuer, whose name the log shows. None are fetched yet.
    pub fn new(
        name: String,
        fetch: impl Fetch<JwkSet>,
        clock: Arc<dyn Clock>,
        lifetimes: Lifetimes,
    ) -> Self {
        Self::counted_by(Arc::default(), name, fetch, clock, lifetimes)
    }

    /// Creates keys like [`Keys::new`], whose fetches are counted by this meter.
    pub fn counted_by(
        meter: Arc<Meter>,
        name: String,
        fetch: impl Fetch<JwkSet>,
        clock: Arc<dyn Clock>,
        lifetimes: Lifetimes,
    ) -> Self {
        let issuer = name.clone();
        let announce = move |set: &JwkSet| log_new(&issuer, set);
        let fetch = Counted { fetch, meter };
        Self {
            document: Document::new("keys", name, fetch, clock, lifetimes, announce),
            turns: Arc::default(),
        }
    }

    /// Fetches the keys, and again whenever they are due, on this runtime.
    pub fn refresh_on(&self, runtime: &Handle) -> Refreshing {
        self.document.refresh_on(runtime)
    }

    /// Verifies a signature. Waits for a fetch where a newer set may help and is due.
    ///
    /// One verification at a time is computed on each thread, after whatever else is ready there:
    /// it takes up to 0.5 ms, and a crowd of them would hold up everything else on the thread.
    ///
    /// # Errors
    /// [`NotVerified`].
    pub async fn verify<'a>(
        &self,
        jws: &'a Jws<'a>,
        allowed: &[Algorithm],
    ) -> Result<Verified<'a>, NotVerified> {
        let before = self.document.mark();
        let lacking = match self.current() {
            None => None,
            Some(set) => match self.turns.verify(jws, &set, allowed).await {
                Ok(verified) => return Ok(verified),
                Err(refusal) if may_be_newer(jws, refusal) => Some(refusal),
                Err(refusal) => return Err(NotVerified::Refused(refusal)),
            },
        };
        let (set, wait) = match self.document.renew(before).await {
            Renewal::Fetched(set) => (set, None),
            Renewal::Joined(set, wait) => (set, Some(wait)),
            Renewal::Later { wait, is_current } => {
                return Err(match lacking.filter(|_| is_current) {
                    Some(refusal) => NotVerified::Provisional {
                        refusal,
                        retry_after: wait,
                    },
                    None => NotVerified::Later { retry_after: wait },
                });
            }
        };
        if set.keys().is_empty() {
            let retry_after = wait.unwrap_or(PAUSE);
            return Err(NotVerified::Later { retry_after });
        }
        match (self.turns.verify(jws, &set, allowed).await, wait) {
            (Err(refusal), Some(retry_after)) if may_be_newer(jws, refusal) => {
                Err(NotVerified::Provisional {
                    refusal,
                    retry_after,
                })
            }
            (outcome, _) => outcome.map_err(NotVerified::Refused),
        }
    }

    /// Returns the set, unless it is empty: a server that publishes no key has taken its keys back,
    /// and says nothing about tokens.
    fn current(&self) -> Option<Arc<JwkSet>> {
        let current = self.document.current();
        current.filter(|set| !set.keys().is_empty())
    }

    /// Reason why the latest fetch failed; `None` if it did not.
    pub fn failure(&self) -> Option<NotFetched> {
        self.document.failure()
    }

    /// State of the keys.
    pub fn status(&self) -> Status {
        let (set, age) = self.document.held().unzip();
        Status {
            keys: set.map_or(0, |set| set.keys().len()),
            age,
            presence: match self.current() {
                Some(_) => Presence::Present,
                None if self.document.was_tried() => Presence::Missing,
                None => Presence::Awaited,
            },
        }
    }
}

#[async_trait]
impl<F: Fetch<JwkSet>> Fetch<JwkSet> for Counted<F> {
    async fn fetch(&self) -> Result<JwkSet, NotFetched> {
        let started = Instant::now();
        let fetched = self.fetch.fetch().await;
        let outcome = match &fetched {
            Ok(_) => Some(Outcome::Ok),
            Err(NotFetched::Failed(failure)) => Outcome::of(failure),
            Err(NotFetched::Invalid(_) | NotFetched::OtherIssuer | NotFetched::Address(_)) => {
                Some(Outcome::BadAnswer)
            }
        };
        if let Some(outcome) = outcome {
            let took = started.elapsed();
            self.meter.count(Operation::Jwks, outcome, took);
        }
        fetched
    }
}

/// Returns true if a refusal may be for want of a newer set. A signature without `kid` may be made
/// by a key that is not known yet, or by nobody's.
fn may_be_newer(jws: &Jws<'_>, refusal: Refusal) -> bool {
    let names_its_key = jws.unverified_header().kid().is_some();
    match refusal {
        Refusal::UnknownKey => true,
        Refusal::Signature => !names_its_key,
        Refusal::AlgorithmNotAllowed
        | Refusal::KeyAlgorithm
        | Refusal::UnusableKey(_)
        | Refusal::AmbiguousKey => false,
    }
}

pub(crate) fn log_new(issuer: &str, set: &JwkSet) {
    tracing::info!(issuer, keys = set.keys().len(), "keys fetched");
    for left_out in set.left_out() {
        let (place, reason) = (left_out.place, left_out.reason);
        if reason == Unusable::Private {
            tracing::error!(issuer, place, %reason, "key not used: it is known to everybody");
        } else {
            tracing::warn!(issuer, place, %reason, "key not used");
        }
    }
}
