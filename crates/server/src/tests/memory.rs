//! Memory of a connection.

use std::net::{TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;

use super::Served;
use crate::connection::serve;
use crate::connections::Terms;
use crate::origin::Arrival;
use crate::places::Places;
use crate::requests::Requests;
use crate::stop::Stop;

/// Everything that is rare is boxed: it takes no room in each of thousands of connections.
#[tokio::test]
async fn future_of_a_plain_connection_is_small() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let Served { max_age, clock, .. } = Served::default();
    let terms = Arc::new(Terms {
        tls: None,
        requests: Requests::new(8192, NonZeroUsize::MIN),
        max_age,
        max_head: 32 * 1024,
        clock,
    });
    let open = |_: &Arrival| |_| async { Response::new(Full::<Bytes>::from("x")) };
    let future = serve(
        stream,
        Places::new(1).take().await,
        terms,
        open,
        Stop::new().1,
    );
    let size = size_of_val(&future);
    assert!(size <= 2560, "{size} bytes");
}
