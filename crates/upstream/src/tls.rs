use std::sync::{Arc, LazyLock};
use std::time::Duration;

use introspectd_files::{START, pem};
use introspectd_settings::Section;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::renewed::Renewed;

/// Reads `tls = { ca, certificate, key }`: PEM files. `ca` takes the place of the system's
/// authorities; `certificate` and `key` are what we show to a server that asks for them.
///
/// The files are checked for changes when a connection is opened.
pub(crate) fn read(section: &mut Section, https: bool) -> Option<Renewed<Arc<ClientConfig>>> {
    let mut table = section.section("tls");
    let ca = table.text("ca");
    let identity = match (table.text("certificate"), table.text("key")) {
        (None, None) => Some(None),
        (Some(certificate), Some(key)) => Some(Some((certificate, key))),
        (Some(_), None) | (None, Some(_)) => {
            table.problem(
                "",
                "has only one of certificate and key",
                "Give both, or none.",
            );
            None
        }
    };
    let files = identity.map(|identity| Files {
        https,
        ca,
        identity,
    });
    let paths = || files.iter().flat_map(Files::paths);
    paths().for_each(|path| table.ledger().file(path.as_ref()));
    let loaded = files.as_ref().map(|files| files.load(START));
    if let Some(Err(problems)) = &loaded {
        for Problem { key, what, remedy } in problems {
            table.problem(key, what.as_str(), *remedy);
        }
    }
    table.finish();
    let (files, config) = (files?, loaded?.ok()?);
    let paths: Vec<_> = files.paths().map(Into::into).collect();
    Some(Renewed::new(
        "TLS to a provider",
        config,
        paths,
        move || {
            let joined = |problems: Vec<Problem>| {
                problems
                    .into_iter()
                    .map(|it| it.what)
                    .collect::<Vec<_>>()
                    .join("; ")
            };
            files.load(Duration::ZERO).map_err(joined)
        },
    ))
}

struct Files {
    /// True if any address is https.
    https: bool,
    ca: Option<String>,
    /// Certificate and key.
    identity: Option<(String, String)>,
}

struct Problem {
    /// Below `tls`.
    key: &'static str,
    what: String,
    remedy: &'static str,
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl Files {
    fn paths(&self) -> impl Iterator<Item = &String> {
        let identity = self
            .identity
            .iter()
            .flat_map(|(certificate, key)| [certificate, key]);
        self.ca.iter().chain(identity)
    }

    /// Waits at most `patience` for the writer of a pipe.
    fn load(&self, patience: Duration) -> Result<Arc<ClientConfig>, Vec<Problem>> {
        let roots = match &self.ca {
            Some(path) => read_roots(path, patience).map(Arc::new),
            None if self.https => system_roots(),
            None => Ok(Arc::new(RootCertStore::empty())),
        };
        let identity = match &self.identity {
            None => Ok(None),
            Some((certificate, key)) => read_identity(certificate, key, patience).map(Some),
        };
        match (roots, identity) {
            (Ok(roots), Ok(identity)) => build(roots, identity).map_err(|problem| vec![problem]),
            (roots, identity) => Err(roots
                .err()
                .into_iter()
                .chain(identity.err().into_iter().flatten())
                .collect()),
        }
    }
}

fn build(
    roots: Arc<RootCertStore>,
    identity: Option<Identity>,
) -> Result<Arc<ClientConfig>, Problem> {
    let problem = |error: rustls::Error, remedy| Problem {
        key: "",
        what: error.to_string(),
        remedy,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| problem(error, "This build cannot speak TLS."))?
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| problem(error, "Check that the key belongs to the certificate."))?,
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Read once: a file system with hundreds of certificates takes its time.
fn system_roots() -> Result<Arc<RootCertStore>, Problem> {
    static ROOTS: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(roots)
    });
    if ROOTS.is_empty() {
        let remedy = "Install the system's certificates (package ca-certificates), or set tls.ca.";
        return Err(Problem {
            key: "ca",
            what: "the system has no certificate authorities".to_owned(),
            remedy,
        });
    }
    Ok(Arc::clone(&ROOTS))
}

fn read_roots(path: &str, patience: Duration) -> Result<RootCertStore, Problem> {
    let mut roots = RootCertStore::empty();
    for certificate in read_chain("ca", path, patience)? {
        let added = roots.add(certificate);
        added.map_err(|error| {
            let remedy = "Name a PEM file of certificate authorities.";
            Problem {
                key: "ca",
                what: format!("{path}: {error}"),
                remedy,
            }
        })?;
    }
    Ok(roots)
}

fn read_identity(
    certificate: &str,
    key: &str,
    patience: Duration,
) -> Result<Identity, Vec<Problem>> {
    let chain = read_chain("certificate", certificate, patience);
    let read = pem::read_key(key.as_ref(), patience);
    let key = read.map_err(|error| {
        let remedy = "Name a PEM file with one private key.";
        Problem {
            key: "key",
            what: format!("{key}: {error}"),
            remedy,
        }
    });
    match (chain, key) {
        (Ok(chain), Ok(key)) => Ok((chain, key)),
        (chain, key) => Err(chain.err().into_iter().chain(key.err()).collect()),
    }
}

fn read_chain(
    key: &'static str,
    path: &str,
    patience: Duration,
) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let read = pem::read_certificates(path.as_ref(), patience);
    read.map_err(|error| Problem {
        key,
        what: format!("{path}: {error}"),
        remedy: "Name a PEM file of certificates.",
    })
}
