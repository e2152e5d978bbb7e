use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use constant_time_eq::constant_time_eq_32;
use sha2::{Digest, Sha256};

use super::certificate::CertificateName;
use super::permission::Permissions;
use super::rate::Rate;
use crate::refusal::CallerFault;
use crate::signing::SignedAs;
use crate::tally::CallerTally;

/// An authenticated client of introspectd: an API gateway, a sidecar, an operator.
#[derive(Debug)]
pub struct Caller {
    /// Configured name, which is its id in HTTP Basic.
    pub name: String,
    /// Permitted operations, providers and policies.
    pub permissions: Permissions,
    /// Digests of its secrets, each of which is good: several while one is rotated.
    pub secrets: Vec<SecretDigest>,
    /// Name in its client certificate.
    pub certificate: Option<CertificateName>,
    /// Requests so far.
    pub tally: Arc<CallerTally>,
    /// Limit of its requests; `None` for no limit.
    pub rate: Option<Rate>,
    /// Wishes for its signed answers.
    pub signed: SignedAs,
}

/// SHA-256 of a caller's secret.
#[derive(Clone, Copy)]
pub struct SecretDigest([u8; 32]);

#[cfg(test)]
thread_local! {
    static COMPARISONS: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

/// Callers by name.
#[derive(Debug, Default)]
pub struct Callers {
    by_name: HashMap<String, Arc<Caller>>,
    /// Highest number of secrets of one caller. Every wrong one is compared so often.
    most_secrets: usize,
}

impl Caller {
    /// Counts a request that arrived at `at` against the rate, if the caller has one.
    ///
    /// # Errors
    /// [`CallerFault::RateLimited`] over the rate.
    #[inline]
    pub fn count(&self, at: Duration) -> Result<(), CallerFault> {
        self.rate.as_ref().map_or(Ok(()), |rate| rate.count(at))
    }
}

impl SecretDigest {
    /// Digest of no known text, in place of a missing secret.
    const NONE: Self = Self([0; 32]);

    /// Hashes a secret.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// Takes a digest as configured.
    pub const fn from_sha256(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// Returns true if both are of the same secret, in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        #[cfg(test)]
        COMPARISONS.with(|made| made.set(made.get() + 1));
        constant_time_eq_32(&self.0, &other.0)
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest(***)")
    }
}

impl Callers {
    /// Collects callers. Names are assumed to be unique, as keys of the configuration are.
    pub fn new(callers: impl IntoIterator<Item = Caller>) -> Self {
        let by_name: HashMap<_, _> = callers
            .into_iter()
            .map(|caller| (caller.name.clone(), Arc::new(caller)))
            .collect();
        let numbers = by_name.values().map(|caller| caller.secrets.len());
        let most_secrets = numbers.max().unwrap_or_default().max(1);
        Self {
            by_name,
            most_secrets,
        }
    }

    /// Counts on where earlier callers of the same names are: their requests so far, and those of
    /// the same rate.
    pub(crate) fn continue_from(&mut self, earlier: &Self) {
        for (name, caller) in &mut self.by_name {
            let Some(known) = earlier.named(name) else {
                continue;
            };
            if let (Some(rate), Some(known)) = (&caller.rate, &known.rate) {
                rate.continue_from(known);
            }
            // Nobody else holds it before it is in force.
            if let Some(caller) = Arc::get_mut(caller) {
                caller.tally = Arc::clone(&known.tally);
            }
        }
    }

    /// Returns true if there are no callers.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Iterates over all callers.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Caller>> {
        self.by_name.values()
    }

    /// Returns the caller of this name.
    pub fn named(&self, name: &str) -> Option<&Arc<Caller>> {
        self.by_name.get(name)
    }

    /// Returns the caller of this name, if the secret is one of its own. An unknown name takes as
    /// long, as does a caller with fewer secrets than another.
    pub fn with_name_and_secret(&self, name: &str, secret: &str) -> Option<&Arc<Caller>> {
        let given = SecretDigest::of(secret);
        let caller = self.named(name);
        let own = caller.map_or(&[][..], |caller| &caller.secrets);
        let mut is_own = false;
        for place in 0..self.most_secrets {
            let expected = own.get(place).unwrap_or(&SecretDigest::NONE);
            is_own |= given.matches(expected);
        }
        caller.filter(|_| is_own)
    }

    /// Returns the caller with one of these names of a certificate, unless two callers have one.
    pub fn with_certificate(&self, names: &[CertificateName]) -> Option<&Arc<Caller>> {
        let is_named = |caller: &&Arc<Caller>| {
            caller
                .certificate
                .as_ref()
                .is_some_and(|name| names.contains(name))
        };
        let mut found = self.by_name.values().filter(is_named);
        match (found.next(), found.next()) {
            (Some(caller), None) => Some(caller),
            _ => None,
        }
    }

    /// Returns the caller with this secret. Every caller is compared, whichever it is.
    pub fn with_secret(&self, secret: &str) -> Option<&Arc<Caller>> {
        let given = SecretDigest::of(secret);
        let mut found = None;
        for caller in self.by_name.values() {
            for secret in &caller.secrets {
                if secret.matches(&given) {
                    found = Some(caller);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(name: &str, secrets: &[&str]) -> Caller {
        Caller {
            name: name.to_owned(),
            permissions: Permissions::of([]),
            secrets: secrets
                .iter()
                .map(|secret| SecretDigest::of(secret))
                .collect(),
            certificate: None,
            tally: Arc::default(),
            rate: None,
            signed: SignedAs::default(),
        }
    }

    fn callers() -> Callers {
        Callers::new([
            caller("rotating", &["new", "old", "oldest"]),
            caller("edge", &["secret"]),
            caller("sidecar", &[]),
        ])
    }

    #[test]
    fn each_secret_of_a_caller_is_good_and_no_other() {
        let callers = callers();
        let who = |name, secret| {
            callers
                .with_name_and_secret(name, secret)
                .map(|caller| caller.name.as_str())
        };
        for secret in ["new", "old", "oldest"] {
            assert_eq!(who("rotating", secret), Some("rotating"));
            let by_secret = callers.with_secret(secret).unwrap();
            assert_eq!(by_secret.name, "rotating");
        }
        assert_eq!(who("edge", "secret"), Some("edge"));
        for (name, secret) in [
            ("rotating", "secret"),
            ("edge", "new"),
            ("sidecar", ""),
            ("sidecar", "secret"),
            ("nobody", "new"),
            ("nobody", ""),
        ] {
            assert_eq!(who(name, secret), None, "{name} {secret}");
        }
        assert!(callers.with_secret("").is_none());
    }

    /// The number of comparisons is that of the caller with the most secrets, and no name ends them
    /// early.
    #[test]
    fn wrong_secret_is_compared_as_often_for_a_known_name_as_for_an_unknown_one() {
        let callers = callers();
        for name in ["rotating", "edge", "sidecar", "nobody"] {
            let before = COMPARISONS.with(std::cell::Cell::get);
            assert!(callers.with_name_and_secret(name, "wrong").is_none());
            let made = COMPARISONS.with(std::cell::Cell::get) - before;
            assert_eq!(made, 3, "{name}");
        }
    }
    #[test]
    fn every_caller_is_listed() {
        let callers = callers();
        let mut names: Vec<_> = callers.iter().map(|caller| &*caller.name).collect();
        names.sort_unstable();
        assert_eq!(names, ["edge", "rotating", "sidecar"]);
        assert!(!callers.is_empty() && Callers::default().is_empty());
    }

    #[test]
    fn digest_of_a_secret_is_not_printed() {
        let printed = format!("{:?}", callers().named("edge"));
        assert!(printed.contains("SecretDigest(***)"), "{printed}");
    }
}
