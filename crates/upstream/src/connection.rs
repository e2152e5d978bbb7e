use std::sync::Arc;
use std::time::Duration;

use introspectd_settings::Section;
use rustls::ClientConfig;

use crate::address::Address;
use crate::credentials::{CredentialConfig, CredentialPlace};
use crate::dialect::Dialect;
use crate::headers::Headers;
use crate::issuer::Issuer;
use crate::policy::Policy;
use crate::proxy::Proxy;
use crate::renewed::Renewed;
use crate::tls;

/// Configured connection to a provider: address, credentials, deadline, TLS.
#[derive(Debug)]
pub struct Connection {
    /// Address of the provider; that of its issuer where its endpoints are discovered.
    pub address: Address,
    /// Issuer whose metadata names the endpoints (`discover = true`).
    pub discovers: Option<Issuer>,
    pub(crate) tls: Arc<Renewed<Arc<ClientConfig>>>,
    pub(crate) proxy: Option<Arc<Proxy>>,
    pub(crate) timeout: Duration,
    pub(crate) keep_alive: bool,
    pub(crate) policy: Policy,
    pub(crate) headers: Headers,
    pub(crate) credentials: CredentialConfig,
}

impl Connection {
    /// Deadline of each call to the provider.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Way to authenticate, as the metadata of a server (RFC 8414) names it.
    pub fn auth_method(&self) -> &'static str {
        self.credentials.method
    }

    /// Returns true if our certificate is the credential.
    pub fn shows_certificate(&self) -> bool {
        self.credentials.is_certificate()
    }

    /// Returns a connection for the documents of the same server that are there for all, such as
    /// its metadata: the same TLS, proxy and deadline, no credentials, and the configured headers
    /// only where a document has the origin of a configured address.
    pub fn for_documents(&self) -> Self {
        Self {
            address: self.address.clone(),
            discovers: None,
            tls: Arc::clone(&self.tls),
            proxy: self.proxy.clone(),
            timeout: self.timeout,
            keep_alive: true,
            policy: Policy::OF_DOCUMENTS,
            headers: self.headers.confined(),
            credentials: CredentialConfig::NONE,
        }
    }

    /// Returns this connection with the headers of a server, for documents of its origins.
    #[must_use]
    pub fn with_headers_of(self, server: &Self) -> Self {
        let headers = server.headers.confined();
        Self { headers, ..self }
    }

    /// Reads `address_key`, `allow_http`, `timeout`, `keep_alive`, `headers`, `proxy`, `tls`,
    /// `credentials` and the keys of the policy (`max_in_flight` and others) of a provider's
    /// section. `None` where there was a problem, which the section's ledger holds.
    pub fn read(section: &mut Section, address_key: &str, dialect: Dialect) -> Option<Self> {
        Self::read_with_other(section, address_key, None, dialect).map(|(connection, _)| connection)
    }

    /// Reads `timeout`, `headers`, `proxy` and `tls` of a section with documents that are there for
    /// all, such as keys: they are fetched without credentials, and with the headers only where a
    /// document has the origin of the address. `None` where there was a problem.
    pub fn read_public(section: &mut Section, address: Address) -> Option<Self> {
        let before = section.ledger().problem_count();
        let timeout = read_timeout(section);
        let headers = Headers::read(section, &[&address]).confined();
        let proxy = Proxy::read(section);
        let tls = tls::read(section, address.is_https());
        if section.ledger().problem_count() > before {
            return None;
        }
        Some(Self {
            address,
            discovers: None,
            tls: Arc::new(tls?),
            proxy,
            timeout,
            keep_alive: true,
            policy: Policy::OF_DOCUMENTS,
            headers,
            credentials: CredentialConfig::NONE,
        })
    }

    /// Reads a provider that may have a second address, under `other_key`, with the same
    /// credentials. One that is asked by forms may say `discover = true` in place of an address.
    pub fn read_with_other(
        section: &mut Section,
        address_key: &str,
        other_key: Option<&str>,
        dialect: Dialect,
    ) -> Option<(Self, Option<Address>)> {
        let before = section.ledger().problem_count();
        let allow_http = Self::read_allow_http(section);
        let discovers = matches!(dialect, Dialect::FormEndpoint)
            .then(|| read_discovery(section, address_key))
            .flatten();
        let address = match &discovers {
            Some(issuer) => issuer.as_ref().map(|issuer| issuer.address().clone()),
            None => Address::read(section, address_key, allow_http),
        };
        let other = other_key.and_then(|key| Address::read_optional(section, key, allow_http));
        if let Some(address) = &address
            && discovers.is_none()
            && address.has_query()
            && !matches!(dialect, Dialect::FormEndpoint | Dialect::JsonEndpoint)
        {
            section.problem(
                address_key,
                "holds a query",
                "Leave out `?` and what follows it.",
            );
        }
        let addresses: Vec<_> = address.iter().chain(&other).collect();
        let read = Self::read_rest(
            section,
            &addresses,
            discovers.flatten(),
            dialect,
            allow_http,
        );
        if section.ledger().problem_count() > before {
            return None;
        }
        Some((read?, other))
    }

    /// Reads `allow_http`, which is needed before any address.
    pub fn read_allow_http(section: &mut Section) -> bool {
        section.flag("allow_http", false)
    }

    /// Reads a provider whose addresses were read before; the first is its own. `None` where there
    /// was a problem.
    pub fn read_addressed(
        section: &mut Section,
        addresses: &[&Address],
        dialect: Dialect,
        allow_http: bool,
    ) -> Option<Self> {
        Self::read_rest(section, addresses, None, dialect, allow_http)
    }

    fn read_rest(
        section: &mut Section,
        addresses: &[&Address],
        discovers: Option<Issuer>,
        dialect: Dialect,
        allow_http: bool,
    ) -> Option<Self> {
        let before = section.ledger().problem_count();
        let address = addresses.first().copied();
        let timeout = read_timeout(section);
        let keep_alive = section.flag("keep_alive", true);
        let policy = Policy::read(section);
        let headers = Headers::read(section, addresses);
        let proxy = Proxy::read(section);
        let credentials = CredentialConfig::read(section, dialect, address, allow_http);
        let https = addresses.iter().any(|address| address.is_https())
            || credentials.as_ref().is_some_and(CredentialConfig::is_https);
        let tls = tls::read(section, https);
        if let (Some(tls), Some(credentials)) = (&tls, &credentials)
            && credentials.is_certificate()
            && !tls.get().client_auth_cert_resolver.has_certs()
        {
            let remedy = "Write tls = { certificate = \"PATH\", key = \"PATH\" }.";
            section.problem("tls", "has no certificate for tls_client_auth", remedy);
        }
        if section.ledger().problem_count() > before {
            return None;
        }
        Some(Self {
            address: address?.clone(),
            discovers,
            tls: Arc::new(tls?),
            proxy,
            timeout,
            keep_alive,
            policy,
            headers,
            credentials: credentials?,
        })
    }

    /// Returns where our credentials stand in a request.
    pub fn credential_place(&self) -> CredentialPlace {
        self.credentials.place()
    }

    /// Returns true if anything of ours goes with a request that the provider could refuse:
    /// credentials, configured headers or a certificate.
    pub fn brings_credentials(&self) -> bool {
        self.credential_place() != CredentialPlace::Nowhere
            || self.headers.names().next().is_some()
            || self.tls.get().client_auth_cert_resolver.has_certs()
    }
}

/// Reads `discover`: `None` where it is off, and the issuer if that fits.
fn read_discovery(section: &mut Section, address_key: &str) -> Option<Option<Issuer>> {
    if !section.flag("discover", false) {
        return None;
    }
    if section.has(address_key) {
        let remedy = "Remove one of the two.";
        section.problem(address_key, "is there beside discover = true", remedy);
    }
    // A known key all the same.
    section.text(address_key);
    let remedy = format!("Write {address_key} = \"https://…\" in place of discover.");
    Some(Issuer::read(section, &remedy))
}

fn read_timeout(section: &mut Section) -> Duration {
    let bounds = Duration::from_millis(1)..=Duration::from_secs(300);
    section.duration("timeout", Duration::from_secs(2), bounds)
}
