//! Places of concurrent requests to one provider, and the queue before them.

use std::pin::pin;
use std::sync::Arc;

use introspectd_core::{Failure, Outage};
use introspectd_simulators::{Answer as Said, Fault, Simulator};
use introspectd_upstream::{List, Request, Response, Upstream};
use tokio::task::JoinHandle;

use crate::provider::{Silent, open, silent, uri};

const OVERLOADED: Option<Failure> = Some(Failure::outage(Outage::Overloaded));

struct Narrow {
    server: Simulator<Silent>,
    upstream: Arc<Upstream>,
}

impl Narrow {
    async fn open(max_in_flight: usize) -> Self {
        Self::with_queue(max_in_flight, 0, "").await
    }

    async fn with_queue(max_in_flight: usize, queue: usize, more: &str) -> Self {
        let server = silent().await;
        let limits = format!("max_in_flight = {max_in_flight}\nqueue = {queue}\n{more}");
        let upstream = Arc::new(open(&server.base_url(), &limits));
        Self { server, upstream }
    }

    /// Waits until so many requests are waiting for a place.
    async fn queued(&self, requests: u64) {
        while self.upstream.gauges().queue != requests {
            tokio::task::yield_now().await;
        }
    }

    fn get(&self) -> Request {
        Request::get(uri(&self.server.base_url(), "/x"))
    }

    fn sending(&self, request: Request) -> JoinHandle<Result<Response, Failure>> {
        let upstream = Arc::clone(&self.upstream);
        tokio::spawn(async move { upstream.send(request).await })
    }
}

#[tokio::test]
async fn request_beyond_places_and_queue_fails_at_once_whatever_it_is_for() {
    let narrow = Narrow::open(2).await;
    let gate = narrow.server.gate();
    let held = [narrow.sending(narrow.get()), narrow.sending(narrow.get())];
    gate.arrived(2).await;
    let uri = || uri(&narrow.server.base_url(), "/x");
    let form = [("token", "t")];
    for excess in [
        Request::get(uri()),
        Request::post(uri()).form(&form).repeatable(),
        Request::post(uri()).form(&form),
        Request::post(uri()).empty("application/octet-stream"),
        Request::post(uri()).json("{}").relayed(),
        Request::delete(uri()),
    ] {
        assert_eq!(narrow.upstream.send(excess).await.err(), OVERLOADED);
    }
    assert_eq!(narrow.server.count(), 2);
    gate.open();
    for held in held {
        assert!(held.await.unwrap().is_ok());
    }
    assert!(narrow.upstream.send(narrow.get()).await.is_ok());
}

#[tokio::test]
async fn every_end_of_a_request_frees_its_place() {
    let narrow = Narrow::open(1).await;
    for fault in [
        Fault::HangUp,
        Fault::Truncate,
        Fault::Answer(Said::html(503)),
    ] {
        narrow.server.next(fault);
        assert_ne!(narrow.upstream.send(narrow.get()).await.err(), OVERLOADED);
        assert!(narrow.upstream.send(narrow.get()).await.is_ok());
    }
    let gate = narrow.server.gate();
    let dropped = narrow.sending(narrow.get());
    gate.arrived(1).await;
    dropped.abort();
    assert!(dropped.await.is_err());
    gate.open();
    assert!(narrow.upstream.send(narrow.get()).await.is_ok());
}

#[tokio::test]
async fn lists_and_requests_about_tokens_do_not_take_each_others_places() {
    let narrow = Narrow::open(1).await;
    let gate = narrow.server.gate();
    let lists = [
        narrow.sending(narrow.get().listing()),
        narrow.sending(narrow.get().listing().streamed()),
    ];
    gate.arrived(2).await;
    let token = narrow.sending(narrow.get());
    gate.arrived(3).await;
    assert_eq!(narrow.upstream.send(narrow.get()).await.err(), OVERLOADED);
    let third = narrow.sending(narrow.get().listing());
    gate.arrived(4).await;
    gate.open();
    for list in lists.into_iter().chain([token, third]) {
        assert!(list.await.unwrap().is_ok());
    }
}

