use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use hyper::body::{Body, Frame, SizeHint};

use crate::activity::Unsent;

/// Body whose bytes count as unsent until the socket took them.
pub(crate) struct Metered<B> {
    body: B,
    unsent: Option<Unsent>,
}

/// Piece of a [`Metered`] body.
pub(crate) struct Piece<D> {
    data: D,
    _unsent: Option<Unsent>,
}

impl<B> Metered<B> {
    pub(crate) fn new(body: B, unsent: Unsent) -> Self {
        Self {
            body,
            unsent: Some(unsent),
        }
    }
}

impl<B: Body + Unpin> Body for Metered<B> {
    type Data = Piece<B::Data>;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(cx)) else {
            return Poll::Ready(None);
        };
        let is_last = self.body.is_end_stream();
        let unsent = &mut self.unsent;
        Poll::Ready(Some(frame.map(|frame| {
            frame.map_data(|data| {
                let part = |whole: &mut Unsent| whole.split(data.remaining());
                let part = if is_last {
                    unsent.take()
                } else {
                    unsent.as_mut().map(part)
                };
                Piece {
                    data,
                    _unsent: part,
                }
            })
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<D: Buf> Buf for Piece<D> {
    fn remaining(&self) -> usize {
        self.data.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.data.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.data.advance(count);
    }
}
