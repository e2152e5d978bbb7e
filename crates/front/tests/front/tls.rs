//! TLS listeners: what is spoken behind it, whom a certificate names, and files that change.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use introspectd_server::{ClientAuth, Connections, Protocols, Tls, TlsFiles};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::bench::{ACTIVE, Bench, soon};
use crate::client::{Ask, exchange_on, http2_on, received};
use crate::heads::{LIMITS, http1_head, http2_head, limit_holds, limited};

const HOST: &str = "introspectd.internal";

/// An authority of the test's own.
struct Authority(CertifiedIssuer<'static, KeyPair>);

struct Identity {
    certificate: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Creates a certificate for these host names.
    fn issue(&self, names: &[&str]) -> Identity {
        self.issue_to(names, DistinguishedName::new())
    }

    fn issue_to(&self, names: &[&str], subject: DistinguishedName) -> Identity {
        let key = KeyPair::generate().unwrap();
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = subject;
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity {
            certificate: certificate.der().clone(),
            pem: certificate.pem(),
            key,
        }
    }
}

/// A listener's files.
pub(crate) struct Folder {
    folder: TempDir,
    client_auth: ClientAuth,
}

impl Folder {
    fn new(server: &Identity) -> Self {
        let folder = Self {
            folder: tempfile::tempdir().unwrap(),
            client_auth: ClientAuth::Required,
        };
        folder.install(server);
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces a file as renewal of certificates does: by renaming a new one.
    fn install(&self, server: &Identity) {
        replace(&self.path("key.pem"), &server.key.serialize_pem());
        replace(&self.path("certificate.pem"), &server.pem);
    }

    fn trust(&self, clients: &Authority) {
        replace(&self.path("ca.pem"), &clients.0.pem());
    }

    pub(crate) fn tls(&self, client_ca: bool) -> Tls {
        let files = TlsFiles {
            certificate: self.path("certificate.pem"),
            key: self.path("key.pem"),
            client_ca: client_ca.then(|| self.path("ca.pem")),
            client_auth: self.client_auth,
        };
        Tls::load(files, Protocols::Http).unwrap()
    }
}

/// Files of a server that some authority vouches for.
pub(crate) fn folder() -> Folder {
    Folder::new(&Authority::new().issue(&[HOST]))
}

fn replace(file: &Path, content: &str) {
    let new = file.with_extension("new");
    std::fs::write(&new, content).unwrap();
    std::fs::rename(new, file).unwrap();
}

/// A client that trusts one authority.
struct Client {
    config: ClientConfig,
}

impl Client {
    fn new(trusted: &Authority, identity: Option<&Identity>, alpn: &[&str]) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.0.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(Identity {
                certificate, key, ..
            }) => {
                let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
                builder
                    .with_client_auth_cert(vec![certificate.clone()], key)
                    .unwrap()
            }
        };
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Self { config }
    }

    async fn connect(&self, bench: &Bench) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(bench.address).await.unwrap();
        let connector = TlsConnector::from(Arc::new(self.config.clone()));
        soon(
            "a handshake",
            connector.connect(ServerName::try_from(HOST).unwrap(), stream),
        )
        .await
    }

    /// Returns true if the server lets it speak. With TLS 1.3 a client learns only from the first
    /// answer that its certificate is refused.
    async fn is_let_in(&self, bench: &Bench) -> bool {
        let Ok(mut stream) = self.connect(bench).await else {
            return false;
        };
        let request = b"GET /none HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        let mut answer = Vec::new();
        let spoken = stream.write_all(request).await.is_ok();
        spoken
            && soon("an end", stream.read_to_end(&mut answer))
                .await
                .is_ok()
            && answer.starts_with(b"HTTP/1.1 404")
    }

    async fn ask(&self, bench: &Bench, ask: &Ask) -> crate::client::Reply {
        exchange_on(self.connect(bench).await.unwrap(), ask.request()).await
    }
}

fn acme_edge() -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, "Acme");
    subject.push(DnType::CommonName, "edge");
    subject
}

