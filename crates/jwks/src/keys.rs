use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use introspectd_core::Clock;
use introspectd_jose::{Algorithm, JwkSet, Jws, Refusal, Unusable, Verified};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::fetch::Fetch;

/// Keys of one issuer, shared by all who verify its signatures.
#[derive(Clone)]
pub struct Keys(Arc<Shared>);

struct Shared {
    /// Issuer in the log.
    name: String,
    fetch: Box<dyn Fetch>,
    clock: Arc<dyn Clock>,
    lifetimes: Lifetimes,
    state: Mutex<State>,
    /// Held by the one fetch at a time.
    flight: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// Moment at which the latest fetch began.
    tried_at: Option<Duration>,
    fetches: Fetches,
}

#[derive(Clone)]
struct Held {
    set: Arc<JwkSet>,
    fetched_at: Duration,
}

/// Numbers of fetches, by which it is known what happened first: clocks may stand still.
#[derive(Debug, Clone, Copy, Default)]
struct Fetches {
    /// Number of the latest one that began.
    begun: u64,
    /// Number of the latest one that brought a set.
    succeeded: u64,
}

/// Times of a set of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// Interval at which the set is fetched again.
    pub refresh: Duration,
    /// Longest use of a set while it cannot be fetched again.
    pub max_age: Duration,
}

/// Reason why a signature is not verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotVerified {
    /// The signature is not accepted, by keys that are in force.
    #[error("{0}")]
    Refused(Refusal),
    /// No keys, or not the one that is named among those fetched a moment ago.
    #[error("the keys are missing")]
    Later {
        /// Time after which the keys may be fetched again.
        retry_after: Duration,
    },
}

/// State of the keys, for operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Number of keys that may be used; 0 without a set.
    pub keys: usize,
    /// Time since the set was fetched.
    pub age: Option<Duration>,
}

/// Refresh of keys in the background, which ends when this is dropped.
#[derive(Debug)]
pub struct Refreshing(JoinHandle<()>);

/// Outcome of a wish for newer keys.
enum Renewal {
    /// Set that was asked for since.
    Fetched(Arc<JwkSet>),
    /// Set that was asked for before and has just come, and the time until the next fetch.
    Joined(Arc<JwkSet>, Duration),
    /// Not possible before this time is over.
    Later(Duration),
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            refresh: Duration::from_secs(60 * 60),
            max_age: Duration::from_secs(24 * 60 * 60),
        }
    }
}

impl Keys {
    /// Shortest time between two fetches.
    pub const PAUSE: Duration = Duration::from_secs(10);

    /// Creates the keys of an issuer, whose name the log shows. None are fetched yet.
    pub fn new(
        name: String,
        fetch: impl Fetch,
        clock: Arc<dyn Clock>,
        lifetimes: Lifetimes,
    ) -> Self {
        Self(Arc::new(Shared {
            name,
            fetch: Box::new(fetch),
            clock,
            lifetimes,
            state: Mutex::default(),
            flight: tokio::sync::Mutex::default(),
        }))
    }

    /// Fetches the keys, and again whenever they are due, on this runtime.
    pub fn refresh_on(&self, runtime: &Handle) -> Refreshing {
        let keys = self.clone();
        Refreshing(runtime.spawn(async move {
            loop {
                let before = keys.0.state().fetches;
                let pause = match keys.renew(before).await {
                    Renewal::Fetched(_) | Renewal::Joined(..) => keys.0.lifetimes.refresh,
                    Renewal::Later(wait) => wait,
                };
                sleep(pause).await;
            }
        }))
    }

