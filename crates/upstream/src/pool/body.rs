use std::pin::pin;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;
use introspectd_core::BadAnswer;

/// Reads a body of at most so many bytes into one piece.
///
/// Each piece as it arrives keeps a buffer of its connection alive: together, those of a body that
/// comes byte by byte took thousands of times its size.
pub(super) async fn read<B: Body<Data = Bytes>>(body: B, most: usize) -> Result<Bytes, BadAnswer> {
    let mut body = pin!(body);
    // Its pages take no memory before they are written.
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(most);
    let mut whole = BytesMut::with_capacity(announced.min(most));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BadAnswer::Truncated)?;
        // Trailers say nothing.
        let piece = frame.into_data().unwrap_or_default();
        if whole.len() + piece.len() > most {
            return Err(BadAnswer::TooLarge);
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll};

    use http_body_util::Full;
    use hyper::body::Frame;

    /// Body of single bytes, each of which keeps a buffer alive.
    struct Drip {
        left: usize,
        buffers: Arc<()>,
    }

    struct Buffer {
        _alive: Arc<()>,
    }

    impl AsRef<[u8]> for Buffer {
        fn as_ref(&self) -> &[u8] {
            b"x"
        }
    }

    impl Body for Drip {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            assert_eq!(
                Arc::strong_count(&self.buffers),
                1,
                "a buffer is still alive"
            );
            let Some(left) = self.left.checked_sub(1) else {
                return Poll::Ready(None);
            };
            self.left = left;
            let buffer = Buffer {
                _alive: Arc::clone(&self.buffers),
            };
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(buffer)))))
        }
    }

    #[tokio::test]
    async fn piece_of_a_body_is_freed_before_the_next_one() {
        let drip = Drip {
            left: 100,
            buffers: Arc::default(),
        };
        assert_eq!(read(drip, 100).await, Ok("x".repeat(100).into()));
    }

    #[tokio::test]
    async fn body_has_so_many_bytes_and_not_one_more() {
        for (most, expected) in [(3, Ok(Bytes::from("abc"))), (2, Err(BadAnswer::TooLarge))] {
            assert_eq!(read(Full::new(Bytes::from("abc")), most).await, expected);
        }
    }
}
