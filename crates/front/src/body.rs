use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;

use crate::problem::{InvalidRequest, Problem};

/// A token of 16 KiB with every byte percent-encoded, and room for the other parameters.
const MAX_BODY: usize = 64 * 1024;

/// A client that sends its form byte by byte holds a connection, and no longer than this.
const DEADLINE: Duration = Duration::from_secs(10);

/// The body of a form: its declared type, at most [`MAX_BODY`] bytes, within [`DEADLINE`].
pub(crate) async fn read_form<B>(headers: &HeaderMap, body: B) -> Result<Bytes, Problem>
where
    B: Body<Error: std::error::Error + Send + Sync + 'static>,
{
    if !is_form(headers) {
        return Err(Problem::NotForm);
    }
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Err(Problem::TooLarge);
    }
    match tokio::time::timeout(DEADLINE, Limited::new(body, MAX_BODY).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::TooLarge),
        Ok(Err(_)) => Err(InvalidRequest::Unreadable.into()),
        Err(_) => Err(Problem::TooSlow),
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}
