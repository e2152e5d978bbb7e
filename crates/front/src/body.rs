use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::poll;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt, Limited};
use hyper::body::Body;
use introspectd_service::refusal::{InvalidRequest, Refusal, RequestFault};
use serde::de::{DeserializeOwned, IgnoredAny};

/// Largest body: a token of 16 KiB with every byte percent-encoded, and the other parameters.
const MAX_BODY: usize = 64 * 1024;

/// Deadline for a body. A client that sends it byte by byte holds a connection for so long.
const DEADLINE: Duration = Duration::from_secs(10);

/// Body that an endpoint reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyType {
    None,
    Form,
    /// JSON object.
    Object,
    /// Security event token (RFC 8417).
    SecurityEvent,
}

/// Reads the body of an endpoint: its declared type, at most [`MAX_BODY`] bytes, within
/// [`DEADLINE`].
pub(crate) async fn read<B>(
    body_type: BodyType,
    headers: &HeaderMap,
    body: B,
) -> Result<Bytes, Refusal>
where
    B: Body<Error: std::error::Error + Send + Sync + 'static>,
{
    match body_type {
        BodyType::None => Ok(Bytes::new()),
        BodyType::Form => read_form(headers, body).await,
        BodyType::Object => read_object(headers, body).await,
        BodyType::SecurityEvent => {
            let is_event = essence(headers).eq_ignore_ascii_case(b"application/secevent+jwt");
            let is_right = is_event && !is_encoded(headers);
            gather((!is_right).then_some(RequestFault::NotSecurityEvent), body).await
        }
    }
}

/// Reads the body of a form.
pub(crate) fn read_form<B>(
    headers: &HeaderMap,
    body: B,
) -> impl Future<Output = Result<Bytes, Refusal>>
where
    B: Body<Error: std::error::Error + Send + Sync + 'static>,
{
    gather(
        (!is_form(headers) || is_encoded(headers)).then_some(RequestFault::NotForm),
        body,
    )
}

/// Reads a JSON object, as it was sent.
async fn read_object<B>(headers: &HeaderMap, body: B) -> Result<Bytes, Refusal>
where
    B: Body<Error: std::error::Error + Send + Sync + 'static>,
{
    let is_json = essence(headers).eq_ignore_ascii_case(b"application/json");
    let body = gather(
        (!is_json || is_encoded(headers)).then_some(RequestFault::NotJson),
        body,
    )
    .await?;
    // Serde would also fill a struct from an array.
    let begins = body.trim_ascii_start().first() == Some(&b'{');
    if begins && serde_json::from_slice::<IgnoredAny>(&body).is_ok() {
        Ok(body)
    } else {
        Err(InvalidRequest::NotTheObject.into())
    }
}

/// Parses an object that was read.
pub(crate) fn parse_object<T: DeserializeOwned>(body: &[u8]) -> Result<T, InvalidRequest> {
    serde_json::from_slice(body).map_err(|_| InvalidRequest::NotTheObject)
}

/// Gathers a body, unless its type is at fault.
async fn gather<B>(fault: Option<RequestFault>, body: B) -> Result<Bytes, Refusal>
where
    B: Body<Error: std::error::Error + Send + Sync + 'static>,
{
    if let Some(fault) = fault {
        return Err(fault.into());
    }
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Err(RequestFault::TooLarge.into());
    }
    let mut body = pin!(to_end(body));
    // Most bodies come with their head, and need no timer.
    match poll!(body.as_mut()) {
        Poll::Ready(gathered) => gathered,
        Poll::Pending => Box::pin(tokio::time::timeout(DEADLINE, body))
            .await
            .unwrap_or_else(|_| Err(RequestFault::TooSlow.into())),
    }
}

/// Reads a body to its end. One that comes in one piece is not copied.
async fn to_end<B>(body: B) -> Result<Bytes, Refusal>
where
    B: Body<Error: std::error::Error + Send + Sync + 'static>,
{
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut more = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| InvalidRequest::Unreadable)?;
        // Trailers say nothing here.
        let Ok(mut data) = frame.into_data() else {
            continue;
        };
        let length = data.remaining();
        if first.len() + more.len() + length > MAX_BODY {
            return Err(RequestFault::TooLarge.into());
        }
        if first.is_empty() {
            first = data.copy_to_bytes(length);
        } else {
            more.put(data);
        }
        if body.is_end_stream() {
            break;
        }
    }
    if more.is_empty() {
        return Ok(first);
    }
    Ok([first, more.freeze()].concat().into())
}

/// Deadline for draining an unread body.
const LINGER: Duration = Duration::from_secs(1);

/// Reads and discards an unread body, at most 64 KiB of it and for one second. Returns whether it
/// ended.
///
/// Over HTTP/2 an answer that is given before is followed by a reset, which RFC 9113 section 8.1
/// allows, and which some clients take for a broken connection; over HTTP/1.1 the connection could
/// not be used on.
pub async fn drain<B>(body: B) -> bool
where
    B: Body<Error: std::error::Error + Send + Sync + 'static>,
{
    let mut body = pin!(Limited::new(body, MAX_BODY));
    let ended = async {
        loop {
            match body.frame().await {
                Some(Ok(_)) => {}
                Some(Err(_)) => return false,
                None => return true,
            }
        }
    };
    tokio::time::timeout(LINGER, ended).await.unwrap_or(false)
}

fn is_form(headers: &HeaderMap) -> bool {
    const FORM: &[u8] = b"application/x-www-form-urlencoded";
    let value = headers
        .get(CONTENT_TYPE)
        .map_or(&[][..], HeaderValue::as_bytes);
    // Fast path: the usual spelling.
    if value == FORM {
        return true;
    }
    essence(headers).eq_ignore_ascii_case(FORM)
}

/// Returns true if the body has a content coding. Read as it is, a compressed form would be one
/// without a token, or with another.
fn is_encoded(headers: &HeaderMap) -> bool {
    // Fast path: most bodies have none.
    headers.contains_key(CONTENT_ENCODING)
        && headers
            .get_all(CONTENT_ENCODING)
            .iter()
            .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

fn essence(headers: &HeaderMap) -> &[u8] {
    let value = headers
        .get(CONTENT_TYPE)
        .map_or(&[][..], HeaderValue::as_bytes);
    value
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii()
}
