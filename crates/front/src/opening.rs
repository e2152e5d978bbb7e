use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// The HTTP/2 preface, RFC 9113 section 3.4: until so many bytes have come, it is open whether a
/// connection speaks HTTP/1.1 or 2, and neither's own deadlines run.
const PREFACE: usize = 24;

/// A stream that fails if its first bytes do not come in time.
pub(crate) struct Opening<S> {
    stream: S,
    missing: usize,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<S> Opening<S> {
    pub(crate) fn within(deadline: Duration, stream: S) -> Self {
        Self { stream, missing: PREFACE, deadline: Some(Box::pin(tokio::time::sleep(deadline))) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Opening<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Some(deadline) = &mut self.deadline {
            if read.is_pending() {
                return deadline.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()));
            }
            self.missing = self.missing.saturating_sub(buf.filled().len() - before);
            if self.missing == 0 {
                self.deadline = None;
            }
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Opening<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test(start_paused = true)]
    async fn a_silent_client_is_let_go_even_in_the_middle_of_the_preface() {
        for first in [&b""[..], b"PRI * HTTP/2.0\r\n"] {
            let (mut client, server) = tokio::io::duplex(64);
            client.write_all(first).await.unwrap();
            let mut server = Opening::within(Duration::from_secs(30), server);
            let mut bytes = [0; PREFACE];
            let error = server.read_exact(&mut bytes).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_has_spoken_may_rest() {
        let (mut client, server) = tokio::io::duplex(64);
        let mut server = Opening::within(Duration::from_secs(30), server);
        client.write_all(&[b'x'; PREFACE]).await.unwrap();
        server.read_exact(&mut [0; PREFACE]).await.unwrap();
        tokio::time::advance(Duration::from_secs(3600)).await;
        client.write_all(b"y").await.unwrap();
        assert_eq!(server.read_u8().await.unwrap(), b'y');
    }
}
