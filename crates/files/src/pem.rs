//! Certificates and keys in PEM files.

use std::io;
use std::path::Path;
use std::time::Duration;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::{MAX_FILE, read};

/// Reads all certificates of a file, at least one.
///
/// # Errors
/// Those of [`read`]; a file that is not PEM or has no certificate.
pub fn read_certificates(path: &Path, wait: Duration) -> io::Result<Vec<CertificateDer<'static>>> {
    parse_certificates(&read(path, MAX_FILE, wait)?)
}

/// Parses all certificates of a PEM text, at least one.
///
/// # Errors
/// The text is not PEM or has no certificate.
pub fn parse_certificates(pem: &[u8]) -> io::Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    match found.map_err(|error| io::Error::other(error.to_string()))? {
        found if found.is_empty() => Err(io::Error::other("the file has no certificate")),
        found => Ok(found),
    }
}

/// Reads the private key of a file.
///
/// # Errors
/// Those of [`read`]; a file that is not PEM or has no private key.
pub fn read_key(path: &Path, wait: Duration) -> io::Result<PrivateKeyDer<'static>> {
    parse_key(&read(path, MAX_FILE, wait)?)
}

/// Parses the private key of a PEM text.
///
/// # Errors
/// The text is not PEM or has no private key.
pub fn parse_key(pem: &[u8]) -> io::Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| io::Error::other(error.to_string()))
}
