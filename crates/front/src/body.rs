use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::poll;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::problem::{InvalidRequest, Problem};

/// A token of 16 KiB with every byte percent-encoded, and room for the other parameters.
const MAX_BODY: usize = 64 * 1024;

/// A client that sends its form byte by byte holds a connection, and no longer than this.
const DEADLINE: Duration = Duration::from_secs(10);

/// The body of a form: its declared type, at most [`MAX_BODY`] bytes, within [`DEADLINE`].
pub(crate) fn read_form<B>(headers: &HeaderMap, body: B) -> impl Future<Output = Result<Bytes, Problem>>
where
    B: Body<Error: std::error::Error + Send + Sync + 'static>,
{
    read((!is_form(headers) || is_encoded(headers)).then_some(Problem::NotForm), body)
}

/// A JSON object of this shape: its declared type, and the same limits.
pub(crate) async fn read_json<T, B>(headers: &HeaderMap, body: B) -> Result<T, Problem>
where
    T: DeserializeOwned,
    B: Body<Error: std::error::Error + Send + Sync + 'static>,
{
    let body = read_object(headers, body).await?;
    serde_json::from_slice(&body).map_err(|_| InvalidRequest::NotTheObject.into())
}

/// A JSON object as it was sent: its declared type, and the same limits.
pub(crate) async fn read_object<B>(headers: &HeaderMap, body: B) -> Result<Bytes, Problem>
where
    B: Body<Error: std::error::Error + Send + Sync + 'static>,
{
    let is_json = essence(headers).eq_ignore_ascii_case(b"application/json");
    let body = read((!is_json || is_encoded(headers)).then_some(Problem::NotJson), body).await?;
    // Serde would also fill a struct from an array.
    let begins = body.trim_ascii_start().first() == Some(&b'{');
    if begins && serde_json::from_slice::<IgnoredAny>(&body).is_ok() {
        Ok(body)
    } else {
        Err(InvalidRequest::NotTheObject.into())
    }
}

/// The body, unless its type is a problem.
async fn read<B>(problem: Option<Problem>, body: B) -> Result<Bytes, Problem>
where
    B: Body<Error: std::error::Error + Send + Sync + 'static>,
{
    if let Some(problem) = problem {
        return Err(problem);
    }
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Err(Problem::TooLarge);
    }
    let mut body = pin!(Limited::new(body, MAX_BODY).collect());
    // Most bodies come with their head, and need no timer.
    let collected = match poll!(body.as_mut()) {
        Poll::Ready(collected) => Ok(collected),
        Poll::Pending => tokio::time::timeout(DEADLINE, body).await,
    };
    match collected {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::TooLarge),
        Ok(Err(_)) => Err(InvalidRequest::Unreadable.into()),
        Err(_) => Err(Problem::TooSlow),
    }
}

/// Deadline for draining an unread body.
const LINGER: Duration = Duration::from_secs(1);

/// Reads and discards an unread body, at most 64 KiB of it and for one second. Returns whether it ended.
///
/// Over HTTP/2 an answer that is given before is followed by a reset, which RFC 9113 section 8.1 allows, and which some
/// clients take for a broken connection; over HTTP/1.1 the connection could not be used on.
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
    let value = headers.get(CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
    // As nearly everybody writes it.
    if value == FORM {
        return true;
    }
    essence(headers).eq_ignore_ascii_case(FORM)
}

/// Whether the body has a content coding: read as it is, a compressed form would be one without a token, or with another.
fn is_encoded(headers: &HeaderMap) -> bool {
    headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

fn essence(headers: &HeaderMap) -> &[u8] {
    let value = headers.get(CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
    value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
}
