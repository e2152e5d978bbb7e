use std::sync::{Arc, LazyLock};

use introspectd_files::{MAX_FILE, START};
use introspectd_settings::Section;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// Reads `tls = { ca, certificate, key }`: PEM files. `ca` takes the place of the system's
/// authorities; `certificate` and `key` are what we show to a server that asks for them.
pub(crate) fn read(section: &mut Section, https: bool) -> Option<ClientConfig> {
    let mut table = section.section("tls");
    let ca = table.text("ca");
    let certificate = table.text("certificate");
    let key = table.text("key");
    let roots = match ca {
        Some(path) => read_roots(&table, &path).map(Arc::new),
        None if https => system_roots(&table),
        None => Some(Arc::new(RootCertStore::empty())),
    };
    let identity = match (certificate, key) {
        (None, None) => Some(None),
        (Some(certificate), Some(key)) => read_identity(&table, &certificate, &key).map(Some),
        (Some(_), None) | (None, Some(_)) => {
            table.problem("", "has only one of certificate and key", "Give both, or none.");
            None
        }
    };
    table.finish();
    build(section, roots?, identity?)
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn build(section: &Section, roots: Arc<RootCertStore>, identity: Option<Identity>) -> Option<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = match ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions() {
        Ok(builder) => builder.with_root_certificates(roots),
        Err(error) => {
            section.problem("tls", error.to_string(), "This build cannot speak TLS.");
            return None;
        }
    };
    match identity {
        None => Some(builder.with_no_client_auth()),
        Some((chain, key)) => match builder.with_client_auth_cert(chain, key) {
            Ok(config) => Some(config),
            Err(error) => {
                let remedy = "Check that the key belongs to the certificate.";
                section.problem("tls", error.to_string(), remedy);
                None
            }
        },
    }
}

/// Read once: a file system with hundreds of certificates takes its time.
fn system_roots(table: &Section) -> Option<Arc<RootCertStore>> {
    static ROOTS: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(roots)
    });
    if ROOTS.is_empty() {
        let remedy = "Install the system's certificates (package ca-certificates), or set tls.ca.";
        table.problem("ca", "the system has no certificate authorities", remedy);
        return None;
    }
    Some(Arc::clone(&ROOTS))
}

fn read_roots(table: &Section, path: &str) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates(table, "ca", path)? {
        if let Err(error) = roots.add(certificate) {
            table.problem("ca", format!("{path}: {error}"), "Name a PEM file of certificate authorities.");
            return None;
        }
    }
    Some(roots)
}

fn read_identity(table: &Section, certificate: &str, key: &str) -> Option<Identity> {
    let chain = read_certificates(table, "certificate", certificate);
    let read_key = pem(key).and_then(|pem| PrivateKeyDer::from_pem_slice(&pem).map_err(|it| it.to_string()));
    let key = match read_key {
        Ok(key) => Some(key),
        Err(error) => {
            table.problem("key", format!("{key}: {error}"), "Name a PEM file with one private key.");
            None
        }
    };
    Some((chain?, key?))
}

fn pem(path: &str) -> Result<Vec<u8>, String> {
    introspectd_files::read(path.as_ref(), MAX_FILE, START).map_err(|error| error.to_string())
}

fn read_certificates(table: &Section, key: &str, path: &str) -> Option<Vec<CertificateDer<'static>>> {
    let parse = |pem: Vec<u8>| CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let read = pem(path)
        .and_then(|pem| parse(pem).map_err(|error| error.to_string()))
        .and_then(|found| if found.is_empty() { Err("no certificate inside".to_owned()) } else { Ok(found) });
    match read {
        Ok(certificates) => Some(certificates),
        Err(error) => {
            table.problem(key, format!("{path}: {error}"), "Name a PEM file of certificates.");
            None
        }
    }
}
