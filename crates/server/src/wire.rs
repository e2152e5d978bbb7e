use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use tokio::time::{Sleep, sleep};

use crate::activity::Activity;
use crate::head::completed;

/// Deadline for draining bytes that a client sends after its last answer.
const LINGER: Duration = Duration::from_secs(1);
/// Limit of these bytes.
const LINGER_BYTES: usize = 1 << 20;

/// Socket, with or without TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Polls whether bytes can be read.
    fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Returns true if the client is known to have closed its sending half.
    fn is_closed_by_client(&self) -> bool;
}

fn is_read_closed(ready: impl Future<Output = io::Result<Ready>>) -> bool {
    ready
        .now_or_never()
        .is_some_and(|ready| ready.is_ok_and(Ready::is_read_closed))
}

impl Stream for tokio::net::TcpStream {
    fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_read_ready(self, cx)
    }

    fn is_closed_by_client(&self) -> bool {
        is_read_closed(self.ready(Interest::READABLE))
    }
}

impl Stream for tokio::net::UnixStream {
    fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_read_ready(self, cx)
    }

    fn is_closed_by_client(&self) -> bool {
        is_read_closed(self.ready(Interest::READABLE))
    }
}

impl<T: Stream> Stream for tokio_rustls::server::TlsStream<T> {
    fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().0.poll_read_ready(cx)
    }

    fn is_closed_by_client(&self) -> bool {
        self.get_ref().0.is_closed_by_client()
    }
}

/// Stream of one connection, preceded by the bytes already read from it. Notes whether the client
/// takes the bytes written.
pub(crate) struct Wire<T> {
    prefix: Bytes,
    stream: T,
    activity: Arc<Activity>,
    lingering: Option<Lingering>,
    /// Unsent rest of an answer that replaces hyper's own.
    refusal: Option<Bytes>,
}

/// Discards bytes that a client sends after its last answer: closing a socket with unread data
/// resets it, and the client loses an answer that it has not read yet.
#[derive(Default)]
struct Lingering {
    bytes: usize,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<T: Stream> Wire<T> {
    pub(crate) fn new(prefix: Bytes, stream: T, activity: Arc<Activity>) -> Self {
        Self {
            prefix,
            stream,
            activity,
            lingering: None,
            refusal: None,
        }
    }

    /// Puts bytes back, to be read again.
    pub(crate) fn unread(&mut self, bytes: Bytes) {
        self.prefix = bytes;
    }

    /// Resolves once bytes can be read. Cancel-safe.
    pub(crate) async fn readable(&mut self) {
        let stream = &mut self.stream;
        let _ = std::future::poll_fn(move |cx| stream.poll_read_ready(cx)).await;
    }

    /// Writes the answer that replaces hyper's own, if `buf` is one to replace.
    fn poll_refusal(
        &mut self,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<Option<usize>>> {
        if self.refusal.is_none() {
            self.refusal = completed(buf);
        }
        let Some(refusal) = &mut self.refusal else {
            return Poll::Ready(Ok(None));
        };
        while refusal.has_remaining() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, refusal))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => refusal.advance(written),
            }
        }
        self.refusal = None;
        Poll::Ready(Ok(Some(buf.len())))
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let lingering = self.lingering.get_or_insert_default();
        let mut room = [0; 1024];
        loop {
            let mut read = ReadBuf::new(&mut room);
            match Pin::new(&mut self.stream).poll_read(cx, &mut read) {
                Poll::Ready(Ok(())) if !read.filled().is_empty() => {
                    lingering.bytes += read.filled().len()
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => break,
            }
            if lingering.bytes > LINGER_BYTES {
                return Poll::Ready(());
            }
        }
        if lingering.bytes == 0 {
            return Poll::Ready(());
        }
        lingering
            .timer
            .get_or_insert_with(|| Box::pin(sleep(LINGER)))
            .as_mut()
            .poll(cx)
    }
}

impl<T: Stream> AsyncRead for Wire<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.prefix.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let length = self.prefix.remaining().min(buf.remaining());
        let part = self.prefix.split_to(length);
        buf.put_slice(&part);
        if self.prefix.is_empty() {
            self.prefix = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: Stream> AsyncWrite for Wire<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = match self.poll_refusal(cx, buf) {
            Poll::Ready(Ok(None)) => Pin::new(&mut self.stream).poll_write(cx, buf),
            Poll::Ready(refused) => Poll::Ready(refused.map(Option::unwrap_or_default)),
            Poll::Pending => Poll::Pending,
        };
        self.activity.wrote(written.is_ready());
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.activity.wrote(written.is_ready());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.activity.wrote(flushed.is_ready());
        // A connection is flushed whenever one of its requests wakes it.
        if self.activity.is_watched() && self.stream.is_closed_by_client() {
            self.activity.hang_up();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        }
        self.poll_linger(cx).map(Ok)
    }
}
