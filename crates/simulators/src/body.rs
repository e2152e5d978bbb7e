//! Bodies: whole, cut off in the middle, and far too long.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};

/// What goes out after the head of an answer.
pub(crate) enum Payload {
    /// The whole body; its length is known.
    Whole(Full<Bytes>),
    /// The first half, then, once that was flushed, an error that ends the connection.
    FirstHalf { half: Option<Bytes>, flushed: bool },
    /// `{"filler":"xxx…"}` made up while it is sent.
    Oversized { opened: bool, filler: usize, closed: bool },
}

const OPENING: &[u8] = b"{\"filler\":\"";
const FILLER: &[u8] = &[b'x'; 16 * 1024];
const CLOSING: &[u8] = b"\"}";

impl Payload {
    pub(crate) fn whole(body: Bytes) -> Self {
        Self::Whole(Full::new(body))
    }

    pub(crate) fn first_half(body: &Bytes) -> Self {
        let half = body.slice(..body.len() / 2);
        Self::FirstHalf { half: Some(half).filter(|half| !half.is_empty()), flushed: false }
    }

    pub(crate) fn oversized(bytes: usize) -> Self {
        let filler = bytes.saturating_sub(OPENING.len() + CLOSING.len());
        Self::Oversized { opened: false, filler, closed: false }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(context).map_err(|never| match never {}),
            Self::FirstHalf { half: half @ Some(_), .. } => data(half.take()),
            Self::FirstHalf { flushed: flushed @ false, .. } => {
                // The server flushes what it has when a body is not ready; an error would discard it.
                *flushed = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Self::FirstHalf { .. } => Poll::Ready(Some(Err(io::Error::other("cut off, as asked for")))),
            Self::Oversized { opened: opened @ false, .. } => {
                *opened = true;
                data(Some(Bytes::from_static(OPENING)))
            }
            Self::Oversized { filler, .. } if *filler > 0 => {
                let piece = FILLER.get(..*filler).unwrap_or(FILLER);
                *filler -= piece.len();
                data(Some(Bytes::from_static(piece)))
            }
            Self::Oversized { closed: closed @ false, .. } => {
                *closed = true;
                data(Some(Bytes::from_static(CLOSING)))
            }
            Self::Oversized { .. } => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::FirstHalf { .. } | Self::Oversized { .. } => SizeHint::default(),
        }
    }
}

fn data(bytes: Option<Bytes>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
    Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
}
