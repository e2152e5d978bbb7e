use std::fmt;
use std::sync::Arc;

use introspectd_files::pem;
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::url::RedisUrl;

/// Place, credentials and prefix of a [`RedisStore`](super::RedisStore).
#[derive(Debug, Clone)]
pub struct Settings {
    pub url: RedisUrl,
    /// ACL user; without one, the password is the default user's.
    pub username: Option<String>,
    pub password: Option<SecretString>,
    /// Files of `rediss`, in PEM. They are of no effect for a URL without TLS.
    pub tls: Tls,
    /// First part of the streams' names.
    pub prefix: String,
}

/// Certificates for `rediss`.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// Authorities in place of the system's.
    pub ca: Option<Vec<u8>>,
    /// Certificate that is shown to servers that ask for one.
    pub identity: Option<Identity>,
}

/// Client certificate and its key.
#[derive(Debug, Clone)]
pub struct Identity {
    pub certificate: Vec<u8>,
    pub key: SecretSlice<u8>,
}

/// Reason why [`Tls`] cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    #[error("ca: {0}")]
    Ca(String),
    #[error("certificate: {0}")]
    Certificate(String),
    #[error("key: {0}")]
    Key(String),
    #[error("the system has no certificate authorities; install ca-certificates or set ca")]
    NoSystemRoots,
    #[error("{0}")]
    Unusable(String),
}

impl Tls {
    /// Returns what every connection is verified by.
    pub(super) fn client_config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(&error))?
            .with_root_certificates(self.roots()?);
        let Some(identity) = &self.identity else {
            return Ok(Arc::new(builder.with_no_client_auth()));
        };
        let chain = pem::parse_certificates(&identity.certificate)
            .map_err(|error| TlsError::Certificate(error.to_string()))?;
        let key = pem::parse_key(identity.key.expose_secret())
            .map_err(|error| TlsError::Key(error.to_string()))?;
        let config = builder.with_client_auth_cert(chain, key);
        config.map(Arc::new).map_err(|error| unusable(&error))
    }

    fn roots(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        let Some(ca) = &self.ca else {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            return (!roots.is_empty())
                .then_some(roots)
                .ok_or(TlsError::NoSystemRoots);
        };
        let refused = |error: &dyn fmt::Display| TlsError::Ca(error.to_string());
        for certificate in pem::parse_certificates(ca).map_err(|error| refused(&error))? {
            roots.add(certificate).map_err(|error| refused(&error))?;
        }
        Ok(roots)
    }
}

fn unusable(error: &rustls::Error) -> TlsError {
    TlsError::Unusable(error.to_string())
}
