use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use introspectd_core::Timestamp;
use introspectd_files::pem;
use rustls::pki_types::CertificateDer;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use x509_cert::Certificate;
use x509_cert::der::Decode;

/// Files of a TLS listener, in PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// Our certificate with its chain.
    pub certificate: PathBuf,
    /// Private key of the certificate.
    pub key: PathBuf,
    /// Authorities of the clients' certificates; without it none are requested.
    pub client_ca: Option<PathBuf>,
    /// Demand for certificates, if `client_ca` is set.
    pub client_auth: ClientAuth,
}

/// Demand for certificates of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAuth {
    /// A client without a certificate is refused.
    #[default]
    Required,
    /// A client without a certificate is identified by listener or header. An invalid certificate
    /// is still refused.
    Optional,
}

/// Protocols of a TLS listener, offered by ALPN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocols {
    /// Both HTTP/2 and HTTP/1.1.
    Http,
    /// HTTP/2 only, as gRPC needs it.
    Grpc,
}

/// TLS of a listener. Its files are checked on each new connection: changed ones apply from that
/// connection on, and invalid ones leave the previous ones in force.
pub struct Tls {
    protocols: Protocols,
    current: ArcSwap<Loaded>,
}

struct Loaded {
    files: Arc<TlsFiles>,
    /// Stamp of the files that were read last, valid or not.
    stamp: Stamp,
    acceptor: TlsAcceptor,
    /// End of our certificate.
    ends: Timestamp,
}

/// Problem with a file of a TLS listener.
#[derive(Debug)]
pub struct TlsProblem {
    /// Configuration key whose file is at fault.
    pub key: &'static str,
    /// Description of the problem.
    pub what: String,
}

impl fmt::Display for TlsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.what)
    }
}

impl std::error::Error for TlsProblem {}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls")
            .field(&self.current.load().files)
            .finish()
    }
}

impl Tls {
    /// Loads the files.
    ///
    /// # Errors
    /// The key whose file is missing, unreadable or invalid.
    pub fn load(files: TlsFiles, protocols: Protocols) -> Result<Self, TlsProblem> {
        let stamp = files.stamp();
        let (acceptor, ends) = files.acceptor(protocols)?;
        Ok(Self {
            protocols,
            current: ArcSwap::from_pointee(Loaded {
                files: Arc::new(files),
                stamp,
                acceptor,
                ends,
            }),
        })
    }

    /// Takes over the files of another one, as they were loaded, from the next connection on.
    pub fn replace(&self, other: &Self) {
        self.current.store(other.current.load_full());
    }

    /// Returns true if certificates of clients are requested.
    pub fn asks_for_certificates(&self) -> bool {
        self.current.load().files.client_ca.is_some()
    }

    /// Returns the acceptor for a new connection, after checking the files.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.checked().acceptor.clone()
    }

    /// Returns the end of our certificate, after checking the files.
    pub fn certificate_ends(&self) -> Timestamp {
        self.checked().ends
    }

    fn checked(&self) -> Arc<Loaded> {
        let current = self.current.load_full();
        // Taken before the files are read: a change in between is noticed the next time.
        let files = &current.files;
        let stamp = files.stamp();
        if stamp == current.stamp {
            return current;
        }
        let (acceptor, ends) = match files.acceptor(self.protocols) {
            Ok(loaded) => {
                tracing::info!(
                    certificate = %files.certificate.display(),
                    "TLS certificate reloaded"
                );
                loaded
            }
            Err(problem) => {
                tracing::warn!(
                    %problem,
                    "TLS files changed but are invalid; keeping the previous certificate"
                );
                (current.acceptor.clone(), current.ends)
            }
        };
        let loaded = Arc::new(Loaded {
            files: Arc::clone(files),
            stamp,
            acceptor,
            ends,
        });
        // Unless others have taken their place meanwhile.
        self.current.compare_and_swap(&current, Arc::clone(&loaded));
        loaded
    }
}

/// Identity of each file's content: modification time, length and inode.
type Stamp = Vec<Option<(SystemTime, u64, u64)>>;

impl TlsFiles {
    fn stamp(&self) -> Stamp {
        let files = [
            Some(&self.certificate),
            Some(&self.key),
            self.client_ca.as_ref(),
        ];
        files
            .into_iter()
            .flatten()
            .map(|file| stamp(file).ok())
            .collect()
    }

    /// Reads the files, and when our certificate ends.
    fn acceptor(&self, protocols: Protocols) -> Result<(TlsAcceptor, Timestamp), TlsProblem> {
        let chain = read_chain("certificate", &self.certificate)?;
        let ends = chain.first().map_or(Timestamp::MIN, |leaf| not_after(leaf));
        let key = pem::read_key(&self.key, Duration::ZERO)
            .map_err(|error| at("key", &self.key, &error))?;
        let roots = self
            .client_ca
            .as_ref()
            .map(|file| read_roots(file))
            .transpose()?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions();
        let builder = versions.map_err(|error| at("certificate", &self.certificate, &error))?;
        let builder = match roots {
            None => builder.with_no_client_auth(),
            Some(roots) => {
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = match self.client_auth {
                    ClientAuth::Required => verifier,
                    ClientAuth::Optional => verifier.allow_unauthenticated(),
                };
                let verifier = verifier.build();
                builder.with_client_cert_verifier(
                    verifier.map_err(|error| TlsProblem::new("client_ca", &error))?,
                )
            }
        };
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(|error| at("key", &self.key, &error))?;
        if self.client_ca.is_some() {
            // A resumed session is not verified again, however long ago its certificate expired.
            config.session_storage = Arc::new(NoServerSessionStorage {});
        }
        config.alpn_protocols = protocols.names();
        Ok((TlsAcceptor::from(Arc::new(config)), ends))
    }
}

impl Protocols {
    fn names(self) -> Vec<Vec<u8>> {
        match self {
            Self::Http => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Self::Grpc => vec![b"h2".to_vec()],
        }
    }
}

impl TlsProblem {
    fn new(key: &'static str, what: &dyn fmt::Display) -> Self {
        Self {
            key,
            what: what.to_string(),
        }
    }
}

/// End of a certificate. One that cannot be read has ended.
pub(crate) fn not_after(certificate: &[u8]) -> Timestamp {
    let read = Certificate::from_der(certificate).ok();
    let end = read.map(|read| {
        read.tbs_certificate()
            .validity()
            .not_after
            .to_unix_duration()
            .as_secs()
    });
    end.and_then(|end| Timestamp::from_seconds(i64::try_from(end).ok()?))
        .unwrap_or(Timestamp::MIN)
}

fn at(key: &'static str, file: &Path, error: &dyn fmt::Display) -> TlsProblem {
    TlsProblem::new(key, &format_args!("{}: {error}", file.display()))
}

fn stamp(file: &Path) -> io::Result<(SystemTime, u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let file = fs::metadata(file)?;
    Ok((file.modified()?, file.len(), file.ino()))
}

/// Reads certificates without waiting for a pipe: the serving threads read the files again.
fn read_chain(key: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsProblem> {
    pem::read_certificates(file, Duration::ZERO).map_err(|error| at(key, file, &error))
}

fn read_roots(file: &Path) -> Result<RootCertStore, TlsProblem> {
    let mut roots = RootCertStore::empty();
    for certificate in read_chain("client_ca", file)? {
        roots
            .add(certificate)
            .map_err(|error| at("client_ca", file, &error))?;
    }
    Ok(roots)
}
