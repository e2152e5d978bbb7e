//! TLS in front of a provider, and an authority whose certificates are renewed.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// An authority, to sign certificates for 127.0.0.1.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A fresh certificate and its key.
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    /// Both of them, as a PEM file.
    pub(crate) pem: String,
}

impl Authority {
    pub(crate) fn new() -> io::Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(io::Error::other)?;
        Ok(Self { issuer })
    }

    /// Certificate of the authority, as a PEM file.
    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Certificate of the authority.
    pub(crate) fn der(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    /// A new certificate for 127.0.0.1.
    pub(crate) fn issue(&self) -> io::Result<Identity> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::IpAddress(Ipv4Addr::LOCALHOST.into())];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let signed = params
            .signed_by(&key, &self.issuer)
            .map_err(io::Error::other)?;
        Ok(Identity {
            pem: format!("{}{}", signed.pem(), key.serialize_pem()),
            certificate: signed.der().clone(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        })
    }
}

/// TLS end in front of a plain server, with a certificate that can be changed.
pub(crate) struct Gate {
    pub(crate) address: SocketAddr,
    config: Arc<ArcSwap<ServerConfig>>,
}

impl Gate {
    /// Opens it before this server.
    pub(crate) async fn open(behind: SocketAddr, identity: Identity) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let gate = Self {
            address: listener.local_addr()?,
            config: Arc::new(ArcSwap::from_pointee(config(identity)?)),
        };
        let config = Arc::clone(&gate.config);
        tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    // Out of descriptors: others must close theirs first.
                    tokio::task::yield_now().await;
                    continue;
                };
                tokio::spawn(pass(stream, TlsAcceptor::from(config.load_full()), behind));
            }
        });
        Ok(gate)
    }

    /// Shows this certificate on connections to come.
    pub(crate) fn show(&self, identity: Identity) -> io::Result<()> {
        self.config.store(Arc::new(config(identity)?));
        Ok(())
    }
}

fn config(identity: Identity) -> io::Result<ServerConfig> {
    let Identity {
        certificate, key, ..
    } = identity;
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    builder
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .map_err(io::Error::other)
}

/// Errors are either end going away, or a certificate that was not accepted.
async fn pass(stream: TcpStream, acceptor: TlsAcceptor, behind: SocketAddr) {
    let Ok(mut outside) = acceptor.accept(stream).await else {
        return;
    };
    if let Ok(mut inside) = TcpStream::connect(behind).await {
        let _ = copy_bidirectional(&mut outside, &mut inside).await;
    }
}
