//! Processes that a page describes: a provider, introspectd, the gateway, the application behind
//! it.

use std::collections::HashMap;
use std::fs;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use introspectd_core::{Clock, SystemClock};
use introspectd_server::ListenAddress;
use introspectd_simulators::Simulator;
use introspectd_simulators::rfc7662::{CLIENT_SECRET, Rfc7662};
use introspectd_tests::{Gateway, Process, Reply, free_address};
use tempfile::TempDir;

use crate::application::{Application, Received};
use crate::client::{Request, exchange};
use crate::edge::{Answer, Edge, Refusal};
use crate::page::{BOUND, CERTIFICATE, Files, PREFLIGHT, Page, SOCKET};
use crate::tokens;

/// The secret on all pages.
pub(crate) const SECRET: &str = "edge-secret-to-change";

/// introspectd's own file on each page.
pub(crate) const INTROSPECTD: &str = "introspectd.toml";

/// Gateway with everything around it.
pub(crate) struct Harness<E> {
    pub(crate) provider: Simulator<Rfc7662>,
    /// None once it was stopped.
    pub(crate) introspectd: Option<Gateway>,
    pub(crate) application: Application,
    /// Start time in seconds since 1970.
    pub(crate) now: i64,
    address: SocketAddr,
    _process: Process,
    _folder: TempDir,
    _edge: PhantomData<E>,
}

impl<E: Edge> Harness<E> {
    /// Opens the harness of the page.
    pub(crate) async fn open() -> Self {
        Self::open_with(|_| ()).await
    }

    /// Opens the harness of the page, with these changes.
    pub(crate) async fn open_with(change: impl FnOnce(&mut Files)) -> Self {
        let mut files = Page::read(E::PAGE).files();
        change(&mut files);
        Self::start(files).await
    }

    /// Opens the page's alternative: a Unix socket that names the caller.
    pub(crate) async fn open_on_a_socket() -> Self {
        let files = Page::read(E::PAGE).files_of(SOCKET);
        assert!(!files.hold(SECRET), "the secret still stands there");
        Self::start(files).await
    }

    /// Opens the page's alternative for tokens that are bound to a key.
    pub(crate) async fn open_to_proofs() -> Self {
        Self::start(Page::read(E::PAGE).files_of(BOUND)).await
    }

    /// Opens the page's alternative for tokens that are bound to a certificate.
    pub(crate) async fn open_to_certificates(change: impl FnOnce(&mut Files)) -> Self {
        let mut files = Page::read(E::PAGE).files_of(CERTIFICATE);
        change(&mut files);
        Self::start(files).await
    }

    /// Address of the gateway.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Opens the page's alternative for browsers of another origin.
    pub(crate) async fn open_to_preflights() -> Self {
        Self::start(Page::read(E::PAGE).files_of(PREFLIGHT)).await
    }

    async fn start(mut files: Files) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Some gateways judge times by themselves, by the real clock.
        let now = SystemClock::default().now().seconds();
        let provider = Rfc7662::new(UNIX_EPOCH + Duration::from_secs(now.unsigned_abs()));
        tokens::fill(&provider, now);
        let provider = Simulator::start(provider).await.unwrap();
        let application = Application::start();

        let toml = files.take(INTROSPECTD);
        let introspectd = start_introspectd::<E>(&toml, folder.path(), &provider.base_url()).await;
        introspectd.clock().set(now);

