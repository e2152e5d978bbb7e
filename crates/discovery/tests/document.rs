//! A document that is fetched again and again.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its own functions included"
)]

// The counters of coverage under `cargo xtask fuzz`, which builds all tests of a crate.
use introspectd_fuzz as _;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use introspectd_core::{Failure, ManualClock, Timestamp};
use introspectd_discovery::{Document, Fetch, Lifetimes, NotFetched, Renewal};

/// Server of a number, or of none.
#[derive(Clone)]
struct Server(Arc<Mutex<Option<u32>>>);

#[async_trait]
impl Fetch<u32> for Server {
    async fn fetch(&self) -> Result<u32, NotFetched> {
        let document = *self.0.lock().unwrap();
        document.ok_or(NotFetched::Failed(Failure::Timeout))
    }
}

struct House {
    server: Server,
    clock: Arc<ManualClock>,
    document: Document<u32>,
    announced: Arc<Mutex<Vec<u32>>>,
}

impl House {
    fn new() -> Self {
        let server = Server(Arc::default());
        let now = Timestamp::from_seconds(1_700_000_000).unwrap();
        let clock = Arc::new(ManualClock::at(now));
        let announced = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&announced);
        Self {
            document: Document::new(
                "number",
                "idp".to_owned(),
                server.clone(),
                Arc::clone(&clock) as _,
                Lifetimes::default(),
                move |number| heard.lock().unwrap().push(*number),
            ),
            server,
            clock,
            announced,
        }
    }

    fn publish(&self, document: impl Into<Option<u32>>) {
        *self.server.0.lock().unwrap() = document.into();
    }

    async fn renew(&self) -> Option<u32> {
        match self.document.renew(self.document.mark()).await {
            Renewal::Fetched(number) => Some(*number),
            Renewal::Joined(..) => panic!("nobody else fetches"),
            Renewal::Later { .. } => None,
        }
    }
}

#[tokio::test]
async fn document_is_announced_whenever_it_differs_from_the_one_before() {
    let house = House::new();
    for published in [Some(1), Some(1), Some(2), None, Some(2), Some(1)] {
        house.publish(published);
        assert_eq!(house.renew().await, published);
        house.clock.advance(10);
    }
    assert_eq!(*house.announced.lock().unwrap(), [1, 2, 1]);
}

#[tokio::test]
async fn document_is_waited_for_where_there_is_none() {
    let house = House::new();
    assert!(!house.document.was_tried());
    assert_eq!(house.document.get().await, Err(Duration::from_secs(10)));
    assert!(house.document.was_tried());
    house.publish(7);
    house.clock.advance(9);
    assert_eq!(house.document.get().await, Err(Duration::from_secs(1)));
    house.clock.advance(1);
    assert_eq!(house.document.get().await.as_deref(), Ok(&7));
    house.publish(8);
    house.clock.advance(3600);
    assert_eq!(house.document.get().await.as_deref(), Ok(&7), "known");
    let (held, age) = house.document.held().unwrap();
    assert_eq!((*held, age), (7, Duration::from_secs(3600)));
}

#[tokio::test]
async fn failure_is_known_until_the_next_success() {
    let house = House::new();
    assert_eq!(house.document.failure(), None);
    assert_eq!(house.renew().await, None);
    let timeout = Some(NotFetched::Failed(Failure::Timeout));
    assert_eq!(house.document.failure(), timeout);
    house.publish(1);
    house.clock.advance(10);
    assert_eq!(house.renew().await, Some(1));
    assert_eq!(house.document.failure(), None);
}

#[test]
fn debug_names_the_document() {
    let shown = format!("{:?}", House::new().document);
    assert_eq!(shown, r#"Document { what: "number", issuer: "idp", .. }"#);
}