#[tokio::test]
async fn http_1_and_2_are_spoken_as_alpn_agrees() {
    let authority = Authority::new();
    let bench = Bench::start_tls(Folder::new(&authority.issue(&[HOST])).tls(false)).await;
    let plain = Client::new(&authority, None, &[]);
    assert!(plain.ask(&bench, &Ask::token(ACTIVE)).await.is_active());

    let one = Client::new(&authority, None, &["http/1.1"])
        .connect(&bench)
        .await
        .unwrap();
    assert_eq!(one.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(
        exchange_on(one, Ask::token(ACTIVE).request())
            .await
            .is_active()
    );

    let two = Client::new(&authority, None, &["h2", "http/1.1"])
        .connect(&bench)
        .await
        .unwrap();
    assert_eq!(two.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut sender = http2_on(two).await;
    let response = sender
        .send_request(Ask::token(ACTIVE).http2_request(bench.address))
        .await
        .unwrap();
    assert!(received(response, false).await.is_active());

    assert!(
        Client::new(&authority, None, &["spdy/3"])
            .connect(&bench)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn listener_for_grpc_takes_http_2_only() {
    let authority = Authority::new();
    let folder = Folder::new(&authority.issue(&[HOST]));
    let (certificate, key) = (folder.path("certificate.pem"), folder.path("key.pem"));
    let files = TlsFiles {
        certificate,
        key,
        client_ca: None,
        client_auth: ClientAuth::Required,
    };
    let tls = Tls::load(files, Protocols::Grpc).unwrap();
    let bench = Bench::start_tls(tls).await;
    assert!(
        Client::new(&authority, None, &["h2"])
            .connect(&bench)
            .await
            .is_ok()
    );
    assert!(
        Client::new(&authority, None, &["http/1.1"])
            .connect(&bench)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn client_without_a_certificate_of_the_authority_is_refused() {
    let (servers, clients, others) = (Authority::new(), Authority::new(), Authority::new());
    let folder = Folder::new(&servers.issue(&[HOST]));
    folder.trust(&clients);
    let bench = Bench::start_tls(folder.tls(true)).await;
    let is_let_in = async |identity: Option<&Identity>| {
        Client::new(&servers, identity, &[]).is_let_in(&bench).await
    };
    assert!(!is_let_in(None).await);
    assert!(!is_let_in(Some(&others.issue(&["edge.internal"]))).await);
    assert!(is_let_in(Some(&clients.issue(&["edge.internal"]))).await);
}

#[tokio::test]
async fn client_without_the_optional_certificate_authenticates_by_header() {
    let (servers, clients, others) = (Authority::new(), Authority::new(), Authority::new());
    let mut folder = Folder::new(&servers.issue(&[HOST]));
    folder.trust(&clients);
    folder.client_auth = ClientAuth::Optional;
    let bench = Bench::start_tls(folder.tls(true)).await;
    let by_token = Ask::token(ACTIVE);
    let by_nothing = Ask::token(ACTIVE).without("authorization");

    let without = Client::new(&servers, None, &[]);
    assert!(without.ask(&bench, &by_token).await.is_active());
    without
        .ask(&bench, &by_nothing)
        .await
        .refuses(401, "invalid_client");

    let edge = Client::new(&servers, Some(&clients.issue(&["edge.internal"])), &[]);
    assert!(edge.ask(&bench, &by_nothing).await.is_active());

    let of_another = Client::new(&servers, Some(&others.issue(&["edge.internal"])), &[]);
    assert!(!of_another.is_let_in(&bench).await);

    let metadata = Ask::form("")
        .to("GET", "/.well-known/oauth-authorization-server")
        .header("host", HOST);
    let metadata = without.ask(&bench, &metadata).await.json();
    let methods = &metadata["revocation_endpoint_auth_methods_supported"];
    assert_eq!(
        *methods,
        serde_json::json!(["client_secret_basic", "tls_client_auth"])
    );
}

#[tokio::test]
async fn limit_of_heads_holds_over_tls() {
    let authority = Authority::new();
    let folder = Folder::new(&authority.issue(&[HOST]));
    for limit in LIMITS {
        let tls = Some(Arc::new(folder.tls(false)));
        let bench = Bench::start_on(|settings| Connections {
            tls,
            ..limited(settings, limit)
        })
        .await;
        let one = Client::new(&authority, None, &["http/1.1"]);
        limit_holds(limit, async |bytes| {
            http1_head(one.connect(&bench).await.unwrap(), bytes).await
        })
        .await;
        let two = Client::new(&authority, None, &["h2"])
            .connect(&bench)
            .await
            .unwrap();
        let mut two = http2_on(two).await;
        limit_holds(limit, async |bytes| http2_head(&mut two, bytes).await).await;
    }
}

#[tokio::test]
async fn a_certificate_names_the_caller_and_wins_over_a_header() {
    let (servers, clients) = (Authority::new(), Authority::new());
    let folder = Folder::new(&servers.issue(&[HOST]));
    folder.trust(&clients);
    let bench = Bench::start_tls(folder.tls(true)).await;
    let by_token = || Ask::token(ACTIVE).without("authorization");
    let by_id = || {
        Ask::form(format!(
            "token={ACTIVE}&token_type_hint=token_id&provider=bank"
        ))
        .without("authorization")
    };

    let by_san = Client::new(
        &servers,
        Some(&clients.issue(&["other.internal", "edge.internal"])),
        &[],
    );
    assert!(by_san.ask(&bench, &by_token()).await.is_active());
    assert!(
        by_san
            .ask(&bench, &by_token().by("Bearer wrong"))
            .await
            .is_active()
    );
    by_san
        .ask(&bench, &by_id().by("Bearer operator-secret"))
        .await
        .refuses(403, "access_denied");
    let proxied = Ask::form("")
        .to("GET", "/forward-auth/default")
        .without("content-type");
    let proxied = proxied
        .by(&format!("Bearer {ACTIVE}"))
        .header("x-introspectd-caller", "Bearer wrong");
    assert_eq!(by_san.ask(&bench, &proxied).await.status, 200);

    let by_subject = Client::new(&servers, Some(&clients.issue_to(&[], acme_edge())), &[]);
    assert!(by_subject.ask(&bench, &by_id()).await.is_active());
    by_subject
        .ask(&bench, &by_token())
        .await
        .refuses(403, "access_denied");
}

#[tokio::test]
async fn metadata_names_tls_and_certificate_authentication() {
    let (servers, clients) = (Authority::new(), Authority::new());
    let folder = Folder::new(&servers.issue(&[HOST]));
    folder.trust(&clients);
    let edge = clients.issue(&["edge.internal"]);
    let metadata = Ask::form("")
        .to("GET", "/.well-known/oauth-authorization-server")
        .header("host", HOST);
    for (client_ca, methods) in [
        (false, &["client_secret_basic"][..]),
        (true, &["client_secret_basic", "tls_client_auth"]),
    ] {
        let bench = Bench::start_tls(folder.tls(client_ca)).await;
        let told = Client::new(&servers, Some(&edge), &[])
            .ask(&bench, &metadata)
            .await
            .json();
        assert_eq!(
            told["revocation_endpoint"],
            format!("https://{HOST}/revoke")
        );
        assert_eq!(
            told["revocation_endpoint_auth_methods_supported"],
            serde_json::json!(methods)
        );
    }
}

#[tokio::test]
async fn certificate_of_no_caller_or_two_leaves_it_to_the_header() {
    let (servers, clients) = (Authority::new(), Authority::new());
    let folder = Folder::new(&servers.issue(&[HOST]));
    folder.trust(&clients);
    let bench = Bench::start_tls(folder.tls(true)).await;
    let ask = Ask::token(ACTIVE).without("authorization");
    for identity in [
        clients.issue(&["sub.edge.internal"]),
        clients.issue(&["EDGE.internal"]),
        clients.issue_to(&["edge.internal"], acme_edge()),
    ] {
        let client = Client::new(&servers, Some(&identity), &[]);
        client
            .ask(&bench, &ask)
            .await
            .refuses(401, "invalid_client");
        assert!(
            client
                .ask(&bench, &ask.clone().by("Bearer operator-secret"))
                .await
                .is_active()
        );
    }
}

#[tokio::test]
async fn changed_files_are_used_from_the_next_connection_on() {
    let (old, new) = (Authority::new(), Authority::new());
    let folder = Folder::new(&old.issue(&[HOST]));
    let bench = Bench::start_tls(folder.tls(false)).await;
    let (of_old, of_new) = (Client::new(&old, None, &[]), Client::new(&new, None, &[]));
    let opened_before = of_old.connect(&bench).await.unwrap();

    // Only a half of the change: the former pair holds.
    let identity = new.issue(&[HOST]);
    replace(&folder.path("key.pem"), &identity.key.serialize_pem());
    assert!(of_old.is_let_in(&bench).await);
    replace(&folder.path("certificate.pem"), &identity.pem);
    assert!(of_new.is_let_in(&bench).await);
    assert!(!of_old.is_let_in(&bench).await);
    assert!(
        exchange_on(opened_before, Ask::token(ACTIVE).request())
            .await
            .is_active()
    );

    for broken in ["", "no certificate", &old.0.pem()] {
        replace(&folder.path("certificate.pem"), broken);
        assert!(of_new.is_let_in(&bench).await, "{broken}");
    }
    std::fs::remove_file(folder.path("certificate.pem")).unwrap();
    assert!(of_new.is_let_in(&bench).await);
    folder.install(&old.issue(&[HOST]));
    assert!(of_old.is_let_in(&bench).await);
}

#[tokio::test]
async fn replaced_authority_is_no_longer_trusted() {
    let (servers, before, after) = (Authority::new(), Authority::new(), Authority::new());
    let folder = Folder::new(&servers.issue(&[HOST]));
    folder.trust(&before);
    let bench = Bench::start_tls(folder.tls(true)).await;
    let identity = before.issue(&["edge.internal"]);
    // One client, so that it could take its session up again.
    let client = Client::new(&servers, Some(&identity), &[]);
    assert!(client.is_let_in(&bench).await);
    folder.trust(&after);
    assert!(!client.is_let_in(&bench).await);
}

#[tokio::test]
async fn client_without_tls_gets_no_answer() {
    let authority = Authority::new();
    let bench = Bench::start_tls(Folder::new(&authority.issue(&[HOST])).tls(false)).await;
    let mut stream = TcpStream::connect(bench.address).await.unwrap();
    stream
        .write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let _ = soon("an end", stream.read_to_end(&mut answer)).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    assert!(
        Client::new(&authority, None, &[]).is_let_in(&bench).await,
        "others are served"
    );
}

#[test]
fn invalid_certificate_is_reported_with_its_key() {
    let (authority, other) = (Authority::new(), Authority::new());
    let folder = Folder::new(&authority.issue(&[HOST]));
    folder.trust(&other);
    let load = |certificate: &str, key: &str, client_ca: &str| {
        let files = TlsFiles {
            certificate: folder.path(certificate),
            key: folder.path(key),
            client_ca: Some(folder.path(client_ca)),
            client_auth: ClientAuth::Required,
        };
        Tls::load(files, Protocols::Http).map_err(|problem| problem.key)
    };
    replace(
        &folder.path("other.pem"),
        &other.issue(&[HOST]).key.serialize_pem(),
    );
    replace(&folder.path("empty.pem"), "");
    assert!(load("certificate.pem", "key.pem", "ca.pem").is_ok());
    assert_eq!(
        load("none.pem", "key.pem", "ca.pem").unwrap_err(),
        "certificate"
    );
    assert_eq!(
        load("empty.pem", "key.pem", "ca.pem").unwrap_err(),
        "certificate"
    );
    assert_eq!(
        load("certificate.pem", "empty.pem", "ca.pem").unwrap_err(),
        "key"
    );
    assert_eq!(
        load("certificate.pem", "other.pem", "ca.pem").unwrap_err(),
        "key"
    );
    assert_eq!(
        load("certificate.pem", "key.pem", "empty.pem").unwrap_err(),
        "client_ca"
    );
}
