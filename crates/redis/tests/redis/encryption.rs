use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use introspectd_redis::{Identity, RedisStore, Settings, Tls, TlsError};
use introspectd_redis_lab::{Cluster, Program, Sentinels, Server, Setup};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::runtime::Handle;

use crate::contract;
use crate::harness::{append, settings};
use crate::settings::{PASSWORD, login, open};

/// Authority, and what it signed for the server and for us.
struct Authority {
    ca: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let mut params = CertificateParams::default();
        // Two authorities of one name would be taken for each other.
        let name = format!("lab {}", NEXT.fetch_add(1, Relaxed));
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let ca = CertifiedIssuer::self_signed(params, key).unwrap();
        Self { ca }
    }

    /// Certificate and key, in PEM.
    fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.ca).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn pem(&self) -> Vec<u8> {
        self.ca.pem().into_bytes()
    }

    /// Store that trusts this authority, and has a certificate of it.
    fn open(&self, url: &str) -> RedisStore {
        open(&Settings {
            tls: trusting(self),
            ..settings(url)
        })
    }

    /// Writes the files of a server of this name, as [`Setup::encrypted`] reads them.
    fn write(&self, folder: &Path, name: &str) {
        let (certificate, key) = self.sign(name);
        fs::write(folder.join("ca.pem"), self.pem()).unwrap();
        fs::write(folder.join("server.pem"), certificate).unwrap();
        fs::write(folder.join("server.key"), key).unwrap();
    }
}

/// Server with a certificate for this name, which asks for a client's certificate.
async fn encrypted(authority: &Authority, name: &str) -> Server {
    let folder = tempfile::tempdir().unwrap();
    authority.write(folder.path(), name);
    let setup = Setup::new(Program::Installed);
    setup.encrypted(folder.path()).start().await
}

fn trusting(authority: &Authority) -> Tls {
    let (certificate, key) = authority.sign("replica");
    Tls {
        ca: Some(authority.pem()),
        identity: Some(Identity {
            certificate: certificate.into_bytes(),
            key: key.into_bytes().into(),
        }),
    }
}

#[tokio::test]
async fn encrypted_server_holds_the_contract() {
    let authority = Authority::new();
    let server = encrypted(&authority, "127.0.0.1").await;
    contract::holds(&authority.open(&server.url())).await;
}

#[tokio::test]
async fn encrypted_sentinels_and_their_servers_hold_the_contract() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    authority.write(folder.path(), "127.0.0.1");
    let setup = Setup::new(Program::Installed).encrypted(folder.path());
    let lab = Sentinels::start_with(setup).await;
    contract::holds(&authority.open(&lab.url())).await;
}

#[tokio::test]
async fn encrypted_cluster_holds_the_contract() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    authority.write(folder.path(), "127.0.0.1");
    let setup = Setup::new(Program::Installed).encrypted(folder.path());
    let lab = Cluster::start_with(setup).await;
    contract::holds(&authority.open(&lab.url())).await;
}

#[tokio::test]
async fn server_that_cannot_be_verified_gets_nothing() {
    let authority = Authority::new();
    let server = encrypted(&authority, "127.0.0.1").await;
    let url = server.url();
    let stranger = Authority::new();
    let mut tls = trusting(&authority);
    tls.ca = Some(stranger.pem());
    let down = refusal(&url, tls).await;
    assert_eq!(
        down,
        "Redis: TLS failed (invalid peer certificate: UnknownIssuer)"
    );
    // Nor one that asks for a certificate, and does not get one.
    let mut tls = trusting(&authority);
    tls.identity = None;
    let down = refusal(&url, tls).await;
    assert!(down.starts_with("Redis: "), "{down}");
    // A server without TLS waits for the end of what it takes for a command.
    let url = format!("rediss://127.0.0.1:{}", server.port());
    let down = refusal(&url, trusting(&authority)).await;
    assert_eq!(down, "Redis: timed out");

    let server = encrypted(&authority, "elsewhere.example").await;
    let down = refusal(&server.url(), trusting(&authority)).await;
    assert!(
        down.starts_with("Redis: TLS failed (invalid peer certificate"),
        "{down}"
    );
}

async fn refusal(url: &str, tls: Tls) -> String {
    let settings = Settings {
        tls,
        ..settings(url)
    };
    append(&open(&settings), "text")
        .await
        .unwrap_err()
        .to_string()
}

#[tokio::test]
async fn unusable_certificates_are_refused_by_name() {
    let authority = Authority::new();
    let refused = |change: fn(&mut Tls)| {
        let mut tls = trusting(&authority);
        change(&mut tls);
        let settings = Settings {
            tls,
            ..settings("rediss://127.0.0.1")
        };
        RedisStore::new(&settings, &Handle::current()).unwrap_err()
    };
    let error = refused(|tls| tls.ca = Some(b"nothing".to_vec()));
    assert!(matches!(error, TlsError::Ca(_)), "{error}");
    let error = refused(|tls| tls.identity.as_mut().unwrap().certificate.clear());
    assert!(matches!(error, TlsError::Certificate(_)), "{error}");
    let error = refused(|tls| tls.identity.as_mut().unwrap().key = Vec::new().into());
    assert!(matches!(error, TlsError::Key(_)), "{error}");
}

#[tokio::test]
async fn secrets_are_not_printed() {
    let authority = Authority::new();
    let settings = Settings {
        tls: trusting(&authority),
        ..login("rediss://127.0.0.1", "replica", PASSWORD)
    };
    let printed = format!("{settings:?} {:?}", open(&settings));
    assert!(!printed.contains(PASSWORD), "{printed}");
    assert!(!printed.contains("PRIVATE"), "{printed}");
}
