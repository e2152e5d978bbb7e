use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use introspectd_core::{ProviderName, Selection};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::certificate::CertificateName;
use crate::refusal::CallerFault;
use crate::tally::CallerTally;

/// An authenticated client of introspectd: an API gateway, a sidecar, an operator.
#[derive(Debug)]
pub struct Caller {
    /// Configured name, which is its id in HTTP Basic.
    pub name: String,
    /// Permitted operations.
    pub permissions: BTreeSet<Permission>,
    /// Providers whose tokens it may see.
    pub providers: Selection<ProviderName>,
    /// Names of the policies that it may have tokens judged by.
    pub policies: Selection<String>,
    /// Digest of its secret; `None` if it has none.
    pub secret: Option<SecretDigest>,
    /// Name in its client certificate.
    pub certificate: Option<CertificateName>,
    /// Requests so far.
    pub tally: Arc<CallerTally>,
}

/// Permission of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Introspect tokens, and decide about them.
    Introspect,
    /// Look records up by token id.
    Lookup,
    /// List records.
    List,
    /// Revoke tokens.
    Revoke,
    /// Purge the cache.
    Purge,
    /// Explain answers.
    Explain,
    /// Bind tokens to token ids.
    Bind,
    /// Issue tokens.
    Issue,
}

/// SHA-256 of a caller's secret.
#[derive(Clone, Copy)]
pub struct SecretDigest([u8; 32]);

/// Callers by name.
#[derive(Debug, Default)]
pub struct Callers {
    by_name: HashMap<String, Arc<Caller>>,
}

impl Permission {
    /// All permissions, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::Introspect,
        Self::Lookup,
        Self::List,
        Self::Revoke,
        Self::Purge,
        Self::Explain,
        Self::Bind,
        Self::Issue,
    ];

    /// Returns the name in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Introspect => "introspect",
            Self::Lookup => "lookup",
            Self::List => "list",
            Self::Revoke => "revoke",
            Self::Purge => "purge",
            Self::Explain => "explain",
            Self::Bind => "bind",
            Self::Issue => "issue",
        }
    }
}

impl Caller {
    /// Returns true if it has this permission.
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    /// Checks that it has one of these permissions.
    ///
    /// # Errors
    /// [`CallerFault::AccessDenied`] if it has none of them.
    pub fn must_have(&self, any_of: &[Permission]) -> Result<(), CallerFault> {
        let has_one = any_of.iter().any(|permission| self.may(*permission));
        if has_one {
            Ok(())
        } else {
            Err(CallerFault::AccessDenied)
        }
    }

    /// Returns true if it may see this provider's tokens.
    pub fn may_ask(&self, provider: &ProviderName) -> bool {
        self.providers.contains(provider)
    }

    /// Returns true if it may have tokens judged by the policy of this name.
    pub fn may_use(&self, policy: &str) -> bool {
        self.policies.contains(policy)
    }
}

impl SecretDigest {
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
        self.0.ct_eq(&other.0).into()
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
        let by_name = callers
            .into_iter()
            .map(|caller| (caller.name.clone(), Arc::new(caller)))
            .collect();
        Self { by_name }
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

    /// Returns the caller of this name, if the secret is its own. An unknown name takes as long.
    pub fn with_name_and_secret(&self, name: &str, secret: &str) -> Option<&Arc<Caller>> {
        let given = SecretDigest::of(secret);
        let caller = self.named(name);
        let expected = caller
            .and_then(|caller| caller.secret)
            .unwrap_or(SecretDigest([0; 32]));
        caller.filter(|_| given.matches(&expected))
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
            if caller.secret.is_some_and(|secret| secret.matches(&given)) {
                found = Some(caller);
            }
        }
        found
    }
}