#[tokio::test]
async fn limit_is_one_providers_own() {
    let (busy, idle) = (Narrow::open(1).await, Narrow::open(1).await);
    let _gate = busy.server.gate();
    let _held = busy.sending(busy.get());
    assert!(idle.upstream.send(idle.get()).await.is_ok());
}

#[tokio::test]
async fn response_to_a_streamed_request_is_a_list_only_where_it_is_a_200() {
    let narrow = Narrow::open(1).await;
    let list = || narrow.get().listing().streamed();
    assert!(matches!(
        narrow.upstream.send(list()).await.unwrap().into_list(),
        List::Elements(_)
    ));
    narrow.server.next(Fault::Answer(Said::empty(404)));
    let response = narrow.upstream.send(list()).await.unwrap();
    assert_eq!((response.status.as_u16(), response.body.len()), (404, 0));
    assert!(matches!(response.into_list(), List::Response(_)));
}

#[tokio::test]
async fn waiting_requests_get_places_in_the_order_of_their_arrival() {
    let narrow = Narrow::with_queue(1, 8, "").await;
    let gate = narrow.server.gate();
    let held = narrow.sending(narrow.get());
    gate.arrived(1).await;
    let mut waiting = Vec::new();
    for number in 1..=8 {
        let target = uri(&narrow.server.base_url(), &format!("/{number}"));
        waiting.push(narrow.sending(Request::get(target)));
        narrow.queued(number).await;
    }
    assert_eq!(narrow.upstream.gauges().in_flight, 1);
    assert_eq!(narrow.upstream.send(narrow.get()).await.err(), OVERLOADED);
    gate.open();
    for request in waiting.into_iter().chain([held]) {
        assert!(request.await.unwrap().is_ok());
    }
    let requests = narrow.server.requests();
    let targets: Vec<_> = requests.iter().map(|it| it.target.as_str()).collect();
    assert_eq!(
        targets,
        ["/x", "/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8"]
    );
    let gauges = narrow.upstream.gauges();
    assert_eq!((gauges.in_flight, gauges.queue), (0, 0));
}

#[tokio::test]
async fn waiting_in_vain_ends_at_the_deadline_and_is_no_timeout_of_the_provider() {
    let narrow = Narrow::with_queue(1, 8, "").await;
    let gate = narrow.server.gate();
    let mut held = pin!(narrow.upstream.send(narrow.get()));
    tokio::select! {
        ended = &mut held => panic!("ended before the gate opened: {:?}", ended.err()),
        () = gate.arrived(1) => {}
    }
    // From here on time passes in leaps. Nobody polls `held` meanwhile, so its end cannot free the
    // place first.
    tokio::time::pause();
    let waited = narrow.upstream.send(narrow.get()).await.err();
    assert_eq!(waited, Some(Failure::QueueTimeout));
    assert_eq!(held.await.err(), Some(Failure::Timeout));
    assert_eq!(narrow.server.count(), 1);
    assert_eq!(narrow.upstream.gauges().queue, 0);
}

#[tokio::test]
async fn waiting_request_that_is_dropped_leaves_its_place_in_the_queue() {
    let narrow = Narrow::with_queue(1, 1, "").await;
    let gate = narrow.server.gate();
    let held = narrow.sending(narrow.get());
    gate.arrived(1).await;
    let dropped = narrow.sending(narrow.get());
    narrow.queued(1).await;
    dropped.abort();
    assert!(dropped.await.is_err());
    let next = narrow.sending(narrow.get());
    narrow.queued(1).await;
    gate.open();
    assert!(held.await.unwrap().is_ok());
    assert!(next.await.unwrap().is_ok());
    assert_eq!(narrow.server.count(), 2);
}
