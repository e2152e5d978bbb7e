//! Providers behind Debian's tinyproxy.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use http::Version;
use introspectd_core::{BadAnswer, Failure, Outage, ProxyFault, Unreachable};
use introspectd_upstream::{Dialect, Request, Response};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::authority::Authority;
use crate::provider::{connected, connection, rest, silent, uri};
use crate::tls_server::{Terms, TlsServer};

struct Tinyproxy {
    process: Child,
    port: u16,
    _folder: TempDir,
}

impl Tinyproxy {
    async fn start(more: &str) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tinyproxy.conf");
        let mut text = format!("Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\n");
        writeln!(text, "Timeout 60\nMaxClients 20\n{more}").unwrap();
        std::fs::write(&file, text).unwrap();
        let process = Command::new("tinyproxy")
            .arg("-d")
            .arg("-c")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("tinyproxy is installed by cargo xtask test");
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::task::yield_now().await;
        }
        Self {
            process,
            port,
            _folder: folder,
        }
    }

    fn with(&self, password: &str) -> String {
        format!(
            "credentials = {{ type = \"none\" }}\nproxy = {{ url = \"http://127.0.0.1:{}\", \
             username = \"us\", password = {{ literal = {password:?} }} }}\n",
            self.port
        )
    }
}

impl Drop for Tinyproxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn ask(base_url: &str, more: &str) -> Result<Response, Failure> {
    let upstream = connected(connection(Dialect::FormEndpoint, base_url, more));
    let request = || Request::post(uri(base_url, "/I/?a=%7e")).form(&[("token", "t")]);
    upstream.send(request().repeatable()).await?;
    rest().await;
    upstream.send(request().repeatable()).await
}

fn refused(failure: Option<Failure>) -> ProxyFault {
    match failure {
        Some(Failure::Unavailable {
            outage: Outage::Unreachable(Unreachable::Proxy(fault)),
            ..
        }) => fault,
        other => panic!("no fault of the proxy: {other:?}"),
    }
}

#[tokio::test]
async fn https_passes_with_the_right_password() {
    let authority = Authority::new();
    let identity = authority.issue("localhost");
    let proxy = Tinyproxy::start("BasicAuth us secret").await;
    let tls = format!("tls = {{ ca = {:?} }}\n", authority.file());
    for (alpn, version) in [("h2", Version::HTTP_2), ("http/1.1", Version::HTTP_11)] {
        let terms = Terms {
            alpn: &[alpn],
            ..Terms::default()
        };
        let server = TlsServer::start(&identity, terms).await;
        let base_url = server.base_url("localhost");
        let more = format!("{}{tls}", proxy.with("secret"));
        ask(&base_url, &more).await.unwrap();
        let versions: Vec<_> = server.seen().iter().map(|seen| seen.version).collect();
        assert_eq!(versions, [version, version]);
        let more = format!("{}{tls}", proxy.with("wrong"));
        let failure = ask(&base_url, &more).await.err();
        assert_eq!(refused(failure), ProxyFault::Credentials);
    }
    let nobody = "https://localhost:1";
    let failure = ask(nobody, &format!("{}{tls}", proxy.with("secret"))).await;
    assert!(matches!(refused(failure.err()), ProxyFault::Status(500..)));
}

#[tokio::test]
async fn plain_http_passes_byte_for_byte_with_the_right_password() {
    let server = silent().await;
    let proxy = Tinyproxy::start("BasicAuth us secret").await;
    ask(&server.base_url(), &proxy.with("secret"))
        .await
        .unwrap();
    let targets: Vec<_> = server.requests().into_iter().map(|it| it.target).collect();
    assert_eq!(targets, ["/I/?a=%7e", "/I/?a=%7e"]);
    // It says 401 where others say 407, which over plain HTTP could be the server's.
    let failure = ask(&server.base_url(), &proxy.with("wrong")).await.err();
    assert_eq!(failure, Some(BadAnswer::Credentials(401).into()));
    assert_eq!(server.count(), 2);
}
