use std::error::Error;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{self, Either};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use crate::activity::Activity;
use crate::frames::Guarded;
use crate::head::{EXCESS, LongHead};
use crate::requests::Requests;
use crate::unsent::Metered;
use crate::watch::{CLOSE_GRACE, Close, Event, Watch};
use crate::wire::{Stream, Wire};

/// Limit of requests in flight on one connection.
const MAX_STREAMS: u32 = 256;

/// Bytes that a client may send before they are read: the longest form in a stream, four in a
/// connection.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;

/// Bytes of one answer that are buffered before the client takes them.
const SEND_BUFFER: usize = 64 * 1024;

/// Serves HTTP/2 until the connection ends or is to close.
pub(crate) async fn serve<T, S, F, B>(
    stream: T,
    read: Bytes,
    answer: S,
    activity: Arc<Activity>,
    requests: Arc<Requests>,
    mut watch: Watch,
    max_head: usize,
) -> hyper::Result<()>
where
    T: Stream,
    S: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static,
{
    let stream = Guarded::new(
        Wire::new(read, stream, Arc::clone(&activity)),
        Arc::clone(&activity),
    );
    let service = service_fn(move |mut request| {
        LongHead::mark(&mut request, max_head);
        let place = requests.take(&mut request);
        let in_flight = activity.begin();
        let activity = Arc::clone(&activity);
        answer(request).then(async move |reply| {
            drop(place);
            in_flight.give_way().await;
            in_flight.end();
            let bytes = usize::try_from(reply.body().size_hint().lower()).unwrap_or(usize::MAX);
            let unsent = activity.owe(bytes).ok_or(TooMuchUnsent)?;
            Ok::<_, TooMuchUnsent>(reply.map(|body| Metered::new(body, unsent)))
        })
    });
    let mut connection = pin!(builder(max_head).serve_connection(TokioIo::new(stream), service));
    loop {
        let mut events: FuturesUnordered<_> = [watch.next()].into_iter().collect();
        let event = match future::select(connection.as_mut(), events.next()).await {
            Either::Left((ended, _)) => return ended,
            Either::Right((event, _)) => event,
        };
        match event {
            Some(Event::Rest) => {}
            Some(Event::Aged) => connection.as_mut().graceful_shutdown(),
            Some(Event::Close(Close::Evicted | Close::Stalled)) => return Ok(()),
            Some(Event::Close(Close::Stop)) | None => {
                connection.as_mut().graceful_shutdown();
                return connection.await;
            }
            Some(Event::Close(Close::Idle | Close::Overdue | Close::Certificate)) => {
                connection.as_mut().graceful_shutdown();
                return tokio::time::timeout(CLOSE_GRACE, connection)
                    .await
                    .unwrap_or(Ok(()));
            }
        }
    }
}

fn builder(max_head: usize) -> http2::Builder<TokioExecutor> {
    let mut http = http2::Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(max_head + EXCESS).unwrap_or(u32::MAX))
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(Duration::from_secs(60));
    http
}

/// Error of a stream that is reset because its client leaves too much unsent.
#[derive(Debug)]
struct TooMuchUnsent;

impl fmt::Display for TooMuchUnsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client takes too little of its answers")
    }
}

impl Error for TooMuchUnsent {}
