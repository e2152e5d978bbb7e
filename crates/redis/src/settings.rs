use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use introspectd_files::{Renewed, START, pem};
use rustls::{ClientConfig, RootCertStore};
use secrecy::SecretString;

use super::url::RedisUrl;

/// Place, credentials and prefix of a [`RedisStore`](super::RedisStore).
#[derive(Debug, Clone)]
pub struct Settings {
    pub url: RedisUrl,
    /// ACL user; without one, the password is the default user's.
    pub username: Option<String>,
    pub password: Option<SecretString>,
    /// TLS of `rediss`, of no effect for a URL without; `None` for the system's authorities.
    pub tls: Option<Tls>,
    /// First part of the streams' names.
    pub prefix: String,
}

/// PEM files for `rediss`.
#[derive(Debug, Clone, Default)]
pub struct TlsFiles {
    /// Authorities in place of the system's.
    pub ca: Option<PathBuf>,
    /// Certificate that is shown to servers that ask for one.
    pub identity: Option<Identity>,
}

/// Files of a client certificate and its key.
#[derive(Debug, Clone)]
pub struct Identity {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Authorities and certificate of connections. Their files are looked at whenever one is opened.
#[derive(Debug, Clone)]
pub struct Tls(Arc<Renewed<Arc<ClientConfig>>>);

/// Reason why [`TlsFiles`] cannot be used.
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
    /// Reads the files. Waits a while for the writer of a pipe, which is read this once.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn open(files: TlsFiles) -> Result<Self, TlsError> {
        let config = files.load(START)?;
        let paths: Vec<_> = files.paths().cloned().collect();
        let make = move || {
            files
                .load(Duration::ZERO)
                .map_err(|error| error.to_string())
        };
        let renewed = Renewed::new("TLS to Redis", config, paths, make);
        Ok(Self(Arc::new(renewed)))
    }

    pub(super) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0.get())
    }
}

impl TlsFiles {
    fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        let identity = self.identity.iter();
        let identity = identity.flat_map(|it| [&it.certificate, &it.key]);
        self.ca.iter().chain(identity)
    }

    fn load(&self, patience: Duration) -> Result<Arc<ClientConfig>, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(&error))?
            .with_root_certificates(self.roots(patience)?);
        let Some(Identity { certificate, key }) = &self.identity else {
            return Ok(Arc::new(builder.with_no_client_auth()));
        };
        let chain = pem::read_certificates(certificate, patience)
            .map_err(|error| TlsError::Certificate(error.to_string()))?;
        let key = pem::read_key(key, patience).map_err(|error| TlsError::Key(error.to_string()))?;
        let config = builder.with_client_auth_cert(chain, key);
        config.map(Arc::new).map_err(|error| unusable(&error))
    }

    fn roots(&self, patience: Duration) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        let Some(ca) = &self.ca else {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            return (!roots.is_empty())
                .then_some(roots)
                .ok_or(TlsError::NoSystemRoots);
        };
        let refused = |error: &dyn fmt::Display| TlsError::Ca(error.to_string());
        for certificate in pem::read_certificates(ca, patience).map_err(|error| refused(&error))? {
            roots.add(certificate).map_err(|error| refused(&error))?;
        }
        Ok(roots)
    }
}

fn unusable(error: &rustls::Error) -> TlsError {
    TlsError::Unusable(error.to_string())
}
