use std::io;
use std::sync::Arc;
use std::time::Duration;

use introspectd_core::Timestamp;
use introspectd_fleet::Fleet;

use super::confirmation::Thumbprint;
use super::dpop::ProofClaims;
use super::nonce::Nonces;
use super::replay::Replays;

/// Nonces, and the proofs that were used.
pub(crate) struct Possession {
    replays: Replays,
    nonces: Nonces,
}

/// Proof without a nonce that is good, and the one for the next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NonceNeeded(pub(crate) String);

impl Possession {
    /// Creates an empty memory, shared with this fleet.
    ///
    /// # Errors
    /// Fails if the system provides no random bytes.
    pub(crate) fn new(fleet: Option<Arc<Fleet>>) -> io::Result<Self> {
        Ok(Self {
            replays: Replays::new(fleet.clone())?,
            nonces: Nonces::new(fleet)?,
        })
    }

    /// Checks the nonce of a proof, if the policy wants one, and returns the next one if it ends
    /// soon.
    pub(crate) fn next_nonce(
        &self,
        claims: &ProofClaims,
        period: Option<Duration>,
        now: Timestamp,
    ) -> Result<Option<Box<str>>, NonceNeeded> {
        let Some(period) = period else {
            return Ok(None);
        };
        let shown = claims.nonce.as_deref();
        match shown.and_then(|nonce| self.nonces.age(nonce, now, period)) {
            None => Err(NonceNeeded(self.nonces.make(now))),
            Some(age) => Ok((age >= period / 2).then(|| self.nonces.make(now).into())),
        }
    }

    /// Uses up a proof of this key, and returns true if it is its first use.
    pub(crate) async fn is_first(
        &self,
        key: &Thumbprint,
        claims: &ProofClaims,
        now: Timestamp,
    ) -> bool {
        let ProofClaims { jti, issued, .. } = claims;
        self.replays.is_first(key, jti, *issued, now).await
    }
}
