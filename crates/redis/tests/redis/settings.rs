use std::fs;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use introspectd_fleet::Store;
use introspectd_redis::{ACL_RULES, Identity, RedisStore, Settings, Tls, TlsError, TlsFiles};
use introspectd_redis_lab::{Cluster, Program, Sentinels, Server, Setup, until};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::contract;
use crate::harness::{append, settings, store};

const TRUST: Duration = Duration::from_secs(2);
const PASSWORD: &str = "correct horse";

fn open(settings: &Settings) -> RedisStore {
    RedisStore::new(settings, &Handle::current()).unwrap()
}

fn login(url: &str, username: &str, password: &str) -> Settings {
    Settings {
        username: Some(username.to_owned()),
        password: Some(password.into()),
        ..settings(url)
    }
}

/// User with exactly the documented rules, next to a default user who may do nothing.
fn restricted(setup: Setup) -> Setup {
    let user = format!("user replica on >{} ~lab:* {ACL_RULES}", "secret");
    setup.line(&user)
}

#[test]
fn rules_of_a_user_are_documented() {
    let page = include_str!("../../../../docs/fleet.md");
    let line = format!("ACL SETUSER introspectd on >PASSWORD ~introspectd:* {ACL_RULES}");
    assert!(page.lines().any(|written| written == line), "{line}");
}

#[tokio::test]
async fn documented_rules_of_a_user_are_enough() {
    for program in programs() {
        let server = restricted(Setup::new(program)).start().await;
        let store = open(&login(&server.url(), "replica", "secret"));
        contract::holds(&store).await;
        assert_eq!(store.weaknesses(TRUST).await.unwrap(), Vec::<String>::new());
    }
}

fn programs() -> Vec<Program> {
    let oldest = cfg!(target_arch = "x86_64").then_some(Program::Oldest);
    std::iter::once(Program::Installed).chain(oldest).collect()
}

#[tokio::test]
async fn documented_rules_of_a_user_are_enough_with_sentinels() {
    let lab = Sentinels::start_with(restricted(Setup::new(Program::Installed))).await;
    let store = open(&login(&lab.url(), "replica", "secret"));
    contract::holds(&store).await;
    assert_eq!(store.weaknesses(TRUST).await.unwrap().len(), 1);
}

