//! Judge of JWT access tokens: verified by their issuer's keys, without a request for each.
//!
//! A token is parsed once and verified once; its record is cached like any provider's answer. Keys
//! that cannot be had are a failure, never an inactive token.

mod config;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use introspectd_core::ask::{Gauges, KeyGauges, Meter};
use introspectd_core::{
    Clock, Failure, Health, Introspection, Outage, Provider, Revocation, State, Timestamp, Token,
    TokenValue,
};
use introspectd_jose::{Algorithm, Jws, Objection, Refusal};
use introspectd_jwks::{KeyConfig, KeySource, Keys, NotVerified, Presence, Remote, Status};
use introspectd_upstream::{Outbound, Upstream};
use tokio::sync::Semaphore;

use crate::wire::{Expected, Fault, Judged};

pub use config::Config;

/// Issuer whose tokens are judged here.
#[derive(Debug)]
pub struct Jwt {
    keys: KeySource,
    algorithms: Vec<Algorithm>,
    expected: Expected,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    meter: Arc<Meter>,
    /// Permits of tokens that are being judged.
    places: Semaphore,
    /// Server that is asked about good tokens as well.
    server: Option<Arc<dyn Provider>>,
}

/// Judgement of a token by itself.
enum Judgement {
    Good(Box<Token>),
    Bad {
        fault: Fault,
        /// Moment from which on it may be judged otherwise: by newer keys, or by our clock.
        until: Option<Timestamp>,
    },
}

/// Judgement of a token by itself, for inspection.
#[derive(Debug)]
pub enum Exposed {
    /// Verified token, whose times are not judged.
    Good(Box<Token>),
    /// Token that is not accepted, and why. Nothing of it is in the reason.
    Bad(String),
}

/// Most tokens that are judged at a time, those that wait for their turn or for keys included;
/// further ones are refused at once. So many take a third of a second of one processor.
const MAX_JUDGED: usize = 4096;

impl Jwt {
    /// Creates the provider from its configuration. `server`, if there is one, is asked about good
    /// tokens as well.
    pub fn new(
        config: Config,
        clock: Arc<dyn Clock>,
        outbound: &Outbound,
        server: Option<Arc<dyn Provider>>,
    ) -> Self {
        let Config {
            keys,
            algorithms,
            expected,
            timeout,
        } = config;
        let asks = server.as_ref().map(|server| server.meter());
        let config::Keys { config, lifetimes } = keys;
        let (keys, meter) = match config {
            KeyConfig::File(keys) => (KeySource::File(keys), asks.unwrap_or_default()),
            KeyConfig::Fetched { source, connection } => {
                let upstream = Upstream::new(*connection, Arc::clone(&clock), outbound);
                let meter = asks.unwrap_or_else(|| upstream.meter());
                let keys = Keys::counted_by(
                    Arc::clone(&meter),
                    expected.issuer.clone(),
                    Remote::new(*source, upstream),
                    Arc::clone(&clock),
                    lifetimes,
                );
                let runtime = outbound.runtime();
                let keys = KeySource::fetched(keys).refreshed(runtime.as_ref());
                (keys, meter)
            }
        };
        Self {
            keys,
            algorithms,
            expected,
            timeout,
            clock,
            meter,
            places: Semaphore::new(MAX_JUDGED),
            server,
        }
    }

    /// Judges a token, and asks no server about it.
    ///
    /// # Errors
    /// A [`Failure`] if the keys cannot be had.
    pub async fn expose(&self, token: &TokenValue) -> Result<Exposed, Failure> {
        Ok(match self.judge(token).await? {
            Judgement::Good(record) => Exposed::Good(record),
            Judgement::Bad { fault, .. } => Exposed::Bad(fault.to_string()),
        })
    }

    /// Reason why the latest fetch of keys failed, in words for an operator.
    pub fn missing_keys(&self) -> Option<String> {
        self.keys.failure()
    }

    /// Judges a token within the bounds of an ask.
    async fn judge_bounded(&self, token: &TokenValue) -> Result<Judgement, Failure> {
        let place = self.places.try_acquire();
        let _place = place.map_err(|_| Failure::outage(Outage::Overloaded))?;
        // All that it may wait long for are keys.
        let judged = tokio::time::timeout(self.timeout, self.judge(token)).await;
        judged.unwrap_or(Err(Failure::outage(Outage::KeysMissing)))
    }

