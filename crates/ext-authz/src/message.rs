//! The one message of a unary gRPC call, read without tonic: whatever is wrong with it must become
//! an answer that refuses, and no gRPC status, which Envoy's `failure_mode_allow` lets pass.

use std::error::Error;
use std::pin::Pin;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Body, Bytes};
use introspectd_front::BadMessage;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Largest message, in bytes. A client's head as Envoy takes it (60 KiB), and what Envoy says of
/// the connection.
pub(crate) const MAX_MESSAGE: usize = 64 * 1024;

/// Most bytes of messages that one connection has gathered at a time. Further messages wait, within
/// [`DEADLINE`].
pub(crate) const MAX_GATHERED: usize = 1024 * 1024;

/// Deadline for a whole message, as for the bodies of forms.
const DEADLINE: Duration = Duration::from_secs(10);

/// Length of a message's prefix: a flag, and the message's length in four bytes.
const PREFIX: usize = 5;

/// A message, and its share of what its connection may gather.
pub(crate) struct Message<'a> {
    pub(crate) bytes: Bytes,
    _share: SemaphorePermit<'a>,
}

/// Reads the only message of a call. `gathered` has a permit for each byte.
///
/// # Errors
/// [`BadMessage`] of a message that is too large, too slow, compressed or not exactly one.
pub(crate) async fn read<'a, B>(
    body: Pin<&mut B>,
    gathered: &'a Semaphore,
) -> Result<Message<'a>, BadMessage>
where
    B: Body<Data = Bytes, Error: Error>,
{
    tokio::time::timeout(DEADLINE, gather(body, gathered))
        .await
        .unwrap_or(Err(BadMessage::TooSlow))
}

async fn gather<'a, B>(
    mut body: Pin<&mut B>,
    gathered: &'a Semaphore,
) -> Result<Message<'a>, BadMessage>
where
    B: Body<Data = Bytes, Error: Error>,
{
    let mut pending = Vec::new();
    while pending.len() < PREFIX {
        pending.extend_from_slice(&next(body.as_mut()).await?.ok_or(BadMessage::Malformed)?);
    }
    let (length, begun) = parse(&pending)?;
    // At once for all of it: two messages that wait for the rest of each other's share would wait
    // for ever.
    let share = gathered
        .acquire_many(length)
        .await
        .map_err(|_| BadMessage::TooSlow)?;
    let length = usize::try_from(length).map_err(|_| BadMessage::TooLarge)?;
    let mut message = Vec::with_capacity(length);
    message.extend_from_slice(begun);
    while message.len() <= length {
        let Some(data) = next(body.as_mut()).await? else {
            break;
        };
        message.extend_from_slice(&data);
    }
    // Shorter: cut off. Longer: a second message, or something that is none.
    if message.len() != length {
        return Err(BadMessage::Malformed);
    }
    Ok(Message {
        bytes: message.into(),
        _share: share,
    })
}

/// The length that a prefix says, and what follows it.
fn parse(pending: &[u8]) -> Result<(u32, &[u8]), BadMessage> {
    let Some((&[compressed, a, b, c, d], begun)) = pending.split_first_chunk::<PREFIX>() else {
        return Err(BadMessage::Malformed);
    };
    if compressed != 0 {
        return Err(BadMessage::Malformed);
    }
    let length = u32::from_be_bytes([a, b, c, d]);
    if usize::try_from(length).map_or(true, |length| length > MAX_MESSAGE) {
        return Err(BadMessage::TooLarge);
    }
    Ok((length, begun))
}

/// Next non-empty data; `None` at the end. Trailers are ignored.
async fn next<B>(mut body: Pin<&mut B>) -> Result<Option<Bytes>, BadMessage>
where
    B: Body<Data = Bytes, Error: Error>,
{
    while let Some(frame) = body.as_mut().frame().await {
        match frame.map_err(|_| BadMessage::Malformed)?.into_data() {
            Ok(data) if !data.is_empty() => return Ok(Some(data)),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(None)
}

/// A message behind its prefix, as it goes over the connection.
pub(crate) fn prefixed(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[0][..], &length.to_be_bytes(), message].concat().into()
}

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;
    use std::pin::pin;

    use http_body_util::Full;

    use super::*;

    /// Exactly one message is read, and nothing else is taken for one.
    #[test]
    fn any_body_is_one_message_or_refused() {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = AssertUnwindSafe({ runtime }.build().unwrap());
        let seeds = [prefixed(b"message"), prefixed(b"")];
        introspectd_fuzz::check!(&[&*seeds[0], &*seeds[1]], |bytes: &[u8]| {
            let runtime = &runtime;
            let gathered = Semaphore::new(MAX_GATHERED);
            let mut body = pin!(Full::new(Bytes::copy_from_slice(bytes)));
            let read = runtime.block_on(gather(body.as_mut(), &gathered));
            assert_eq!(read.is_ok(), is_one_message(bytes));
            assert!(read.map_or(true, |message| prefixed(&message.bytes) == bytes));
        });
    }

    fn is_one_message(bytes: &[u8]) -> bool {
        let rest = bytes.get(PREFIX..).unwrap_or_default();
        let length = u32::try_from(rest.len()).unwrap();
        rest.len() <= MAX_MESSAGE && bytes.starts_with(&[&[0][..], &length.to_be_bytes()].concat())
    }
}
