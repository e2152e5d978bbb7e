use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use introspectd_redis::{Identity, Settings, Tls, TlsError, TlsFiles};
use introspectd_redis_lab::{Cluster, Program, Sentinels, Server, Setup, until};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

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

/// Files of a replica that trusts an authority, which has signed its certificate.
struct Replica {
    folder: TempDir,
    files: TlsFiles,
}

impl Replica {
    fn trusting(authority: &Authority) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name);
        let files = TlsFiles {
            ca: Some(path("ca.pem")),
            identity: Some(Identity {
                certificate: path("replica.pem"),
                key: path("replica.key"),
            }),
        };
        let (certificate, key) = authority.sign("replica");
        let replica = Self { folder, files };
        replica.write("ca.pem", &authority.pem());
        replica.write("replica.pem", certificate.as_bytes());
        replica.write("replica.key", key.as_bytes());
        replica
    }

    fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.folder.path().join(name), content).unwrap();
    }

    fn open(&self) -> Result<Tls, TlsError> {
        Tls::open(self.files.clone())
    }

    fn settings(&self, url: &str) -> Settings {
        Settings {
            tls: Some(self.open().unwrap()),
            ..settings(url)
        }
    }
}

#[tokio::test]
async fn encrypted_server_holds_the_contract() {
    let authority = Authority::new();
    let server = encrypted(&authority, "127.0.0.1").await;
    let store = open(&Replica::trusting(&authority).settings(&server.url()));
    contract::holds(&store).await;
}

#[tokio::test]
async fn encrypted_sentinels_and_clusters_hold_the_contract() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    authority.write(folder.path(), "127.0.0.1");
    let setup = || Setup::new(Program::Installed).encrypted(folder.path());
    let replica = Replica::trusting(&authority);
    let sentinels = Sentinels::start_with(setup()).await;
    contract::holds(&open(&replica.settings(&sentinels.url()))).await;
    let cluster = Cluster::start_with(setup()).await;
    contract::holds(&open(&replica.settings(&cluster.url()))).await;
}

#[tokio::test]
async fn server_that_cannot_be_verified_gets_nothing() {
    let authority = Authority::new();
    let server = encrypted(&authority, "127.0.0.1").await;
    let url = server.url();
    let mut replica = Replica::trusting(&authority);
    replica.write("ca.pem", &Authority::new().pem());
    let down = refusal(&url, &replica).await;
    assert_eq!(
        down,
        "Redis: TLS failed (invalid peer certificate: UnknownIssuer)"
    );
    // Nor one that asks for a certificate, and does not get one.
    replica.write("ca.pem", &authority.pem());
    replica.files.identity = None;
    let down = refusal(&url, &replica).await;
    assert!(down.starts_with("Redis: "), "{down}");
    // A server without TLS waits for the end of what it takes for a command.
    let url = format!("rediss://127.0.0.1:{}", server.port());
    let down = refusal(&url, &Replica::trusting(&authority)).await;
    assert_eq!(down, "Redis: timed out");

    let server = encrypted(&authority, "elsewhere.example").await;
    let down = refusal(&server.url(), &Replica::trusting(&authority)).await;
    assert!(
        down.starts_with("Redis: TLS failed (invalid peer certificate"),
        "{down}"
    );
}

async fn refusal(url: &str, replica: &Replica) -> String {
    append(&open(&replica.settings(url)), "text")
        .await
        .unwrap_err()
        .to_string()
}

#[tokio::test]
async fn files_that_changed_hold_from_the_next_connection_on() {
    let authority = Authority::new();
    let server = encrypted(&authority, "127.0.0.1").await;
    let url = server.url();
    let replica = Replica::trusting(&authority);
    replica.write("ca.pem", &Authority::new().pem());
    let store = open(&replica.settings(&url));
    assert!(append(&store, "text").await.is_err());
    replica.write("ca.pem", b"half a fi");
    assert!(append(&store, "text").await.is_err());
    replica.write("ca.pem", &authority.pem());
    until("the new authority is trusted", async || {
        append(&store, "text").await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn unusable_certificates_are_refused_by_name() {
    let authority = Authority::new();
    let refused = |name: &str, content: &[u8]| {
        let replica = Replica::trusting(&authority);
        replica.write(name, content);
        replica.open().unwrap_err()
    };
    let error = refused("ca.pem", b"nothing");
    assert!(matches!(error, TlsError::Ca(_)), "{error}");
    let error = refused("replica.pem", b"");
    assert!(matches!(error, TlsError::Certificate(_)), "{error}");
    let error = refused("replica.key", b"");
    assert!(matches!(error, TlsError::Key(_)), "{error}");
}

#[tokio::test]
async fn secrets_are_not_printed() {
    let authority = Authority::new();
    let settings = Settings {
        tls: Some(Replica::trusting(&authority).open().unwrap()),
        ..login("rediss://127.0.0.1", "replica", PASSWORD)
    };
    let printed = format!("{settings:?} {:?}", open(&settings));
    assert!(!printed.contains(PASSWORD), "{printed}");
    assert!(!printed.contains("PRIVATE"), "{printed}");
}