    async fn judge(&self, token: &TokenValue) -> Result<Judgement, Failure> {
        let bad = |fault| Ok(Judgement::Bad { fault, until: None });
        let jws = match Jws::parse(token.expose()) {
            Ok(jws) => jws,
            Err(malformed) => return bad(malformed.into()),
        };
        let usage = wire::judge_type(jws.unverified_header(), self.expected.requires_type);
        let usage = match usage {
            Ok(usage) => usage,
            Err(fault) => return bad(fault),
        };
        let verified = match self.keys.verify(&jws, &self.algorithms).await {
            Ok(verified) => verified,
            Err(NotVerified::Later { retry_after }) => {
                return Err(Failure::Unavailable {
                    outage: Outage::KeysMissing,
                    retry_after: Some(retry_after),
                });
            }
            // Other keys may be there by then, and what an attacker made up is verified again.
            Err(NotVerified::Refused(refusal)) => return Ok(self.refused(refusal, Keys::PAUSE)),
            Err(NotVerified::Provisional {
                refusal,
                retry_after,
            }) => return Ok(self.refused(refusal, retry_after)),
        };
        let now = self.clock.now();
        match wire::judge(verified.payload(), usage, &self.expected, now) {
            Ok(Judged::Record(token)) => Ok(Judgement::Good(token)),
            Ok(Judged::TooEarly(start)) => Ok(Judgement::Bad {
                fault: Objection::IssuedInFuture.into(),
                until: Some(start),
            }),
            Err(fault) => bad(fault),
        }
    }

    fn refused(&self, refusal: Refusal, time: Duration) -> Judgement {
        // Rounded down: no longer than until the keys can be fetched again.
        let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        Judgement::Bad {
            fault: refusal.into(),
            until: self.clock.now().plus_seconds(seconds),
        }
    }
}

#[async_trait]
impl Provider for Jwt {
    fn health(&self) -> Health {
        match (self.keys.status().presence, &self.server) {
            (Presence::Missing, _) => Health::Failing,
            (Presence::Awaited, _) => Health::Unknown,
            (Presence::Present, Some(server)) => server.health(),
            (Presence::Present, None) => Health::Good,
        }
    }

    fn gauges(&self) -> Gauges {
        let Status {
            keys,
            age,
            presence,
        } = self.keys.status();
        let keys = match presence {
            Presence::Present => keys,
            Presence::Awaited | Presence::Missing => 0,
        };
        let asks = self.server.as_ref().map(|server| server.gauges());
        let judged = MAX_JUDGED - self.places.available_permits();
        Gauges {
            keys: Some(KeyGauges { keys, age }),
            ..asks.unwrap_or(Gauges {
                in_flight: judged as u64,
                ..Gauges::default()
            })
        }
    }

    fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.meter)
    }

    fn is_local(&self) -> bool {
        self.server.is_none()
    }

    async fn introspect(&self, token: &TokenValue) -> Result<Introspection, Failure> {
        let record = match self.judge_bounded(token).await? {
            Judgement::Good(record) => record,
            Judgement::Bad { fault, until } => {
                let issuer = &self.expected.issuer;
                tracing::debug!(%issuer, reason = %fault, "token refused");
                return Ok(until.map_or(Introspection::Inactive, wire::undecided));
            }
        };
        let is_active = record.state(self.clock.now()) == State::Active;
        match &self.server {
            Some(server) if is_active => {
                let answer = server.introspect(token).await?;
                Ok(wire::confirm(record, answer)?)
            }
            Some(_) | None => Ok(Introspection::Token(record)),
        }
    }

    async fn objection(&self, token: &TokenValue) -> Option<String> {
        match self.judge_bounded(token).await.ok()? {
            Judgement::Good(_) => None,
            Judgement::Bad { fault, .. } => Some(fault.to_string()),
        }
    }

    fn revocation(&self) -> Option<&dyn Revocation> {
        self.server.as_ref()?.revocation().map(|_| self as _)
    }
}

#[async_trait]
impl Revocation for Jwt {
    /// Revokes what may be a token of the issuer. Another text is none, and nobody's to be shown.
    async fn revoke(&self, token: &TokenValue) -> Result<(), Failure> {
        let server = self.server.as_ref().and_then(|server| server.revocation());
        let server = server.ok_or(Failure::Unsupported)?;
        if Jws::parse(token.expose()).is_err() {
            return Ok(());
        }
        server.revoke(token).await
    }
}
