//! Memory that a request takes while it is answered.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use introspectd_front::ListenerIdentity;
use introspectd_server::Arrival;

use crate::bench::Bench;

/// A future is moved whole each time that it is handed on, which a hit pays for.
#[tokio::test]
async fn future_of_an_answer_is_short() {
    let bench = Bench::start().await;
    let handler = bench
        .api
        .handler(&ListenerIdentity::default(), &Arrival::default());
    let answer = handler.answer(Request::new(Full::new(Bytes::new())));
    let size = size_of_val(&answer);
    assert!(size <= 1536, "{size} bytes");
}