    /// Verifies a signature. Waits for a fetch where a newer set may help and is due.
    ///
    /// # Errors
    /// [`NotVerified`].
    pub async fn verify<'a>(
        &self,
        jws: &'a Jws<'a>,
        allowed: &[Algorithm],
    ) -> Result<Verified<'a>, NotVerified> {
        let before = self.0.state().fetches;
        let known = self.0.current().map(|set| jws.verify(&set, allowed));
        let names_its_key = jws.unverified_header().kid().is_some();
        let is_forged = match known {
            None | Some(Err(Refusal::UnknownKey)) => false,
            Some(Ok(verified)) => return Ok(verified),
            // Made by a key that is not known yet, or by nobody's.
            Some(Err(Refusal::Signature)) if !names_its_key => true,
            Some(Err(refusal)) => return Err(NotVerified::Refused(refusal)),
        };
        let (set, wait) = match self.renew_detached(before).await {
            Renewal::Fetched(set) => (set, None),
            Renewal::Joined(set, wait) => (set, Some(wait)),
            Renewal::Later(_) if is_forged => {
                return Err(NotVerified::Refused(Refusal::Signature));
            }
            Renewal::Later(retry_after) => return Err(NotVerified::Later { retry_after }),
        };
        match (jws.verify(&set, allowed), wait) {
            (Err(Refusal::UnknownKey), Some(retry_after)) => {
                Err(NotVerified::Later { retry_after })
            }
            (outcome, _) => outcome.map_err(NotVerified::Refused),
        }
    }

    /// State of the keys.
    pub fn status(&self) -> Status {
        let held = self.0.state().held.clone();
        let now = self.0.clock.elapsed();
        Status {
            keys: held.as_ref().map_or(0, |held| held.set.keys().len()),
            age: held.map(|held| now.saturating_sub(held.fetched_at)),
        }
    }

    /// Fetches as a task of its own: a client that leaves takes nobody's fetch away.
    async fn renew_detached(&self, before: Fetches) -> Renewal {
        let keys = self.clone();
        let renewal = tokio::spawn(async move { keys.renew(before).await });
        renewal.await.unwrap_or(Renewal::Later(Self::PAUSE))
    }

    /// Fetches the set, or takes the outcome of a fetch that has ended since these `before`.
    async fn renew(&self, before: Fetches) -> Renewal {
        let shared = &*self.0;
        let _flight = shared.flight.lock().await;
        let (tried_at, fetches) = {
            let state = shared.state();
            (state.tried_at, state.fetches)
        };
        if let Some(tried_at) = tried_at {
            let wait = (tried_at + Self::PAUSE).saturating_sub(shared.clock.elapsed());
            match shared.current() {
                Some(set) if fetches.succeeded > before.begun => return Renewal::Fetched(set),
                Some(set) if fetches.succeeded > before.succeeded => {
                    return Renewal::Joined(set, wait);
                }
                Some(_) | None if wait > Duration::ZERO => return Renewal::Later(wait),
                Some(_) | None => {}
            }
        }
        match shared.fetch().await {
            Some(set) => Renewal::Fetched(set),
            None => Renewal::Later(Self::PAUSE),
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the set, unless it is too old.
    fn current(&self) -> Option<Arc<JwkSet>> {
        let held = self.state().held.clone()?;
        let age = self.clock.elapsed().saturating_sub(held.fetched_at);
        (age <= self.lifetimes.max_age).then_some(held.set)
    }

    async fn fetch(&self) -> Option<Arc<JwkSet>> {
        let begun_at = self.clock.elapsed();
        let number = {
            let mut state = self.state();
            state.tried_at = Some(begun_at);
            state.fetches.begun += 1;
            state.fetches.begun
        };
        let issuer = self.name.as_str();
        let set = match self.fetch.fetch().await {
            Ok(set) => Arc::new(set),
            Err(reason) => {
                let are_kept = self.current().is_some();
                tracing::warn!(issuer, %reason, are_kept, "cannot fetch keys");
                return None;
            }
        };
        let mut state = self.state();
        let before = state.held.replace(Held {
            set: Arc::clone(&set),
            // Of the request: the answer may have been on its way for long.
            fetched_at: begun_at,
        });
        state.fetches.succeeded = number;
        drop(state);
        if before.is_none_or(|before| before.set != set) {
            log_new(issuer, &set);
        }
        Some(set)
    }
}

fn log_new(issuer: &str, set: &JwkSet) {
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

impl Drop for Refreshing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("name", &self.0.name)
            .finish_non_exhaustive()
    }
}