        let address = free_address();
        let ports = [
            (8000, Some(address)),
            (8080, Some(introspectd.api())),
            (8081, on_tcp(introspectd.grpc())),
            (9090, Some(introspectd.admin())),
            (3000, Some(application.address())),
        ];
        let ports =
            ports.map(|(shown, real)| (shown, real.map_or(shown, |address| address.port())));
        for (name, text) in files {
            let text = ports.iter().fold(text, |text, (shown, real)| {
                readdressed(&text, *shown, *real)
            });
            let text = E::adapted(&name, moved::<E>(&text, folder.path()), folder.path());
            fs::write(folder.path().join(name), text).unwrap();
        }
        let process = Process::start(E::command(folder.path()), folder.path(), address).await;
        Self {
            provider,
            introspectd: Some(introspectd),
            application,
            now,
            address,
            _process: process,
            _folder: folder,
            _edge: PhantomData,
        }
    }

    /// Sends it to the gateway.
    #[track_caller]
    pub(crate) fn send(&self, request: Request) -> impl Future<Output = Reply> + Send + use<E> {
        let answer = self.try_send(request.clone());
        async move {
            answer
                .await
                .unwrap_or_else(|| panic!("no answer to {request:?}"))
        }
    }

    /// Sends it to the gateway, which may close the connection without an answer.
    pub(crate) fn try_send(
        &self,
        request: Request,
    ) -> impl Future<Output = Option<Reply>> + Send + use<E> {
        let address = self.address;
        async move { exchange(address, &request).await }
    }

    /// The request passes; what the application received of it.
    pub(crate) async fn pass(&self, request: Request) -> Received {
        Received::told_by(&self.send(request).await)
    }

    /// The request is refused, as this gateway does it, and does not reach the application.
    pub(crate) async fn refuse(&self, request: Request, refusal: Refusal) -> Reply {
        let before = self.application.requests();
        let reply = self.send(request.clone()).await;
        assert_eq!(seen(&reply), E::answer(refusal), "{request:?} {reply:?}");
        assert_eq!(
            self.application.requests(),
            before,
            "{request:?} reached the application"
        );
        reply
    }

    /// Stops introspectd. When this returns, its port refuses connections.
    pub(crate) async fn stop_introspectd(&mut self) {
        self.introspectd.take().unwrap().stop().await;
    }
}

async fn start_introspectd<E: Edge>(toml: &str, folder: &Path, provider: &str) -> Gateway {
    let free = ["127.0.0.1:8080", "127.0.0.1:8081", "127.0.0.1:9090"];
    let toml = free.iter().fold(moved::<E>(toml, folder), |toml, address| {
        toml.replace(address, "127.0.0.1:0")
    });
    let toml = ungrouped(&toml.replace("https://sso.example", provider));
    // The provider's `timeout`: so long that no busy machine makes one where none is meant.
    let toml = toml.replace("\"2s\"", "\"60s\"");
    let secrets = [("EDGE_SECRET", SECRET), ("SSO_SECRET", CLIENT_SECRET)];
    let environment: HashMap<_, _> = secrets
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    Gateway::start_in(&environment, &toml).await
}

/// A test may not give a socket to a group of others.
fn ungrouped(toml: &str) -> String {
    let Some((before, group)) = toml.split_once(", group = \"") else {
        return toml.to_owned();
    };
    let (_, after) = group.split_once('"').unwrap();
    format!("{before}{after}")
}

fn on_tcp(listeners: &[ListenAddress]) -> Option<SocketAddr> {
    listeners.iter().find_map(|listener| match listener {
        ListenAddress::Tcp(address) => Some(*address),
        ListenAddress::Unix(_) => None,
    })
}

/// Replaces a port of loopback, in the spellings of all gateways.
pub(crate) fn readdressed(text: &str, shown: u16, real: u16) -> String {
    let spellings = |port| {
        [
            format!("127.0.0.1:{port}"),
            format!("127.0.0.1, port_value: {port}"),
            format!("http://:{port}"),
            format!("https://api.example:{port}"),
        ]
    };
    let pairs = spellings(shown).into_iter().zip(spellings(real));
    pairs.fold(text.to_owned(), |text, (shown, real)| {
        text.replace(&shown, &real)
    })
}

/// Replaces the page's folder by the test's.
fn moved<E: Edge>(text: &str, folder: &Path) -> String {
    let here = format!("{}/", folder.display());
    E::PLACES
        .iter()
        .fold(text.to_owned(), |text, place| text.replace(place, &here))
}

fn seen(reply: &Reply) -> Answer {
    let is_json = reply
        .header("content-type")
        .is_some_and(|content_type| content_type == "application/json");
    let error = is_json.then(|| reply.json()["error"].as_str().unwrap().to_owned());
    Answer {
        status: reply.status,
        challenge: reply.header("www-authenticate").map(str::to_owned),
        error,
    }
}
