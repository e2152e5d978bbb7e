use std::sync::Arc;
use std::time::Duration;

use introspectd_settings::Section;
use rustls::ClientConfig;

use crate::address::Address;
use crate::credentials::CredentialConfig;
use crate::dialect::Dialect;
use crate::policy::Policy;
use crate::renewed::Renewed;
use crate::tls;

/// Configured connection to a provider: address, credentials, deadline, TLS.
#[derive(Debug)]
pub struct Connection {
    /// Address of the provider.
    pub address: Address,
    pub(crate) tls: Renewed<Arc<ClientConfig>>,
    pub(crate) timeout: Duration,
    pub(crate) keep_alive: bool,
    pub(crate) policy: Policy,
    pub(crate) credentials: CredentialConfig,
}

impl Connection {
    /// Deadline of each call to the provider.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Reads `address_key`, `allow_http`, `timeout`, `keep_alive`, `tls`, `credentials` and the
    /// keys of the policy (`max_in_flight` and others) of a provider's section. `None` where there
    /// was a problem, which the section's ledger holds.
    pub fn read(section: &mut Section, address_key: &str, dialect: Dialect) -> Option<Self> {
        Self::read_with_other(section, address_key, None, dialect).map(|(connection, _)| connection)
    }

    /// Reads `timeout` and `tls` of a section with documents that are there for all, such as keys:
    /// they are fetched without credentials. `None` where there was a problem.
    pub fn read_public(section: &mut Section, address: Address) -> Option<Self> {
        let before = section.ledger().problem_count();
        let timeout = read_timeout(section);
        let tls = tls::read(section, address.is_https());
        if section.ledger().problem_count() > before {
            return None;
        }
        Some(Self {
            address,
            tls: tls?,
            timeout,
            keep_alive: true,
            policy: Policy::OF_DOCUMENTS,
            credentials: CredentialConfig::NONE,
        })
    }

    /// Reads a provider that may have a second address, under `other_key`, with the same
    /// credentials.
    pub fn read_with_other(
        section: &mut Section,
        address_key: &str,
        other_key: Option<&str>,
        dialect: Dialect,
    ) -> Option<(Self, Option<Address>)> {
        let before = section.ledger().problem_count();
        let allow_http = section.flag("allow_http", false);
        let address = Address::read(section, address_key, allow_http);
        let other = other_key.and_then(|key| Address::read_optional(section, key, allow_http));
        if let Some(address) = &address
            && address.has_query()
            && !matches!(dialect, Dialect::FormEndpoint | Dialect::JsonEndpoint)
        {
            section.problem(
                address_key,
                "holds a query",
                "Leave out `?` and what follows it.",
            );
        }
        let timeout = read_timeout(section);
        let keep_alive = section.flag("keep_alive", true);
        let policy = Policy::read(section);
        let credentials = CredentialConfig::read(section, dialect, address.as_ref(), allow_http);
        let https = address.iter().chain(&other).any(Address::is_https)
            || credentials.as_ref().is_some_and(CredentialConfig::is_https);
        let tls = tls::read(section, https);
        if section.ledger().problem_count() > before {
            return None;
        }
        let (address, tls, credentials) = (address?, tls?, credentials?);
        Some((
            Self {
                address,
                tls,
                timeout,
                keep_alive,
                policy,
                credentials,
            },
            other,
        ))
    }
}

fn read_timeout(section: &mut Section) -> Duration {
    let bounds = Duration::from_millis(1)..=Duration::from_secs(300);
    section.duration("timeout", Duration::from_secs(2), bounds)
}
