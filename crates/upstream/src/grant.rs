use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use http::HeaderValue;
use introspectd_core::ask::{self, Context, Meter, Operation};
use introspectd_core::{Clock, Failure, HealthRecord, Outage, Timestamp};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::JoinHandle;
use tracing::Instrument as _;

use crate::grant_request::{GrantRequest, Issued};
use crate::headers::Headers;
use crate::pool::Pool;
use crate::stage::Stage;

/// Bearer token of our own, by the grant `client_credentials` (RFC 6749 section 4.4).
///
/// It is renewed before it ends and after a 401, by one flight for all waiters: they share its
/// outcome, good or bad. The flight has a task and a deadline of its own. As part of a request it
/// would end with that request, and the next waiter, with less time left, would start over: under
/// load and with a slow token endpoint, none would ever arrive.
pub(crate) struct Grant {
    request: GrantRequest,
    pool: Pool,
    headers: Headers,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    held: ArcSwapOption<Held>,
    /// Stage of the flight, or of the last one.
    stage: Stage,
    /// Held by the flight.
    renewal: Arc<Mutex<()>>,
    /// Number of renewals that have ended; a request that waited through one takes its outcome.
    renewals: AtomicU64,
    last_failure: std::sync::Mutex<Option<GrantFailure>>,
    observer: GrantObserver,
}

/// Observer of each grant, which is an ask of its own.
pub(crate) struct GrantObserver {
    pub(crate) health: Arc<HealthRecord>,
    pub(crate) meter: Arc<Meter>,
}

struct GrantFailure {
    failure: Failure,
    /// Moment by [`Clock::elapsed`].
    at: Duration,
    /// Time of its last line in the log.
    logged_at: Duration,
}

/// Pause after a failed early renewal, without which every request would try again, and time
/// between two lines in the log about the same failure.
const REST: Duration = Duration::from_secs(1);

/// Shortest use of a token. Without it, a server whose tokens are over at once would be asked for
/// one each time.
const LEAST_LIFE: Duration = Duration::from_secs(1);

/// Held token.
pub(crate) struct Held {
    header: HeaderValue,
    /// Moment by [`Clock::elapsed`]. `None`: the server did not say, so it serves until a 401.
    ends: Option<Ends>,
    /// The same end by the wall clock, for operators.
    expiry: Option<Timestamp>,
}

struct Ends {
    renew_from: Duration,
    at: Duration,
}

impl Grant {
    pub(crate) fn new(
        request: GrantRequest,
        pool: Pool,
        headers: Headers,
        timeout: Duration,
        clock: Arc<dyn Clock>,
        observer: GrantObserver,
    ) -> Self {
        Self {
            request,
            pool,
            headers,
            timeout,
            clock,
            held: ArcSwapOption::empty(),
            stage: Stage::default(),
            renewal: Arc::default(),
            renewals: AtomicU64::new(0),
            last_failure: std::sync::Mutex::default(),
            observer,
        }
    }

    /// Returns the token to use now. An early renewal delays no request: meanwhile the old token
    /// serves.
    pub(crate) async fn bearer(self: &Arc<Self>) -> Result<Arc<Held>, Failure> {
        // Before `held`, so that a renewal which ends in between counts as waited for.
        let seen = self.renewals.load(Ordering::Acquire);
        let now = self.clock.elapsed();
        match self.held.load_full() {
            Some(held) if held.is_fresh(now) => Ok(held),
            Some(held) if held.is_usable(now) => {
                if let Ok(turn) = Arc::clone(&self.renewal).try_lock_owned()
                    && self.renewals.load(Ordering::Acquire) == seen
                    && self
                        .last_failure()
                        .as_ref()
                        .is_none_or(|last| now >= last.at + REST)
                {
                    drop(self.fly(turn));
                }
                Ok(held)
            }
            _ => self.renew_or_share(seen).await,
        }
    }

    /// Returns another token than the refused one.
    pub(crate) async fn after_refusal(
        self: &Arc<Self>,
        refused: &Arc<Held>,
    ) -> Result<Arc<Held>, Failure> {
        let seen = self.renewals.load(Ordering::Acquire);
        match self.held.load_full() {
            Some(held) if !Arc::ptr_eq(&held, refused) => Ok(held),
            _ => self.renew_or_share(seen).await,
        }
    }

