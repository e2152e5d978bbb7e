//! TLS in front of a provider, whose certificates are replaced while it serves.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::world::authority::{Authority, Identity};

/// TLS end in front of a plain server. It asks for a client certificate of one authority.
pub(crate) struct Gate {
    pub(crate) address: SocketAddr,
    door: Arc<Door>,
}

/// State that all connections share.
struct Door {
    config: ArcSwap<ServerConfig>,
    /// Certificates of clients that are let in, and no others.
    clients: ArcSwap<Vec<CertificateDer<'static>>>,
    clients_authority: CertificateDer<'static>,
    behind: SocketAddr,
    /// Sent when connections are to end, because the next ones see something else.
    turns: watch::Sender<()>,
    accepted: AtomicU64,
    refused: AtomicU64,
}

/// A connection without a request for so long rests, and may be closed.
const RESTED: Duration = Duration::from_millis(50);

impl Gate {
    /// Opens it before this server. No client is let in yet.
    pub(crate) async fn open(
        behind: SocketAddr,
        identity: Identity,
        clients: &Authority,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let door = Arc::new(Door {
            config: ArcSwap::from_pointee(config(identity, clients.der())?),
            clients: ArcSwap::default(),
            clients_authority: clients.der(),
            behind,
            turns: watch::Sender::new(()),
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        });
        tokio::spawn(accept(listener, Arc::clone(&door)));
        Ok(Self { address, door })
    }

    /// Shows this certificate on connections to come, and ends those that are open as a server that
    /// restarts does: each once its last answer is out.
    pub(crate) fn show(&self, identity: Identity) -> io::Result<()> {
        let config = config(identity, self.door.clients_authority.clone())?;
        self.door.config.store(Arc::new(config));
        self.door.turns.send_replace(());
        Ok(())
    }

    /// Lets in clients with these certificates and no others, and ends connections as
    /// [`Gate::show`] does.
    pub(crate) fn let_in(&self, certificates: &[&Identity]) {
        let certificates = certificates.iter().map(|it| it.certificate.clone());
        self.door.clients.store(Arc::new(certificates.collect()));
        self.door.turns.send_replace(());
    }

    /// Numbers of clients that were let in, and of those that left or were sent away while they
    /// shook hands.
    pub(crate) fn handshakes(&self) -> [u64; 2] {
        [&self.door.accepted, &self.door.refused].map(|count| count.load(Relaxed))
    }
}

fn config(identity: Identity, clients: CertificateDer<'static>) -> io::Result<ServerConfig> {
    let Identity {
        certificate, key, ..
    } = identity;
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(clients).map_err(io::Error::other)?;
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(io::Error::other)?;
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    builder
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate], key)
        .map_err(io::Error::other)
}

async fn accept(listener: TcpListener, door: Arc<Door>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors: others must close theirs first.
            tokio::task::yield_now().await;
            continue;
        };
        let door = Arc::clone(&door);
        tokio::spawn(async move {
            // Before the handshake: what changes meanwhile ends this connection as well.
            let turns = door.turns.subscribe();
            let Some(outside) = door.admit(stream).await else {
                door.refused.fetch_add(1, Relaxed);
                return;
            };
            door.accepted.fetch_add(1, Relaxed);
            // An error is either end going away.
            let _ = carry(outside, door.behind, turns).await;
        });
    }
}

impl Door {
    /// Shakes hands. `None`: the client did not like our certificate, or we do not know its own.
    async fn admit(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let acceptor = TlsAcceptor::from(self.config.load_full());
        let outside = acceptor.accept(stream).await.ok()?;
        let certificate = outside.get_ref().1.peer_certificates()?.first()?;
        let is_known = self.clients.load().contains(certificate);
        is_known.then_some(outside)
    }
}

/// Carries bytes until an end closes, or until there was a turn and the connection rests.
async fn carry(
    mut outside: TlsStream<TcpStream>,
    behind: SocketAddr,
    mut turns: watch::Receiver<()>,
) -> io::Result<()> {
    let mut inside = TcpStream::connect(behind).await?;
    let (mut request, mut answer) = (vec![0; 8192], vec![0; 8192]);
    let mut was_answered = true;
    let mut is_last = false;
    loop {
        tokio::select! {
            length = outside.read(&mut request) => match length? {
                0 => break,
                length => {
                    was_answered = false;
                    inside.write_all(request.get(..length).unwrap_or_default()).await?;
                }
            },
            length = inside.read(&mut answer) => match length? {
                0 => break,
                length => {
                    was_answered = true;
                    outside.write_all(answer.get(..length).unwrap_or_default()).await?;
                    outside.flush().await?;
                }
            },
            turned = turns.changed(), if !is_last => is_last = turned.is_ok(),
            () = sleep(RESTED), if is_last && was_answered => break,
        }
    }
    outside.shutdown().await
}