#[tokio::test]
async fn documented_rules_of_a_user_are_enough_in_a_cluster() {
    let lab = Cluster::start_with(restricted(Setup::new(Program::Installed))).await;
    let store = open(&login(&lab.url(), "replica", "secret"));
    contract::holds(&store).await;
    assert_eq!(store.weaknesses(TRUST).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn refusals_name_their_kind_and_nothing_that_was_sent() {
    let user = format!("user replica on >{} ~other:* {ACL_RULES}", "secret");
    let setup = Setup::new(Program::Installed)
        .line(&format!("requirepass \"{PASSWORD}\""))
        .line(&user);
    let server = setup.start().await;
    let cases = [
        (settings(&server.url()), "NOAUTH: it requires a password"),
        (
            login(&server.url(), "replica", "wrong"),
            "WRONGPASS: wrong username or password",
        ),
        (
            login(&server.url(), "replica", "secret"),
            "NOPERM: its ACL denies this user a command or the prefix",
        ),
    ];
    for (settings, expected) in cases {
        let store = open(&settings);
        let downs = [
            append(&store, "text").await.unwrap_err(),
            store.get(&["lab:f:a"]).await.unwrap_err(),
            store.set_new("lab:f:a", b"value", TRUST).await.unwrap_err(),
            store.delete("lab:f:a", b"value").await.unwrap_err(),
        ];
        for down in downs {
            assert_eq!(down.to_string(), format!("Redis: {expected}"));
        }
    }
    // The default user, by its password alone.
    let store = open(&Settings {
        password: Some(PASSWORD.into()),
        ..settings(&server.url())
    });
    append(&store, "text").await.unwrap();
}

#[tokio::test]
async fn full_server_says_so_in_every_version() {
    for program in programs() {
        let setup = Setup::new(program).line("maxmemory 1");
        let server = setup.start().await;
        let store = store(&server.url());
        let expected = "Redis: OOM: it is full (maxmemory)";
        let down = append(&store, "text").await.unwrap_err();
        assert_eq!(down.to_string(), expected);
        let down = store.set_new("lab:f:a", b"value", TRUST).await.unwrap_err();
        assert_eq!(down.to_string(), expected);
        assert_eq!(store.get(&["lab:f:a"]).await.unwrap(), [None]);
    }
}

#[tokio::test]
async fn replica_says_so_in_every_version() {
    for program in programs() {
        let master = Setup::new(program).start().await;
        let setup = Setup::new(program).line(&format!("replicaof 127.0.0.1 {}", master.port()));
        let replica = setup.start().await;
        let store = store(&replica.url());
        let down = append(&store, "text").await.unwrap_err();
        assert_eq!(down.to_string(), "Redis: READONLY: it is a replica");
    }
}

#[tokio::test]
async fn weak_settings_are_reported_with_what_to_set() {
    let server = Server::start().await;
    let store = store(&server.url());
    let none = Vec::<String>::new();
    assert_eq!(store.weaknesses(TRUST).await.unwrap(), none);

    server.cli(&["CONFIG", "SET", "maxmemory", "100mb"]).await;
    assert_eq!(
        store.weaknesses(TRUST).await.unwrap(),
        [
            "Redis refuses all writes, purges included, when it is full (maxmemory-policy \
             noeviction): set maxmemory-policy to volatile-lru."
        ]
    );
    server
        .cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"])
        .await;
    assert_eq!(
        store.weaknesses(TRUST).await.unwrap(),
        [
            "Redis may evict the stream of purges when it is full, which costs every replica its \
             cache (maxmemory-policy allkeys-lru): set maxmemory-policy to volatile-lru."
        ]
    );
    server
        .cli(&["CONFIG", "SET", "maxmemory-policy", "volatile-lru"])
        .await;
    assert_eq!(store.weaknesses(TRUST).await.unwrap(), none);

    server
        .cli(&["ACL", "SETUSER", "default", "-config", "-info"])
        .await;
    let found = store.weaknesses(TRUST).await.unwrap();
    assert_eq!(found.len(), 2);
    assert!(found.iter().any(|it| it.contains("add +info to its ACL")));
    assert!(
        found
            .iter()
            .any(|it| it.contains("add +config|get to its ACL"))
    );
}

#[tokio::test]
async fn master_that_may_be_alone_is_reported() {
    let lab = Sentinels::start().await;
    let store = store(&lab.url());
    let master = &lab.servers[0];
    let found = store.weaknesses(TRUST).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(
        found[0].contains("set min-replicas-to-write to 1"),
        "{found:?}"
    );
    master
        .cli(&["CONFIG", "SET", "min-replicas-to-write", "1"])
        .await;
    let found = store.weaknesses(TRUST).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(
        found[0].ends_with("set min-replicas-max-lag to 2."),
        "{found:?}"
    );
    master
        .cli(&["CONFIG", "SET", "min-replicas-max-lag", "2"])
        .await;
    assert_eq!(store.weaknesses(TRUST).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn slow_failover_of_a_cluster_is_reported() {
    let lab = Cluster::start().await;
    let store = store(&lab.url());
    assert_eq!(store.weaknesses(TRUST).await.unwrap(), Vec::<String>::new());
    let master = lab.master_of("lab:purges").await;
    lab.nodes[master]
        .cli(&["CONFIG", "SET", "cluster-node-timeout", "15000"])
        .await;
    let found = store.weaknesses(TRUST).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(
        found[0].ends_with("set cluster-node-timeout to 2000 or less."),
        "{found:?}"
    );
}

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
}

/// TLS port of a server with a certificate for this name, which asks for a client's certificate.
async fn encrypted(authority: &Authority, name: &str) -> (Server, String) {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = authority.sign(name);
    let path = |file: &str| folder.path().join(file).display().to_string();
    fs::write(path("ca.pem"), authority.pem()).unwrap();
    fs::write(path("server.pem"), certificate).unwrap();
    fs::write(path("server.key"), key).unwrap();
    let port = introspectd_redis_lab::free_port();
    let setup = Setup::new(Program::Installed)
        .line(&format!("tls-port {port}"))
        .line(&format!("tls-ca-cert-file {}", path("ca.pem")))
        .line(&format!("tls-cert-file {}", path("server.pem")))
        .line(&format!("tls-key-file {}", path("server.key")));
    let server = setup.start().await;
    (server, format!("rediss://127.0.0.1:{port}"))
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
        std::fs::write(self.folder.path().join(name), content).unwrap();
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
    let (_server, url) = encrypted(&authority, "127.0.0.1").await;
    let store = open(&Replica::trusting(&authority).settings(&url));
    contract::holds(&store).await;
}

#[tokio::test]
async fn server_that_cannot_be_verified_gets_nothing() {
    let authority = Authority::new();
    let (server, url) = encrypted(&authority, "127.0.0.1").await;
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
    let url = server.url().replace("redis:", "rediss:");
    let down = refusal(&url, &Replica::trusting(&authority)).await;
    assert_eq!(down, "Redis: timed out");

    let (_server, url) = encrypted(&authority, "elsewhere.example").await;
    let down = refusal(&url, &Replica::trusting(&authority)).await;
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
    let (_server, url) = encrypted(&authority, "127.0.0.1").await;
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
