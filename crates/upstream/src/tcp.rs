use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Socket below, which the pool may inspect.
#[derive(Debug)]
pub(crate) struct Socket(pub(crate) Arc<TcpStream>);

/// Head start of an address before the next one is tried beside it (RFC 8305 section 5).
const HEAD_START: Duration = Duration::from_millis(250);
/// Most addresses of a host that are tried.
const MAX_ADDRESSES: usize = 16;

/// Connects to the first address that answers.
pub(crate) async fn open(addresses: &[IpAddr], port: u16) -> io::Result<Socket> {
    let mut untried = alternating(addresses);
    let mut attempts = FuturesUnordered::new();
    let mut failed = io::Error::from(io::ErrorKind::NotFound);
    loop {
        match untried.pop_front() {
            Some(address) => attempts.push(TcpStream::connect(SocketAddr::new(address, port))),
            None if attempts.is_empty() => return Err(failed),
            None => {}
        }
        match tokio::time::timeout(HEAD_START, attempts.next()).await {
            Ok(Some(Ok(stream))) => {
                stream.set_nodelay(true)?;
                return Ok(Socket(Arc::new(stream)));
            }
            Ok(Some(Err(error))) => failed = error,
            Ok(None) | Err(_) => {}
        }
    }
}

/// Alternates the families of the addresses, so that an unrouted one costs one head start (RFC 8305
/// section 4).
fn alternating(addresses: &[IpAddr]) -> VecDeque<IpAddr> {
    let first_is_v6 = addresses.first().is_some_and(IpAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let pairs = std::iter::from_fn(|| {
        let pair = [first.next(), second.next()];
        (pair != [None, None]).then_some(pair)
    });
    pairs.flatten().flatten().take(MAX_ADDRESSES).collect()
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            match self.0.try_read_buf(buffer) {
                Ok(_) => return Poll::Ready(Ok(())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match self.0.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&*self.0).shutdown(std::net::Shutdown::Write))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_tried_in_turns() {
        let addresses = ["::1", "::2", "::3", "10.0.0.1"].map(|text| text.parse().unwrap());
        let order: Vec<_> = alternating(&addresses)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(order, ["::1", "10.0.0.1", "::2", "::3"]);
        assert!(alternating(&[]).is_empty());
    }
}