    async fn renew_or_share(self: &Arc<Self>, seen: u64) -> Result<Arc<Held>, Failure> {
        let turn = Arc::clone(&self.renewal).lock_owned().await;
        if self.renewals.load(Ordering::Acquire) == seen {
            return self
                .fly(turn)
                .await
                .unwrap_or(Err(Failure::outage(Outage::Abandoned)));
        }
        drop(turn);
        let failure = self
            .last_failure()
            .as_ref()
            .map(|last| last.failure.clone());
        match (failure, self.held.load_full()) {
            (None, Some(held)) => Ok(held),
            (Some(failure), _) => Err(failure),
            (None, None) => Err(Failure::outage(Outage::Abandoned)),
        }
    }

    fn fly(self: &Arc<Self>, turn: OwnedMutexGuard<()>) -> JoinHandle<Result<Arc<Held>, Failure>> {
        let grant = Arc::clone(self);
        let flight = async move {
            let outcome = grant.renew().await;
            drop(turn);
            outcome
        };
        let context = Context::current();
        tokio::spawn(context.scope(flight).in_current_span())
    }

    /// Returns the end of the token that we hold, if the server named one.
    pub(crate) fn expiry(&self) -> Option<Timestamp> {
        self.held.load().as_ref().and_then(|held| held.expiry)
    }

    /// Returns the stage of the renewal under way, or of the last one.
    pub(crate) fn stage(&self) -> &Stage {
        &self.stage
    }

    async fn renew(&self) -> Result<Arc<Held>, Failure> {
        let (asked_at, now) = (self.clock.elapsed(), self.clock.now());
        let began = Instant::now();
        self.stage.connected();
        let sending = self.request.send(&self.pool, &self.headers, &self.stage);
        let outcome = tokio::time::timeout(self.timeout, sending)
            .await
            .unwrap_or_else(|_| Err(self.stage.timeout()))
            .map(|issued| Arc::new(Held::new(issued, asked_at, now)));
        self.observer.observe(outcome.as_ref(), began.elapsed());
        if let Ok(held) = &outcome {
            self.held.store(Some(Arc::clone(held)));
        }
        let is_news = self.note(outcome.as_ref().err(), asked_at);
        self.renewals.fetch_add(1, Ordering::Release);
        match &outcome {
            Ok(_) => tracing::debug!("renewed our credential"),
            Err(failure) if is_news => tracing::warn!(%failure, "could not renew our credential"),
            Err(_) => {}
        }
        outcome
    }

    /// Records the outcome of a renewal, and returns true if its failure gets a line in the log.
    fn note(&self, failure: Option<&Failure>, at: Duration) -> bool {
        let mut last = self.last_failure();
        let known = last
            .as_ref()
            .filter(|last| Some(&last.failure) == failure && at < last.logged_at + REST);
        let is_news = known.is_none();
        let logged_at = known.map_or(at, |known| known.logged_at);
        *last = failure.map(|failure| GrantFailure {
            failure: failure.clone(),
            at,
            logged_at,
        });
        is_news
    }

    fn last_failure(&self) -> MutexGuard<'_, Option<GrantFailure>> {
        self.last_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl GrantObserver {
    fn observe<T>(&self, outcome: Result<T, &Failure>, took: Duration) {
        let outcome = outcome.map(|_| ());
        self.health.observe_grant(outcome);
        let counted = match outcome {
            Ok(()) => Some(ask::Outcome::Ok),
            Err(failure) => ask::Outcome::of(failure),
        };
        if let Some(counted) = counted {
            self.meter.count(Operation::Grant, counted, took);
        }
    }
}

impl Held {
    fn new(issued: Issued, asked_at: Duration, now: Timestamp) -> Self {
        let seconds = issued
            .life
            .and_then(|life| i64::try_from(life.as_secs()).ok());
        let ends = issued.life.map(|life| {
            // One that is over at once serves whoever waited for it, and the others of that moment.
            let life = life.max(LEAST_LIFE);
            let margin = if life > LEAST_LIFE {
                (life / 5).min(Duration::from_secs(30))
            } else {
                Duration::ZERO
            };
            Ends {
                renew_from: asked_at + life - margin,
                at: asked_at + life,
            }
        });
        Self {
            header: issued.header,
            ends,
            expiry: seconds.and_then(|seconds| now.plus_seconds(seconds)),
        }
    }

    pub(crate) fn header(&self) -> &HeaderValue {
        &self.header
    }

    fn is_fresh(&self, now: Duration) -> bool {
        self.ends.as_ref().is_none_or(|ends| now < ends.renew_from)
    }

    fn is_usable(&self, now: Duration) -> bool {
        self.ends.as_ref().is_none_or(|ends| now < ends.at)
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.request.fmt(f)
    }
}
