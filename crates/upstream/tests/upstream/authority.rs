//! A certificate authority of the test's own, and what it issues, as files.

use std::path::PathBuf;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;

pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: TempDir,
}

/// A certificate and its key.
pub(crate) struct Identity {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) certificate_file: PathBuf,
    pub(crate) key_file: PathBuf,
    pub(crate) key_pair: KeyPair,
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self::named("test authority")
    }

    pub(crate) fn named(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, directory }
    }

    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    /// Path of its own certificate, for `tls.ca`.
    pub(crate) fn file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// Issues a certificate for a host name or IP address, which also names the files.
    pub(crate) fn issue(&self, name: &str) -> Identity {
        self.issue_for(name, 2000, 4000)
    }

    /// The same, valid between the beginnings of these years.
    pub(crate) fn issue_for(&self, name: &str, from: i32, until: i32) -> Identity {
        let key_pair = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let certificate = params.signed_by(&key_pair, &self.issuer).unwrap();
        self.save(name, &certificate, key_pair)
    }

    /// Creates a self-signed certificate for a host name, as `openssl req -x509` does by default.
    pub(crate) fn self_signed(&self, name: &str) -> Identity {
        let key_pair = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        self.save(name, &params.self_signed(&key_pair).unwrap(), key_pair)
    }

    fn save(&self, name: &str, certificate: &Certificate, key_pair: KeyPair) -> Identity {
        let certificate_file = self.directory.path().join(format!("{name}.pem"));
        let key_file = self.directory.path().join(format!("{name}.key"));
        std::fs::write(&certificate_file, certificate.pem()).unwrap();
        std::fs::write(&key_file, key_pair.serialize_pem()).unwrap();
        Identity {
            certificate: certificate.der().clone(),
            certificate_file,
            key_file,
            key_pair,
        }
    }
}

impl Identity {
    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key_pair.serialize_der()).into()
    }
}
