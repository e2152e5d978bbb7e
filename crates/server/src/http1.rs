use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{self, Either};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;

use crate::activity::Activity;
use crate::requests::Requests;
use crate::watch::{CLOSE_GRACE, Close, Event, Watch};
use crate::wire::{Stream, Wire};

/// Deadline of closing a connection at rest.
const SHUTDOWN: Duration = Duration::from_secs(1);

/// Serves HTTP/1.1 until the connection ends or is to close.
///
/// An idle connection is taken apart, since hyper keeps two buffers of 8 KiB for it, and rebuilt
/// when its client sends something.
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
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let mut wire = Wire::new(read, stream, Arc::clone(&activity));
    let counted = Arc::clone(&activity);
    let mut service = service_fn(move |mut request| {
        let place = requests.take(&mut request);
        let in_flight = counted.begin();
        // Chained: a block that awaits an answer begun before it would hold it twice.
        answer(request).then(async move |mut reply| {
            drop(place);
            in_flight.give_way().await;
            if in_flight.end() {
                reply
                    .headers_mut()
                    .insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(reply)
        })
    });
    let http = builder(max_head);
    watch.may_rest = true;
    loop {
        // Before a request is read: one that arrived meanwhile is no longer answered.
        if watch.has_expired() {
            let _ = tokio::time::timeout(SHUTDOWN, wire.shutdown()).await;
            return Ok(());
        }
        let mut connection = http.serve_connection(TokioIo::new(wire), service);
        loop {
            // In a set of its own, which polls it only when it is woken, and not for every request.
            let mut events: FuturesUnordered<_> = [watch.next()].into_iter().collect();
            let event = match future::select(&mut connection, events.next()).await {
                Either::Left((ended, _)) => return ended,
                Either::Right((event, _)) => event,
            };
            match event {
                Some(Event::Aged) => activity.make_next_answer_last(),
                Some(Event::Rest) => break,
                Some(Event::Close(Close::Evicted | Close::Stalled)) => return Ok(()),
                Some(Event::Close(Close::Stop)) | None => {
                    Pin::new(&mut connection).graceful_shutdown();
                    return (&mut connection).await;
                }
                Some(Event::Close(Close::Idle | Close::Overdue | Close::Certificate)) => {
                    Pin::new(&mut connection).graceful_shutdown();
                    return tokio::time::timeout(CLOSE_GRACE, &mut connection)
                        .await
                        .unwrap_or(Ok(()));
                }
            }
        }
        let unread;
        (wire, service, unread) = take_apart(connection);
        if let Some(unread) = unread {
            wire.unread(unread);
            watch.stay_awake();
            continue;
        }
        let close = tokio::select! {
            () = wire.readable() => None,
            close = watch.close_at_rest() => Some(close),
        };
        if close.is_some() {
            let _ = tokio::time::timeout(SHUTDOWN, wire.shutdown()).await;
            return Ok(());
        }
    }
}

/// Returns stream, handler and the bytes read of a next request. The buffers are freed.
fn take_apart<T, S, B>(
    connection: http1::Connection<TokioIo<Wire<T>>, S>,
) -> (Wire<T>, S, Option<Bytes>)
where
    T: Stream,
    S: HttpService<Incoming, ResBody = B, Error: Into<Box<dyn Error + Send + Sync>>>,
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
{
    let parts = connection.into_parts();
    // An empty rest would keep the buffer that it is part of.
    let unread = (!parts.read_buf.is_empty()).then(|| parts.read_buf.clone());
    (parts.io.into_inner(), parts.service, unread)
}

fn builder(max_head: usize) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.max_buf_size(max_head)
        // One read may bring more than the buffer is meant to hold.
        .max_header_size(max_head)
        .header_read_timeout(None)
        // A client may stop sending before it is answered. Looking for its end in the middle of a
        // request would also allocate a new buffer each time.
        .half_close(true)
        // Answers are short: copying one behind its head costs less than a gathering write.
        .writev(false);
    http
}
