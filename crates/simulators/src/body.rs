//! Bodies: whole, cut off in the middle, and made up while they are sent.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};

/// Body of a response.
pub(crate) enum Payload {
    /// The whole body; its length is known.
    Whole(Full<Bytes>),
    /// The first half, then, once that was flushed, an error that ends the connection.
    FirstHalf { half: Option<Bytes>, flushed: bool },
    /// The piece with this number is next.
    Pieces(Pieces, usize),
}

/// A body of any length, made up while it is sent: piece after piece, from number 0 on, until there
/// is none.
#[derive(Clone)]
pub struct Pieces(Arc<dyn Fn(usize) -> Option<Bytes> + Send + Sync>);

impl Pieces {
    /// Sends what `make` makes, each piece in a frame or chunk of its own.
    pub fn new(make: impl Fn(usize) -> Option<Bytes> + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }

    /// `{"filler":"xxx…"}` of this many bytes.
    pub(crate) fn filler(bytes: usize) -> Self {
        let filler = bytes.saturating_sub(OPENING.len() + CLOSING.len());
        let whole = filler / FILLER.len();
        Self::new(move |number| match number {
            0 => Some(Bytes::from_static(OPENING)),
            _ if number <= whole => Some(Bytes::from_static(FILLER)),
            _ if number == whole + 1 => FILLER.get(..filler % FILLER.len()).map(Bytes::from_static),
            _ if number == whole + 2 => Some(Bytes::from_static(CLOSING)),
            _ => None,
        })
    }
}

impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pieces(..)")
    }
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
        Self::FirstHalf {
            half: Some(half).filter(|half| !half.is_empty()),
            flushed: false,
        }
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
            Self::Whole(body) => Pin::new(body)
                .poll_frame(context)
                .map_err(|never| match never {}),
            Self::FirstHalf {
                half: half @ Some(_),
                ..
            } => data(half.take()),
            Self::FirstHalf {
                flushed: flushed @ false,
                ..
            } => {
                // The server flushes what it has when a body is not ready; an error would discard
                // it.
                *flushed = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Self::FirstHalf { .. } => {
                Poll::Ready(Some(Err(io::Error::other("cut off, as asked for"))))
            }
            Self::Pieces(Pieces(make), number) => {
                let piece = make(*number);
                *number += 1;
                data(piece)
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::FirstHalf { .. } | Self::Pieces(..) => SizeHint::default(),
        }
    }
}

fn data(bytes: Option<Bytes>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
    Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
}
