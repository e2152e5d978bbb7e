use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use introspectd_core::{ProviderName, Selection};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::caller::certificate::CertificateName;
use crate::problem::Problem;

/// An authenticated client of introspectd: an API gateway, a sidecar, an operator.
#[derive(Debug)]
pub struct Caller {
    /// Its configured name, which is its id in HTTP Basic.
    pub name: String,
    /// What it may do.
    pub permissions: BTreeSet<Permission>,
    /// Whose tokens it may see.
    pub providers: Selection<ProviderName>,
    /// The policies by which it may have tokens judged, by their names.
    pub policies: Selection<String>,
    /// What its secret is compared with; `None` where it shows none.
    pub secret: Option<SecretDigest>,
    /// A name in the certificate that it shows.
    pub certificate: Option<CertificateName>,
}

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Ask about tokens.
    Introspect,
    /// Ask about records by token id.
    Lookup,
    /// List records.
    List,
    /// Revoke tokens.
    Revoke,
    /// Purge the cache.
    Purge,
    /// Learn why an answer is what it is.
    Explain,
    /// Bind tokens to token ids.
    Bind,
    /// Have tokens issued.
    Issue,
}

/// The SHA-256 of a caller's secret.
#[derive(Clone, Copy)]
pub struct SecretDigest([u8; 32]);

/// All callers by their names.
#[derive(Debug, Default)]
pub struct Callers {
    by_name: HashMap<String, Arc<Caller>>,
}

impl Permission {
    /// All of them, in the order of the documentation.
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

    /// Its name in the configuration.
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
    /// Whether it has this permission.
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    /// That it has one of these permissions.
    pub(crate) fn must_have(&self, any_of: &[Permission]) -> Result<(), Problem> {
        let has_one = any_of.iter().any(|permission| self.may(*permission));
        if has_one { Ok(()) } else { Err(Problem::AccessDenied) }
    }

    /// Whether it may see this provider's tokens.
    pub fn may_ask(&self, provider: &ProviderName) -> bool {
        self.providers.contains(provider)
    }

    /// Whether it may have tokens judged by the policy of this name.
    pub(crate) fn may_use(&self, policy: &str) -> bool {
        self.policies.contains(policy)
    }
}

impl SecretDigest {
    /// Of a secret.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// Given as such.
    pub const fn from_sha256(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// Whether both are of the same secret, in constant time.
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
    /// From their list. Names are taken to be unique, as keys of the configuration are.
    pub fn new(callers: impl IntoIterator<Item = Caller>) -> Self {
        let by_name = callers.into_iter().map(|caller| (caller.name.clone(), Arc::new(caller))).collect();
        Self { by_name }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// The caller of this name.
    pub fn named(&self, name: &str) -> Option<&Arc<Caller>> {
        self.by_name.get(name)
    }

    /// The caller of this name, if the secret is its own. Takes as long for a name that nobody has.
    pub(crate) fn with_name_and_secret(&self, name: &str, secret: &str) -> Option<&Arc<Caller>> {
        let given = SecretDigest::of(secret);
        let caller = self.named(name);
        let expected = caller.and_then(|caller| caller.secret).unwrap_or(SecretDigest([0; 32]));
        caller.filter(|_| given.matches(&expected))
    }

    /// The caller who is known by one of these names of a certificate. One that two callers are known by is nobody's.
    pub(crate) fn with_certificate(&self, names: &[CertificateName]) -> Option<&Arc<Caller>> {
        let is_named =
            |caller: &&Arc<Caller>| caller.certificate.as_ref().is_some_and(|name| names.contains(name));
        let mut found = self.by_name.values().filter(is_named);
        match (found.next(), found.next()) {
            (Some(caller), None) => Some(caller),
            _ => None,
        }
    }

    /// The caller whose secret this is. Looks at all of them, whoever it is.
    pub(crate) fn with_secret(&self, secret: &str) -> Option<&Arc<Caller>> {
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
