use std::sync::Arc;
use std::time::Duration;

use introspectd_core::Clock;
use introspectd_discovery::{Document, Fetch, Lifetimes, PAUSE, Refreshing, Renewal};
use introspectd_jose::{Algorithm, JwkSet, Jws, Refusal, Unusable, Verified};
use tokio::runtime::Handle;

/// Keys of one issuer, shared by all who verify its signatures.
#[derive(Debug, Clone)]
pub struct Keys(Document<JwkSet>);

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
        let issuer = name.clone();
        let announce = move |set: &JwkSet| log_new(&issuer, set);
        Self(Document::new(
            ("keys", name),
            fetch,
            clock,
            lifetimes,
            announce,
        ))
    }

    /// Fetches the keys, and again whenever they are due, on this runtime.
    pub fn refresh_on(&self, runtime: &Handle) -> Refreshing {
        self.0.refresh_on(runtime)
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
        let before = self.0.mark();
        let known = self.0.current().map(|set| jws.verify(&set, allowed));
        let names_its_key = jws.unverified_header().kid().is_some();
        let is_forged = match known {
            None | Some(Err(Refusal::UnknownKey)) => false,
            Some(Ok(verified)) => return Ok(verified),
            // Made by a key that is not known yet, or by nobody's.
            Some(Err(Refusal::Signature)) if !names_its_key => true,
            Some(Err(refusal)) => return Err(NotVerified::Refused(refusal)),
        };
        let (set, wait) = match self.0.renew(before).await {
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
        let (set, age) = self.0.held().unzip();
        Status {
            keys: set.map_or(0, |set| set.keys().len()),
            age,
        }
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
