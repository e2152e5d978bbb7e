use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use http::Uri;
use http::uri::Scheme;
use introspectd_core::ProxyFault;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::proxy::Proxy;
use crate::resolve::{NameError, Names};
use crate::tcp::{Socket, open};

/// Scheme, host and port: what one set of connections serves.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    https: bool,
    host: Box<str>,
    port: u16,
}

/// Reason why a connection failed.
#[derive(Debug)]
pub(crate) enum ConnectError {
    Name(NameError),
    Tcp(io::Error),
    Tls(io::Error),
    Proxy(ProxyFault),
}

/// Connection, encrypted or not.
pub(crate) struct Connected {
    pub(crate) stream: Stream,
    pub(crate) probe: Probe,
    /// HTTP/2, as TLS agreed.
    pub(crate) is_http2: bool,
}

/// Stream of HTTP bytes that records if any arrived.
pub(crate) struct Stream {
    bytes: Bytes,
    heard: Arc<AtomicBool>,
}

enum Bytes {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

/// View of a connection that does not keep it open.
#[derive(Debug)]
pub(crate) struct Probe {
    socket: Weak<TcpStream>,
    heard: Arc<AtomicBool>,
}

impl Origin {
    /// `None` for what is no address of a server.
    pub(crate) fn of(uri: &Uri) -> Option<Self> {
        let https = uri.scheme() == Some(&Scheme::HTTPS);
        let port = uri.port_u16().unwrap_or(if https { 443 } else { 80 });
        Some(Self {
            https,
            host: uri.host()?.into(),
            port,
        })
    }

    /// Returns true if this is the origin of a URL: names of hosts have no case.
    pub(crate) fn is_of(&self, uri: &Uri) -> bool {
        Self::of(uri).is_some_and(|other| {
            let place = |it: &Self| (it.https, it.port);
            place(self) == place(&other) && self.host.eq_ignore_ascii_case(&other.host)
        })
    }

    /// Returns true if requests are encrypted on their way.
    pub(crate) fn is_https(&self) -> bool {
        self.https
    }

    pub(crate) async fn connect(
        &self,
        names: &Arc<Names>,
        tls: Arc<ClientConfig>,
        proxy: Option<&Proxy>,
    ) -> Result<Connected, ConnectError> {
        let socket = match proxy {
            Some(proxy) => self.connect_by(proxy, names).await?,
            None => {
                let addresses = names.resolve(&self.host).await;
                let addresses = addresses.map_err(ConnectError::Name)?;
                let opened = open(&addresses, self.port).await;
                opened.map_err(ConnectError::Tcp)?
            }
        };
        let probe = Probe {
            socket: Arc::downgrade(&socket.0),
            heard: Arc::default(),
        };
        let heard = Arc::clone(&probe.heard);
        if !self.https {
            let stream = Stream {
                bytes: Bytes::Plain(socket),
                heard,
            };
            return Ok(Connected {
                stream,
                probe,
                is_http2: false,
            });
        }
        let bare = self
            .host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let name = ServerName::try_from(bare)
            .map_err(|error| ConnectError::Tls(io::Error::other(error)))?;
        let handshake = TlsConnector::from(tls).connect(name, socket);
        let stream = Box::new(handshake.await.map_err(ConnectError::Tls)?);
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok(Connected {
            stream: Stream {
                bytes: Bytes::Tls(stream),
                heard,
            },
            probe,
            is_http2,
        })
    }
}

impl Origin {
    /// Connects to a proxy: for https, to the server behind it.
    async fn connect_by(&self, proxy: &Proxy, names: &Arc<Names>) -> Result<Socket, ConnectError> {
        let socket = proxy.connect(names).await.map_err(ConnectError::Proxy)?;
        if !self.https {
            return Ok(socket);
        }
        let server = format!("{}:{}", self.host, self.port);
        let tunnel = proxy.tunnel(socket, &server).await;
        tunnel.map_err(ConnectError::Proxy)
    }
}

impl Probe {
    /// Returns true if the socket is open and nothing unread has arrived, the end of the stream
    /// included. Asks the system: what the runtime knows of a socket is as old as its last turn.
    pub(crate) fn is_silent(&self) -> bool {
        let Some(socket) = self.socket.upgrade() else {
            return false;
        };
        let peeked = SockRef::from(&*socket).peek(&mut [MaybeUninit::uninit()]);
        matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Resets the record of arrived bytes.
    pub(crate) fn listen(&self) {
        self.heard.store(false, Ordering::Relaxed);
    }

    /// Returns true once a byte of HTTP has arrived since.
    pub(crate) fn has_heard(&self) -> bool {
        self.heard.load(Ordering::Relaxed)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let Self { bytes, heard } = self.get_mut();
        let read = match bytes {
            Bytes::Plain(socket) => Pin::new(socket).poll_read(cx, buffer),
            Bytes::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        };
        if buffer.filled().len() > before {
            heard.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().bytes {
            Bytes::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Bytes::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().bytes {
            Bytes::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Bytes::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().bytes {
            Bytes::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Bytes::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_is_scheme_host_and_port() {
        let origin = Origin::of(&"https://Gateway.example/introspect".parse().unwrap()).unwrap();
        for (url, is_same) in [
            ("https://gateway.example/jwks?x", true),
            ("https://gateway.example:443", true),
            ("http://gateway.example:443/", false),
            ("https://gateway.example:8443/", false),
            ("https://gateway.example.attacker.example/", false),
            ("https://a.gateway.example/", false),
            ("/introspect", false),
        ] {
            assert_eq!(origin.is_of(&url.parse().unwrap()), is_same, "{url}");
        }
    }
}
