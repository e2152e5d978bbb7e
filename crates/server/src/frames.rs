use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::activity::Activity;

/// First bytes of HTTP/2 (RFC 9113 section 3.4).
pub(crate) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Allowance of frames that cost work and request nothing.
const IDLE_FRAMES: Allowance = Allowance {
    per_second: 100,
    at_once: 1000,
};

/// Allowance of cancelled requests.
const RESETS: Allowance = Allowance {
    per_second: 100,
    at_once: 500,
};

/// Frames that accompany a request: pings that measure the bandwidth, and window updates.
const PER_REQUEST: u32 = 8;

/// Factor by which the allowances of an authenticated client are larger.
const RECOGNIZED: u32 = 10;

/// Bytes of a frame's head (RFC 9113 section 4.1): length (24 bits), type, flags, stream.
const HEAD: usize = 9;

/// HTTP/2 stream that fails once its client sends too many frames that only cost.
///
/// The h2 crate bounds what such frames hold in memory, endless CONTINUATION, empty and tiny DATA,
/// streams reset before they were accepted and its own error resets. It does not bound how many
/// PING, SETTINGS, PRIORITY, WINDOW_UPDATE and unknown frames it answers or reads, nor requests
/// that are cancelled once they run.
pub(crate) struct Guarded<T> {
    stream: T,
    activity: Arc<Activity>,
    /// Bytes to go until the next head.
    skip: usize,
    head: [u8; HEAD],
    filled: usize,
    tick: u32,
    idle_frames: Spent,
    resets: Spent,
}

struct Allowance {
    per_second: u32,
    at_once: u32,
}

/// Part of an [`Allowance`] that is used up.
#[derive(Default)]
struct Spent(u32);

impl Spent {
    /// Spends one. Returns whether the allowance has it.
    fn spend(&mut self, allowance: &Allowance, factor: u32) -> bool {
        self.0 = self.0.saturating_add(1);
        self.0 <= allowance.at_once.saturating_mul(factor)
    }

    fn regain(&mut self, count: u32) {
        self.0 = self.0.saturating_sub(count);
    }
}

impl<T> Guarded<T> {
    pub(crate) fn new(stream: T, activity: Arc<Activity>) -> Self {
        let (idle_frames, resets) = (Spent::default(), Spent::default());
        let tick = activity.tick();
        Self {
            stream,
            activity,
            skip: PREFACE.len(),
            head: [0; HEAD],
            filled: 0,
            tick,
            idle_frames,
            resets,
        }
    }

    /// Reads heads of frames. Returns whether their client may go on.
    fn admit(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            let missing = (HEAD - self.filled).min(bytes.len());
            let (part, rest) = bytes.split_at(missing);
            if let Some(place) = self.head.get_mut(self.filled..self.filled + missing) {
                place.copy_from_slice(part);
            }
            self.filled += missing;
            bytes = rest;
            if self.skip == 0 && self.filled == HEAD {
                self.filled = 0;
                let [high, middle, low, kind, flags, ..] = self.head;
                self.skip = u32::from_be_bytes([0, high, middle, low]) as usize;
                if !self.admit_frame(kind, flags) {
                    return false;
                }
            }
        }
        true
    }

    fn admit_frame(&mut self, kind: u8, flags: u8) -> bool {
        const DATA: u8 = 0;
        const HEADERS: u8 = 1;
        const RST_STREAM: u8 = 3;
        const END_STREAM: u8 = 1;
        let factor = if self.activity.is_recognized() {
            RECOGNIZED
        } else {
            1
        };
        let tick = self.activity.tick();
        let passed = tick.wrapping_sub(std::mem::replace(&mut self.tick, tick));
        if passed > 0 {
            self.idle_frames
                .regain(passed.saturating_mul(IDLE_FRAMES.per_second * factor));
            self.resets
                .regain(passed.saturating_mul(RESETS.per_second * factor));
        }
        match kind {
            HEADERS => {
                self.idle_frames.regain(PER_REQUEST);
                true
            }
            DATA if self.skip > 0 || flags & END_STREAM != 0 => true,
            RST_STREAM => self.resets.spend(&RESETS, factor),
            _ => self.idle_frames.spend(&IDLE_FRAMES, factor),
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Guarded<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if self.admit(buf.filled().get(before..).unwrap_or_default()) {
            return Poll::Ready(Ok(()));
        }
        tracing::debug!("closed a connection that floods frames");
        Poll::Ready(Err(io::Error::other(
            "flood of frames that ask for nothing",
        )))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Guarded<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
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

    /// Frame of this type, flags and length.
    fn frame(kind: u8, flags: u8, length: u8) -> Vec<u8> {
        let head = [0, 0, length, kind, flags, 0, 0, 0, 1];
        [&head[..], &vec![0; usize::from(length)]].concat()
    }

    /// Returns true if a client may go on after these bytes, which arrive in pieces of this size.
    fn is_admitted(bytes: &[u8], size: usize) -> bool {
        let mut guarded = Guarded::new((), Activity::new());
        bytes.chunks(size).all(|piece| guarded.admit(piece))
    }

    #[test]
    fn any_frames_are_counted_alike_however_they_arrive() {
        const PING: u8 = 6;
        let request = [frame(1, 5, 7), frame(0, 1, 3), frame(PING, 0, 8)].concat();
        let requests = [PREFACE.as_slice(), &request.repeat(3)].concat();
        let flood = [PREFACE.as_slice(), &frame(PING, 0, 8).repeat(1001)].concat();
        assert!(is_admitted(&requests, 1) && !is_admitted(&flood, 1));
        introspectd_fuzz::check!(&[&requests, &flood], |bytes: &[u8]| {
            let whole = is_admitted(bytes, usize::MAX);
            for size in [1, 7] {
                assert_eq!(is_admitted(bytes, size), whole);
            }
        });
    }
}
